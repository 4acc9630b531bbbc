// The time of changes: nothing that was named as stable is overtaken by a later change, whatever
// the wall clock does.
#include "store/commit_horizon.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace jindou::store {
namespace {

class HandClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return ns / 1'000'000; }
  std::int64_t wall_ns() const override { return ns; }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(ns));
  }
  std::int64_t ns = 1'000'000;
};

constexpr std::int64_t kSecondNs = 1'000'000'000;

class CommitHorizonTest : public ::testing::Test {
 protected:
  HandClock clock_;
  CommitHorizon horizon_{clock_, 2};
};

TEST_F(CommitHorizonTest, FollowsTheClock) {
  EXPECT_EQ(horizon_.stable_ns(), clock_.ns - 1);
  clock_.ns += 1000;
  EXPECT_EQ(horizon_.stable_ns(), clock_.ns - 1);
}

TEST_F(CommitHorizonTest, StaysBeforeWhatIsPending) {
  horizon_.begin(PartitionId{1});
  const std::int64_t begun = horizon_.now_ns();
  clock_.ns += 1000;
  EXPECT_LT(horizon_.stable_ns(), begun);
  horizon_.finish(PartitionId{1});
  EXPECT_EQ(horizon_.stable_ns(), clock_.ns - 1);
}

// It may be found when the store is open again.
TEST_F(CommitHorizonTest, StaysBeforeWhatMayHaveBeenWritten) {
  horizon_.begin(PartitionId{1});
  const std::int64_t begun = horizon_.now_ns();
  clock_.ns += 1000;
  horizon_.begin(PartitionId{1});
  horizon_.doubt(PartitionId{1});
  horizon_.doubt(PartitionId{1});
  // By a partition that is read anew before the store is open again.
  horizon_.reset(PartitionId{1}, clock_.ns);
  clock_.ns += 1000;
  EXPECT_LT(horizon_.stable_ns(), begun);
  horizon_.clear_doubt(PartitionId{0});
  EXPECT_LT(horizon_.stable_ns(), begun);
  horizon_.clear_doubts();
  EXPECT_EQ(horizon_.stable_ns(), clock_.ns - 1);
}

TEST_F(CommitHorizonTest, NamesNothingThatALaterChangeFallsBefore) {
  const std::int64_t named = horizon_.stable_ns();
  clock_.ns -= 500;
  horizon_.begin(PartitionId{0});
  EXPECT_GT(horizon_.now_ns(), named);
  EXPECT_GE(horizon_.stable_ns(), named);
}

TEST_F(CommitHorizonTest, BeginsBehindWhatWasGivenOutBeforeARestart) {
  horizon_.raise(clock_.ns + 5000);
  EXPECT_EQ(horizon_.now_ns(), clock_.ns + 5000);
  EXPECT_EQ(horizon_.stable_ns(), clock_.ns + 5000 - 1);
  horizon_.raise(clock_.ns);
  EXPECT_EQ(horizon_.now_ns(), clock_.ns + 5000);
  clock_.ns += 6000;
  EXPECT_EQ(horizon_.now_ns(), clock_.ns);
}

TEST_F(CommitHorizonTest, NamesOnlyWhatIsReserved) {
  std::vector<std::int64_t> asked;
  bool can = true;
  horizon_.raise(500'000);
  horizon_.set_reserve([&](std::int64_t until) {
    asked.push_back(until);
    return can;
  });
  EXPECT_EQ(horizon_.stable_ns(), clock_.ns - 1);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_GT(asked[0], clock_.ns);
  clock_.ns = asked[0];
  EXPECT_EQ(horizon_.stable_ns(), clock_.ns - 1) << "reserved ahead";
  EXPECT_EQ(asked.size(), 1U);
  can = false;
  clock_.ns += 1000;
  EXPECT_EQ(horizon_.stable_ns(), asked[0] - 1) << "stands still";
  EXPECT_EQ(asked.size(), 2U);
  can = true;
  clock_.ns += kSecondNs;
  EXPECT_EQ(horizon_.stable_ns(), clock_.ns - 1);
}

TEST_F(CommitHorizonTest, ReservesOnceMoreWhenAPartitionHasCome) {
  int asked = 0;
  horizon_.set_reserve([&](std::int64_t) {
    ++asked;
    return true;
  });
  horizon_.stable_ns();
  horizon_.stable_ns();
  EXPECT_EQ(asked, 1);
  horizon_.reset(PartitionId{1}, 0);
  EXPECT_EQ(horizon_.stable_ns(), clock_.ns - 1);
  EXPECT_EQ(asked, 2);
  horizon_.stable_ns();
  EXPECT_EQ(asked, 2);
}

// Each attempt waits for the disk: readers who come while it hangs do not queue up for one each.
TEST_F(CommitHorizonTest, AFailedReservationIsNotTriedAgainByEverybodyWhoWaitedForIt) {
  std::atomic<int> asked{0};
  std::atomic<bool> can{false};
  horizon_.raise(500'000);
  horizon_.set_reserve([&](std::int64_t) {
    ++asked;
    return can.load();
  });
  std::vector<std::thread> readers;
  std::atomic<int> stood_still{0};
  for (int i = 0; i < 8; ++i) {
    readers.emplace_back([&] { stood_still += horizon_.stable_ns() == 500'000 - 1 ? 1 : 0; });
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(stood_still, 8);
  clock_.ns += kSecondNs;
  EXPECT_EQ(horizon_.stable_ns(), 500'000 - 1);
  EXPECT_EQ(asked, 2) << "a second later";
  // One that comes may be what was missing.
  can = true;
  horizon_.reset(PartitionId{1}, 0);
  EXPECT_EQ(horizon_.stable_ns(), clock_.ns - 1);
  EXPECT_EQ(asked, 3);
}

// What is reserved in the others is not in one that has come: another node may open it next, whose
// clock is behind.
TEST_F(CommitHorizonTest, NamesNothingBeyondWhatAPartitionHasThatHasCome) {
  bool can = true;
  horizon_.set_reserve([&can](std::int64_t) { return can; });
  EXPECT_EQ(horizon_.stable_ns(), clock_.ns - 1);
  can = false;
  horizon_.reset(PartitionId{1}, 7'000);
  horizon_.reset(PartitionId{0}, 9'000);
  EXPECT_EQ(horizon_.stable_ns(), 7'000 - 1);
  can = true;
  clock_.ns += kSecondNs;
  EXPECT_EQ(horizon_.stable_ns(), clock_.ns - 1);
  can = false;
  EXPECT_EQ(horizon_.stable_ns(), clock_.ns - 1) << "reserved in all of them";
}

}  // namespace
}  // namespace jindou::store
