#include "bench/options.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace jindou::bench {
namespace {

TEST(Validate, DefaultsAreFine) { EXPECT_TRUE(validate(BenchOptions())); }

TEST(BenchOptions, TheSteadyRowTakesAsLongAsItsPageSays) {
  EXPECT_DOUBLE_EQ(BenchOptions().steady_seconds, 600);  // docs/performance.md: ten minutes
}

TEST(Validate, RefusesAnAddressOutsideThisMachine) {
  BenchOptions options;
  options.http_url = "http://192.0.2.1:5001";
  const auto refused = validate(options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::invalid);
  options.allow_remote = true;
  EXPECT_TRUE(validate(options));
}

TEST(Validate, EveryAddressIsLookedAt) {
  BenchOptions options;
  options.http_url = "http://127.0.0.1:5001";
  EXPECT_TRUE(validate(options));
  options.tcp_address = "192.0.2.1:5100";
  EXPECT_FALSE(validate(options));
  options.tcp_address.clear();
  options.ws_address = "192.0.2.1:5200";
  EXPECT_FALSE(validate(options));
}

TEST(Validate, RefusesUnknownRowsAndNonsense) {
  BenchOptions options;
  options.only = {"batch", "speed"};
  EXPECT_FALSE(validate(options));
  options = BenchOptions();
  options.rounds = 0;
  EXPECT_FALSE(validate(options));
  options = BenchOptions();
  options.seconds = 0;
  EXPECT_FALSE(validate(options));
  options = BenchOptions();
  options.growth_large = 10;
  EXPECT_FALSE(validate(options));
  options = BenchOptions();
  options.tcp_address = "127.0.0.1:5100";
  EXPECT_FALSE(validate(options));
}

TEST(AddOptions, ReadsFlags) {
  CLI::App app;
  BenchOptions options;
  add_options(app, options);
  app.parse("--only floor,batch --rounds 3 --seconds 0.5 --strict");
  EXPECT_TRUE(options.wants("floor"));
  EXPECT_TRUE(options.wants("batch"));
  EXPECT_FALSE(options.wants("memory"));
  EXPECT_EQ(options.rounds, 3);
  EXPECT_DOUBLE_EQ(options.seconds, 0.5);
  EXPECT_TRUE(options.strict);
}

TEST(AddOptions, TakesSeveralSizesOfTheFanOut) {
  CLI::App app;
  BenchOptions options;
  add_options(app, options);
  app.parse("--fanout-sessions 100,3000");
  EXPECT_EQ(options.fanout_sessions, (std::vector<int>{100, 3000}));
  EXPECT_TRUE(validate(options));
  options.fanout_sessions.push_back(0);
  EXPECT_FALSE(validate(options));
  options.fanout_sessions.clear();
  EXPECT_FALSE(validate(options));
}

}  // namespace
}  // namespace jindou::bench
