// What is about to come: items of requests whose header has been judged and whose body is still
// being read. Without them every request whose header comes while there is room for one more is
// read to its end, and all but one are refused only then (docs/performance.md, "overload").
//
// An announcement takes nothing that others could have used: it counts for kCounted at most, so
// that callers whose bodies come slowly, or never, keep nobody out for longer.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace jindou::partition {

// Thread-safe; never waits.
class Announcements {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // A body of the largest size takes some 10 ms over loopback and 100 ms over a 1 Gbit/s network.
  static constexpr std::chrono::milliseconds kCounted{256};

  // Names what add() counted, for withdraw().
  struct Mark {
    std::uint32_t period = 0;
    std::uint32_t items = 0;
  };
  Mark add(std::size_t items, TimePoint now);
  // The body is there, or will not come. Without effect when it does not count any more.
  void withdraw(Mark mark);

  // Items announced within kCounted, and not withdrawn.
  std::size_t count(TimePoint now) const;

 private:
  // Time in periods; each slot holds one, and its items.
  static constexpr std::chrono::milliseconds kPeriod{32};
  static constexpr std::size_t kSlots = kCounted / kPeriod;
  static std::uint32_t period_of(TimePoint now);

  std::array<std::atomic<std::uint64_t>, kSlots> slots_{};
};

}  // namespace jindou::partition
