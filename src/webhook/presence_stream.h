// user.onlinestatus: sessions that came and went. Each change is first made durable, then told,
// then forgotten. A thread of its own with low priority.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "model/device.h"
#include "model/ids.h"
#include "presence/session_directory.h"
#include "webhook/courier.h"
#include "webhook/mailbox.h"
#include "webhook/message_stream.h"
#include "webhook/wake_signal.h"

namespace jindou::webhook {

class PresenceStream {
 public:
  explicit PresenceStream(StreamDeps deps);
  // stop().
  ~PresenceStream();
  PresenceStream(const PresenceStream&) = delete;
  PresenceStream& operator=(const PresenceStream&) = delete;

  // Reads what was left in the partitions that are owned: changes not told yet, and sessions of
  // starts of nodes that ended without a word, this node's last one among them, each of which is
  // now told to be gone. Those of other nodes that live are left to them. Call it before start(),
  // while no session can come. A partition that comes later is read when it comes: there those of
  // this start are gone that it does not know. Blocks. Errors: storage.
  Result<void> recover();
  // Starts the thread; nothing happens when it runs. The thread follows the settings by itself.
  void start();
  // Makes durable what has been noted, abandons what is under way. Idempotent.
  void stop();

  // A change, in the order of each user's changes. Thread-safe, never blocks; when too many wait it
  // is dropped and counted.
  void note(const presence::PresenceChange& change);
  void wake() { answers_->signal.notify(); }

  std::uint64_t backlog() const { return backlog_.load(std::memory_order_relaxed); }
  // Since when the oldest change waits in the store, in seconds since 1970; 0: none does.
  std::int64_t oldest_seconds() const { return oldest_seconds_.load(std::memory_order_relaxed); }
  bool receiver_down() const { return receiver_down_.load(std::memory_order_relaxed); }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  // On its way into the store.
  struct Noted {
    partition::RecordPresenceEvent event;
    std::uint64_t number = 0;  // in the order of noting
  };
  struct Outcome {
    Noted noted;
    bool durable = false;
  };
  // In the store, to be told.
  struct Pending {
    PartitionId partition{};
    std::string key;
    std::string text;
    std::int64_t at_seconds = 0;
  };
  // What threads of the core hand back; outlives the stream.
  struct Answers {
    Answers();
    Mailbox<Outcome> recorded;
    Mailbox<partition::ForgetPresenceEvents> not_forgotten;
    WakeSignal signal;
  };
  struct Batch {
    std::vector<Pending> changes;
    Dispatch dispatch;
  };

  void run();
  void record();
  void take_recorded();
  void send(const WebhookOptions& options);
  void forget(const std::vector<Pending>& changes);
  void post_forgets();
  void drop_excess(const WebhookOptions& options);
  void note_backlog();
  // Begins in partitions that have come, with what is left in them, and lets go of those that have
  // gone. One that cannot be read is tried again.
  void follow_ownership();
  void leave(PartitionId partition);
  Result<void> join(PartitionId partition, std::uint64_t term);
  bool is_told_of(PartitionId partition) const { return terms_[raw(partition)] != 0; }
  PartitionId partition_of(const partition::RecordPresenceEvent& event) const;
  void put_away(Noted noted);
  Result<void> recover_changes(PartitionId partition);
  Result<void> recover_sessions(PartitionId partition);
  void add_to_record(partition::RecordPresenceEvent event);
  // Noted and not yet in the store.
  std::size_t not_recorded() const;
  // Wall time, but no value twice.
  std::int64_t next_time();
  // What was noted goes into the store before the thread ends.
  void record_the_rest();
  void sleep();

  StreamDeps deps_;
  Courier courier_;
  Mailbox<partition::RecordPresenceEvent> mailbox_;
  std::shared_ptr<Answers> answers_;

  // The thread's own, after start().
  std::vector<std::uint64_t> terms_;  // by partition, in which it is told of; 0: it is not
  std::deque<Noted> to_record_;
  // Of partitions that are away, in their order; recorded when they are back.
  std::deque<Noted> away_;
  std::vector<Noted> failed_;  // to be recorded again, before to_record_; in no order
  std::size_t recording_ = 0;  // posted and not answered
  bool stalled_ = false;       // a record failed: wait for all answers, then go on in order
  std::uint64_t next_number_ = 0;
  TimePoint next_record_{};
  std::deque<Pending> pending_;
  std::optional<Batch> batch_;
  std::vector<partition::ForgetPresenceEvents> to_forget_;
  TimePoint next_send_{};

  std::atomic<std::int64_t> last_time_ns_{0};
  std::atomic<bool> running_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> backlog_{0};
  std::atomic<std::int64_t> oldest_seconds_{0};
  std::atomic<bool> receiver_down_{false};
  std::thread thread_;
};

}  // namespace jindou::webhook
