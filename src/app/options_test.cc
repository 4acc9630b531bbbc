#include "app/options.h"

#include <gtest/gtest.h>

#include <chrono>

#include "config/settings.h"
#include "model/channel.h"
#include "retention/policy.h"

namespace jindou::app {
namespace {

using retention::Limits;

Limits limits_of_visitors(const config::Settings& settings) {
  return sweeper_options(settings).policy.of_type(ChannelType::visitors);
}

TEST(SweeperOptions, VisitorsHaveAnAgeOfTheirOwnWhereTheyAreOn) {
  config::Settings settings;
  settings.retention.max_age = std::chrono::hours(24 * 365);
  settings.retention.max_count = 7;
  const Limits everybody{365 * 86'400, 7};
  EXPECT_EQ(limits_of_visitors(settings), everybody) << "off";
  settings.customer_service.visitors_on = true;
  EXPECT_EQ(limits_of_visitors(settings), (Limits{30 * 86'400, 7})) << "the default";
  settings.customer_service.visitors_max_age = std::chrono::hours(1);
  EXPECT_EQ(limits_of_visitors(settings), (Limits{3'600, 7}));
  EXPECT_EQ(sweeper_options(settings).policy.of_type(ChannelType::group), everybody);
  settings.customer_service.visitors_max_age = std::chrono::milliseconds(0);
  EXPECT_EQ(limits_of_visitors(settings), everybody) << "0: as all others";
}

TEST(SweeperOptions, ARuleForTheTypeGoesBeforeTheAgeOfVisitors) {
  config::Settings settings;
  settings.customer_service.visitors_on = true;
  settings.retention.by_type = {"visitors:90d:5"};
  EXPECT_EQ(limits_of_visitors(settings), (Limits{90 * 86'400, 5}));
  settings.retention.by_type = {"group:1d:0"};
  EXPECT_EQ(limits_of_visitors(settings), (Limits{30 * 86'400, 0}));
}

}  // namespace
}  // namespace jindou::app
