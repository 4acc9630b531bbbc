// In which order one shard works through committed messages, so that no channel waits for a large
// fan-out of another.
//
// Work is handed out as runs: consecutive messages with the same recipients, or one event. There
// are two lanes. In the small one, for few receivers, runs go first come, first served. In the
// large one messages wait per channel; a few channels have a run under way at a time and take
// turns, the others stand in line. Which lane gets how much of the processor is the caller's
// decision; runs of both are under way at once.
//
// What is promised: the messages and events of one channel are handed out in the order of their
// commits, across lanes as well. A channel with anything in the large lane puts everything behind
// it there, however few it is for; and a channel joins the large lane behind all that was in the
// small one. Different channels have no order among each other.
//
// Lives on one shard; not thread-safe. Knows nothing of sessions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/channel.h"
#include "partition/effects.h"

namespace jindou::delivery {

class RunQueue {
  // A batch that is in the queue until the last of its messages has been handed out and finished.
  struct Held {
    std::shared_ptr<const partition::CommittedBatch> batch;
    std::size_t bytes = 0;
    std::size_t unfinished = 0;  // messages and events
  };
  using HeldIterator = std::list<Held>::iterator;
  struct Item {
    const partition::CommitEffect* effect = nullptr;
    HeldIterator held;
    std::uint64_t number = 0;  // 1, 2, 3 … as they were pushed
  };

 public:
  enum class Lane : std::uint8_t { small, large };

  struct Limits {
    // A run ends at so many messages or bytes of payload (its first message is always in it).
    std::size_t run_messages = 64;
    std::size_t run_payload_bytes = std::size_t{256} << 10;
    // Channels of the large lane with a run under way. Each holds a list of its receivers.
    std::size_t open_large = 8;
  };

  struct Run {
    // Which of places() this run has, from its start to its end; place 0 is the small lane's.
    std::size_t place = 0;
    // Never empty while the run is under way; stays valid until finish().
    std::vector<const partition::CommitEffect*> effects;
    const partition::Recipients& recipients() const { return effects.front()->recipients; }

   private:
    friend class RunQueue;
    std::vector<HeldIterator> held_;  // of each effect
  };

  explicit RunQueue(Limits limits);
  RunQueue(const RunQueue&) = delete;
  RunQueue& operator=(const RunQueue&) = delete;

  // Appends a batch that weighs `bytes`. `lane_of(const CommitEffect&)` says where an effect
  // belongs by the number of its receivers; the order per channel goes before it.
  template <class LaneOf>
  void push(std::shared_ptr<const partition::CommittedBatch> batch, std::size_t bytes,
            LaneOf&& lane_of) {
    const HeldIterator held = hold(std::move(batch), bytes);
    for (const partition::CommitEffect& effect : held->batch->effects) {
      append({&effect, held, ++pushed_}, lane_of(effect));
    }
    if (held->unfinished == 0) release(held);
  }

  // The run of the small lane that is under way, else the next one, which thereby starts. Null:
  // the lane is empty.
  Run* small();
  // The run of the large lane whose turn it is. Null: none is under way and none can start.
  Run* large();
  // The next large() is that of another channel, if there is one.
  void pass_turn();
  // Ends a run returned by small() or large(). A batch whose last message this was is released.
  void finish(Run& run);

  bool empty() const { return held_.empty(); }
  bool has_large() const { return !channels_.empty(); }
  // How many runs can be under way at once, over both lanes.
  std::size_t places() const { return runs_.size(); }
  // Bytes of the batches released since the last call.
  std::size_t take_released_bytes() { return std::exchange(released_bytes_, 0); }

 private:
  // A channel in the large lane: it has a run under way or messages waiting, or both.
  struct Channel {
    std::deque<Item> waiting;
    // So many messages of the small lane came before; they are finished first.
    std::uint64_t after_small = 0;
    Run* run = nullptr;
  };
  using Channels = std::unordered_map<ChannelKey, Channel, ChannelKeyHash>;

  HeldIterator hold(std::shared_ptr<const partition::CommittedBatch> batch, std::size_t bytes);
  void release(HeldIterator held);
  void append(Item item, Lane lane);
  // Moves the messages of one run from the front of `items` to `run`.
  void fill(Run& run, std::deque<Item>& items);
  // Asserts that nothing of its channel was handed out that was pushed behind it.
  void note_handed_out(const Item& item);
  void open_channels();

  Limits limits_;
  std::uint64_t pushed_ = 0;
  // Where JD_ASSERT_SLOW is on: the last number of each channel.
  std::unordered_map<ChannelKey, std::uint64_t, ChannelKeyHash> handed_out_;
  std::list<Held> held_;
  std::size_t released_bytes_ = 0;

  std::deque<Item> small_;
  std::uint64_t small_appended_ = 0;
  std::uint64_t small_finished_ = 0;

  Channels channels_;
  std::deque<Channels::value_type*> line_;   // channels without a run under way
  std::vector<Channels::value_type*> open_;  // channels with one, in the order of their turns
  std::size_t turn_ = 0;                     // in open_

  std::vector<Run> runs_;                 // by place; never resized, so runs keep their address
  std::vector<std::size_t> free_places_;  // of the large lane
};

}  // namespace jindou::delivery
