// What answers to sends tell of the rate limits of their caller: the header fields RateLimit and
// RateLimit-Policy of draft-ietf-httpapi-ratelimit-headers-11.
#pragma once

#include <string>
#include <vector>

#include "api/http_names.h"
#include "api/services.h"
#include "model/channel.h"
#include "partition/rate_limits.h"

namespace jindou::api {

// `RateLimit-Policy: "key";q=2000;w=10;qu="items"` and `RateLimit: "key";r=1990;t=1`, as header
// lines. Of each limit: what a full bucket has and in how many seconds an empty one is full; what
// it has and in how many seconds it is full. Nothing without limits.
std::string rate_limit_fields(const std::vector<partition::RateLimits::Standing>& standings);

// Adds those that hold for the caller of the request, as they are now. Of a single message also
// those of its sender and its channel.
void add_rate_limit_fields(const Services& services, const Request& request, Response& response);
void add_rate_limit_fields(const Services& services, const Request& request, Response& response,
                           const std::string& from_uid, const ChannelKey& channel);

// Whether there are any limits.
inline bool has_rate_limits(const Services& services) {
  return services.deps.limits != nullptr && services.deps.limits->enabled();
}

}  // namespace jindou::api
