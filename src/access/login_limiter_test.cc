#include "access/login_limiter.h"

#include <gtest/gtest.h>

namespace jindou::access {
namespace {

using Verdict = LoginLimiter::Verdict;

class LoginClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return 0; }
  std::chrono::steady_clock::time_point steady() const override { return now; }
  std::chrono::steady_clock::time_point now{std::chrono::hours(1)};
};

class LoginLimiterTest : public ::testing::Test {
 protected:
  void fail(LoginLimiter& limiter, int times, const std::string& user, const std::string& address) {
    for (int i = 0; i < times; ++i) {
      EXPECT_EQ(limiter.attempt(user, address), Verdict::allowed) << i;
    }
  }
  LoginClock clock_;
};

TEST_F(LoginLimiterTest, TenFailuresAMinuteOfOneUserAndAddress) {
  LoginLimiter limiter(clock_);
  fail(limiter, 10, "a", "192.0.2.1");
  EXPECT_EQ(limiter.attempt("a", "192.0.2.1"), Verdict::refused_first);
  EXPECT_EQ(limiter.attempt("a", "192.0.2.1"), Verdict::refused);
  EXPECT_EQ(limiter.attempt("b", "192.0.2.1"), Verdict::allowed) << "another user";
  EXPECT_EQ(limiter.attempt("a", "192.0.2.2"), Verdict::allowed) << "another address";
  clock_.now += std::chrono::milliseconds(59'999);
  EXPECT_EQ(limiter.attempt("a", "192.0.2.1"), Verdict::refused);
  clock_.now += std::chrono::milliseconds(1);
  EXPECT_EQ(limiter.attempt("a", "192.0.2.1"), Verdict::allowed);
}

TEST_F(LoginLimiterTest, ASuccessForgetsTheFailures) {
  LoginLimiter limiter(clock_);
  for (int round = 0; round < 30; ++round) {
    fail(limiter, 9, "a", "192.0.2.1");
    EXPECT_EQ(limiter.attempt("a", "192.0.2.1"), Verdict::allowed);
    limiter.succeeded("a", "192.0.2.1");
    clock_.now += std::chrono::seconds(10);
  }
}

TEST_F(LoginLimiterTest, ManyNamesFromOneAddressAreLimitedToo) {
  LoginLimiter limiter(clock_);
  for (int i = 0; i < 100; ++i) fail(limiter, 1, "user" + std::to_string(i), "192.0.2.1");
  EXPECT_NE(limiter.attempt("fresh", "192.0.2.1"), Verdict::allowed);
  EXPECT_EQ(limiter.attempt("fresh", "192.0.2.2"), Verdict::allowed);
}

// Behind a proxy that hands on what its callers make up.
TEST_F(LoginLimiterTest, AThousandFailuresAMinuteOfOneUserFromWherever) {
  LoginLimiter limiter(clock_);
  for (int i = 0; i < 1000; ++i) fail(limiter, 1, "a", "192.0.2." + std::to_string(i));
  EXPECT_EQ(limiter.attempt("a", "198.51.100.1"), Verdict::refused_first);
  EXPECT_EQ(limiter.attempt("b", "198.51.100.1"), Verdict::allowed);
  clock_.now += std::chrono::minutes(1);
  EXPECT_EQ(limiter.attempt("a", "198.51.100.1"), Verdict::allowed);
}

TEST_F(LoginLimiterTest, OneNetworkOfIpv6IsOneAddress) {
  LoginLimiter limiter(clock_);
  for (int i = 0; i < 10; ++i) fail(limiter, 1, "a", "2001:db8::" + std::to_string(i + 1));
  EXPECT_NE(limiter.attempt("a", "2001:db8::ffff"), Verdict::allowed);
  EXPECT_EQ(limiter.attempt("a", "2001:db8:0:1::1"), Verdict::allowed);
}

TEST_F(LoginLimiterTest, FullOfLiveCountersItRefusesAndRecovers) {
  LoginLimits limits;
  limits.entries_max = 5;
  LoginLimiter limiter(clock_, limits);
  fail(limiter, 1, "a", "192.0.2.1");
  fail(limiter, 1, "a", "192.0.2.2");
  EXPECT_EQ(limiter.attempt("a", "192.0.2.3"), Verdict::refused);
  EXPECT_EQ(limiter.attempt("a", "192.0.2.1"), Verdict::allowed) << "known ones are still counted";
  clock_.now += std::chrono::minutes(1);
  EXPECT_EQ(limiter.attempt("a", "192.0.2.3"), Verdict::allowed);
}

}  // namespace
}  // namespace jindou::access
