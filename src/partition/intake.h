// The list of stages between the router and the partitions (intake_stage.h). A batch goes through
// them on the thread that posted it, and nothing is allocated or locked for it, as long as no stage
// holds anything. What a stage holds leaves its batch, and of each channel all that comes later
// waits behind it: messages of one channel leave in the order in which they came.
//
// What waits is bounded by the router's admission: it counts as in flight.
#pragma once

#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "model/channel.h"
#include "partition/intake_stage.h"
#include "partition/send_batch.h"

namespace jindou::partition {

// Thread-safe but for add().
class Intake {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  // Takes what has passed all stages. `since`: as enter() was told.
  using Go = std::function<void(const std::shared_ptr<SendBatch>& batch, TimePoint since)>;

  // Borrows both stages.
  Intake(IntakeStage& first, IntakeStage& last, Go go)
      : stages_{&first, &last}, go_(std::move(go)) {}
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  // Stages are asked in the order in which they are added, between the first and the last. Before
  // the first message; borrowed.
  void add(IntakeStage& stage) { stages_.insert(stages_.end() - 1, &stage); }
  // The same before all others: for one that takes no time and spares them work.
  void add_first(IntakeStage& stage) { stages_.insert(stages_.begin(), &stage); }

  // `batch` is not empty. `since`: when its caller began to wait.
  void enter(std::shared_ptr<SendBatch> batch, TimePoint since);

  // Messages that a stage holds, or that wait behind those.
  std::size_t items_waiting() const { return items_waiting_.load(std::memory_order_relaxed); }

 private:
  friend class IntakeHold;
  friend class IntakeTurn;

  // What waits, in the order in which it came; while it goes on it keeps its place.
  struct Waiting {
    std::shared_ptr<SendBatch> batch;
    TimePoint since;
    std::size_t next_stage = 0;
    bool behind_others = false;        // and for nothing else
    std::vector<ChannelKey> channels;  // sorted
    std::size_t items = 0;
  };
  using WaitingList = std::list<Waiting>;
  // Where something stands among those that wait, if it does.
  using Position = std::optional<WaitingList::iterator>;

  // Leaves of the batch what need not wait for others; null: nothing.
  void queue_behind_others(std::shared_ptr<SendBatch>& batch, TimePoint since);
  // Asks the stages from `stage` on.
  void run(std::shared_ptr<SendBatch> batch, TimePoint since, std::size_t stage, Position at);
  // Takes the items, with the others of their channels, out of the batch.
  std::shared_ptr<IntakeHold> hold(std::shared_ptr<SendBatch>& batch,
                                   const IntakeTurn::Place& place,
                                   const std::vector<std::uint32_t>& items);
  void resume(WaitingList::iterator held);
  // Where it stands now: before `at`, or last.
  WaitingList::iterator insert(Position at, Waiting waiting) JD_REQUIRES(mutex_);
  void erase(WaitingList::iterator gone) JD_REQUIRES(mutex_);
  // The first that waits behind nobody any more; the end: there is none.
  WaitingList::iterator find_free() JD_REQUIRES(mutex_);

  std::vector<IntakeStage*> stages_;
  Go go_;
  std::atomic<std::size_t> items_waiting_{0};
  Mutex mutex_;
  WaitingList waiting_ JD_GUARDED_BY(mutex_);
  // How many of `waiting_` are of the channel.
  boost::unordered_flat_map<ChannelKey, std::size_t, ChannelKeyHash> held_channels_
      JD_GUARDED_BY(mutex_);
  bool letting_go_ JD_GUARDED_BY(mutex_) = false;  // a thread is at it and looks again
};

}  // namespace jindou::partition
