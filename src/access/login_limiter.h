// Counts attempts to log in, so that passwords cannot be tried out.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"

namespace jindou::access {

struct LoginLimits {
  std::chrono::milliseconds window{60'000};
  // Failures of one user name from one address within a window.
  std::size_t failures_per_user = 10;
  // Failures from one address whatever the names: ten users mistyping all day stay below it.
  std::size_t failures_per_address = 100;
  // Failures of one user name from wherever: a proxy may hand on an address that its caller made
  // up.
  std::size_t failures_per_name = 1'000;
  // Counters kept. Full of live ones, attempts from further addresses are refused.
  std::size_t entries_max = 65'536;
};

// Thread-safe. An IPv6 address counts as its /64, which one customer has to himself.
class LoginLimiter {
 public:
  // Borrows the clock.
  explicit LoginLimiter(const Clock& clock, LoginLimits limits = {});

  enum class Verdict : std::uint8_t {
    allowed,
    refused,
    // The same, and the first one of a window: worth a line in the log.
    refused_first,
  };

  // Counts one attempt as failed, ahead of its outcome, so that many at once are counted too.
  Verdict attempt(std::string_view user, std::string_view address);
  // The attempt was no failure after all: forgets those of this user from this address.
  void succeeded(std::string_view user, std::string_view address);

  const LoginLimits& limits() const { return limits_; }

 private:
  struct Counter {
    std::chrono::steady_clock::time_point since;
    std::size_t failures = 0;
    bool told = false;
  };
  using Counters = std::unordered_map<std::string, Counter>;

  // Null when there is no room.
  Counter* counter(const std::string& key, std::chrono::steady_clock::time_point now)
      JD_REQUIRES(mutex_);

  const Clock& clock_;
  const LoginLimits limits_;
  Mutex mutex_;
  Counters counters_ JD_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point next_sweep_ JD_GUARDED_BY(mutex_){};
};

}  // namespace jindou::access
