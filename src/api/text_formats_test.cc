#include "api/text_formats.h"

#include <gtest/gtest.h>

namespace jindou::api {
namespace {

using namespace std::chrono_literals;

TEST(Rfc3339, IsUtcWithMilliseconds) {
  EXPECT_EQ(rfc3339(1705314600007), "2024-01-15T10:30:00.007Z");
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000Z");
}

TEST(Rfc3339, ATimeBefore1970IsShownAs1970) { EXPECT_EQ(rfc3339(-5), "1970-01-01T00:00:00.000Z"); }

TEST(UptimeText, UsesTheUnitsThatAreNeeded) {
  EXPECT_EQ(uptime_text(999ms), "0s");
  EXPECT_EQ(uptime_text(59s), "59s");
  EXPECT_EQ(uptime_text(60s), "1m0s");
  EXPECT_EQ(uptime_text(1h + 2min + 3s), "1h2m3s");
  EXPECT_EQ(uptime_text(97h + 2min + 3s), "4d1h2m3s");
  EXPECT_EQ(uptime_text(366 * 24h), "1y1d0h0m0s");
}

TEST(UptimeText, AClockThatWasSetBackShowsZero) { EXPECT_EQ(uptime_text(-5s), "0s"); }

TEST(ShortDurationText, ShowsThreeDigits) {
  EXPECT_EQ(short_duration_text(350us), "350µs");
  EXPECT_EQ(short_duration_text(1250us), "1.25ms");
  EXPECT_EQ(short_duration_text(15ms), "15ms");
  EXPECT_EQ(short_duration_text(999900us), "1000ms");
  EXPECT_EQ(short_duration_text(2500ms), "2.5s");
  EXPECT_EQ(short_duration_text(0ns), "0µs");
}

}  // namespace
}  // namespace jindou::api
