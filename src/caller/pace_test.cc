#include "caller/pace.h"

#include <gtest/gtest.h>

namespace jindou::caller {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(PaceTest, ItemsAreSpreadEvenly) {
  TimePoint now{};
  now += seconds(100);
  Pace pace(100);
  int taken = 0;
  // The first tenth of a second is made up for.
  for (int i = 0; i < 3000; ++i, now += milliseconds(1)) {
    while (pace.take(now)) ++taken;
  }
  EXPECT_NEAR(taken, 300 + 10, 2);
  while (pace.take(now)) {
  }
  EXPECT_GT(pace.wait(now), milliseconds(0));
  EXPECT_LE(pace.wait(now), milliseconds(10));
  // What was missed is not made up for beyond that.
  now += seconds(60);
  taken = 0;
  while (pace.take(now)) ++taken;
  EXPECT_NEAR(taken, 10, 1);
}

TEST(PaceTest, LessThanOneASecond) {
  TimePoint now = TimePoint() + seconds(100);
  Pace pace(0.5);
  EXPECT_TRUE(pace.take(now));
  EXPECT_FALSE(pace.take(now));
  EXPECT_EQ(pace.wait(now), seconds(2));
  EXPECT_FALSE(pace.take(now + milliseconds(1999)));
  EXPECT_TRUE(pace.take(now + milliseconds(2000)));
}

TEST(PaceTest, NoLimit) {
  Pace pace(0);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(pace.take(TimePoint()));
  EXPECT_EQ(pace.wait(TimePoint()), milliseconds(0));
}

TEST(PatienceTest, WaitsGrowUntilItIsEnough) {
  SystemRandom random;
  TimePoint now = TimePoint() + seconds(100);
  const TimePoint start = now;
  Patience patience(60, random);
  milliseconds step(500);
  for (int i = 0; i < 5; ++i, step *= 2) {
    const auto wait = patience.wait(now, milliseconds(0));
    ASSERT_TRUE(wait);
    EXPECT_LE(*wait, step + milliseconds(1));
    EXPECT_GE(*wait, step / 2);
    now += *wait;
  }
  while (const auto wait = patience.wait(now, milliseconds(0))) {
    EXPECT_LE(*wait, seconds(30));
    now += *wait;
    ASSERT_LE(now, start + seconds(60));
  }
  patience.succeeded();
  const auto wait = patience.wait(now, milliseconds(0));
  ASSERT_TRUE(wait);
  EXPECT_LE(*wait, milliseconds(500));
}

TEST(PatienceTest, TheServerMayAskForMore) {
  SystemRandom random;
  Patience patience(60, random);
  const TimePoint now = TimePoint() + seconds(100);
  EXPECT_EQ(patience.wait(now, seconds(7)), milliseconds(7000));
  EXPECT_FALSE(patience.wait(now, seconds(61)));
  Patience none(0, random);
  EXPECT_FALSE(none.wait(now, milliseconds(0)));
}

}  // namespace
}  // namespace jindou::caller
