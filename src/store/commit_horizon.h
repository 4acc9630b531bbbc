// The moment before which everything that was evaluated is durable and readable.
//
// A reader that answers "all changes up to version V" must not name a V beyond this: a change
// evaluated earlier may still be on its way to the disk and would be missed for ever.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>

#include "base/clock.h"
#include "model/ids.h"

namespace jindou::store {

// Thread-safe.
class CommitHorizon {
 public:
  // Borrows the clock.
  CommitHorizon(const Clock& clock, std::uint16_t partitions)
      : clock_(clock),
        partitions_(partitions),
        pending_(std::make_unique<std::atomic<std::int64_t>[]>(partitions)) {
    for (std::uint16_t i = 0; i < partitions; ++i) pending_[i] = kNothingPending;
  }

  // Nanoseconds since the epoch, to be read before the store is.
  std::int64_t stable_ns() const {
    // The clock first: what is pending afterwards began later than this reading or is seen below.
    std::int64_t stable = clock_.wall_ns();
    for (std::uint16_t i = 0; i < partitions_; ++i) stable = std::min(stable, pending_[i].load());
    return stable - 1;
  }

  // By the partition, before it takes the time for the first evaluation of a commit...
  void set_pending(PartitionId partition, std::int64_t since_ns) {
    pending_[raw(partition)].store(since_ns);
  }
  // ... and when nothing it evaluated is undecided any more.
  void set_settled(PartitionId partition) { pending_[raw(partition)].store(kNothingPending); }

 private:
  static constexpr std::int64_t kNothingPending = std::numeric_limits<std::int64_t>::max();

  const Clock& clock_;
  std::uint16_t partitions_;
  std::unique_ptr<std::atomic<std::int64_t>[]> pending_;
};

}  // namespace jindou::store
