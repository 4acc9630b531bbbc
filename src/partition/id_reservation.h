// The counters of a partition's message ids, reserved in the store in blocks: none is given out
// twice, and a restart skips what was reserved and not used.
#pragma once

#include <cstdint>

#include "base/assert.h"
#include "model/ids.h"
#include "partition/state_lines.h"
#include "partition/txn.h"

namespace jindou::partition {

// Lives in its partition and on its thread.
class IdReservation {
 public:
  // Ids up to `bound` may have been given out to messages that were never stored.
  void open(std::uint64_t bound) { last_ = bound_ = bound; }

  // The commit carries the reservation, so it is durable before the id is shown to anybody. One
  // that is taken back was shown to nobody, and is given out again.
  std::uint64_t next(Txn& txn) {
    move_to(last_ + 1, txn);
    return last_;
  }
  // None up to `counter` is given out from now on, as if they had been.
  void skip_to(std::uint64_t counter, Txn& txn) {
    if (counter > last_) move_to(counter, txn);
  }
  std::uint64_t last() const { return last_; }
  void describe(StateLines& lines) const { lines.add("ids", last_, bound_); }
  // Reserved in the store, or in a commit on its way there.
  std::uint64_t bound() const { return bound_; }

 private:
  void move_to(std::uint64_t counter, Txn& txn) {
    txn.undo([this, last = last_, bound = bound_] {
      last_ = last;
      bound_ = bound;
    });
    last_ = counter;
    if (last_ > bound_) {
      constexpr std::uint64_t kBlock = 65536;
      bound_ = last_ + kBlock;
      JD_ASSERT(bound_ <= kIdCounterMax);
      txn.need_state();
    }
  }

  std::uint64_t last_ = 0;
  std::uint64_t bound_ = 0;
};

}  // namespace jindou::partition
