#include "base/time_zone.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace jindou {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;
// 2026-03-29T01:00:00Z and 2026-10-25T01:00:00Z: the clocks of Europe are changed.
constexpr std::int64_t kSpringMs = 1'774'746'000'000;
constexpr std::int64_t kAutumnMs = 1'792'890'000'000;

TEST(TimeZone, TellsHowItsClockGoesAndUntilWhen) {
  const auto winter = zone_offset("Europe/Berlin", kSpringMs - 1);
  ASSERT_TRUE(winter) << winter.error().detail();
  EXPECT_EQ(winter->ahead_ms, kHourMs);
  EXPECT_EQ(winter->until_ms, kSpringMs);
  const auto summer = zone_offset("Europe/Berlin", kSpringMs);
  EXPECT_EQ(summer->ahead_ms, 2 * kHourMs);
  EXPECT_EQ(summer->until_ms, kAutumnMs);
  EXPECT_EQ(zone_offset("America/New_York", kSpringMs)->ahead_ms, -4 * kHourMs);
  EXPECT_EQ(zone_offset("Asia/Kolkata", kSpringMs)->ahead_ms, kHourMs * 11 / 2);
  const auto china = zone_offset("Asia/Shanghai", kSpringMs);
  EXPECT_EQ(china->ahead_ms, 8 * kHourMs);
  // No change in the next thousand years.
  EXPECT_GT(china->until_ms, kSpringMs + 1000 * 365 * 24 * kHourMs);
  // Before the epoch, too.
  EXPECT_EQ(zone_offset("Etc/UTC", -5)->ahead_ms, 0);
}

TEST(TimeZone, KnowsWhichNamesThereAre) {
  for (const char* name : {"Asia/Shanghai", "Europe/Berlin", "America/Argentina/Buenos_Aires",
                           "Asia/Kolkata", "Etc/UTC"}) {
    EXPECT_TRUE(check_time_zone(name)) << name;
  }
  // Names of before are where the system has them: Debian 13 keeps them in a package of their own.
  const std::string old_name = "Asia/Calcutta";
  EXPECT_EQ(static_cast<bool>(check_time_zone(old_name)),
            std::filesystem::exists("/usr/share/zoneinfo/" + old_name));
  for (const char* name : {"", "Asia", "Asia/", "asia/shanghai", "Asia/Shanghai ", "right/UTC",
                           "posix/UTC", "../zoneinfo/Asia/Shanghai", "/etc/localtime", "zone.tab",
                           "localtime", "posixrules", "Factory"}) {
    const auto found = check_time_zone(name);
    ASSERT_FALSE(found) << name;
    EXPECT_EQ(found.error().code(), Errc::invalid) << name;
  }
}

TEST(TimeZone, SaysWhichNameWasMeant) {
  const auto told = [](std::string_view name) { return check_time_zone(name).error().detail(); };
  for (const char* name : {"asia/shanghai", "Shanghai", "Asia/Shangai", "Asia/Shanghai "}) {
    EXPECT_EQ(told(name), "there is no time zone of that name: did you mean Asia/Shanghai?");
  }
  EXPECT_EQ(told("new york"), "there is no time zone of that name: did you mean America/New_York?");
  EXPECT_NE(told("localtime").find("such as Asia/Shanghai"), std::string::npos);
  EXPECT_NE(told("").find("such as Asia/Shanghai"), std::string::npos);
  EXPECT_NE(told(std::string(1000, 'x')).find("such as Asia/Shanghai"), std::string::npos);
}

}  // namespace
}  // namespace jindou
