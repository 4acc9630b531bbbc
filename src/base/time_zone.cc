#include "base/time_zone.h"

#include <date/tz.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <string>
#include <vector>

#include "base/ascii.h"
#include "base/edit_distance.h"

namespace jindou {

namespace {

using std::chrono::milliseconds;
using SystemTime = std::chrono::sys_time<milliseconds>;

// What systems have among their zones, and what is none of a place: it says how a machine is set
// up, or that nobody has set it up.
constexpr std::array<std::string_view, 3> kNoPlaces = {"Factory", "localtime", "posixrules"};

bool is_no_place(std::string_view name) {
  return std::find(kNoPlaces.begin(), kNoPlaces.end(), name) != kNoPlaces.end();
}

// The last part of "America/Argentina/Buenos_Aires", in small letters.
std::string city_of(std::string_view name) {
  std::string city = ascii_lower(name.substr(name.rfind('/') + 1));
  std::replace(city.begin(), city.end(), ' ', '_');
  return city;
}

// The name that was probably meant; empty: none is near. Precondition: there is a database.
std::string nearest_zone(std::string_view name) {
  std::vector<std::string_view> names;
  for (const date::time_zone& zone : date::get_tzdb().zones) {
    if (!is_no_place(zone.name())) names.emplace_back(zone.name());
  }
  const std::string lower = ascii_lower(name);
  for (const std::string_view known : names) {
    if (ascii_lower(known) == lower) return std::string(known);
  }
  const std::string city = city_of(name);
  for (const std::string_view known : names) {
    if (city_of(known) == city) return std::string(known);
  }
  return std::string(nearest_of(names, name));
}

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
  if (is_no_place(name)) {
    return Error(Errc::invalid, std::string(name) +
                                    " says how a machine is set up and is no time zone of a place; "
                                    "give the name of one, such as Asia/Shanghai");
  }
  const auto found = zone_offset(name, 0);
  if (found) return {};
  if (found.error().code() != Errc::invalid) return Error(found.error());
  const std::string nearest = nearest_zone(name);
  if (nearest.empty()) return Error(found.error());
  return Error(Errc::invalid, "there is no time zone of that name: did you mean " + nearest + "?");
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
