// What this process takes from the machine, for GET /varz.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/mutex.h"

namespace jindou::api {

// Thread-safe. sample() reads files under /proc: not for io shards.
class ProcessMeter {
 public:
  struct Sample {
    std::uint64_t resident_bytes = 0;
    std::size_t threads = 0;
    // Of one core, since the sample before (at first since the start of the process); two busy
    // cores are 200.
    double cpu_percent = 0;
  };

  ProcessMeter();

  Sample sample();

  // Wall clock, when this object was made: taken as the start of the server.
  std::int64_t started_at_ms() const { return started_at_ms_; }

 private:
  std::int64_t started_at_ms_;
  Mutex mutex_;
  std::chrono::steady_clock::time_point last_at_ JD_GUARDED_BY(mutex_);
  std::chrono::microseconds last_cpu_ JD_GUARDED_BY(mutex_){0};
  double last_percent_ JD_GUARDED_BY(mutex_) = 0;
};

}  // namespace jindou::api
