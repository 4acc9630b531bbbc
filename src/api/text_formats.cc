#include "api/text_formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace jindou::api {

std::string rfc3339(std::int64_t wall_ms) {
  wall_ms = std::max<std::int64_t>(wall_ms, 0);
  const auto seconds = static_cast<std::time_t>(wall_ms / 1000);
  std::tm utc{};
  if (::gmtime_r(&seconds, &utc) == nullptr) return "1970-01-01T00:00:00.000Z";
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     wall_ms % 1000);
}

std::string uptime_text(std::chrono::milliseconds duration) {
  const std::int64_t seconds = std::max<std::int64_t>(duration.count() / 1000, 0);
  const std::int64_t minutes = seconds / 60;
  const std::int64_t hours = minutes / 60;
  const std::int64_t days = hours / 24;
  const std::int64_t years = days / 365;
  std::string out;
  if (years > 0) out += fmt::format("{}y", years);
  if (days > 0) out += fmt::format("{}d", days % 365);
  if (hours > 0) out += fmt::format("{}h", hours % 24);
  if (minutes > 0) out += fmt::format("{}m", minutes % 60);
  return out + fmt::format("{}s", seconds % 60);
}

std::string short_duration_text(std::chrono::nanoseconds duration) {
  const auto count = static_cast<double>(std::max<std::int64_t>(duration.count(), 0));
  const auto digits = [](double value) {
    // The form with three digits would print 1000 as 1e+03.
    return value >= 100 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
  };
  if (count >= 1e9) return digits(count / 1e9) + "s";
  if (count >= 1e6) return digits(count / 1e6) + "ms";
  return fmt::format("{:.0f}µs", count / 1e3);
}

}  // namespace jindou::api
