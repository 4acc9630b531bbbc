// The moment before which everything that was evaluated is durable and readable.
//
// A reader that answers "all changes up to version V" must not name a V beyond this: a change
// evaluated earlier may still be on its way to the disk and would be missed for ever.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "model/ids.h"

namespace jindou::store {

// Thread-safe.
class CommitHorizon {
 public:
  // Borrows the clock.
  CommitHorizon(const Clock& clock, std::uint16_t partitions)
      : clock_(clock), pending_(partitions) {}

  // Nanoseconds since the epoch, to be read before the store is.
  std::int64_t stable_ns() const {
    // The clock first: what is pending afterwards began later than this reading or is seen below.
    std::int64_t stable = clock_.wall_ns();
    for (const Pending& pending : pending_) {
      const std::lock_guard lock(pending.mutex);
      if (!pending.begun_ns.empty()) stable = std::min(stable, pending.begun_ns.front());
    }
    return stable - 1;
  }

  // By the partition, before it takes the time for the first evaluation of a commit.
  void begin(PartitionId partition) {
    Pending& pending = pending_[raw(partition)];
    const std::lock_guard lock(pending.mutex);
    pending.begun_ns.push_back(clock_.wall_ns());
  }
  // When the oldest commit begun is decided, before anybody is told: whoever reads after the answer
  // sees the change within the horizon.
  void finish(PartitionId partition) {
    Pending& pending = pending_[raw(partition)];
    const std::lock_guard lock(pending.mutex);
    if (!pending.begun_ns.empty()) pending.begun_ns.pop_front();
  }
  // The partition is read anew: nothing is pending.
  void reset(PartitionId partition) {
    Pending& pending = pending_[raw(partition)];
    const std::lock_guard lock(pending.mutex);
    pending.begun_ns.clear();
  }

 private:
  // At most the commits in flight and the one being gathered.
  struct Pending {
    mutable std::mutex mutex;
    std::deque<std::int64_t> begun_ns;
  };

  const Clock& clock_;
  std::vector<Pending> pending_;
};

}  // namespace jindou::store
