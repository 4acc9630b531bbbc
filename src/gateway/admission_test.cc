// Counts and rates per address and of all, with a clock that the test moves.
#include "gateway/admission.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace jindou::gateway {
namespace {

using std::chrono::milliseconds;

class TestClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return 0; }
  std::chrono::steady_clock::time_point steady() const override { return now; }
  std::chrono::steady_clock::time_point now{std::chrono::hours(1)};
};

runtime::IpAddress ip(const std::string& text) { return boost::asio::ip::make_address(text); }

class AdmissionTest : public testing::Test {
 protected:
  // Admits and keeps the place.
  Refusal enter(const std::string& address) {
    AdmissionPlace place;
    const Refusal refusal = admission_.admit(ip(address), place);
    if (place.held()) places_.push_back(std::move(place));
    return refusal;
  }
  // How many of `attempts` that come and go at once are admitted.
  int pass(const std::string& address, int attempts) {
    int admitted = 0;
    for (int i = 0; i < attempts; ++i) {
      AdmissionPlace place;
      if (admission_.admit(ip(address), place) == Refusal::none) ++admitted;
    }
    return admitted;
  }

  TestClock clock_;
  AdmissionLimits limits_;
  Admission admission_{clock_, limits_};
  std::vector<AdmissionPlace> places_;
};

TEST_F(AdmissionTest, WithoutLimitsEverybodyComesIn) {
  EXPECT_EQ(pass("192.0.2.1", 1000), 1000);
  EXPECT_EQ(admission_.entry_count(), 0U);
}

TEST_F(AdmissionTest, ConnectionsOfOneAddressAreCountedWhileTheyLast) {
  limits_.connections_per_address.set(2);
  EXPECT_EQ(enter("192.0.2.1"), Refusal::none);
  EXPECT_EQ(enter("192.0.2.1"), Refusal::none);
  EXPECT_EQ(enter("192.0.2.1"), Refusal::address_connections);
  EXPECT_EQ(enter("192.0.2.2"), Refusal::none);
  places_.erase(places_.begin());
  EXPECT_EQ(enter("192.0.2.1"), Refusal::none);
  EXPECT_EQ(enter("192.0.2.1"), Refusal::address_connections);
}

TEST_F(AdmissionTest, ANewLimitCountsConnectionsThatAreOpenAlready) {
  EXPECT_EQ(enter("192.0.2.1"), Refusal::none);
  EXPECT_EQ(enter("192.0.2.1"), Refusal::none);
  limits_.connections_per_address.set(2);
  EXPECT_EQ(enter("192.0.2.1"), Refusal::address_connections);
}

TEST_F(AdmissionTest, AnIpv6NetworkIsOneAddress) {
  limits_.connections_per_address.set(1);
  EXPECT_EQ(enter("2001:db8::1"), Refusal::none);
  EXPECT_EQ(enter("2001:db8::2"), Refusal::address_connections);
  EXPECT_EQ(enter("2001:db8:0:1::2"), Refusal::none);
}

TEST_F(AdmissionTest, ARateAllowsASecondsWorthAtOnceAndThenTheRate) {
  limits_.handshakes_per_address_per_second.set(10);
  EXPECT_EQ(pass("192.0.2.1", 100), 10);
  EXPECT_EQ(pass("192.0.2.2", 100), 10);
  clock_.now += milliseconds(250);
  EXPECT_EQ(pass("192.0.2.1", 100), 2);
  clock_.now += milliseconds(50);
  EXPECT_EQ(pass("192.0.2.1", 100), 1);
  clock_.now += std::chrono::hours(1);
  EXPECT_EQ(pass("192.0.2.1", 100), 10);
}

TEST_F(AdmissionTest, AFloodFromOneAddressLeavesTheCommonRateToOthers) {
  limits_.handshakes_per_second.set(20);
  limits_.handshakes_per_address_per_second.set(5);
  EXPECT_EQ(pass("192.0.2.1", 1000), 5);
  EXPECT_EQ(pass("192.0.2.2", 5), 5);
  EXPECT_EQ(pass("192.0.2.3", 5), 5);
  EXPECT_EQ(pass("192.0.2.4", 5), 5);
  EXPECT_EQ(enter("192.0.2.5"), Refusal::rate);
  EXPECT_EQ(enter("192.0.2.1"), Refusal::address_rate);
}

TEST_F(AdmissionTest, ForgetsAddressesThatAreGone) {
  limits_.handshakes_per_address_per_second.set(1);
  for (int i = 0; i < 10'000; ++i) {
    pass("10." + std::to_string(i / 65536) + '.' + std::to_string(i / 256 % 256) + '.' +
             std::to_string(i % 256),
         1);
  }
  EXPECT_EQ(admission_.entry_count(), 10'000U);
  EXPECT_EQ(enter("192.0.2.1"), Refusal::none);
  clock_.now += std::chrono::seconds(2);
  EXPECT_EQ(admission_.entry_count(), 1U);
  places_.clear();
  EXPECT_EQ(admission_.entry_count(), 0U);
}

TEST_F(AdmissionTest, CountsExactlyOnManyThreads) {
  limits_.connections_per_address.set(100);
  std::atomic<int> admitted{0};
  std::vector<std::vector<AdmissionPlace>> places(4);
  std::vector<std::thread> threads;
  for (auto& own : places) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        AdmissionPlace place;
        if (admission_.admit(ip("192.0.2.1"), place) != Refusal::none) continue;
        ++admitted;
        own.push_back(std::move(place));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(admitted, 100);
}

}  // namespace
}  // namespace jindou::gateway
