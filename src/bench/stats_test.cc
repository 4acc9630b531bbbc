#include "bench/stats.h"

#include <gtest/gtest.h>

namespace jindou::bench {
namespace {

TEST(Percentile, IsTheNearestRankAmongTheSamples) {
  std::vector<std::uint64_t> samples;
  for (std::uint64_t i = 100; i >= 1; --i) samples.push_back(i);
  EXPECT_EQ(percentile(samples, 50), 50U);
  EXPECT_EQ(percentile(samples, 99), 99U);
  EXPECT_EQ(percentile(samples, 100), 100U);
  EXPECT_EQ(percentile(samples, 0.1), 1U);
}

TEST(Percentile, OfOneSampleIsThatSampleAndOfNoneIsZero) {
  std::vector<std::uint64_t> one = {7};
  EXPECT_EQ(percentile(one, 50), 7U);
  EXPECT_EQ(percentile(one, 99), 7U);
  std::vector<std::uint64_t> none;
  EXPECT_EQ(percentile(none, 50), 0U);
}

TEST(Median, TakesTheMiddleOrTheMeanOfTheTwoMiddleValues) {
  EXPECT_DOUBLE_EQ(median({5, 1, 3}), 3);
  EXPECT_DOUBLE_EQ(median({4, 1, 3, 2}), 2.5);
  EXPECT_DOUBLE_EQ(median({}), 0);
}

}  // namespace
}  // namespace jindou::bench
