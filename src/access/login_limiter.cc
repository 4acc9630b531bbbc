#include "access/login_limiter.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

namespace jindou::access {
namespace {

// Between two searches for old counters when all are in use; each looks at all of them.
constexpr std::chrono::seconds kSweepPause{1};
// Longer names cannot be configured; this much of them tells them apart.
constexpr std::size_t kNameBytesMax = 256;

// In the place of an address.
constexpr std::string_view kEverywhere = "*";

std::string network_of(std::string_view address) {
  boost::system::error_code failed;
  const auto parsed = boost::asio::ip::make_address(std::string(address), failed);
  if (failed || !parsed.is_v6() || parsed.to_v6().is_v4_mapped()) return std::string(address);
  auto bytes = parsed.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return boost::asio::ip::address_v6(bytes).to_string();
}

// A name may be anything; addresses hold no space.
std::string user_key(std::string_view user, std::string_view network) {
  std::string key(network);
  key += ' ';
  key += user.substr(0, kNameBytesMax);
  return key;
}

}  // namespace

LoginLimiter::LoginLimiter(const Clock& clock, LoginLimits limits)
    : clock_(clock), limits_(limits) {}

LoginLimiter::Counter* LoginLimiter::counter(const std::string& key,
                                             std::chrono::steady_clock::time_point now) {
  const auto over = [&](const Counter& entry) { return now - entry.since >= limits_.window; };
  auto found = counters_.find(key);
  if (found != counters_.end()) {
    if (over(found->second)) found->second = Counter{now};
    return &found->second;
  }
  if (counters_.size() >= limits_.entries_max) {
    if (now < next_sweep_) return nullptr;
    next_sweep_ = now + kSweepPause;
    std::erase_if(counters_, [&](const auto& entry) { return over(entry.second); });
    if (counters_.size() >= limits_.entries_max) return nullptr;
  }
  return &counters_.emplace(key, Counter{now}).first->second;
}

LoginLimiter::Verdict LoginLimiter::attempt(std::string_view user, std::string_view address) {
  const std::string network = network_of(address);
  const auto now = clock_.steady();
  const MutexLock lock(mutex_);
  struct Limit {
    std::string key;
    std::size_t failures_max;
  };
  // The address first: one that is refused makes no further counters.
  for (const Limit& limit : {Limit{network, limits_.failures_per_address},
                             Limit{user_key(user, network), limits_.failures_per_user},
                             Limit{user_key(user, kEverywhere), limits_.failures_per_name}}) {
    Counter* entry = counter(limit.key, now);
    if (entry == nullptr) return Verdict::refused;
    if (entry->failures >= limit.failures_max) {
      const bool first = !entry->told;
      entry->told = true;
      return first ? Verdict::refused_first : Verdict::refused;
    }
    ++entry->failures;
  }
  return Verdict::allowed;
}

void LoginLimiter::succeeded(std::string_view user, std::string_view address) {
  const std::string network = network_of(address);
  const MutexLock lock(mutex_);
  counters_.erase(user_key(user, network));
  counters_.erase(user_key(user, kEverywhere));
  const auto found = counters_.find(network);
  if (found == counters_.end()) return;
  if (found->second.failures > 1) {
    --found->second.failures;
  } else {
    counters_.erase(found);
  }
}

}  // namespace jindou::access
