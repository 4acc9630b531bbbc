// Fan-out: from committed messages to the online sessions of their recipients.
//
// FanOut is the node's one object, called by the core from its commit threads; ShardFanOut is its
// part on one io shard, which knows the shard's sessions by user. A batch is posted to the shards
// that have sessions at all; each works through its messages in the order of run_queue.h, in slices
// short enough that sockets get their turn between them. Events of messages come the same way and
// keep their place among the messages of their channel.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "codec/wkproto_crypto.h"
#include "delivery/online_subscribers.h"
#include "delivery/reach_counts.h"
#include "delivery/run_queue.h"
#include "delivery/session_sink.h"
#include "delivery/session_subscriptions.h"
#include "delivery/sink_handle.h"
#include "observe/metrics.h"
#include "partition/effects.h"
#include "runtime/io_shards.h"
#include "runtime/thread_owner.h"

namespace jindou::delivery {

struct FanOutLimits {
  // Committed messages waiting on one shard. Senders feel a slow fan-out long before as
  // `overloaded`, because waiting batches hold their admissions; this is the last line.
  std::size_t queue_bytes_max = std::size_t{256} << 20;
  // One turn on a shard ends after so many deliveries, so many sessions, or so much time, whichever
  // is first. Sessions are counted because each costs a write (several microseconds) right after
  // the turn, which its time does not show.
  std::size_t slice_deliveries = 2000;
  std::size_t slice_sessions = 128;
  std::chrono::microseconds slice_time{500};
  // Users looked up in one turn while the sessions of a large channel are gathered (about 1 ms).
  std::size_t slice_lookups = 10'000;
  // Messages to the same recipients are handed to a session together, up to these bounds: its keys
  // stay in the processor's cache, and they leave in one write. `runs.open_large` large channels
  // take turns.
  RunQueue::Limits runs;
  // Messages with more possible receivers than this wait in the large lane: what one turn does for
  // two of them.
  std::size_t small_receivers = 64;
  // Quarters of a turn that the small lane may use while there is work in the large one. It comes
  // first, so that a person chat is delayed by what is in its own lane only; the rest keeps large
  // fan-outs going (and their batches from piling up) under any load.
  unsigned small_quarters = 3;
  // Sets of subscribers that take more than this to walk through are remembered.
  std::size_t remembered_walk = 1000;
  OnlineSubscribers::Limits remembered;
};

// Fan-out on one shard. Everything but post() and the constructor runs on the shard's thread, which
// is asserted; the numbers may be asked for anywhere.
class ShardFanOut {
 public:
  // Borrows all; they outlive it, and the context runs no more when it is destroyed. `reach` null:
  // nobody counts whom messages of jobs reach.
  ShardFanOut(boost::asio::io_context& context, const Clock& clock, observe::Metrics& metrics,
              FanOutLimits limits, const ReachCounts* reach = nullptr);
  ShardFanOut(const ShardFanOut&) = delete;
  ShardFanOut& operator=(const ShardFanOut&) = delete;

  // Messages committed from now on reach the session.
  SinkHandle add(SessionSink& sink);
  // No call into the session after this. Allowed from within its deliver(). What it has subscribed
  // to, it has unsubscribed from before.
  void remove(SinkHandle handle);
  // Messages of the channel committed from now on reach the session too, until it unsubscribes.
  // Only for types that partition::allows_session_subscriptions().
  void subscribe(SinkHandle handle, const ChannelKey& channel);
  void unsubscribe(SinkHandle handle, const ChannelKey& channel);

  // Queues a batch of `bytes` and wakes the shard. Any thread; does not block. Batches posted by
  // one thread keep their order.
  void post(const std::shared_ptr<const partition::CommittedBatch>& batch, std::size_t bytes);
  // Runs `change` on the shard before a batch is delivered that is posted after it. Any thread;
  // does not block. For sessions that end: a task of the shard's own would not do, since a turn
  // that waits already delivers what has come by the time it begins. What the change needs it must
  // hold or find gone: it may run after whoever posted it has.
  void post_first(std::function<void()> change);

  // The shard's thread, for its sessions to assert.
  const runtime::ThreadOwner& owner() const { return owner_; }

  bool has_sessions() const { return sessions_.load(std::memory_order_relaxed) > 0; }
  std::size_t session_count() const { return sessions_.load(std::memory_order_relaxed); }
  std::size_t queued_bytes() const { return queued_bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  struct Slot {
    SessionSink* sink = nullptr;
    std::uint32_t generation = 1;
    std::uint32_t next_free = kNone;
  };
  struct QueuedBatch {
    std::shared_ptr<const partition::CommittedBatch> batch;
    std::size_t bytes = 0;
  };
  // A message of a run.
  struct Prepared {
    const partition::CommittedMessage* committed = nullptr;
    MessageForms forms;
  };
  // How far a run under way has got: first its targets are gathered, then each gets it.
  struct Work {
    enum class Phase : std::uint8_t { idle, listed, subscribers, sessions, deliver };
    Phase phase = Phase::idle;
    RunQueue::Run* run = nullptr;
    std::vector<Prepared> messages;
    const MessageEvent* event = nullptr;  // the whole of the run, which then has no messages
    std::vector<EventForms> event_forms;  // at most two: nobody else knows a person channel
    std::vector<SinkHandle> targets;
    std::size_t next_target = 0;
    std::size_t next_listed = 0;
    std::size_t next_slot = 0;
    UidSet::const_iterator next_subscriber;
    bool maybe_repeated = false;  // a session may be in targets twice

    bool gathers_subscribers() const {
      return phase == Phase::listed || phase == Phase::subscribers || phase == Phase::sessions;
    }
  };
  // What a turn may use.
  struct Budget {
    std::chrono::steady_clock::time_point end;
    std::size_t lookups = 0;
    std::size_t deliveries = 0;
    std::size_t sessions = 0;
  };
  // What one turn has done so far, and what it may.
  struct Slice {
    Budget budget;
    std::size_t lookups = 0;
    std::size_t deliveries = 0;       // of messages and events
    std::size_t events = 0;           // of these, events
    std::size_t sessions = 0;         // that were handed something
    std::size_t next_clock_read = 0;  // in deliveries
  };

  void wake();
  void run_slice();
  void take_inbox();
  RunQueue::Lane lane_of(const partition::CommitEffect& effect);
  Budget budget_for(unsigned quarters, std::chrono::steady_clock::time_point now) const;
  // Work on a run of that lane. False when there is none, or the turn's budget is used up.
  bool work_small(Slice& slice);
  bool work_large(Slice& slice);
  bool work_on(RunQueue::Run& run, Slice& slice);
  void begin(Work& work, RunQueue::Run& run);
  void end(Work& work);
  void release_finished();
  // Each does a part of its phase and returns false when the turn is over.
  bool gather_listed(Work& work, Slice& slice);
  bool gather_subscribers(Work& work, Slice& slice);
  bool gather_sessions(Work& work, Slice& slice);
  bool deliver_some(Work& work, Slice& slice);
  // All subscribers have been walked through.
  void end_walk(Work& work);
  void end_gathering(Work& work);
  static void remove_repeated(Work& work);
  // The channel whose session subscriptions count for what goes to these recipients; else null.
  static const ChannelKey* subscribable(const partition::CommitEffect& effect);
  bool deliveries_used_up(Slice& slice) const;
  bool is_alive(SinkHandle handle) const {
    return slots_[handle.slot].generation == handle.generation;
  }
  void deliver_run_to(SinkHandle target, Work& work, std::size_t& deliveries);
  // Whether what the session gets of the run counts for its user.
  bool counts_for_user(const Work& work, std::string_view uid, SessionId session) const;
  void deliver_event_to(SinkHandle target, Work& work, Slice& slice);
  EventForms& event_forms_for(Work& work, std::string_view viewer);
  void add_user(Work& work, std::string_view uid);
  void cut_all();

  runtime::ThreadOwner owner_;
  boost::asio::io_context& context_;
  const Clock& clock_;
  observe::Metrics& metrics_;
  FanOutLimits limits_;
  const ReachCounts* reach_;

  // The index.
  std::vector<Slot> slots_;
  std::uint32_t free_slots_ = kNone;
  boost::unordered_flat_map<std::string, boost::container::small_vector<std::uint32_t, 2>, UidHash,
                            UidEqual>
      users_;
  std::atomic<std::size_t> sessions_{0};

  // The queue: filled by any thread, emptied by the shard.
  Mutex inbox_mutex_;
  std::vector<QueuedBatch> inbox_ JD_GUARDED_BY(inbox_mutex_);
  std::vector<std::function<void()>> changes_ JD_GUARDED_BY(inbox_mutex_);
  bool awake_ JD_GUARDED_BY(inbox_mutex_) = false;  // a slice is posted or running
  bool overflowed_ JD_GUARDED_BY(inbox_mutex_) = false;
  std::atomic<std::size_t> queued_bytes_{0};
  std::vector<QueuedBatch> taken_;
  std::vector<std::function<void()>> taken_changes_;
  RunQueue queue_;
  std::vector<Work> work_;  // by the place of the run
  OnlineSubscribers online_;
  SessionSubscriptions subscriptions_;
};

class FanOut final : public partition::EffectSink {
 public:
  // Borrows all; they outlive it. The shards' threads have stopped when it is destroyed. `reach`
  // null: nobody counts whom messages of jobs reach.
  FanOut(runtime::IoShards& shards, const Clock& clock, observe::Metrics& metrics,
         FanOutLimits limits, ReachCounts* reach = nullptr);

  // Any thread, in commit order per partition; does not block. The batch and its admissions are
  // released when the last shard is done with it.
  void post_committed(std::shared_ptr<const partition::CommittedBatch> batch) override;

  ShardFanOut& shard(unsigned index) { return *shards_[index]; }
  std::size_t session_count() const;
  std::size_t queued_bytes() const;
  // Of the shard where most is waiting: the one that FanOutLimits::queue_bytes_max cuts first.
  std::size_t fullest_queue_bytes() const;

 private:
  ReachCounts* reach_;
  std::vector<std::unique_ptr<ShardFanOut>> shards_;
};

}  // namespace jindou::delivery
