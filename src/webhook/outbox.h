// Messages that are still to be told to a receiver, and recalls and edits of messages, read from
// the commit records: all are listed there in the order of their partition, so nothing is written
// for the webhook when a message is sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/message.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::webhook {

// Which messages a receiver is told about.
enum class Choice : std::uint8_t { all, agent_channels, no_agent_channels };

// What a receiver is told of messages.
struct Kinds {
  bool messages = true;  // that they were stored
  bool recalls = false;
  bool edits = false;
  bool operator==(const Kinds&) const = default;
};

struct TakeLimits {
  std::size_t messages = 100;
  std::size_t payload_bytes = std::size_t{3} << 20;  // one message may be larger
  std::int64_t oldest_seconds = 0;                   // older messages are dropped
};

// Given up on the way.
struct Dropped {
  store::CommitEntry entry;
  store::GiveUpCause cause = store::GiveUpCause::too_old;
};

struct Taken {
  // All told for the same reason: what is of another kind ends a take, so that all is told in
  // order. But recalls and edits, which are never of commands, pass these by: behind each of many
  // recalls is a command that tells clients of it. Those are taken next.
  store::EntryKind kind = store::EntryKind::message;
  std::vector<Message> messages;            // as they are now
  std::vector<store::CommitEntry> entries;  // for each of them, the one that it was taken for
  // As an id of a message: the last entry that one of them was taken for.
  MessageId last{};
  std::vector<Dropped> dropped;  // too old, or unreadable
  bool more = false;             // stopped at a limit, not at the end
};

// One receiver's way through the records of all partitions: what was taken, what of it is done, and
// how much waits. Lives on one thread; its calls read the disk.
class Outbox {
 public:
  explicit Outbox(const store::PartitionReaders& readers);

  // Starts a partition after message id counter `position`; what was taken of it is forgotten.
  void restart(PartitionId partition, std::uint64_t position);
  // Forgets a partition that is not this node's, until it is started again: there is nothing to be
  // taken, dropped or counted.
  void leave(PartitionId partition);
  bool has(PartitionId partition) const { return !part(partition).away; }
  void set_choice(Choice choice) { choice_ = choice; }
  void set_kinds(const Kinds& kinds) { kinds_ = kinds; }
  // Whether its receiver is told of that in a channel of that type.
  bool chooses(store::EntryKind kind, ChannelType type) const;

  // Takes the next messages of a partition that has none out; it has some out afterwards, unless
  // there are none. Errors: storage; nothing has been taken.
  Result<Taken> take(PartitionId partition, store::PartitionCursors& cursors,
                     const TakeLimits& limits);
  bool is_out(PartitionId partition) const { return part(partition).out; }
  // What was taken is done.
  void finish(PartitionId partition);
  // What was taken is to be taken again.
  void put_back(PartitionId partition);
  // What was taken after the message `last` is to be taken again; `kept`, messages up to it, stay
  // out. Precondition: `last` is one of those taken, which were taken because they were stored.
  void put_back_after(MessageId last, std::size_t kept);
  // Everything up to this counter is done.
  std::uint64_t done_to(PartitionId partition) const { return part(partition).done_to; }

  // Counts messages that have come, in at most `records_max` commit records. Errors: storage.
  Result<void> count_new(store::PartitionCursors& cursors, std::size_t records_max);
  // Messages that wait or are out, as far as they are counted.
  std::uint64_t backlog() const;
  // When the oldest message was committed that waits or is out, as far as they are counted;
  // nullopt: there is none. Errors: storage.
  Result<std::optional<std::int64_t>> oldest_seconds(store::PartitionCursors& cursors);
  // Drops the oldest waiting messages while there are more than `most`, and names each of them.
  // Returns how many. Errors: storage.
  using NoteDropped = std::function<void(PartitionId partition, const store::CommitEntry& entry)>;
  Result<std::uint64_t> drop_excess(store::PartitionCursors& cursors, std::uint64_t most,
                                    const NoteDropped& note = {});

 private:
  struct Part {
    PartitionId id{};
    std::uint64_t done_to = 0;
    std::uint64_t position = 0;    // taken or dropped up to here
    std::uint64_t counted_to = 0;  // never before `position` when that is inside a known record
    std::uint64_t waiting = 0;     // counted, after `position`
    std::uint64_t taken = 0;       // since done_to
    std::int64_t taken_since = 0;  // when the first of them was committed
    bool out = false;
    bool away = false;
    // Commands that were passed by: before `position`, and not done. The first ones may be out.
    struct Passed {
      store::CommitEntry entry;
      std::int64_t committed_at = 0;
    };
    std::vector<Passed> passed;
    std::size_t passed_out = 0;
    // The record that `position` is inside of, and its first entry after it.
    std::optional<store::CommitRecord> record;
    std::size_t next = 0;
    // `position` is the end of a record, so the next one begins after it.
    bool at_record_end = false;
  };

  Part& part(PartitionId partition) { return parts_[raw(partition)]; }
  const Part& part(PartitionId partition) const { return parts_[raw(partition)]; }
  bool chosen(const store::CommitEntry& entry) const;
  Result<Taken> take_passed(Part& part, const TakeLimits& limits);
  // Makes `record` the one with the first entry after `position`; false when there is none.
  Result<bool> load_record(Part& part, store::PartitionCursor& cursor);
  void count(Part& part, const store::CommitRecord& record);
  // Moves over the next entry of the loaded record.
  void step(Part& part);

  store::PartitionReaders readers_;
  Choice choice_ = Choice::all;
  Kinds kinds_;
  std::vector<Part> parts_;
  std::string key_;
  std::string value_;
};

// The counter of the last message listed in the commit records of the cursor's partition; 0 when
// there is none. Errors: storage.
Result<std::uint64_t> last_listed(store::PartitionCursor& cursor);

}  // namespace jindou::webhook
