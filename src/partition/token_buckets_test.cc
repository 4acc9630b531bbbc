#include "partition/token_buckets.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace jindou::partition {
namespace {

using namespace std::chrono_literals;
using TimePoint = TokenBuckets::TimePoint;

constexpr Rate kTen{10, 20};  // a token every 100 ms

TimePoint at(std::chrono::nanoseconds since) {
  return TimePoint(std::chrono::hours(1)) + std::chrono::duration_cast<TimePoint::duration>(since);
}

class TokenBucketsTest : public ::testing::Test {
 protected:
  TokenBuckets::Wait take(const std::string& who, std::uint64_t tokens,
                          std::chrono::nanoseconds since, const Rate& rate = kTen) {
    return buckets_.take(buckets_.id_of(1, who), rate, tokens, at(since));
  }
  std::uint64_t level(const std::string& who, std::chrono::nanoseconds since,
                      const Rate& rate = kTen) {
    return buckets_.level(buckets_.id_of(1, who), rate, at(since)).tokens;
  }
  TokenBuckets buckets_{std::size_t{1} << 20, 7};
};

TEST_F(TokenBucketsTest, AFullBucketGivesItsBurstAtOnceAndThenItsRate) {
  EXPECT_EQ(level("a", 0s), 20U);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(take("a", 1, 0s), 0ns) << i;
  EXPECT_EQ(level("a", 0s), 0U);
  EXPECT_EQ(take("a", 1, 0s), 100ms);
  EXPECT_EQ(take("a", 1, 99ms), 1ms);
  EXPECT_EQ(take("a", 1, 100ms), 0ns);
  EXPECT_EQ(take("a", 1, 100ms), 100ms);
  EXPECT_EQ(level("a", 2100ms), 20U);
  EXPECT_EQ(level("a", 100h), 20U) << "never more";
}

TEST_F(TokenBucketsTest, ARefusalTakesNothing) {
  EXPECT_EQ(take("a", 15, 0s), 0ns);
  EXPECT_EQ(take("a", 6, 0s), 100ms);
  EXPECT_EQ(take("a", 5, 0s), 0ns);
  EXPECT_EQ(take("a", 21, 100h), 100ms) << "more than there ever are";
  EXPECT_EQ(level("a", 100h), 20U);
}

TEST_F(TokenBucketsTest, HoldersDoNotMeet) {
  EXPECT_EQ(take("a", 20, 0s), 0ns);
  EXPECT_EQ(take("b", 20, 0s), 0ns);
  EXPECT_EQ(buckets_.take(buckets_.id_of(2, "a"), kTen, 20, at(0s)), 0ns);
  EXPECT_NE(take("a", 1, 0s), 0ns);
}

TEST_F(TokenBucketsTest, TakesWhatThereIs) {
  const auto id = buckets_.id_of(1, "a");
  EXPECT_EQ(buckets_.take_up_to(id, kTen, 15, at(0s)), 15U);
  EXPECT_EQ(buckets_.take_up_to(id, kTen, 15, at(0s)), 5U);
  EXPECT_EQ(buckets_.take_up_to(id, kTen, 15, at(0s)), 0U);
  EXPECT_EQ(buckets_.take_up_to(id, kTen, 15, at(350ms)), 3U);
  EXPECT_EQ(buckets_.wait_for(id, kTen, 1, at(350ms)), 50ms);
  EXPECT_EQ(buckets_.wait_for(id, kTen, 2, at(350ms)), 150ms);
  buckets_.give_back(id, kTen, 3, at(350ms));
  EXPECT_EQ(level("a", 350ms), 3U);
  buckets_.give_back(id, kTen, 1000, at(350ms));
  EXPECT_EQ(level("a", 350ms), 20U) << "never more";
}

TEST_F(TokenBucketsTest, TellsWhenItIsFull) {
  take("a", 5, 0s);
  const auto level = buckets_.level(buckets_.id_of(1, "a"), kTen, at(100ms));
  EXPECT_EQ(level.tokens, 16U);
  EXPECT_EQ(level.until_full, 400ms);
}

TEST_F(TokenBucketsTest, AnotherRateGoesOnFromTheTimeThatIsOwed) {
  take("a", 20, 0s);
  const Rate faster{100, 100};
  EXPECT_EQ(level("a", 0s, faster), 0U);
  EXPECT_EQ(level("a", 1s, faster), 0U) << "two seconds are owed, of which one is the most";
  EXPECT_EQ(level("a", 1500ms, faster), 50U);
  const Rate slower{1, 1};
  EXPECT_EQ(take("a", 1, 1s, slower), 1s);
  EXPECT_EQ(take("a", 1, 2s, slower), 0ns);
}

TEST_F(TokenBucketsTest, TheLargestRatesDoNotOverflow) {
  const Rate most{kRatePerSecondMax, kRateBurstMax};
  const Rate slow{1, kRateBurstMax};
  EXPECT_EQ(take("a", kRateBurstMax, 0s, slow), 0ns);
  EXPECT_EQ(take("a", 1, 0s, slow), 1s);
  EXPECT_EQ(take("b", ~std::uint64_t{0}, 0s, most), 0ns) << "counted as the largest burst";
  EXPECT_EQ(take("b", 1, 0s, most), 1us);
}

TEST(TokenBucketsMemory, FullBucketsGiveWayAndNobodyNotices) {
  TokenBuckets buckets(0, 7);
  EXPECT_EQ(buckets.bytes_max(), std::size_t{12} << 10);
  // Far more holders than places, each long after the one before.
  for (int i = 0; i < 20'000; ++i) {
    const auto id = buckets.id_of(1, std::to_string(i));
    EXPECT_EQ(buckets.take(id, kTen, 20, at(std::chrono::seconds(2) * i)), 0ns);
  }
  EXPECT_EQ(buckets.given_up(), 0U);
}

TEST(TokenBucketsMemory, WithoutRoomTheOneThatIsFullSoonestIsForgotten) {
  TokenBuckets buckets(0, 7);
  const auto name = [&buckets](int i) { return buckets.id_of(1, std::to_string(i)); };
  for (int i = 0; i < 5'000; ++i) EXPECT_EQ(buckets.take(name(i), kTen, 1, at(0s)), 0ns);
  EXPECT_GE(buckets.given_up(), 5'000U - 512);
  // Those that owe much outlast those that owe little.
  EXPECT_EQ(buckets.take(name(9'999), kTen, 20, at(0s)), 0ns);
  for (int i = 0; i < 5'000; ++i) EXPECT_EQ(buckets.take(name(i), kTen, 1, at(0s)), 0ns);
  EXPECT_EQ(buckets.level(name(9'999), kTen, at(0s)).tokens, 0U);
}

TEST(TokenBucketsMemory, AReadTakesNoPlace) {
  TokenBuckets buckets(0, 7);
  const auto id = buckets.id_of(1, "a");
  EXPECT_EQ(buckets.level(id, kTen, at(0s)).tokens, 20U);
  EXPECT_EQ(buckets.wait_for(id, kTen, 20, at(0s)), 0ns);
  buckets.give_back(id, kTen, 5, at(0s));
  EXPECT_EQ(buckets.take_up_to(id, kTen, 0, at(0s)), 0U);
  EXPECT_EQ(buckets.given_up(), 0U);
}

TEST(TokenBucketsThreads, AllOfThemTogetherGetTheBurst) {
  TokenBuckets buckets(std::size_t{1} << 16, 7);
  const Rate rate{1, 10'000};
  const auto id = buckets.id_of(1, "a");
  std::atomic<std::uint64_t> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 5'000; ++n) {
        if (buckets.take(id, rate, 1, at(0s)).count() == 0) ++taken;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(taken.load(), 10'000U);
}

}  // namespace
}  // namespace jindou::partition
