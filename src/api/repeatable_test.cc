// Requests with an Idempotency-Key, over the real core and store.
#include "api/repeatable.h"

#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/routes_fixture.h"
#include "model/job.h"
#include "partition/job_commands.h"

namespace jindou::api {
namespace {

class RepeatableRequests : public RoutesTest {
 protected:
  static Headers key(const std::string& text) { return {{"Idempotency-Key", text}}; }
  Answer batch(const std::string& body, const Headers& headers) {
    return call(Verb::post, "/message/sendbatch", body, "", headers);
  }
  static std::string without_number(const std::string& channel_id, const std::string& payload) {
    return R"({"from_uid":"u1","channel_id":")" + channel_id + R"(","channel_type":2,"payload":")" +
           payload + R"("})";
  }
  static std::string two() {
    return "[" + without_number("g1", "aGk=") + "," + without_number("g2", "aGk=") + "]";
  }
};

TEST_F(RepeatableRequests, ARepeatIsAnsweredAsTheFirstWas) {
  const Answer first = batch(two(), key("k1"));
  ASSERT_EQ(first.status, 200U) << first.body;
  EXPECT_FALSE(has(first.headers, "Idempotency-Replay"));
  for (int i = 0; i < 3; ++i) {
    const Answer repeat = batch(two(), key("k1"));
    EXPECT_EQ(repeat.status, 200U);
    EXPECT_EQ(repeat.body, first.body);
    EXPECT_TRUE(has(repeat.headers, "Idempotency-Replay: true\r\n"));
  }
  EXPECT_EQ(max_seq("g1"), R"({"message_seq":1})");
  EXPECT_EQ(max_seq("g2"), R"({"message_seq":1})");
}

TEST_F(RepeatableRequests, QuotesAroundAKeyAreNotPartOfIt) {
  const Answer first = batch(two(), key("\"k1\""));
  EXPECT_EQ(batch(two(), key("k1")).body, first.body);
  EXPECT_EQ(max_seq("g1"), R"({"message_seq":1})");
}

TEST_F(RepeatableRequests, AnAnswerOutlivesTheTemplatesOfItsRequest) {
  ASSERT_EQ(status("/templates", R"({"name":"hi","payload":{"type":1}})"), 200U);
  const std::string body =
      R"([{"from_uid":"u1","channel_id":"g1","channel_type":2,"template":"hi"}])";
  const Answer first = batch(body, key("k1"));
  ASSERT_EQ(first.status, 200U) << first.body;
  ASSERT_EQ(call(Verb::delete_, "/templates/hi").status, 200U);
  const Answer repeat = batch(body, key("k1"));
  EXPECT_EQ(repeat.body, first.body);
  EXPECT_TRUE(has(repeat.headers, "Idempotency-Replay: true"));
  EXPECT_EQ(batch(body, key("k2")).status, 400U) << "the template is gone";
  EXPECT_EQ(batch(body, key("a b")).status, 400U);
}

// While its key is claimed a batch waits with all that was filled in.
TEST_F(RepeatableRequests, WhatWasFilledInCountsWhileTheKeyIsClaimed) {
  ASSERT_EQ(
      status("/templates", R"({"name":"long","payload":[")" + std::string(30'000, 'x') + R"("]})"),
      200U);
  std::string body = "[";
  for (int i = 0; i < 20; ++i) {
    body += std::string(i == 0 ? "" : ",") +
            R"({"from_uid":"u1","channel_id":"g1","channel_type":2,"template":"long"})";
  }
  body += "]";
  int number = 0;
  for (const std::string query : {"", "?atomic=true", "?on_error=stop"}) {
    gate_->keep();
    auto answer = std::async(std::launch::async, [&] {
      return call(Verb::post, "/message/sendbatch" + query, body, "",
                  key("k" + std::to_string(++number)));
    });
    while (gate_->kept() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_GE(core_->bytes_in_flight(), 20U * 30'000U) << query;
    EXPECT_GE(core_->batches_in_flight(), 1U) << query;
    gate_->release();
    EXPECT_EQ(answer.get().status, 200U) << query;
  }
  partition::RouterLimits limits;
  limits.bytes_in_flight_max = 400'000;
  limit_core(limits);
  gate_->keep();
  auto first = std::async(std::launch::async,
                          [this] { return status("/message/send", without_number("g2", "aGk=")); });
  while (gate_->kept() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(batch(body, key("other")).status, 429U);
  gate_->release();
  EXPECT_EQ(first.get(), 200U);
  // Alone it may be larger than the limit.
  while (core_->items_in_flight() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(status("/message/sendbatch", body), 200U);
}

TEST_F(RepeatableRequests, AnotherKeyIsAnotherRequest) {
  batch(two(), key("k1"));
  const Answer other = batch(two(), key("k2"));
  EXPECT_FALSE(has(other.headers, "Idempotency-Replay"));
  EXPECT_EQ(max_seq("g1"), R"({"message_seq":2})");
}

TEST_F(RepeatableRequests, ATakenKeyRefusesAnotherBody) {
  batch(two(), key("k1"));
  const Answer other = batch("[" + without_number("g1", "aGkh") + "]", key("k1"));
  EXPECT_EQ(other.status, 422U);
  EXPECT_TRUE(has(other.body, "used for another request")) << other.body;
  EXPECT_EQ(max_seq("g1"), R"({"message_seq":1})");
}

// Numbers are remembered for longer than keys.
TEST_F(RepeatableRequests, AKeyIsNewAgainWhenItsTimeIsOver) {
  ApiOptions options;
  options.idempotency_key_window = std::chrono::milliseconds(0);
  configure(options);
  ASSERT_EQ(batch(two(), key("daily")).status, 200U);
  const Answer next = batch(two(), key("daily"));
  EXPECT_EQ(next.status, 200U) << next.body;
  EXPECT_FALSE(has(next.body, "duplicate")) << next.body;
  EXPECT_FALSE(has(next.headers, "Idempotency-Replay"));
  EXPECT_EQ(max_seq("g1"), R"({"message_seq":2})");
}

TEST_F(RepeatableRequests, ABadKeyIsRefusedAndNothingIsSent) {
  for (const std::string& bad : {std::string("a b"), std::string(256, 'k'), std::string("\"\""),
                                 std::string("\xe4\xbd\xa0"), std::string("a\"b")}) {
    const Answer answer = batch(two(), key(bad));
    EXPECT_EQ(answer.status, 400U) << bad;
    EXPECT_TRUE(has(answer.body, "Idempotency-Key takes 1 to 255")) << answer.body;
  }
  EXPECT_EQ(max_seq("g1"), R"({"message_seq":0})");
}

TEST_F(RepeatableRequests, AMalformedBodyTakesNoKey) {
  EXPECT_EQ(batch(R"([{"from_uid":"u1"}])", key("k1")).status, 400U);
  EXPECT_EQ(batch(two(), key("k1")).status, 200U);
}

TEST_F(RepeatableRequests, ASingleSendHasThemToo) {
  const std::string body = without_number("g1", "aGk=");
  const Answer first = call(Verb::post, "/message/send", body, "", key("k1"));
  ASSERT_EQ(first.status, 200U) << first.body;
  const Answer repeat = call(Verb::post, "/message/send", body, "", key("k1"));
  EXPECT_EQ(repeat.body, first.body);
  EXPECT_TRUE(has(repeat.headers, "Idempotency-Replay: true"));
  EXPECT_EQ(max_seq("g1"), R"({"message_seq":1})");
  EXPECT_EQ(batch("[" + body + "]", key("k1")).status, 422U) << "another path, another request";
}

TEST_F(RepeatableRequests, TheObjectFormHasThemToo) {
  const std::string body = R"({"from_uid":"u1","subscribers":["a","b","a b"],"payload":"aGk="})";
  const Answer first = batch(body, key("k1"));
  ASSERT_EQ(first.status, 200U) << first.body;
  const Answer repeat = batch(body, key("k1"));
  EXPECT_EQ(repeat.body, first.body);
  EXPECT_TRUE(has(repeat.headers, "Idempotency-Replay: true"));
}

TEST_F(RepeatableRequests, WhileTheFirstRunsTheOthersAreToldToComeBack) {
  const PartitionMap map(4);
  const PartitionId of_key = map.of_request(Repeatable::stored_key("", "k1"));
  std::string group = "g1";
  while (map.of_channel(group) == of_key) group += 'x';
  const std::string body = "[" + without_number(group, "aGk=") + "]";
  gate_->keep(map.of_channel(group));
  auto first = std::async(std::launch::async, [&] { return batch(body, key("k1")); });
  while (gate_->kept() == 0) std::this_thread::yield();
  const Answer second = batch(body, key("k1"));
  EXPECT_EQ(second.status, 409U) << second.body;
  EXPECT_TRUE(has(second.headers, "Retry-After: ")) << second.headers;
  EXPECT_EQ(batch(two(), key("k1")).status, 422U) << "another body";
  gate_->release();
  EXPECT_EQ(first.get().status, 200U);
  const Answer third = batch(body, key("k1"));
  EXPECT_EQ(third.status, 200U);
  EXPECT_TRUE(has(third.headers, "Idempotency-Replay: true"));
}

TEST_F(RepeatableRequests, OfManyAtOnceOneIsCarriedOut) {
  std::vector<std::future<Answer>> answers;
  for (int i = 0; i < 8; ++i) {
    answers.push_back(std::async(std::launch::async, [this] { return batch(two(), key("k1")); }));
  }
  std::set<std::string> bodies;
  for (auto& answer : answers) {
    const Answer got = answer.get();
    if (got.status == 200) bodies.insert(got.body);
    EXPECT_TRUE(got.status == 200 || got.status == 409) << got.body;
  }
  EXPECT_EQ(bodies.size(), 1U);
  EXPECT_EQ(max_seq("g1"), R"({"message_seq":1})");
}

// The disk takes longer than the request may: nobody knows yet what became of its messages.
TEST_F(RepeatableRequests, WhatIsUnknownIsFinishedByARepeatAndNotDoubled) {
  const PartitionMap map(4);
  const PartitionId of_key = map.of_request(Repeatable::stored_key("", "k1"));
  std::string slow = "g1";
  while (map.of_channel(slow) == of_key) slow += 'x';
  const std::string body = "[" + without_number(slow, "aGk=") + "]";
  ApiOptions options;
  options.request_timeout = std::chrono::milliseconds(50);
  configure(options);
  gate_->keep(map.of_channel(slow));
  const Answer unknown = batch(body, key("k1"));
  EXPECT_TRUE(has(unknown.body, R"("state":"unknown")")) << unknown.body;
  gate_->release();
  configure(ApiOptions());
  const Answer repeat = batch(body, key("k1"));
  EXPECT_EQ(repeat.status, 200U) << repeat.body;
  EXPECT_TRUE(has(repeat.body, R"("duplicate":true)")) << repeat.body;
  EXPECT_EQ(max_seq(slow), R"({"message_seq":1})");
}

TEST_F(RepeatableRequests, FailuresThatPassAreNotKept) {
  partition::RouterLimits limits;
  limits.items_in_flight_max = 1;
  limit_core(limits);
  const Answer refused = batch(two(), key("k1"));
  EXPECT_EQ(refused.status, 429U) << refused.body;
  limit_core(partition::RouterLimits());
  const Answer sent = batch(two(), key("k1"));
  EXPECT_EQ(sent.status, 200U) << sent.body;
  EXPECT_FALSE(has(sent.headers, "Idempotency-Replay"));
}

TEST_F(RepeatableRequests, RefusalsThatStayAreKeptWithTheirHeaders) {
  ASSERT_EQ(status("/channel", R"({"channel_id":"g9","channel_type":2,"ban":1})"), 200U);
  const std::string body =
      "[" + without_number("g9", "aGk=") + "," + without_number("g1", "aGk=") + "]";
  const Answer first = batch(body, key("k1"));
  ASSERT_EQ(first.status, 200U) << first.body;
  ASSERT_TRUE(has(first.headers, "X-Batch-Failed: 1")) << first.headers;
  const Answer repeat = batch(body, key("k1"));
  EXPECT_EQ(repeat.body, first.body);
  EXPECT_TRUE(has(repeat.headers, "X-Batch-Failed: 1"));
}

// Whose answer is kept in one with a change.
class AnswersWithAChange : public RepeatableRequests {
 protected:
  // Carries out a request under the key k1 whose body has come in pieces. `claimed`: called in
  // between.
  Answer carry_out(
      const std::string& digest, const partition::Change& change,
      const std::function<void()>& claimed = [] {}) {
    Request request;
    Response response;
    request.set_line(Verb::post, std::string_view(to_string(Verb::post)), "/message/sendbatch", 11);
    request.add_header(Field::unknown, "Idempotency-Key", "k1");
    request.deadlines = &deadlines_;
    request.turns = &turns_;
    auto task = [&]() -> Task<void> {
      Repeatable repeatable(*services_, request, response);
      std::string body = digest;
      const bool is_first = co_await repeatable.begin(std::move(body));
      if (!is_first) co_return;
      claimed();
      response.status = 202;
      response.body = "begun";
      partition::Change wanted = change;
      const auto done = co_await repeatable.end_with(std::move(wanted));
      if (done) co_return;
      response.status = status_of(done.error().code());
      co_await repeatable.end(false);
    };
    std::promise<void> ended;
    boost::asio::co_spawn(shards_.context(0), task,
                          [&ended](const std::exception_ptr&) { ended.set_value(); });
    auto finished = ended.get_future();
    while (finished.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready) {
      shards_.post(0, [this] { deadlines_.expire(clock_.steady()); });
    }
    finished.get();
    Answer answer;
    answer.status = response.status;
    answer.body = response.body;
    answer.headers = response.extra_headers;
    return answer;
  }
  partition::Change beginning(const std::string& job) {
    partition::BeginJob begun;
    begun.job = job;
    begun.now_ms = clock_.wall_ms();
    return begun;
  }
  bool is_there(const std::string& job) { return has(call(Verb::get, "/jobs").body, job); }
};

TEST_F(AnswersWithAChange, AreKeptTogetherOrNeitherIs) {
  const std::string job = make_job_id(clock_.wall_ms(), random_);
  partition::SealJob of_none;
  of_none.job = job;
  EXPECT_EQ(carry_out("a", of_none).status, 404U);
  const Answer first = carry_out("a", beginning(job));
  EXPECT_EQ(first.status, 202U) << "the key was given back";
  EXPECT_FALSE(has(first.headers, "Idempotency-Replay"));
  EXPECT_TRUE(is_there(job));
  const std::string another = make_job_id(clock_.wall_ms(), random_);
  const Answer repeat = carry_out("a", beginning(another));
  EXPECT_EQ(repeat.status, 202U);
  EXPECT_EQ(repeat.body, "begun");
  EXPECT_TRUE(has(repeat.headers, "Idempotency-Replay: true\r\n")) << repeat.headers;
  EXPECT_EQ(carry_out("b", beginning(another)).status, 422U);
  EXPECT_FALSE(is_there(another));
}

// A disk that takes longer than a request has.
TEST_F(AnswersWithAChange, AreFoundWhenItWasNotKnownWhetherTheyWereKept) {
  ApiOptions options;
  options.request_timeout = std::chrono::milliseconds(1000);
  configure(options);
  const std::string job = make_job_id(clock_.wall_ms(), random_);
  auto answer = std::async(std::launch::async, [&] {
    return carry_out("a", beginning(job), [this] { gate_->keep(); });
  });
  while (gate_->kept() == 0) {
    ASSERT_NE(answer.wait_for(std::chrono::milliseconds(1)), std::future_status::ready);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_FALSE(is_there(job));
  gate_->release();
  EXPECT_EQ(answer.get().status, 202U);
  EXPECT_TRUE(is_there(job));
  EXPECT_TRUE(has(carry_out("a", beginning(job)).headers, "Idempotency-Replay"));
}

}  // namespace
}  // namespace jindou::api
