// Courier against a real server that answers, fails and hangs.
#include "webhook/courier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "http/test_receiver.h"

namespace jindou::webhook {
namespace {

using std::chrono::milliseconds;

class CourierTest : public testing::Test {
 protected:
  CourierTest() {
    options_.retry_min = milliseconds(10);
    options_.retry_max = milliseconds(40);
    options_.attempts_max = 3;
  }

  Dispatch letter(std::string body, std::uint64_t weight = 1) {
    Dispatch dispatch;
    dispatch.letter.body = std::move(body);
    dispatch.letter.id = event_id(Event::notify, dispatch.letter.body);
    dispatch.weight = weight;
    dispatch.newest_seconds = clock_.wall_seconds();
    return dispatch;
  }

  // Rounds until all are settled or a generous number is over.
  void send(std::vector<Dispatch>& letters, int rounds = 500) {
    for (int i = 0; i < rounds; ++i) {
      std::vector<Dispatch*> pointers;
      for (auto& dispatch : letters) pointers.push_back(&dispatch);
      courier_.send(pointers, options_);
      if (std::all_of(letters.begin(), letters.end(),
                      [](const Dispatch& dispatch) { return dispatch.settled; })) {
        return;
      }
      if (rounds > 1) std::this_thread::sleep_for(milliseconds(5));
    }
  }

  SystemClock clock_;
  SystemRandom random_;
  EventCounters counters_;
  WebhookOptions options_;
  Courier courier_{"test", 4, clock_, random_, counters_};
};

TEST_F(CourierTest, SettlesWhatIsDelivered) {
  http::TestReceiver receiver;
  options_.http_addr = receiver.url();
  std::vector<Dispatch> letters{letter("a", 10), letter("b", 5)};
  send(letters, 1);
  EXPECT_TRUE(letters[0].settled);
  EXPECT_EQ(letters[0].outcome, ToldOutcome::delivered);
  EXPECT_GE(letters[0].settled_at_ms, clock_.wall_ms() - 60'000);
  EXPECT_EQ(counters_.sent, 15U);
  EXPECT_EQ(counters_.failed_attempts, 0U);
  EventCounts counts;
  counters_.last_failure.copy_to(counts);
  EXPECT_EQ(counts.last_error, "");
  EXPECT_EQ(counts.last_error_at_ms, 0);
}

TEST_F(CourierTest, RepeatsTheSameLetterWithTheSameIdWhileTheReceiverFails) {
  std::atomic<int> failures{2};
  http::TestReceiver receiver(
      [&](const http::ReceivedCall&) { return failures-- > 0 ? 500 : 200; });
  options_.http_addr = receiver.url();
  std::vector<Dispatch> letters{letter("a")};
  send(letters);
  const auto calls = receiver.calls();
  ASSERT_EQ(calls.size(), 3U);
  for (const auto& call : calls) {
    EXPECT_EQ(call.body, "a");
    EXPECT_EQ(call.headers.at("X-Jindou-Event-Id"), letters[0].letter.id);
  }
  EXPECT_EQ(counters_.sent, 1U);
  EXPECT_EQ(counters_.failed_attempts, 2U);
  EXPECT_FALSE(courier_.receiver_down());
}

TEST_F(CourierTest, AFailingReceiverIsLeftAloneForAWhileThenTriedWithOneLetter) {
  http::TestReceiver receiver([](const http::ReceivedCall&) { return 503; });
  options_.http_addr = receiver.url();
  options_.retry_min = std::chrono::hours(1);
  options_.retry_max = std::chrono::hours(1);
  std::vector<Dispatch> letters;
  for (int i = 0; i < 50; ++i) letters.push_back(letter(std::to_string(i)));
  send(letters, 10);
  EXPECT_TRUE(courier_.receiver_down());
  EXPECT_GT(courier_.not_before(), clock_.steady());
  // Those under way at the same time, and no more.
  EXPECT_LE(receiver.calls().size(), 4U);
}

TEST_F(CourierTest, GivesUpWhatIsRefusedAfterTheAttempts) {
  http::TestReceiver receiver(
      [](const http::ReceivedCall& call) { return call.body == "bad" ? 422 : 200; });
  options_.http_addr = receiver.url();
  std::vector<Dispatch> letters{letter("bad", 7), letter("good")};
  send(letters);
  EXPECT_EQ(counters_.dead_letters, 7U);
  EXPECT_EQ(counters_.sent, 1U);
  EXPECT_EQ(counters_.failed_attempts, 3U);
  // It is still told when all is well again.
  EventCounts counts;
  counters_.last_failure.copy_to(counts);
  EXPECT_EQ(counts.last_error, "status 422");
  EXPECT_GE(counts.last_error_at_ms, clock_.wall_ms() - 60'000);
  const auto calls = receiver.calls();
  EXPECT_EQ(std::count_if(calls.begin(), calls.end(),
                          [](const http::ReceivedCall& call) { return call.body == "bad"; }),
            3);
  EXPECT_FALSE(courier_.receiver_down());
}

TEST_F(CourierTest, GivesUpWhatIsTooOld) {
  options_.http_addr = "http://127.0.0.1:" + std::to_string(http::unused_port());
  options_.max_age = std::chrono::seconds(60);
  std::vector<Dispatch> letters{letter("old", 3)};
  letters[0].newest_seconds -= 61;
  send(letters, 1);
  EXPECT_TRUE(letters[0].settled);
  EXPECT_EQ(letters[0].outcome, ToldOutcome::given_up);
  EXPECT_EQ(counters_.dead_letters, 3U);
  EXPECT_EQ(counters_.failed_attempts, 0U);
}

TEST_F(CourierTest, WhatExpiresWhileItWaitsIsNotTold) {
  http::TestReceiver receiver;
  options_.http_addr = receiver.url();
  std::vector<Dispatch> letters{letter("gone"), letter("still good")};
  letters[0].expires_at = clock_.wall_seconds() - 1;
  letters[1].expires_at = clock_.wall_seconds();
  send(letters, 1);
  EXPECT_TRUE(letters[0].settled);
  EXPECT_EQ(letters[0].outcome, ToldOutcome::expired);
  ASSERT_EQ(receiver.calls().size(), 1U);
  EXPECT_EQ(receiver.calls()[0].body, "still good");
  EXPECT_EQ(counters_.dead_letters, 0U);
}

TEST_F(CourierTest, AnotherReceiverIsTriedAtOnce) {
  options_.http_addr = "http://127.0.0.1:" + std::to_string(http::unused_port());
  options_.retry_min = std::chrono::hours(1);
  options_.retry_max = std::chrono::hours(1);
  std::vector<Dispatch> letters{letter("a")};
  send(letters, 1);
  EXPECT_TRUE(courier_.receiver_down());
  http::TestReceiver receiver;
  options_.http_addr = receiver.url();
  courier_.forget_receiver();
  send(letters, 1);
  EXPECT_TRUE(letters[0].settled);
}

TEST_F(CourierTest, SignatureFitsTheTimestampThatIsSent) {
  http::TestReceiver receiver;
  options_.http_addr = receiver.url();
  options_.secret = "s";
  std::vector<Dispatch> letters{letter("body")};
  send(letters, 1);
  const auto call = receiver.calls().at(0);
  EXPECT_EQ(call.headers.at("X-Jindou-Signature"),
            signature("s", call.headers.at("X-Jindou-Timestamp"), "body"));
}

}  // namespace
}  // namespace jindou::webhook
