#include "partition/delay_limit.h"

#include <algorithm>

namespace jindou::partition {

namespace {

// A batch that took less than this part of the allowed delay does not lower the limit.
constexpr int kShortDelayParts = 4;
// Weight of the old limit against one sample that lowers it.
constexpr std::size_t kOldWeight = 3;
// Above any setting; keeps the arithmetic from overflowing.
constexpr double kItemsMost = 1e9;

}  // namespace

DelayLimit::Start DelayLimit::begin(std::size_t items, TimePoint now) {
  if (open_.fetch_add(1, std::memory_order_relaxed) == 0) {
    progress_.store(now, std::memory_order_relaxed);
  }
  return Start{now, items};
}

void DelayLimit::finish(const Start& start, TimePoint now) {
  open_.fetch_sub(1, std::memory_order_relaxed);
  progress_.store(now, std::memory_order_relaxed);
  const auto took = std::max<std::chrono::nanoseconds>(now - start.at, std::chrono::nanoseconds(1));
  const double in_time = static_cast<double>(start.items) *
                         static_cast<double>(delay_max_.count()) /
                         static_cast<double>(took.count());
  const auto sample = std::max(kItemsMin, static_cast<std::size_t>(std::min(in_time, kItemsMost)));
  const std::size_t limit = items_max_.load(std::memory_order_relaxed);
  if (took < delay_max_ / kShortDelayParts) {
    if (limit != SIZE_MAX && sample > limit) items_max_.store(sample, std::memory_order_relaxed);
  } else if (limit == SIZE_MAX) {
    items_max_.store(sample, std::memory_order_relaxed);
  } else {
    items_max_.store((kOldWeight * limit + sample) / (kOldWeight + 1), std::memory_order_relaxed);
  }
}

bool DelayLimit::stalled(TimePoint now) const {
  if (open_.load(std::memory_order_relaxed) == 0) return false;
  return now - progress_.load(std::memory_order_relaxed) > delay_max_;
}

}  // namespace jindou::partition
