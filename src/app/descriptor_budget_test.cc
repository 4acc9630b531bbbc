#include "app/descriptor_budget.h"

#include <gtest/gtest.h>

#include "bench/net.h"

namespace jindou::app {
namespace {

// All that strangers can open: every port full, each with the refusals it tells.
std::size_t opened(const config::Settings& settings, std::size_t limit) {
  return settings.api.max_connections + 2 * side_connections(settings.api.max_connections) +
         settings.gateway.max_connections + 4 * refusals_max(limit);
}

TEST(DescriptorBudget, TellsFewRefusalsUnderALowLimit) {
  EXPECT_EQ(refusals_max(0), 1U);
  EXPECT_EQ(refusals_max(1024), 16U);
  EXPECT_EQ(refusals_max(1'048'576), 256U);
}

TEST(DescriptorBudget, LeavesWhatFits) {
  config::Settings settings;
  EXPECT_EQ(fit_connections(settings, 1'048'576), "");
  EXPECT_EQ(fit_connections(settings, SIZE_MAX), "");
  EXPECT_EQ(settings.api.max_connections, config::Settings().api.max_connections);
  EXPECT_EQ(settings.gateway.max_connections, config::Settings().gateway.max_connections);
}

TEST(DescriptorBudget, TheBenchmarkConnectsNoMoreSessionsThanItsServerTakes) {
  for (const std::size_t limit : {1024U, 4096U, 20'000U, 65'536U, 200'000U}) {
    config::Settings settings;
    settings.api.max_connections = bench::kServerHttpConnections;
    fit_connections(settings, limit);
    const std::size_t sessions = bench::sessions_within(limit);
    EXPECT_LE(sessions, settings.gateway.max_connections) << limit;
    EXPECT_GE(2 * sessions, settings.gateway.max_connections) << limit;
  }
}

TEST(DescriptorBudget, LowersWhatDoesNotAndSaysSo) {
  for (const std::size_t limit : {300U, 1024U, 4096U, 20'000U, 65'536U, 200'000U}) {
    config::Settings settings;
    const std::string said = fit_connections(settings, limit);
    EXPECT_NE(said.find(std::to_string(limit)), std::string::npos) << said;
    EXPECT_LE(opened(settings, limit) + reserved_descriptors(limit), limit) << limit;
    EXPECT_GE(settings.api.max_connections, 10U) << limit;
    EXPECT_GE(settings.gateway.max_connections, 100U) << limit;
    // A second time, after a reload of the same settings: the same.
    config::Settings again;
    fit_connections(again, limit);
    EXPECT_EQ(again.gateway.max_connections, settings.gateway.max_connections);
  }
}

TEST(DescriptorBudget, GivesHttpWhatClientsLeave) {
  config::Settings settings;
  settings.gateway.max_connections = 10;
  fit_connections(settings, 1024);
  EXPECT_GT(settings.api.max_connections, 300U);
  EXPECT_EQ(settings.gateway.max_connections, 10U);
}

TEST(DescriptorBudget, LeavesSomebodyInHoweverLowTheLimit) {
  for (const std::size_t limit : {0U, 10U, 48U, 60U, 80U}) {
    config::Settings settings;
    fit_connections(settings, limit);
    EXPECT_GE(settings.api.max_connections, 1U);
    EXPECT_GE(settings.gateway.max_connections, 1U);
  }
}

// One caller that keeps its connection must not be the only one.
TEST(DescriptorBudget, LeavesPlacesForSeveralCallersAtALowLimit) {
  for (const std::size_t limit : {80U, 100U, 128U}) {
    config::Settings settings;
    fit_connections(settings, limit);
    EXPECT_GE(settings.api.max_connections, 3U) << limit;
    EXPECT_GE(settings.gateway.max_connections, 3U) << limit;
  }
}

}  // namespace
}  // namespace jindou::app
