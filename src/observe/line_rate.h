// How many lines of one kind are written in a second; the rest is counted, so that whoever comes
// first in a flood is still seen, and nobody fills a disk.
//
// Thread-safe and lock-free; at the turn of a second some more may pass.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace jindou::observe {

class LineRate {
 public:
  // Whether one more line may be written at `now` (Clock::steady), of `per_second` at most; 0: any
  // number.
  bool take(std::chrono::steady_clock::time_point now, std::size_t per_second) {
    if (per_second == 0) return true;
    const std::int64_t second =
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    std::int64_t current = second_.load(std::memory_order_relaxed);
    if (current != second && second_.compare_exchange_strong(current, second)) taken_.store(0);
    if (taken_.fetch_add(1, std::memory_order_relaxed) < per_second) return true;
    left_out_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }

  // Lines that were left out since the last call.
  std::uint64_t take_left_out() { return left_out_.exchange(0, std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> second_{-1};
  std::atomic<std::size_t> taken_{0};
  std::atomic<std::uint64_t> left_out_{0};
};

}  // namespace jindou::observe
