// When memory is given back: after much was let go, or the process has grown, and nobody is held
// up.
#include "app/memory_return.h"

#include <gtest/gtest.h>

namespace jindou::app {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr double kCalm = 10;
constexpr double kBusy = 90;

TEST(TrimRule, WaitsForMuchToBeLetGo) {
  TrimRule rule(50);
  EXPECT_FALSE(rule.is_due({0, 30 * kMiB, kCalm}));
  EXPECT_FALSE(rule.is_due({40 * kMiB, 60 * kMiB, kCalm}));
  EXPECT_FALSE(rule.is_due({25 * kMiB, 60 * kMiB, kCalm}));
  EXPECT_TRUE(rule.is_due({24 * kMiB, 60 * kMiB, kCalm}));
  rule.trimmed(50 * kMiB);
  // What is held by now is where it begins anew.
  EXPECT_FALSE(rule.is_due({24 * kMiB, 50 * kMiB, kCalm}));
  EXPECT_FALSE(rule.is_due({9 * kMiB, 50 * kMiB, kCalm}));
  EXPECT_TRUE(rule.is_due({8 * kMiB, 50 * kMiB, kCalm}));
}

TEST(TrimRule, WaitsForACalmMoment) {
  TrimRule rule(50);
  EXPECT_FALSE(rule.is_due({100 * kMiB, 130 * kMiB, kBusy}));
  EXPECT_FALSE(rule.is_due({0, 130 * kMiB, kBusy}));
  EXPECT_FALSE(rule.is_due({0, 130 * kMiB, 50}));
  EXPECT_TRUE(rule.is_due({0, 130 * kMiB, kCalm}));
}

// What came and went between two looks was never seen as held.
TEST(TrimRule, GrowthIsAReasonOnce) {
  TrimRule rule(50);
  EXPECT_FALSE(rule.is_due({0, 30 * kMiB, kCalm}));
  EXPECT_FALSE(rule.is_due({0, 61 * kMiB, kCalm}));
  EXPECT_TRUE(rule.is_due({0, 62 * kMiB, kCalm}));
  rule.trimmed(62 * kMiB);  // it is used
  EXPECT_FALSE(rule.is_due({0, 93 * kMiB, kCalm}));
  EXPECT_TRUE(rule.is_due({0, 94 * kMiB, kCalm}));
  rule.trimmed(70 * kMiB);
  EXPECT_FALSE(rule.is_due({0, 40 * kMiB, kCalm}));
  EXPECT_TRUE(rule.is_due({0, 72 * kMiB, kCalm}));
}

}  // namespace
}  // namespace jindou::app
