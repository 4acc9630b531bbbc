// The gate lets in, keeps out and waits; what stands behind it is never touched while it is away.
#include "store/store_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace jindou::store {
namespace {

constexpr std::chrono::milliseconds kNoPatience{0};
constexpr std::chrono::seconds kGatePatience{60};

TEST(StoreGate, IsShutAtFirstAndWhenAsked) {
  StoreGate gate;
  EXPECT_FALSE(gate.enter());
  gate.open();
  EXPECT_TRUE(gate.enter());
  EXPECT_FALSE(gate.is_shut());
  gate.shut();
  gate.shut();
  EXPECT_TRUE(gate.is_shut());
  EXPECT_FALSE(gate.enter());
}

TEST(StoreGate, WaitsForThoseInside) {
  StoreGate gate;
  gate.open();
  StoreGate::Pass first = gate.enter();
  StoreGate::Pass second = gate.enter();
  gate.shut();
  EXPECT_FALSE(gate.wait_until_empty(kNoPatience));
  first = {};
  EXPECT_FALSE(gate.wait_until_empty(kNoPatience));
  std::thread leaving([pass = std::move(second)]() mutable { pass = {}; });
  EXPECT_TRUE(gate.wait_until_empty(kGatePatience));
  leaving.join();
  gate.open();
  EXPECT_TRUE(gate.enter());
}

TEST(StoreGate, AMovedPassLeavesOnce) {
  StoreGate gate;
  gate.open();
  {
    StoreGate::Pass pass = gate.enter();
    StoreGate::Pass moved = std::move(pass);
    EXPECT_TRUE(moved);
  }
  gate.shut();
  EXPECT_TRUE(gate.wait_until_empty(kNoPatience));
}

// Threads use a number that is taken away and brought back a few hundred times.
TEST(StoreGate, NobodyMeetsWhatIsAway) {
  StoreGate gate;
  auto thing = std::make_unique<int>(0);
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> users;
  for (int i = 0; i < 3; ++i) {
    users.emplace_back([&] {
      while (!stop.load()) {
        const auto pass = gate.enter();
        if (!pass) {
          std::this_thread::yield();
        } else if (!thing || *thing < 0) {
          ++wrong;
        }
      }
    });
  }
  for (int round = 0; round < 300; ++round) {
    gate.open();
    std::this_thread::yield();
    gate.shut();
    ASSERT_TRUE(gate.wait_until_empty(kGatePatience));
    *thing = -1;
    thing = std::make_unique<int>(round);
  }
  stop.store(true);
  for (auto& user : users) user.join();
  EXPECT_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace jindou::store
