// HttpSender and Courier against a real server that answers, fails, hangs and goes away.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "webhook/courier.h"
#include "webhook/http_sender.h"
#include "webhook/test_receiver.h"

namespace jindou::webhook {
namespace {

using std::chrono::milliseconds;

HttpRequest request_to(const std::string& url, std::string body = "{}") {
  HttpRequest request;
  request.url = url;
  request.body = std::move(body);
  request.headers = {"Content-Type: application/json"};
  return request;
}

std::vector<HttpAnswer> send_all(HttpSender& sender, const std::vector<HttpRequest>& requests) {
  std::vector<HttpAnswer> answers(requests.size());
  sender.send_all(requests, [&](std::size_t index, HttpAnswer answer) {
    answers[index] = std::move(answer);
    return true;
  });
  return answers;
}

TEST(HttpSenderTest, PostsBodyAndHeaders) {
  TestReceiver receiver;
  HttpSender sender(2, 1000);
  const auto answers = send_all(sender, {request_to(receiver.url() + "?a=b", "hello")});
  EXPECT_EQ(answers[0].status, 200);
  const auto call = receiver.calls().at(0);
  EXPECT_EQ(call.body, "hello");
  EXPECT_EQ(call.target, "/hook?a=b");
  EXPECT_EQ(call.headers.at("Content-Type"), "application/json");
}

TEST(HttpSenderTest, ReportsEveryStatusAndFollowsNoRedirect) {
  std::atomic<int> next{0};
  const std::vector<int> statuses{200, 204, 302, 404, 500, 503};
  TestReceiver receiver(
      [&](const ReceivedCall&) { return statuses[static_cast<std::size_t>(next++)]; });
  HttpSender sender(1, 1000);
  for (const int status : statuses) {
    EXPECT_EQ(send_all(sender, {request_to(receiver.url())})[0].status, status);
  }
}

TEST(HttpSenderTest, SendsBodiesOfMegabytes) {
  TestReceiver receiver;
  HttpSender sender(1, 1000);
  const std::string body(900'000, 'x');  // below the limit of the test's own parser
  EXPECT_EQ(send_all(sender, {request_to(receiver.url(), body)})[0].status, 200);
  EXPECT_EQ(receiver.calls().at(0).body, body);
}

TEST(HttpSenderTest, NobodyListeningIsNoAnswer) {
  HttpSender sender(1, 1000);
  const auto answers =
      send_all(sender, {request_to("http://127.0.0.1:" + std::to_string(unused_port()))});
  EXPECT_EQ(answers[0].status, 0);
  EXPECT_FALSE(answers[0].error.empty());
}

TEST(HttpSenderTest, AClosedConnectionIsNoAnswer) {
  TestReceiver receiver([](const ReceivedCall&) { return TestReceiver::kClose; });
  HttpSender sender(1, 1000);
  EXPECT_EQ(send_all(sender, {request_to(receiver.url())})[0].status, 0);
}

TEST(HttpSenderTest, GivesUpAfterTheTimeout) {
  TestReceiver receiver([](const ReceivedCall&) { return TestReceiver::kHang; });
  HttpSender sender(1, 1000);
  auto request = request_to(receiver.url());
  request.timeout = milliseconds(50);
  EXPECT_EQ(send_all(sender, {request})[0].status, 0);
}

TEST(HttpSenderTest, RefusesOtherProtocols) {
  HttpSender sender(1, 1000);
  EXPECT_EQ(send_all(sender, {request_to("file:///etc/hostname")})[0].status, 0);
}

TEST(HttpSenderTest, SendsAtTheSameTimeOverFewConnections) {
  TestReceiver receiver;
  HttpSender sender(4, 1000);
  std::vector<HttpRequest> requests;
  for (int i = 0; i < 20; ++i) requests.push_back(request_to(receiver.url(), std::to_string(i)));
  const auto answers = send_all(sender, requests);
  EXPECT_TRUE(std::all_of(answers.begin(), answers.end(),
                          [](const HttpAnswer& answer) { return answer.status == 200; }));
  std::set<std::string> bodies;
  for (const auto& call : receiver.calls()) bodies.insert(call.body);
  EXPECT_EQ(bodies.size(), 20U);
}

TEST(HttpSenderTest, MakesARequestWhenItIsStarted) {
  TestReceiver receiver;
  HttpSender sender(2, 1000);
  std::size_t in_memory = 0;
  std::size_t most = 0;
  std::size_t answered = 0;
  sender.send_all(
      20,
      [&](std::size_t index) {
        most = std::max(most, ++in_memory);
        return request_to(receiver.url(), std::to_string(index));
      },
      [&](std::size_t, const HttpAnswer& answer) {
        EXPECT_EQ(answer.status, 200);
        --in_memory;
        ++answered;
        return true;
      });
  EXPECT_EQ(answered, 20U);
  EXPECT_EQ(most, 2U);
}

TEST(HttpSenderTest, StartsNoMoreWhenTold) {
  TestReceiver receiver;
  HttpSender sender(1, 1000);
  int answered = 0;
  sender.send_all({request_to(receiver.url()), request_to(receiver.url())},
                  [&](std::size_t, const HttpAnswer&) {
                    ++answered;
                    return false;
                  });
  EXPECT_EQ(answered, 1);
  EXPECT_EQ(receiver.calls().size(), 1U);
}

TEST(HttpSenderTest, StopEndsASendThatHangs) {
  TestReceiver receiver([](const ReceivedCall&) { return TestReceiver::kHang; });
  HttpSender sender(1, 1000);
  std::thread sending([&] {
    sender.send_all({request_to(receiver.url())}, [](std::size_t, const HttpAnswer&) {
      ADD_FAILURE() << "an answer";
      return true;
    });
  });
  EXPECT_TRUE(receiver.wait_for_calls(1));
  sender.stop();
  sending.join();
}

// ---- courier ---------------------------------------------------------------------------------

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
  TestReceiver receiver;
  options_.http_addr = receiver.url();
  std::vector<Dispatch> letters{letter("a", 10), letter("b", 5)};
  send(letters, 1);
  EXPECT_TRUE(letters[0].settled);
  EXPECT_EQ(counters_.sent, 15U);
  EXPECT_EQ(counters_.failed_attempts, 0U);
}

TEST_F(CourierTest, RepeatsTheSameLetterWithTheSameIdWhileTheReceiverFails) {
  std::atomic<int> failures{2};
  TestReceiver receiver([&](const ReceivedCall&) { return failures-- > 0 ? 500 : 200; });
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
  TestReceiver receiver([](const ReceivedCall&) { return 503; });
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
  TestReceiver receiver([](const ReceivedCall& call) { return call.body == "bad" ? 422 : 200; });
  options_.http_addr = receiver.url();
  std::vector<Dispatch> letters{letter("bad", 7), letter("good")};
  send(letters);
  EXPECT_EQ(counters_.dead_letters, 7U);
  EXPECT_EQ(counters_.sent, 1U);
  EXPECT_EQ(counters_.failed_attempts, 3U);
  const auto calls = receiver.calls();
  EXPECT_EQ(std::count_if(calls.begin(), calls.end(),
                          [](const ReceivedCall& call) { return call.body == "bad"; }),
            3);
  EXPECT_FALSE(courier_.receiver_down());
}

TEST_F(CourierTest, GivesUpWhatIsTooOld) {
  options_.http_addr = "http://127.0.0.1:" + std::to_string(unused_port());
  options_.max_age = std::chrono::seconds(60);
  std::vector<Dispatch> letters{letter("old", 3)};
  letters[0].newest_seconds -= 61;
  send(letters, 1);
  EXPECT_TRUE(letters[0].settled);
  EXPECT_EQ(counters_.dead_letters, 3U);
  EXPECT_EQ(counters_.failed_attempts, 0U);
}

TEST_F(CourierTest, WhatExpiresWhileItWaitsIsNotTold) {
  TestReceiver receiver;
  options_.http_addr = receiver.url();
  std::vector<Dispatch> letters{letter("gone"), letter("still good")};
  letters[0].expires_at = clock_.wall_seconds() - 1;
  letters[1].expires_at = clock_.wall_seconds();
  send(letters, 1);
  EXPECT_TRUE(letters[0].settled);
  ASSERT_EQ(receiver.calls().size(), 1U);
  EXPECT_EQ(receiver.calls()[0].body, "still good");
  EXPECT_EQ(counters_.dead_letters, 0U);
}

TEST_F(CourierTest, AnotherReceiverIsTriedAtOnce) {
  options_.http_addr = "http://127.0.0.1:" + std::to_string(unused_port());
  options_.retry_min = std::chrono::hours(1);
  options_.retry_max = std::chrono::hours(1);
  std::vector<Dispatch> letters{letter("a")};
  send(letters, 1);
  EXPECT_TRUE(courier_.receiver_down());
  TestReceiver receiver;
  options_.http_addr = receiver.url();
  courier_.forget_receiver();
  send(letters, 1);
  EXPECT_TRUE(letters[0].settled);
}

TEST_F(CourierTest, SignatureFitsTheTimestampThatIsSent) {
  TestReceiver receiver;
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
