// The stamps of a partition's changes: they rise, also over restarts and when the wall clock goes
// back.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/assert.h"
#include "base/result.h"
#include "partition/state_lines.h"
#include "partition/time_commands.h"
#include "partition/txn.h"
#include "store/commit_horizon.h"

namespace jindou::partition {

// Lives in its partition and on its thread.
class Stamps {
 public:
  // Borrows `horizon`.
  explicit Stamps(const store::CommitHorizon& horizon) : horizon_(horizon) {}

  // Goes on behind what the store says was given out. Never goes back.
  void open(std::int64_t bound_ns) {
    last_ns_ = std::max(last_ns_, bound_ns);
    announce();
  }
  // What the next one is, if it is taken before another.
  std::int64_t upcoming_ns() const { return std::max(horizon_.now_ns(), last_ns_ + 1); }
  // One that is taken back was shown to nobody.
  void take(std::int64_t stamp_ns, Txn& txn) {
    JD_ASSERT(stamp_ns > last_ns_);
    txn.undo([this, before = last_ns_] { last_ns_ = before; });
    last_ns_ = stamp_ns;
  }
  std::int64_t next_ns(Txn& txn) {
    take(upcoming_ns(), txn);
    return last_ns_;
  }
  // Stamps need not wait for what is reserved. Cannot fail.
  Result<void> evaluate(const ReserveTime& command, Txn& txn) {
    txn.undo([this, before = reserved_ns_] { reserved_ns_ = before; });
    reserved_ns_ = std::max(reserved_ns_, command.until_ns);
    txn.need_state();
    return {};
  }
  // Where whoever opens the partition next goes on behind.
  std::int64_t bound_ns() const { return std::max(last_ns_, reserved_ns_); }
  void describe(StateLines& lines) const { lines.add("stamps", last_ns_, reserved_ns_); }
  // A reader that finds a change can name its stamp, also when the clock has gone back.
  void announce() const { horizon_.raise(last_ns_ + 1); }

 private:
  const store::CommitHorizon& horizon_;
  std::int64_t last_ns_ = 0;
  std::int64_t reserved_ns_ = 0;  // may be named to readers (store::CommitHorizon)
};

}  // namespace jindou::partition
