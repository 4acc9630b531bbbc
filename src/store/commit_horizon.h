// The time that changes are stamped with, and the moment before which everything that was evaluated
// is durable and readable.
//
// A reader that answers "all changes up to version V" must not name a V beyond that moment: a
// change evaluated earlier may still be on its way to the disk and would be missed for ever. For
// the same reason no change may be stamped with a time that was named before, so this time does not
// go back when the wall clock does: it stands still until the clock has caught up.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "model/ids.h"

namespace jindou::store {

// Thread-safe.
class CommitHorizon {
 public:
  // Borrows the clock.
  CommitHorizon(const Clock& clock, std::uint16_t partitions)
      : clock_(clock), pending_(partitions) {}

  // The wall clock's nanoseconds since the epoch, but never less than what raise() was told.
  std::int64_t now_ns() const {
    return std::max(clock_.wall_ns(), floor_ns_.load(std::memory_order_acquire));
  }
  // By a partition: stamps below this have been given out, now or before a restart.
  void raise(std::int64_t stamp_ns) const {
    std::int64_t floor = floor_ns_.load(std::memory_order_relaxed);
    while (floor < stamp_ns && !floor_ns_.compare_exchange_weak(floor, stamp_ns)) {
    }
  }

  // Time is reserved like ids: `reserve(until_ns)` makes durable that times up to there may have
  // been named, and says whether it has, so that after a restart stamps begin behind them, whatever
  // the clock says then. Called by readers, one at a time, every kReservedAhead at most; may block.
  // After a failure it is left alone for kPause, also by those who waited for it meanwhile: else
  // they would wait once more, one after another, and hold all threads that read. Set when all
  // partitions are open and before anybody reads. Without one nothing is reserved.
  using Reserve = std::function<bool(std::int64_t until_ns)>;
  void set_reserve(Reserve reserve) {
    reserve_ = std::move(reserve);
    reserved_ns_.store(floor_ns_.load(std::memory_order_acquire), std::memory_order_release);
    // All that is open is this node's alone and has been: it begins behind the latest of them.
    const MutexLock lock(covered_);
    reserved_at_.store(resets_.load());
    covered_ns_ = kAll;
  }

  // Nanoseconds since the epoch, to be read before the store is. What could not be reserved is not
  // named: then it stands still.
  std::int64_t stable_ns() const {
    // The time first: what is pending afterwards began later than this reading or is seen below.
    std::int64_t stable = now_ns();
    raise(stable);
    for (const Pending& pending : pending_) {
      const MutexLock lock(pending.mutex);
      if (!pending.begun_ns.empty()) stable = std::min(stable, pending.begun_ns.front());
      stable = std::min(stable, pending.doubted_ns);
    }
    return reserved(stable) - 1;
  }

  // By the partition, before it takes the first stamp for a commit, which must not be below
  // now_ns() as it is afterwards.
  void begin(PartitionId partition) {
    Pending& pending = pending_[raw(partition)];
    const MutexLock lock(pending.mutex);
    const std::int64_t now = now_ns();
    raise(now);
    pending.begun_ns.push_back(now);
  }
  // When the oldest commit begun is decided, before anybody is told: whoever reads after the answer
  // sees the change within the horizon.
  void finish(PartitionId partition) {
    Pending& pending = pending_[raw(partition)];
    const MutexLock lock(pending.mutex);
    if (!pending.begun_ns.empty()) pending.begun_ns.pop_front();
  }
  // In its place, when the oldest commit begun may have been written and may not: what it has
  // changed may be found later, with the stamps that it took, so that until then no time behind
  // them is named.
  void doubt(PartitionId partition) {
    Pending& pending = pending_[raw(partition)];
    const MutexLock lock(pending.mutex);
    if (pending.begun_ns.empty()) return;
    pending.doubted_ns = std::min(pending.doubted_ns, pending.begun_ns.front());
    pending.begun_ns.pop_front();
  }
  // What the store shows of the partition is what has become of its commits, see
  // CommitLog::is_certain().
  void clear_doubt(PartitionId partition) {
    Pending& pending = pending_[raw(partition)];
    const MutexLock lock(pending.mutex);
    pending.doubted_ns = kAll;
  }
  // The same of all, when the store is open again.
  void clear_doubts() {
    for (std::size_t i = 0; i < pending_.size(); ++i) clear_doubt(static_cast<PartitionId>(i));
  }
  // The partition is read anew, or has come to this node: nothing is pending, and whoever opens it
  // next begins behind `durable_ns`, and perhaps before what is reserved in the others. So time has
  // to be reserved once more; until that is done nothing beyond it is named.
  void reset(PartitionId partition, std::int64_t durable_ns) {
    {
      const MutexLock lock(covered_);
      covered_ns_ = std::min(covered_ns_, durable_ns);
      resets_.fetch_add(1);
    }
    Pending& pending = pending_[raw(partition)];
    const MutexLock lock(pending.mutex);
    pending.begun_ns.clear();
  }

 private:
  static constexpr std::chrono::nanoseconds kReservedAhead = std::chrono::seconds(10);
  static constexpr std::chrono::nanoseconds kPause = std::chrono::seconds(1);
  static constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();

  // `stable`, or less when that cannot be reserved.
  std::int64_t reserved(std::int64_t stable) const {
    if (!reserve_) return stable;
    if (stable <= reserved_ns_.load(std::memory_order_acquire) &&
        reserved_at_.load() == resets_.load()) {
      return stable;
    }
    const MutexLock lock(reserving_);
    const std::uint64_t resets = resets_.load();
    std::int64_t reserved = reserved_ns_.load(std::memory_order_relaxed);
    const bool due = stable > reserved || resets != reserved_at_.load();
    const bool tried = due && !failed_lately(resets);
    const bool done = tried && reserve_(stable + kReservedAhead.count());
    if (tried) failure_ = done ? std::nullopt : std::optional(Failure{clock_.steady(), resets});
    const MutexLock covered(covered_);
    if (done) {
      reserved = stable + kReservedAhead.count();
      reserved_ns_.store(reserved, std::memory_order_release);
      reserved_at_.store(resets);
      // Not of a partition that has come meanwhile.
      if (resets == resets_.load()) covered_ns_ = kAll;
    }
    return std::min({stable, reserved, covered_ns_});
  }

  struct Failure {
    std::chrono::steady_clock::time_point at;  // when it was told
    std::uint64_t resets = 0;
  };
  // With a partition that has come since it is another question.
  bool failed_lately(std::uint64_t resets) const JD_REQUIRES(reserving_) {
    return failure_ && failure_->resets == resets && clock_.steady() - failure_->at < kPause;
  }

  // At most the commits in flight and the one being gathered.
  struct Pending {
    mutable Mutex mutex;
    std::deque<std::int64_t> begun_ns JD_GUARDED_BY(mutex);
    std::int64_t doubted_ns JD_GUARDED_BY(mutex) = kAll;  // the earliest doubted; kAll: none is
  };

  const Clock& clock_;
  mutable std::atomic<std::int64_t> floor_ns_{0};
  Reserve reserve_;
  mutable Mutex reserving_;
  mutable std::optional<Failure> failure_ JD_GUARDED_BY(reserving_);  // of the last attempt
  mutable std::atomic<std::int64_t> reserved_ns_{0};
  std::atomic<std::uint64_t> resets_{0};
  mutable std::atomic<std::uint64_t> reserved_at_{0};  // of the resets
  mutable Mutex covered_;
  // The earliest time behind which whoever opens one that has come since begins.
  mutable std::int64_t covered_ns_ JD_GUARDED_BY(covered_) = kAll;
  std::vector<Pending> pending_;
};

}  // namespace jindou::store
