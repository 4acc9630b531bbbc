// Times as the monitoring endpoints print them. Pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace jindou::api {

// RFC 3339 in UTC with milliseconds: "2024-01-15T10:30:00.000Z". Negative times are shown as 1970.
std::string rfc3339(std::int64_t wall_ms);

// Whole seconds in the units that are needed: "5s", "1h2m3s", "4d1h2m3s", "1y0d0h0m0s" (a year is
// 365 days). Negative durations, as a clock that was set back makes them, are "0s".
std::string uptime_text(std::chrono::milliseconds duration);

// Three digits that matter: "350µs", "1.25ms", "15ms", "2.5s".
std::string short_duration_text(std::chrono::nanoseconds duration);

}  // namespace jindou::api
