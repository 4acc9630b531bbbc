// How far each partition's messages have been told, kept durably: after a crash the webhook goes on
// there and tells at most the last second again. And what of msg.notify was given up on the way,
// which goes with the position that passes it.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "model/ids.h"
#include "partition/outbox_commands.h"
#include "partition/owned_partitions.h"
#include "store/partition_reader.h"
#include "store/records.h"
#include "webhook/core_link.h"
#include "webhook/options.h"

namespace jindou::webhook {

// Dead letters that wait for the position to pass them, or for their partition to take them: some
// 15 MB. With more the oldest go and are counted.
inline constexpr std::size_t kLettersWaitingMax = 50'000;

// Shared by the streams of msg.notify and msg.offline, each of which may have two (one for agent
// channels): the position of an event is that of its slowest stream. Thread-safe; only the sending
// threads call it.
class CursorKeeper {
 public:
  // Borrows all. `letters_max`: dead letters that a partition keeps, so that no more of one wait.
  CursorKeeper(const store::PartitionReaders& readers, CoreLink& core, const Clock& clock,
               const partition::OwnedPartitions& owned, std::size_t letters_max = 5'000);

  // Reads the positions of the partitions that are owned. Those without one start at the present,
  // which is made durable before this returns. Blocks; nothing happens when it has succeeded
  // before. Errors: storage, overloaded, unavailable, deadline; to be repeated.
  Result<void> open();

  // A stream of the event comes; returns its number.
  std::size_t add_stream(Event event);
  // Which streams the settings want, by number: those that do not run yet hold their event's
  // position until they do. To be told before any of them starts.
  void set_wanted(const std::vector<bool>& wanted);
  // The stream starts (again) at the position of its event; its progress counts from now on.
  // Precondition: open() has succeeded.
  void activate(std::size_t stream);
  // Where an active stream begins in a partition that is owned in this term. In a new term the
  // position is read, as by open(), and never lies before what was told of in an earlier one.
  // Blocks. Errors: as open(); not_owner: the term is over.
  Result<std::uint64_t> join(std::size_t stream, PartitionId partition, std::uint64_t term);
  // Its progress counts no more. It holds the position when it is to start again.
  void deactivate(std::size_t stream, bool wanted);
  // The stream gives it up, and will advance behind it. It becomes a dead letter with the position
  // that passes it, in one commit; when the stream begins anew before it, it is forgotten.
  void give_up(std::size_t stream, PartitionId partition, partition::WebhookLetter letter);
  void advance(std::size_t stream, PartitionId partition, std::uint64_t done_to);

  // Makes progress durable, in partitions that are owned: about once a second, or now when `force`.
  // Does not wait.
  void flush(bool force);
  // Waits until what was flushed is durable, or `time` is over.
  void wait_flushed(std::chrono::milliseconds time);

 private:
  struct Stream {
    Event event{};
    bool wanted = false;
    bool active = false;
    std::vector<std::uint64_t> done_to;  // by partition, while active
  };
  struct Positions {
    std::uint64_t notified_to = 0;
    std::uint64_t offline_to = 0;
    bool operator==(const Positions&) const = default;
  };
  // Touched by threads of the core when a change is durable.
  struct Written {
    std::atomic<bool> in_flight{false};
    std::atomic<bool> failed{false};
  };

  // What was given up in one partition and is not known to be stored.
  struct Letters {
    struct Waiting {
      std::size_t stream = 0;
      store::WebhookLetterRecord record;
    };
    std::map<std::uint64_t, Waiting> waiting;  // by the counter of the entry
    std::uint64_t dropped = 0;                 // that could not wait, and are to be counted
    std::uint64_t stored_to = 0;               // the position that is known to be stored
    // Of the change under way, or the last one: what waits up to that position is in it.
    bool posted = false;
    std::uint64_t posted_to = 0;
    std::uint64_t posted_dropped = 0;
  };

  // What became of the last change, which is decided: what it has stored waits no more.
  void note_written(std::size_t partition) JD_REQUIRES(mutex_);
  // Adds what waits up to the position of the change; it goes less far when there is too much.
  void add_letters(std::size_t partition, partition::AdvanceWebhook& change) JD_REQUIRES(mutex_);
  // A stream begins anew in the partition, and will come to all behind `from` once more.
  void forget_letters(std::size_t stream, std::size_t partition, std::uint64_t from)
      JD_REQUIRES(mutex_);

  // Partitions that have no position are given one; the answers are waited for together.
  struct Stored;
  Result<void> read(PartitionId partition, const std::shared_ptr<Stored>& stored)
      JD_REQUIRES(mutex_);
  static Result<void> wait_stored(Stored& stored);
  std::uint64_t position_of(Event event, std::size_t partition) const JD_REQUIRES(mutex_);

  bool any_wanted(Event event) const JD_REQUIRES(mutex_);
  std::uint64_t slowest(Event event, std::size_t partition, std::uint64_t now_at) const
      JD_REQUIRES(mutex_);
  Positions current(std::size_t partition) const JD_REQUIRES(mutex_);

  store::PartitionReaders readers_;
  CoreLink& core_;
  const Clock& clock_;
  const partition::OwnedPartitions& owned_;
  const std::size_t letters_max_;

  mutable Mutex mutex_;
  bool opened_ JD_GUARDED_BY(mutex_) = false;
  std::vector<Stream> streams_ JD_GUARDED_BY(mutex_);
  std::vector<std::uint64_t> terms_ JD_GUARDED_BY(mutex_);  // by partition; of its position
  std::vector<Positions> positions_ JD_GUARDED_BY(mutex_);  // by partition; never go back
  std::vector<Positions> posted_ JD_GUARDED_BY(mutex_);     // of the last change posted
  std::vector<std::shared_ptr<Written>> written_ JD_GUARDED_BY(mutex_);
  std::vector<Letters> letters_ JD_GUARDED_BY(mutex_);  // by partition
  std::size_t letters_waiting_ JD_GUARDED_BY(mutex_) = 0;
  std::chrono::steady_clock::time_point next_flush_ JD_GUARDED_BY(mutex_){};
};

}  // namespace jindou::webhook
