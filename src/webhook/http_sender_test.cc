// HttpSender against a real server that answers, fails, hangs and goes away.
#include "webhook/http_sender.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <thread>

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

}  // namespace
}  // namespace jindou::webhook
