#include "partition/announcements.h"

#include <gtest/gtest.h>

namespace jindou::partition {
namespace {

using namespace std::chrono_literals;

class AnnouncementsTest : public testing::Test {
 protected:
  Announcements announcements_;
  Announcements::TimePoint now_{1h};
};

TEST_F(AnnouncementsTest, CountUntilTheyAreWithdrawn) {
  EXPECT_EQ(announcements_.count(now_), 0U);
  const auto first = announcements_.add(100, now_);
  const auto second = announcements_.add(20, now_ + 40ms);
  EXPECT_EQ(announcements_.count(now_ + 40ms), 120U);
  announcements_.withdraw(first);
  EXPECT_EQ(announcements_.count(now_ + 40ms), 20U);
  announcements_.withdraw(second);
  EXPECT_EQ(announcements_.count(now_ + 40ms), 0U);
}

TEST_F(AnnouncementsTest, CountNoLongerWhenTheBodyDoesNotCome) {
  announcements_.add(1000, now_);
  EXPECT_EQ(announcements_.count(now_ + 200ms), 1000U);
  EXPECT_EQ(announcements_.count(now_ + Announcements::kCounted), 0U);
  EXPECT_EQ(announcements_.count(now_ + 1h), 0U);
}

TEST_F(AnnouncementsTest, AreNotWithdrawnFromWhatCameLater) {
  const auto late = announcements_.add(1000, now_);
  // The same place in the ring.
  announcements_.add(7, now_ + Announcements::kCounted);
  announcements_.withdraw(late);
  EXPECT_EQ(announcements_.count(now_ + Announcements::kCounted), 7U);
}

TEST_F(AnnouncementsTest, NeverPassTheEndOfTheCounter) {
  const auto most = announcements_.add(SIZE_MAX, now_);
  const auto more = announcements_.add(5, now_);
  EXPECT_EQ(announcements_.count(now_), UINT32_MAX);
  announcements_.withdraw(more);
  EXPECT_EQ(announcements_.count(now_), UINT32_MAX);
  announcements_.withdraw(most);
  EXPECT_EQ(announcements_.count(now_), 0U);
}

}  // namespace
}  // namespace jindou::partition
