// When the next item may be sent, and when a request may be tried again. Times are handed in.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/random.h"

namespace jindou::caller {

using TimePoint = std::chrono::steady_clock::time_point;
using Seconds = std::chrono::duration<double>;

// So many items a second, spread evenly; what was missed is made up for a tenth of a second.
class Pace {
 public:
  // 0: no limit.
  explicit Pace(double rate) : rate_(rate) {}

  // Whether an item may go now; if so it counts.
  bool take(TimePoint now) {
    if (rate_ <= 0) return true;
    if (now < next_) return false;
    const Seconds gap(1 / rate_);
    const auto earliest = now - std::chrono::duration_cast<TimePoint::duration>(
                                    std::max(Seconds(0.1) - gap, Seconds(0)));
    next_ = std::max(next_, earliest) + std::chrono::duration_cast<TimePoint::duration>(gap);
    return true;
  }
  // How long until one may.
  std::chrono::milliseconds wait(TimePoint now) const {
    if (now >= next_) return std::chrono::milliseconds(0);
    return std::chrono::ceil<std::chrono::milliseconds>(next_ - now);
  }

 private:
  double rate_;
  TimePoint next_{};
};

// How long to wait between tries, and for how long to try: each wait is twice the one before, from
// half a second to half a minute, less up to a half of it by chance, so that those who were turned
// away together do not come back together.
class Patience {
 public:
  // `seconds`: without any success in between.
  Patience(double seconds, Random& random) : seconds_(seconds), random_(random) {}

  void succeeded() {
    since_.reset();
    tries_ = 0;
  }
  // After a failure. `asked`: what the server asks for. None: it has been tried for long enough.
  std::optional<std::chrono::milliseconds> wait(TimePoint now, std::chrono::milliseconds asked) {
    if (!since_) since_ = now;
    const double step =
        std::min(kLongest, kShortest * static_cast<double>(1U << std::min(tries_, 10U)));
    ++tries_;
    const double chance = static_cast<double>(random_.next_u64() % 1024) / 2048;
    const Seconds wait = std::max(Seconds(step * (1 - chance)), Seconds(asked));
    if (now + wait > *since_ + Seconds(seconds_)) return std::nullopt;
    return std::chrono::ceil<std::chrono::milliseconds>(wait);
  }

 private:
  static constexpr double kShortest = 0.5;
  static constexpr double kLongest = 30;

  double seconds_;
  Random& random_;
  std::optional<TimePoint> since_;
  unsigned tries_ = 0;
};

}  // namespace jindou::caller
