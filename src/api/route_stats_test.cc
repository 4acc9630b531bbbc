#include "api/route_stats.h"

#include <gtest/gtest.h>

namespace jindou::api {
namespace {

using namespace std::chrono_literals;

TEST(RouteStats, TheAverageIsOfThoseThatHaveATime) {
  RouteStats stats;
  for (const char* path : {"/lines", "/both", "/never"}) stats.add_route(path);
  stats.count_untimed("/lines");
  stats.count("/both", 10ms);
  stats.count("/both", 30ms);
  stats.count_untimed("/both");
  stats.count_untimed("/unknown");
  const auto entries = stats.entries();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].path, "/both");
  EXPECT_EQ(entries[0].count, 3U);
  EXPECT_EQ(entries[0].average, 20ms);
  EXPECT_EQ(entries[1].path, "/lines");
  EXPECT_EQ(entries[1].count, 1U);
  EXPECT_EQ(entries[1].average, 0ms);
}

}  // namespace
}  // namespace jindou::api
