// How many frames a client sends: a token bucket against too many, a wider one against a flood.
//
// A client over the limit is refused its SENDs; frames refused do not count against it, so it gets
// its rate however much more it tries. The flood bucket counts them all. 16 bytes per session; not
// thread-safe.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace jindou::gateway {

class FrameMeter {
 public:
  enum class Verdict : std::uint8_t { fine, over, flood };

  // Counts one frame; `per_second` may change between calls, 0: no limit.
  Verdict charge(std::chrono::steady_clock::time_point now, std::size_t per_second) {
    if (per_second == 0) return Verdict::fine;
    const std::chrono::duration<float> passed = now - last_;
    last_ = now;
    const auto rate = static_cast<float>(per_second);
    used_ = std::max(0.0F, used_ - passed.count() * rate);
    flood_ = std::max(0.0F, flood_ - passed.count() * rate * kFloodFactor);
    if (flood_ + 1 > rate * kBurstSeconds * kFloodFactor) return Verdict::flood;
    flood_ += 1;
    if (used_ + 1 > rate * kBurstSeconds) return Verdict::over;
    used_ += 1;
    return Verdict::fine;
  }

 private:
  static constexpr float kBurstSeconds = 2;
  static constexpr float kFloodFactor = 10;

  std::chrono::steady_clock::time_point last_{};
  float used_ = 0;
  float flood_ = 0;
};

}  // namespace jindou::gateway
