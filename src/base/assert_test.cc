#include "base/assert.h"

#include <gtest/gtest.h>

namespace jindou {
namespace {

bool evaluate(int& times, bool outcome) {
  ++times;
  return outcome;
}

TEST(SlowAssertions, AreNotEvaluatedWhereTheyAreOff) {
  int times = 0;
  const SlowAssertions off(false);
  JD_ASSERT_SLOW(evaluate(times, false));
  EXPECT_EQ(times, 0);
  {
    const SlowAssertions on(true);
    JD_ASSERT_SLOW(evaluate(times, true));
    EXPECT_EQ(times, 1);
  }
  JD_ASSERT_SLOW(evaluate(times, false));
  EXPECT_EQ(times, 1);
}

TEST(SlowAssertions, AreOnInBuildsForTests) {
#ifdef NDEBUG
  EXPECT_FALSE(SlowAssertions::on());
#else
  EXPECT_TRUE(SlowAssertions::on());
#endif
}

TEST(SlowAssertionsDeathTest, StopTheProcessAndNameTheCondition) {
  const SlowAssertions on(true);
  const int two = 2;
  JD_ASSERT_SLOW(two == 2);
  EXPECT_DEATH(JD_ASSERT_SLOW(two == 3), "assertion failed: two == 3 at .*assert_test.cc");
}

}  // namespace
}  // namespace jindou
