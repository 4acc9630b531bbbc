// msg.notify, with msg.recall and msg.edit, or msg.offline for one receiver: takes messages from
// the commit records, tells of them, and moves the cursor. A thread of its own with low priority.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "partition/effects.h"
#include "partition/outbox_commands.h"
#include "partition/owned_partitions.h"
#include "presence/session_directory.h"
#include "store/partition_reader.h"
#include "store/records.h"
#include "webhook/core_link.h"
#include "webhook/courier.h"
#include "webhook/cursor_keeper.h"
#include "webhook/durable_marks.h"
#include "webhook/mailbox.h"
#include "webhook/options.h"
#include "webhook/outbox.h"
#include "webhook/receivers.h"
#include "webhook/told_record.h"
#include "webhook/wake_signal.h"

namespace jindou::webhook {

// A letter of msg.offline names everybody who is offline: 1.3 MB for 100,000 of them. This holds
// some fifty such letters, and more small ones than their number allows; a receiver that is down
// for long costs no more memory than this.
inline constexpr std::size_t kOfflineBytesMax = std::size_t{64} << 20;

// What every stream works with; all outlive it.
struct StreamDeps {
  store::PartitionReaders readers;
  CoreLink& core;
  CursorKeeper& cursors;
  const DurableMarks& durable;
  const presence::SessionDirectory& sessions;
  const Clock& clock;
  Random& random;
  OptionsSource options;
  EventCounters& counters;
  ToldRecord& told;
  const partition::OwnedPartitions& owned;
  std::uint32_t node_id = 0;
  NodeBoot boot = {};       // of this process
  LiveStarts is_live = {};  // see WebhookDeps
  // Bodies of letters of msg.offline that one stream holds. One letter may go beyond it.
  std::size_t offline_bytes_max = kOfflineBytesMax;

  std::uint16_t partitions() const { return owned.partitions(); }
};

struct StreamRole {
  Event event = Event::notify;  // notify or offline
  bool to_agent = false;        // messages of agent channels, to the receiver for those
  std::size_t parallel = 4;     // requests under way at the same time

  std::string_view name() const;
};

// A message that is not stored, so the cursor knows nothing of it (msg.offline only).
struct UnstoredMessage {
  std::shared_ptr<const Message> message;
  partition::Recipients recipients;
};

class MessageStream {
 public:
  MessageStream(StreamDeps deps, StreamRole role);
  // stop().
  ~MessageStream();
  MessageStream(const MessageStream&) = delete;
  MessageStream& operator=(const MessageStream&) = delete;

  // True when the settings give it anything to do.
  bool wanted(const WebhookOptions& options) const;
  // Starts the thread; nothing happens when it runs. The thread follows the settings by itself.
  void start();
  // Abandons what is under way; it is told again after the next start. Idempotent.
  void stop();

  // `count` messages were committed. Thread-safe, never blocks.
  void note_committed(std::size_t count);
  // Thread-safe, never blocks; when too many wait the message is dropped and counted.
  void put_unstored(UnstoredMessage message);
  // The settings have changed. Thread-safe.
  void wake() { signal_.notify(); }

  std::uint64_t backlog() const { return backlog_.load(std::memory_order_relaxed); }
  // Since when the oldest message waits, in seconds since 1970; 0: none does. A second late at
  // most.
  std::int64_t oldest_seconds() const { return oldest_seconds_.load(std::memory_order_relaxed); }
  bool receiver_down() const { return receiver_down_.load(std::memory_order_relaxed); }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  // Messages taken together: the partitions they come from take no more until all is settled.
  struct Parcel {
    std::vector<PartitionId> partitions;
    std::vector<Dispatch> letters;  // without those that are settled
    // msg.notify, which has one letter in a parcel: what it tells of, as it is kept when it is
    // given up.
    struct Entry {
      PartitionId partition{};
      partition::WebhookLetter letter;
    };
    std::vector<Entry> entries;
    // The entries are dead letters that are told again, all of one partition.
    bool redriven = false;
  };
  // Dead letters of a partition that are told again: as its messages, so many at a time.
  struct Redriving {
    bool marked = false;  // there may be some
    bool out = false;     // in a parcel; the partition takes nothing else
    // What became of them, until the partition has taken it: before that no more are taken.
    std::optional<partition::SettleRedrives> settle;
    struct Answer {
      std::atomic<bool> decided{false};
      std::atomic<bool> failed{false};
    };
    std::shared_ptr<Answer> answer;  // null: it is still to be posted
  };

  void run();
  // Follows the settings; false when there is nothing to do.
  bool update_activity(const WebhookOptions& options);
  void deactivate(bool wanted);
  // Begins in partitions that have come, lets go of those that have gone. One that cannot be begun
  // is tried again. Errors: as CursorKeeper::join().
  Result<void> follow_ownership();
  void leave(PartitionId partition);
  Choice choice(const WebhookOptions& options) const;
  Kinds kinds(const WebhookOptions& options) const;
  Result<bool> read_on(const WebhookOptions& options);
  // Takes what there is room for. Returns true when there may be more.
  Result<bool> gather(const WebhookOptions& options);
  Result<bool> gather_notify(const WebhookOptions& options);
  // Dead letters that are to be told again, into half of the parcels at most: what is new is told
  // beside them.
  Result<void> gather_redriven(const WebhookOptions& options, store::PartitionCursors& cursors);
  // Whether what was told again is settled for whoever has begun to read before this; posts it.
  bool is_settled(Redriving& redriving);
  // The letter of the parcel is settled.
  void settle_redriven(const Parcel& parcel, const Dispatch& dispatch);
  void keep_given_up(const Parcel& parcel, const Dispatch& dispatch);
  Result<bool> gather_offline(const WebhookOptions& options);
  void gather_unstored(const WebhookOptions& options);
  // Makes the letters of the messages, all that are out of the partition. From the first one on
  // that there is no room for, or whose receivers are not known, they are put back.
  void add_offline_parcel(PartitionId partition, std::span<const Message> messages,
                          const OfflineReceivers& receivers, const WebhookOptions& options);
  TakeLimits limits(const WebhookOptions& options) const;
  // take() of the outbox, with what follows from a take that brings nothing.
  Result<Taken> take(PartitionId partition, store::PartitionCursors& cursors,
                     const TakeLimits& limits);
  // Returns when the messages, the last ones taken of their partitions, are durable: a commit can
  // be read a moment before.
  Result<void> await_durable(const std::vector<MessageId>& last_taken);
  void put_back(const std::vector<MessageId>& last_taken);
  void add_offline_letter(Parcel& parcel, const Message& message,
                          const std::vector<std::string>& uids, const WebhookOptions& options);
  void send(const WebhookOptions& options);
  void finish_settled();
  Result<void> keep_house(const WebhookOptions& options);
  // For oldest_seconds(): of those in the store, and of those that are not and are on their way.
  Result<void> note_oldest(store::PartitionCursors& cursors);
  void sleep(const WebhookOptions& options);
  // For one more letter of msg.offline.
  bool has_room() const;
  void note_held(const Dispatch& dispatch);

  StreamDeps deps_;
  StreamRole role_;
  std::size_t number_;  // at the cursor keeper
  Outbox outbox_;
  Courier courier_;
  Mailbox<UnstoredMessage> unstored_;
  WakeSignal signal_;

  // The thread's own.
  bool active_ = false;
  Choice active_choice_ = Choice::all;
  Kinds active_kinds_;
  std::string active_target_;
  std::vector<std::uint64_t> terms_;  // by partition, in which it is told of; 0: it is not
  std::deque<Parcel> parcels_;
  std::size_t letters_held_ = 0;  // in parcels_, and the bytes of their bodies
  std::size_t bytes_held_ = 0;
  std::uint16_t next_partition_ = 0;
  std::vector<Redriving> redriving_;  // by partition
  bool settling_ = false;             // some of it is waited for
  TimePoint next_gather_{};
  TimePoint last_gather_{};
  TimePoint next_housekeeping_{};
  bool reading_fails_ = false;  // and the log knows

  std::atomic<bool> running_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> noted_{0};
  std::atomic<std::size_t> wake_at_{~std::size_t{0}};  // wake up when so many are noted
  std::atomic<std::uint64_t> backlog_{0};
  std::atomic<std::int64_t> oldest_seconds_{0};
  std::atomic<bool> receiver_down_{false};
  std::thread thread_;
};

}  // namespace jindou::webhook
