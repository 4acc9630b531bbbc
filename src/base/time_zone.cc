#include "base/time_zone.h"

#include <date/tz.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>

namespace jindou {

namespace {

using std::chrono::milliseconds;
using SystemTime = std::chrono::sys_time<milliseconds>;

Result<const date::time_zone*> find_zone(std::string_view name) {
  const date::tzdb* database = nullptr;
  try {
    database = &date::get_tzdb();
  } catch (const std::exception& error) {
    return Error(Errc::unavailable,
                 std::string("there is no database of time zones (tzdata): ") + error.what());
  }
  const auto& zones = database->zones;
  const auto found = std::lower_bound(
      zones.begin(), zones.end(), name,
      [](const date::time_zone& zone, std::string_view wanted) { return zone.name() < wanted; });
  if (found == zones.end() || found->name() != name) {
    return Error(Errc::invalid,
                 "there is no time zone of that name; names are those of the IANA, such as "
                 "Asia/Shanghai");
  }
  return &*found;
}

}  // namespace

Result<void> check_time_zone(std::string_view name) {
  JD_RETURN_IF_ERROR(zone_offset(name, 0));
  return {};
}

Result<ZoneOffset> zone_offset(std::string_view name, std::int64_t wall_ms) {
  JD_TRY(const date::time_zone* zone, find_zone(name));
  try {
    const date::sys_info info = zone->get_info(SystemTime(milliseconds(wall_ms)));
    ZoneOffset offset;
    offset.ahead_ms = milliseconds(info.offset).count();
    offset.until_ms = std::chrono::floor<milliseconds>(info.end.time_since_epoch()).count();
    return offset;
  } catch (const std::exception& error) {
    return Error(Errc::unavailable, std::string("the time zone cannot be read: ") + error.what());
  }
}

}  // namespace jindou
