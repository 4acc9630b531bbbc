// The stamps of a partition's changes: they rise, also over restarts and when the wall clock goes
// back.
#pragma once

#include <algorithm>
#include <cstdint>

#include "store/commit_horizon.h"

namespace jindou::channel {

// Lives in its partition and on its thread.
class Stamps {
 public:
  // Borrows `horizon`.
  explicit Stamps(const store::CommitHorizon& horizon) : horizon_(horizon) {}

  // Goes on behind what the store says was given out. Never goes back.
  void open(std::int64_t stamped_to_ns) {
    last_ns_ = std::max(last_ns_, stamped_to_ns);
    announce();
  }
  std::int64_t next_ns() {
    last_ns_ = std::max(horizon_.now_ns(), last_ns_ + 1);
    return last_ns_;
  }
  std::int64_t last_ns() const { return last_ns_; }
  // A reader that finds a change can name its stamp, also when the clock has gone back.
  void announce() const { horizon_.raise(last_ns_ + 1); }

 private:
  const store::CommitHorizon& horizon_;
  std::int64_t last_ns_ = 0;
};

}  // namespace jindou::channel
