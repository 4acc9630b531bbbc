#include "webhook/pacer.h"

#include <gtest/gtest.h>

#include <thread>

namespace jindou::webhook {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

class PacerTest : public testing::Test {
 protected:
  milliseconds work(microseconds running, microseconds waiting) {
    use_.running += running;
    use_.waiting += waiting;
    return pacer_.rest();
  }

  ProcessorUse use_;
  Pacer pacer_{0.1, [this] { return use_; }};
};

TEST_F(PacerTest, DoesNotRestWhileProcessorsAreFree) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(work(milliseconds(10), milliseconds(1)).count(), 0);
}

TEST_F(PacerTest, KeepsToItsShareWhileOthersWantTheProcessors) {
  work({}, {});
  milliseconds rested{};
  for (int i = 0; i < 100; ++i) rested += work(milliseconds(2), milliseconds(4));
  // 200 ms of work are a tenth of 2000 ms.
  EXPECT_EQ(rested, milliseconds(1800));
}

TEST_F(PacerTest, RestsNoLongerThanItsLimit) {
  work({}, {});
  EXPECT_EQ(work(std::chrono::seconds(10), std::chrono::seconds(10)), milliseconds(200));
}

TEST_F(PacerTest, SmallPiecesAddUp) {
  work({}, {});
  milliseconds rested{};
  for (int i = 0; i < 1000; ++i) rested += work(microseconds(40), microseconds(4000));
  EXPECT_NEAR(static_cast<double>(rested.count()), 360.0, 5.0);
}

TEST_F(PacerTest, GoesAtFullSpeedAgainWhenNobodyElseWantsThem) {
  work({}, {});
  for (int i = 0; i < 10; ++i) work(milliseconds(2), milliseconds(8));
  milliseconds last{1};
  for (int i = 0; i < 30; ++i) last = work(milliseconds(2), {});
  EXPECT_EQ(last.count(), 0);
}

TEST(ProcessorUseTest, GrowsWithWork) {
  const ProcessorUse before = this_threads_use();
  if (before.running.count() == 0) GTEST_SKIP() << "the system does not tell";
  const auto end = std::chrono::steady_clock::now() + milliseconds(20);
  while (std::chrono::steady_clock::now() < end) {
  }
  EXPECT_GT(this_threads_use().running, before.running);
}

TEST(ProcessorUseTest, DefaultShareIsSmallAndPositive) {
  EXPECT_GT(Pacer::default_share(), 0);
  EXPECT_LE(Pacer::default_share(), 1);
}

}  // namespace
}  // namespace jindou::webhook
