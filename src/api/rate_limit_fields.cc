#include "api/rate_limit_fields.h"

#include <algorithm>
#include <chrono>

#include "api/core_calls.h"

namespace jindou::api {

std::string rate_limit_fields(const std::vector<partition::RateLimits::Standing>& standings) {
  if (standings.empty()) return {};
  std::string policies;
  std::string levels;
  for (const auto& standing : standings) {
    const std::string name =
        '"' + std::string(partition::RateLimits::limit_name(standing.limit)) + '"';
    if (!policies.empty()) {
      policies += ", ";
      levels += ", ";
    }
    policies += name + ";q=" + std::to_string(standing.rate.burst) +
                ";w=" + std::to_string(standing.rate.window_seconds()) + ";qu=\"items\"";
    const auto full = std::chrono::ceil<std::chrono::seconds>(standing.level.until_full).count();
    levels += name + ";r=" + std::to_string(standing.level.tokens) +
              ";t=" + std::to_string(std::max<std::int64_t>(1, full));
  }
  return "RateLimit-Policy: " + policies + "\r\nRateLimit: " + levels + "\r\n";
}

void add_rate_limit_fields(const Services& services, const Request& request, Response& response) {
  if (!has_rate_limits(services)) return;
  response.extra_headers += rate_limit_fields(services.deps.limits->standings(*caller_of(request)));
}

void add_rate_limit_fields(const Services& services, const Request& request, Response& response,
                           const std::string& from_uid, const ChannelKey& channel) {
  if (!has_rate_limits(services)) return;
  response.extra_headers +=
      rate_limit_fields(services.deps.limits->standings(*caller_of(request), from_uid, &channel));
}

}  // namespace jindou::api
