// How much may be done in a time, as a token bucket has it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace jindou {

inline constexpr std::uint64_t kRatePerSecondMax = 1'000'000;
// Times the longest interval, a second, it is far below what 64 bits of nanoseconds hold.
inline constexpr std::uint64_t kRateBurstMax = 1'000'000'000;

struct Rate {
  std::uint64_t per_second = 0;  // up to kRatePerSecondMax; 0: there is no limit
  std::uint64_t burst = 0;       // tokens of a full bucket; 1 to kRateBurstMax where there is one

  bool on() const { return per_second > 0; }
  // Between two tokens that come back. Precondition: on().
  std::int64_t interval_ns() const { return static_cast<std::int64_t>(1'000'000'000 / per_second); }
  // Until an empty bucket is full, in whole seconds, at least one. Precondition: on().
  std::uint64_t window_seconds() const {
    return std::max<std::uint64_t>(1, (burst + per_second - 1) / per_second);
  }
  bool operator==(const Rate&) const = default;
};

}  // namespace jindou
