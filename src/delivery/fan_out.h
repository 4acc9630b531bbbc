// Fan-out: from committed messages to the online sessions of their recipients.
//
// FanOut is the node's one object, called by the core from its commit threads; ShardFanOut is its
// part on one io shard, which knows the shard's sessions by user. A batch is posted to the shards
// that have sessions at all; each works through its batches in order, in slices short enough that
// sockets get their turn between them. Events of messages come the same way and keep their place
// among the messages.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "channel/effects.h"
#include "codec/wkproto_crypto.h"
#include "delivery/session_sink.h"
#include "observe/metrics.h"
#include "runtime/io_shards.h"

namespace jindou::delivery {

struct FanOutLimits {
  // Committed messages waiting on one shard. Senders feel a slow fan-out long before as
  // `overloaded`, because waiting batches hold their admissions; this is the last line.
  std::size_t queue_bytes_max = std::size_t{256} << 20;
  // One turn on a shard ends after so many deliveries or so much time, whichever is first.
  std::size_t slice_deliveries = 2000;
  std::chrono::microseconds slice_time{1000};
  // Users looked up in one turn while the sessions of a large channel are gathered (about 1 ms).
  std::size_t slice_lookups = 10'000;
  // Messages to the same recipients are handed to a session together, up to these bounds: its keys
  // stay in the processor's cache, and they leave in one write.
  std::size_t run_messages = 64;
  std::size_t run_payload_bytes = std::size_t{256} << 10;
};

// Names a session in its shard's index. A stale handle is harmless.
struct SinkHandle {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;  // 0: not in the index
};

// Fan-out on one shard. Everything but post() and the constructor runs on the shard's thread.
class ShardFanOut {
 public:
  // Borrows all; they outlive it, and the context runs no more when it is destroyed.
  ShardFanOut(boost::asio::io_context& context, const Clock& clock, observe::Metrics& metrics,
              FanOutLimits limits);
  ShardFanOut(const ShardFanOut&) = delete;
  ShardFanOut& operator=(const ShardFanOut&) = delete;

  // Messages committed from now on reach the session.
  SinkHandle add(SessionSink& sink);
  // No call into the session after this. Allowed from within its deliver().
  void remove(SinkHandle handle);

  // Queues a batch of `bytes` and wakes the shard. Any thread; does not block. Batches posted by
  // one thread keep their order.
  void post(const std::shared_ptr<const channel::CommittedBatch>& batch, std::size_t bytes);

  bool has_sessions() const { return sessions_.load(std::memory_order_relaxed) > 0; }
  std::size_t session_count() const { return sessions_.load(std::memory_order_relaxed); }
  std::size_t queued_bytes() const { return queued_bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  struct Slot {
    SessionSink* sink = nullptr;
    std::uint32_t generation = 1;
    std::uint32_t next_free = kNone;
    std::uint64_t run = 0;  // the last run it is a target of: every session once
  };
  struct QueuedBatch {
    std::shared_ptr<const channel::CommittedBatch> batch;
    std::size_t bytes = 0;
  };
  // A message of the current run; its frames are made when the first target wants them.
  struct Prepared {
    const channel::CommittedMessage* committed = nullptr;
    std::optional<codec::RecvTemplate> for_others;
    std::optional<codec::RecvTemplate> for_author;  // person channels only
    bool unreadable = false;
  };
  // The frame of the current run's event, for all who know its channel by one id.
  struct EventFrame {
    std::string_view channel_id;  // of the event
    std::string bytes;            // empty: it does not fit a frame
  };
  enum class Phase : std::uint8_t { idle, listed, subscribers, sessions, deliver };
  // What one turn has done so far, and when it must end.
  struct Slice {
    std::chrono::steady_clock::time_point end;
    std::size_t lookups = 0;
    std::size_t deliveries = 0;       // of messages and events
    std::size_t events = 0;           // of these, events
    std::size_t next_clock_read = 0;  // in deliveries
  };

  void wake();
  void run_slice();
  void take_inbox();
  bool begin_run();
  void end_run();
  // Each does a part of its phase and returns false when the turn is over.
  bool gather_listed(Slice& slice);
  bool gather_subscribers(Slice& slice);
  bool gather_sessions(Slice& slice);
  bool deliver_some(Slice& slice);
  bool deliveries_used_up(Slice& slice) const;
  void deliver_run_to(SinkHandle target, std::size_t& deliveries);
  const codec::RecvTemplate* frame_of(Prepared& prepared, codec::Receiver receiver);
  // The event that is the whole of the current run; null when the run is of messages.
  const MessageEvent* run_event() const { return run_.front().committed->event.get(); }
  void deliver_event_to(SinkHandle target, const MessageEvent& event, Slice& slice);
  std::string_view event_frame_for(const MessageEvent& event, std::string_view viewer);
  void add_user(std::string_view uid);
  void add_target(std::uint32_t slot);
  void cut_all();

  boost::asio::io_context& context_;
  const Clock& clock_;
  observe::Metrics& metrics_;
  FanOutLimits limits_;

  // The index.
  std::vector<Slot> slots_;
  std::uint32_t free_slots_ = kNone;
  boost::unordered_flat_map<std::string, boost::container::small_vector<std::uint32_t, 2>,
                            channel::UidHash, channel::UidEqual>
      users_;
  std::atomic<std::size_t> sessions_{0};

  // The queue: filled by any thread, emptied by the shard.
  std::mutex inbox_mutex_;
  std::vector<QueuedBatch> inbox_;
  bool awake_ = false;       // guarded by inbox_mutex_: a slice is posted or running
  bool overflowed_ = false;  // guarded by inbox_mutex_
  std::atomic<std::size_t> queued_bytes_{0};
  std::vector<QueuedBatch> taken_;
  std::deque<QueuedBatch> queue_;
  std::size_t next_message_ = 0;  // in queue_.front()

  // The run: consecutive messages with the same recipients, or one event.
  Phase phase_ = Phase::idle;
  std::uint64_t run_number_ = 0;
  std::vector<Prepared> run_;
  std::vector<EventFrame> event_frames_;  // at most two: nobody else knows a person channel
  std::vector<SinkHandle> targets_;
  std::size_t next_target_ = 0;
  std::size_t next_listed_ = 0;
  std::size_t next_slot_ = 0;
  channel::UidSet::const_iterator next_subscriber_;
  std::size_t run_batches_ = 0;       // batches of queue_ that the run uses up
  std::size_t run_next_message_ = 0;  // where the next run starts, in the batch after those
};

class FanOut final : public channel::EffectSink {
 public:
  // Borrows all; they outlive it. The shards' threads have stopped when it is destroyed.
  FanOut(runtime::IoShards& shards, const Clock& clock, observe::Metrics& metrics,
         FanOutLimits limits);

  // Any thread, in commit order per partition; does not block. The batch and its admissions are
  // released when the last shard is done with it.
  void post_committed(std::shared_ptr<const channel::CommittedBatch> batch) override;

  ShardFanOut& shard(unsigned index) { return *shards_[index]; }
  std::size_t session_count() const;
  std::size_t queued_bytes() const;

 private:
  std::vector<std::unique_ptr<ShardFanOut>> shards_;
};

}  // namespace jindou::delivery
