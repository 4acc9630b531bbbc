// Time as an injected dependency, so that a test can run the core under a virtual clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace jindou {

class Clock {
 public:
  virtual ~Clock() = default;
  // Wall-clock milliseconds since the Unix epoch. May jump. Thread-safe.
  virtual std::int64_t wall_ms() const = 0;
  // The same in nanoseconds, as finely as the clock can tell. Thread-safe.
  virtual std::int64_t wall_ns() const { return wall_ms() * 1'000'000; }
  // Monotonic; for durations and time-outs. Thread-safe.
  virtual std::chrono::steady_clock::time_point steady() const = 0;

  std::int64_t wall_seconds() const { return wall_ms() / 1000; }
};

// The machine's clocks.
class SystemClock final : public Clock {
 public:
  std::int64_t wall_ms() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  std::int64_t wall_ns() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::now();
  }
};

}  // namespace jindou
