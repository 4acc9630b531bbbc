// How much may be in flight so that it is done in time: follows how long the core takes.
//
// Queues are first in, first out, so what was ahead of a batch when it came, divided by how long
// the batch took, is the rate at which the core works; times the delay that is allowed, that is how
// many items may be in flight. A disk that becomes slower lowers the limit within one round of the
// queue; a faster one raises it with the next batch that is done. Batches that took much less than
// the allowed delay never lower it: they tell how little there was to do, not how much can be done.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace jindou::partition {

// Thread-safe; never waits. Concurrent samples may overwrite each other, which does no harm.
class DelayLimit {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // One batch under way.
  struct Start {
    TimePoint at;
    std::size_t items = 0;
  };

  // Never below it: so many small messages are one commit, and a limit that was lowered while the
  // disk stood still must let enough through to be raised again.
  static constexpr std::size_t kItemsMin = 1024;

  explicit DelayLimit(std::chrono::milliseconds delay_max) : delay_max_(delay_max) {}

  // `items`: in flight, the batch included.
  Start begin(std::size_t items, TimePoint now);
  void finish(const Start& start, TimePoint now);

  // SIZE_MAX until something took long.
  std::size_t items_max() const { return items_max_.load(std::memory_order_relaxed); }

  // True when batches are under way and none was begun (where there had been none) or finished for
  // the allowed delay.
  bool stalled(TimePoint now) const;

 private:
  const std::chrono::nanoseconds delay_max_;
  std::atomic<std::size_t> items_max_{SIZE_MAX};
  std::atomic<std::size_t> open_{0};
  std::atomic<TimePoint> progress_{TimePoint()};
};

}  // namespace jindou::partition
