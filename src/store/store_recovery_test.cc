// The recovery tries until it succeeds, tells once, and can be stopped at any time.
#include "store/store_recovery.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>

namespace jindou::store {
namespace {

constexpr RecoveryPauses kShort{std::chrono::milliseconds(1), std::chrono::milliseconds(2),
                                std::chrono::milliseconds(0)};

TEST(StoreRecovery, TriesUntilTheStoreOpens) {
  std::atomic<int> tries{0};
  std::atomic<int> told{0};
  std::promise<void> done;
  StoreRecovery recovery(
      [&]() -> Result<void> {
        if (++tries < 4) return Error(Errc::storage, "no room");
        return {};
      },
      [&] {
        ++told;
        done.set_value();
      },
      kShort);
  recovery.begin();
  done.get_future().wait();
  EXPECT_EQ(tries.load(), 4);
  recovery.stop();
  EXPECT_EQ(told.load(), 1);
  EXPECT_EQ(recovery.obstacle(), "no room");
}

TEST(StoreRecovery, CanBeginAgain) {
  std::atomic<int> told{0};
  std::promise<void> first;
  std::promise<void> second;
  StoreRecovery recovery([]() -> Result<void> { return {}; },
                         [&] { (++told == 1 ? first : second).set_value(); }, kShort);
  recovery.begin();
  first.get_future().wait();
  recovery.begin();
  second.get_future().wait();
  EXPECT_EQ(told.load(), 2);
}

TEST(StoreRecovery, DoesNothingBeforeItIsAskedAndStopsInAPause) {
  std::atomic<int> tries{0};
  {
    StoreRecovery recovery(
        [&]() -> Result<void> {
          ++tries;
          return {};
        },
        [] {}, RecoveryPauses{std::chrono::hours(1), std::chrono::hours(1), {}});
    recovery.begin();
  }
  EXPECT_EQ(tries.load(), 0);
}

}  // namespace
}  // namespace jindou::store
