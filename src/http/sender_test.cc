// Sender against a real server that answers, fails, hangs and goes away.
#include "http/sender.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "http/test_receiver.h"

namespace jindou::http {
namespace {

using std::chrono::milliseconds;

Call request_to(const std::string& url, std::string body = "{}") {
  Call request;
  request.url = url;
  request.body = std::move(body);
  request.headers = {"Content-Type: application/json"};
  return request;
}

std::vector<CallAnswer> send_all(Sender& sender, const std::vector<Call>& requests) {
  std::vector<CallAnswer> answers(requests.size());
  sender.send_all(requests, [&](std::size_t index, CallAnswer answer) {
    answers[index] = std::move(answer);
    return true;
  });
  return answers;
}

TEST(SenderTest, PostsBodyAndHeaders) {
  TestReceiver receiver;
  Sender sender(2, 1000);
  const auto answers = send_all(sender, {request_to(receiver.url() + "?a=b", "hello")});
  EXPECT_EQ(answers[0].status, 200);
  const auto call = receiver.calls().at(0);
  EXPECT_EQ(call.body, "hello");
  EXPECT_EQ(call.target, "/hook?a=b");
  EXPECT_EQ(call.headers.at("Content-Type"), "application/json");
}

TEST(SenderTest, ReportsEveryStatusAndFollowsNoRedirect) {
  std::atomic<int> next{0};
  const std::vector<int> statuses{200, 204, 302, 404, 500, 503};
  TestReceiver receiver(
      [&](const ReceivedCall&) { return statuses[static_cast<std::size_t>(next++)]; });
  Sender sender(1, 1000);
  for (const int status : statuses) {
    EXPECT_EQ(send_all(sender, {request_to(receiver.url())})[0].status, status);
  }
}

TEST(SenderTest, SendsBodiesOfMegabytes) {
  TestReceiver receiver;
  Sender sender(1, 1000);
  const std::string body(900'000, 'x');  // below the limit of the test's own parser
  EXPECT_EQ(send_all(sender, {request_to(receiver.url(), body)})[0].status, 200);
  EXPECT_EQ(receiver.calls().at(0).body, body);
}

TEST(SenderTest, NobodyListeningIsNoAnswer) {
  Sender sender(1, 1000);
  const auto answers =
      send_all(sender, {request_to("http://127.0.0.1:" + std::to_string(unused_port()))});
  EXPECT_EQ(answers[0].status, 0);
  EXPECT_FALSE(answers[0].error.empty());
}

TEST(SenderTest, AClosedConnectionIsNoAnswer) {
  TestReceiver receiver([](const ReceivedCall&) { return TestReceiver::kClose; });
  Sender sender(1, 1000);
  EXPECT_EQ(send_all(sender, {request_to(receiver.url())})[0].status, 0);
}

TEST(SenderTest, GivesUpAfterTheTimeout) {
  TestReceiver receiver([](const ReceivedCall&) { return TestReceiver::kHang; });
  Sender sender(1, 1000);
  auto request = request_to(receiver.url());
  request.timeout = milliseconds(50);
  EXPECT_EQ(send_all(sender, {request})[0].status, 0);
}

TEST(SenderTest, RefusesOtherProtocols) {
  Sender sender(1, 1000);
  EXPECT_EQ(send_all(sender, {request_to("file:///etc/hostname")})[0].status, 0);
}

TEST(SenderTest, SendsAtTheSameTimeOverFewConnections) {
  TestReceiver receiver;
  Sender sender(4, 1000);
  std::vector<Call> requests;
  for (int i = 0; i < 20; ++i) requests.push_back(request_to(receiver.url(), std::to_string(i)));
  const auto answers = send_all(sender, requests);
  EXPECT_TRUE(std::all_of(answers.begin(), answers.end(),
                          [](const CallAnswer& answer) { return answer.status == 200; }));
  std::set<std::string> bodies;
  for (const auto& call : receiver.calls()) bodies.insert(call.body);
  EXPECT_EQ(bodies.size(), 20U);
}

TEST(SenderTest, MakesARequestWhenItIsStarted) {
  TestReceiver receiver;
  Sender sender(2, 1000);
  std::size_t in_memory = 0;
  std::size_t most = 0;
  std::size_t answered = 0;
  sender.send_all(
      20,
      [&](std::size_t index) {
        most = std::max(most, ++in_memory);
        return request_to(receiver.url(), std::to_string(index));
      },
      [&](std::size_t, const CallAnswer& answer) {
        EXPECT_EQ(answer.status, 200);
        --in_memory;
        ++answered;
        return true;
      });
  EXPECT_EQ(answered, 20U);
  EXPECT_EQ(most, 2U);
}

TEST(SenderTest, StartsNoMoreWhenTold) {
  TestReceiver receiver;
  Sender sender(1, 1000);
  int answered = 0;
  sender.send_all({request_to(receiver.url()), request_to(receiver.url())},
                  [&](std::size_t, const CallAnswer&) {
                    ++answered;
                    return false;
                  });
  EXPECT_EQ(answered, 1);
  EXPECT_EQ(receiver.calls().size(), 1U);
}

TEST(SenderTest, StopEndsASendThatHangs) {
  TestReceiver receiver([](const ReceivedCall&) { return TestReceiver::kHang; });
  Sender sender(1, 1000);
  std::thread sending([&] {
    sender.send_all({request_to(receiver.url())}, [](std::size_t, const CallAnswer&) {
      ADD_FAILURE() << "an answer";
      return true;
    });
  });
  EXPECT_TRUE(receiver.wait_for_calls(1));
  sender.stop();
  sending.join();
}

}  // namespace
}  // namespace jindou::http
