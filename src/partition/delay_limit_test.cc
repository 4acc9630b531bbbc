// The limit under a model of the core: a queue that is worked off at a known rate.
#include "partition/delay_limit.h"

#include <gtest/gtest.h>

namespace jindou::partition {
namespace {

using namespace std::chrono_literals;

class DelayLimitTest : public testing::Test {
 protected:
  // A batch that finds `items` in flight, its own included, and is done after `took`.
  void batch(std::size_t items, std::chrono::nanoseconds took) {
    const auto start = limit_.begin(items, now_);
    now_ += took;
    limit_.finish(start, now_);
  }

  DelayLimit limit_{1000ms};
  DelayLimit::TimePoint now_{1h};
};

TEST_F(DelayLimitTest, LittleToDoDoesNotLowerIt) {
  for (int i = 0; i < 100; ++i) batch(1, 20ms);
  EXPECT_EQ(limit_.items_max(), SIZE_MAX);
}

TEST_F(DelayLimitTest, FollowsTheRateOfASlowCore) {
  // 20,000 items a second: in the allowed second as many may wait.
  for (int i = 0; i < 20; ++i) batch(40'000, 2s);
  EXPECT_EQ(limit_.items_max(), 20'000U);
}

TEST_F(DelayLimitTest, RisesAtOnceWhenTheCoreIsFastAgain) {
  for (int i = 0; i < 20; ++i) batch(40'000, 2s);
  batch(20'000, 100ms);
  EXPECT_EQ(limit_.items_max(), 200'000U);
}

TEST_F(DelayLimitTest, LetsEnoughThroughToLearnAfterADiskThatStoodStill) {
  for (int i = 0; i < 20; ++i) batch(100, 10s);
  EXPECT_EQ(limit_.items_max(), DelayLimit::kItemsMin);
  batch(1000, 10ms);
  EXPECT_EQ(limit_.items_max(), 100'000U);
}

TEST_F(DelayLimitTest, KnowsWhenNothingIsFinished) {
  now_ += 1h;
  EXPECT_FALSE(limit_.stalled(now_));
  const auto first = limit_.begin(10, now_);
  EXPECT_FALSE(limit_.stalled(now_));
  now_ += 900ms;
  const auto second = limit_.begin(20, now_);
  EXPECT_FALSE(limit_.stalled(now_));
  now_ += 200ms;
  EXPECT_TRUE(limit_.stalled(now_));
  limit_.finish(first, now_);
  EXPECT_FALSE(limit_.stalled(now_));
  now_ += 2s;
  EXPECT_TRUE(limit_.stalled(now_));
  limit_.finish(second, now_);
  now_ += 1h;
  EXPECT_FALSE(limit_.stalled(now_));
}

}  // namespace
}  // namespace jindou::partition
