// The choices of POST /message/sendbatch: atomic, on_error, ack, over the real core and store.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "api/routes_fixture.h"
#include "api/scripted_stream.h"
#include "partition/content_check.h"
#include "partition/rate_limits.h"

namespace jindou::api {
namespace {

class AtomicBatch : public RoutesTest {
 protected:
  Answer batch(const std::string& body, const Headers& headers = {}) {
    return call(Verb::post, "/message/sendbatch?atomic=true", body, "", headers);
  }
  void expect_empty() {
    for (const std::string group : {"g1", "g2", "g3", "g4", "g5"}) {
      EXPECT_EQ(max_seq(group), R"({"message_seq":0})") << group;
    }
  }
  static std::string to_all(const std::string& last) {
    return "[" + item("n1", "g1") + "," + item("n2", "g2") + "," + item("n3", "g3") + "," +
           item("n4", "g4") + "," + last + "]";
  }
};

TEST_F(AtomicBatch, IsStoredAsAWholeOverAllPartitions) {
  const Answer answer = batch(to_all(item("n5", "g5")));
  ASSERT_EQ(answer.status, 200U) << answer.body;
  EXPECT_EQ(answer.body.front(), '[');
  EXPECT_TRUE(has(answer.body, R"("client_msg_no":"n5")"));
  for (const std::string group : {"g1", "g2", "g3", "g4", "g5"}) {
    EXPECT_EQ(max_seq(group), R"({"message_seq":1})");
  }
}

TEST_F(AtomicBatch, OneRefusedItemKeepsAllFromBeingSent) {
  ASSERT_EQ(status("/channel", R"({"channel_id":"g5","channel_type":2,"ban":1})"), 200U);
  const Answer answer = batch(to_all(item("n5", "g5")));
  EXPECT_EQ(answer.status, 403U) << answer.body;
  EXPECT_TRUE(has(answer.body, "nothing was sent; item 4: ")) << answer.body;
  EXPECT_TRUE(has(answer.body, R"("client_msg_no":"n5","reason":19,"code":"denied")"));
  EXPECT_TRUE(has(answer.body, R"("index":4,"message_id":0,)")) << answer.body;
  expect_empty();
}

TEST_F(AtomicBatch, ARepeatIsAnsweredWithTheFirstIds) {
  const Answer first = batch(to_all(item("n5", "g5")));
  const Answer repeat = batch(to_all(item("n5", "g5")));
  EXPECT_EQ(repeat.status, 200U);
  EXPECT_TRUE(has(repeat.body, R"("duplicate":true)")) << repeat.body;
  EXPECT_EQ(max_seq("g1"), R"({"message_seq":1})");
}

TEST_F(AtomicBatch, AUsedNumberKeepsAllFromBeingSent) {
  ASSERT_EQ(status("/message/send", item("n5", "g9", "aGk=")), 200U);
  const Answer answer = batch(to_all(item("n5", "g9", "b3RoZXI=")));
  EXPECT_EQ(answer.status, 400U) << answer.body;
  EXPECT_TRUE(has(answer.body, "client_msg_no was used before")) << answer.body;
  expect_empty();
}

TEST_F(AtomicBatch, HasAKeyLikeAnyOther) {
  const Headers key = {{"Idempotency-Key", "k1"}};
  const Answer first = batch(to_all(item("n5", "g5")), key);
  const Answer repeat = batch(to_all(item("n5", "g5")), key);
  EXPECT_EQ(repeat.body, first.body);
  EXPECT_TRUE(has(repeat.headers, "Idempotency-Replay: true"));
}

TEST_F(AtomicBatch, MoreThanTheCoreMakesAtOnceIsRefused) {
  partition::RouterLimits limits;
  limits.transaction_items_max = 4;
  limit_core(limits);
  const Answer answer = batch(to_all(item("n5", "g5")));
  EXPECT_EQ(answer.status, 400U) << answer.body;
  EXPECT_TRUE(has(answer.body, "core.transactionItems")) << answer.body;
  expect_empty();
}

TEST_F(AtomicBatch, OtherValuesAreRefused) {
  EXPECT_EQ(post("/message/sendbatch?atomic=yes", "[" + item("n1", "g1") + "]").status, 400U);
  expect_empty();
}

// With a choice that is about each of its messages the object form is the array of them.
TEST_F(AtomicBatch, TakesTheObjectFormToo) {
  const auto object = [](const std::string& uids) {
    return R"({"from_uid":"u1","client_msg_no":"n1","payload":"aGk=","subscribers":[)" + uids +
           "]}";
  };
  const auto sent = [this](const std::string& uid) {
    return !has(
        call(Verb::get, "/channel/max_message_seq?channel_type=1&login_uid=u1&channel_id=" + uid)
            .body,
        ":0}");
  };
  const Answer bad = batch(object(R"("a","b@","c")"));
  EXPECT_EQ(bad.status, 400U);
  EXPECT_TRUE(has(bad.body, R"({"index":1,"field":"subscribers","client_msg_no":"n1",)"))
      << bad.body;
  EXPECT_TRUE(has(bad.body, R"(the uid \"b@\" must not contain)")) << bad.body;
  EXPECT_FALSE(sent("a"));
  const Answer dry = post("/message/sendbatch?dry_run=true", object(R"("a","c")"));
  EXPECT_EQ(dry.status, 200U) << dry.body;
  EXPECT_TRUE(has(dry.body, R"("total":{"items":2,"accepted":2,)")) << dry.body;
  EXPECT_FALSE(sent("a"));
  const Answer all = batch(object(R"("a","c")"));
  EXPECT_EQ(all.status, 200U) << all.body;
  EXPECT_TRUE(all.body.starts_with(R"([{"message_id":)")) << all.body;
  EXPECT_TRUE(sent("a") && sent("c"));
  EXPECT_TRUE(has(post("/message/sendbatch?on_error=stop", object(R"("a","c")")).body,
                  R"("duplicate":true)"));
  EXPECT_EQ(post("/message/sendbatch?ack=received", object(R"("d")")).status, 202U);
  ApiOptions options;
  options.send.items_max = 1;
  configure(options);
  const Answer many = batch(object(R"("e","f")"));
  EXPECT_EQ(many.status, 400U);
  EXPECT_TRUE(has(many.body, "there may be 1 subscribers (api.maxBatch)")) << many.body;
}

// Blanks and repeats are no receivers, and the caller counts them all the same.
TEST_F(AtomicBatch, NamesAReceiverByThePlaceInTheListOfTheCaller) {
  const auto object = [](const std::string& uids) {
    return R"({"from_uid":"u1","payload":"aGk=","subscribers":[)" + uids + "]}";
  };
  const Answer bad = batch(object(R"("a","","a","b","no@user")"));
  EXPECT_EQ(bad.status, 400U);
  EXPECT_TRUE(has(bad.body, R"("msg":"item 4: the uid \"no@user\" must not contain)")) << bad.body;
  EXPECT_TRUE(has(bad.body, R"({"index":4,"field":"subscribers",)")) << bad.body;
  EXPECT_EQ(post("/channel/info", R"({"channel_id":"b","channel_type":1,"ban":1})").status, 200U);
  const Answer denied = batch(object(R"("a","","a","b")"));
  EXPECT_EQ(denied.status, 403U);
  EXPECT_TRUE(has(denied.body, "nothing was sent; item 3: ")) << denied.body;
  EXPECT_TRUE(has(denied.body, R"("items":[{"index":3,)")) << denied.body;
  // Of results there is one for each receiver.
  const Answer dry = post("/message/sendbatch?dry_run=true", object(R"("a","","a","b")"));
  EXPECT_TRUE(has(dry.body, R"("total":{"items":2,"accepted":1,)")) << dry.body;
}

// What stands before the item that fails is sent, and nothing behind it.
class StoppingBatch : public AtomicBatch {
 protected:
  Answer stopping(const std::string& body, const Headers& headers = {}) {
    return call(Verb::post, "/message/sendbatch?on_error=stop", body, "", headers);
  }
};

TEST_F(StoppingBatch, EndsWithTheFirstItemThatFails) {
  ASSERT_EQ(status("/channel", R"({"channel_id":"g3","channel_type":2,"ban":1})"), 200U);
  ASSERT_EQ(status("/channel", R"({"channel_id":"g5","channel_type":2,"ban":1})"), 200U);
  const Answer answer = stopping(to_all(item("n5", "g5")));
  ASSERT_EQ(answer.status, 200U) << answer.body;
  EXPECT_TRUE(has(answer.headers, "X-Batch-Failed: 3")) << answer.headers;
  EXPECT_TRUE(has(answer.body, R"("client_msg_no":"n3","reason":19,"code":"denied")"))
      << answer.body;
  EXPECT_TRUE(has(answer.body, R"("code":"skipped","msg":"not sent: an item before it failed")"));
  EXPECT_EQ(max_seq("g1"), R"({"message_seq":1})");
  EXPECT_EQ(max_seq("g2"), R"({"message_seq":1})");
  EXPECT_EQ(max_seq("g4"), R"({"message_seq":0})");
}

TEST_F(StoppingBatch, WithoutAFailureItIsLikeAnyOther) {
  const Answer answer = stopping(to_all(item("n5", "g5")));
  ASSERT_EQ(answer.status, 200U) << answer.body;
  EXPECT_FALSE(has(answer.headers, "X-Batch-Failed"));
  EXPECT_EQ(max_seq("g5"), R"({"message_seq":1})");
}

TEST_F(StoppingBatch, WhenTheFirstItemFailsNothingIsSent) {
  ASSERT_EQ(status("/channel", R"({"channel_id":"g1","channel_type":2,"ban":1})"), 200U);
  const Answer answer = stopping(to_all(item("n5", "g5")));
  EXPECT_EQ(answer.status, 403U) << answer.body;
  EXPECT_TRUE(has(answer.body, R"("code":"skipped")")) << answer.body;
  expect_empty();
}

TEST_F(StoppingBatch, ARepeatGoesOnWhereItStopped) {
  ASSERT_EQ(status("/channel", R"({"channel_id":"g3","channel_type":2,"ban":1})"), 200U);
  const Headers key = {{"Idempotency-Key", "k1"}};
  ASSERT_EQ(stopping(to_all(item("n5", "g5")), key).status, 200U);
  ASSERT_EQ(status("/channel", R"({"channel_id":"g3","channel_type":2,"ban":0})"), 200U);
  const Answer repeat = stopping(to_all(item("n5", "g5")), key);
  ASSERT_EQ(repeat.status, 200U) << repeat.body;
  EXPECT_FALSE(has(repeat.headers, "X-Batch-Failed")) << "skipped items are worth a repeat";
  EXPECT_EQ(max_seq("g1"), R"({"message_seq":1})");
  EXPECT_EQ(max_seq("g4"), R"({"message_seq":1})");
}

// Refuses what has "bad" in it, in words of its own.
class NothingBad final : public partition::ContentCheck {
 public:
  bool enabled() const override { return true; }
  bool check(const partition::CheckedContent& content) override {
    if (content.payload->view().find("bad") == std::string_view::npos) return false;
    auto verdict = std::make_shared<Moderation>();
    verdict->refused = true;
    verdict->reason = "advertising";
    verdict->found_by = {"service"};
    *content.moderation = std::move(verdict);
    return false;
  }
  void ask(std::vector<partition::CheckedContent> /*contents*/, std::function<void()> go) override {
    go();
  }
};

TEST_F(StoppingBatch, EveryFormSaysTheSameOfTheItemThatFails) {
  NothingBad check;
  core_->set_content_check(&check);
  const std::string good = item("n1", "g1");
  const std::string bad = item("n2", "g1", "YmFk");
  const std::string array = "[" + good + "," + bad + "," + good + "]";
  const std::string told = R"("reason":100,"code":"denied","msg":"advertising","retriable":false,)"
                           R"("moderation":{"actions":["refuse"],"found_by":["service"]}})";
  EXPECT_TRUE(has(post("/message/sendbatch", array).body, told));
  const Answer stopped = stopping(array);
  EXPECT_TRUE(has(stopped.body, told)) << stopped.body;
  EXPECT_TRUE(has(stopped.body, R"("code":"skipped")")) << stopped.body;
  const Answer nothing = batch(array);
  EXPECT_TRUE(has(nothing.body, told)) << nothing.body;
  EXPECT_TRUE(has(nothing.body, "nothing was sent; item 1: advertising")) << nothing.body;
  const auto streamed = [&](const std::string& type, const std::string& body,
                            const std::string& query) {
    ScriptedStream stream({body});
    const Answer answer = call(Verb::post, "/message/sendbatch?on_error=stop" + query, "", "",
                               {{"Content-Type", type}}, &stream);
    EXPECT_EQ(answer.status, 200U) << answer.body;
    return stream.written();
  };
  const std::string lines = streamed("application/x-ndjson", good + "\n" + bad + "\n", "");
  EXPECT_TRUE(has(lines, told)) << lines;
  const std::string rows =
      streamed("text/csv", "channel_id,text\ng1,fine\ng1,bad\n",
               "&from_uid=u1&channel_type=2&payload=%5B%22%7B%7Btext%7D%7D%22%5D");
  EXPECT_TRUE(has(rows, told)) << rows;
}

TEST_F(StoppingBatch, IsBulkByWhatWasAskedForAndNotByWhatIsLeftOfIt) {
  partition::RateLimits limits(clock_, std::size_t{64} << 10, 1);
  partition::RateRules rules;
  rules.sender = Rate{1, 10};
  limits.set_rules(rules);
  services_->deps.limits = &limits;
  core_->set_bulk_limit(
      store::PartitionReaders(*database_, PartitionMap(4)),
      {1, 7, [this](std::function<void()> work) { return blocking_.post(std::move(work)); }});
  std::string body;
  for (int i = 0; i < 20; ++i) {
    body += std::string(i == 0 ? "[" : ",") + R"({"client_msg_no":"n)" + std::to_string(i) +
            R"(","from_uid":"u1","channel_id":"a","channel_type":1,"payload":"aGk="})";
  }
  const Answer answer = stopping(body + "]");
  services_->deps.limits = nullptr;
  ASSERT_EQ(answer.status, 200U) << answer.body;
  EXPECT_TRUE(has(answer.headers, "X-Batch-Failed: 19")) << answer.headers;
  EXPECT_TRUE(has(answer.body, R"("client_msg_no":"n1","reason":102,"code":"denied")"))
      << answer.body;
  EXPECT_EQ(
      call(Verb::get, "/channel/max_message_seq?channel_type=1&login_uid=u1&channel_id=a").body,
      R"({"message_seq":1})");
}

TEST_F(StoppingBatch, OtherValuesAreRefused) {
  const Answer answer = post("/message/sendbatch?on_error=halt", "[" + item("n1", "g1") + "]");
  EXPECT_EQ(answer.status, 400U);
  EXPECT_TRUE(has(answer.body, "on_error takes continue or stop")) << answer.body;
  expect_empty();
}

TEST_F(RoutesTest, ABatchMayBeAnsweredBeforeItIsDurable) {
  gate_->keep();
  const Answer taken = post("/message/sendbatch?ack=received",
                            "[" + item("n1", "g1") + "," + item("n2", "g2") + "]");
  EXPECT_EQ(taken.status, 202U) << taken.body;
  EXPECT_EQ(taken.body, R"([{"client_msg_no":"n1","state":"received"},)"
                        R"({"client_msg_no":"n2","state":"received"}])");
  EXPECT_EQ(max_seq("g1"), R"({"message_seq":0})");
  gate_->release();
  while (max_seq("g2") != R"({"message_seq":1})" || max_seq("g1") != R"({"message_seq":1})") {
    std::this_thread::yield();
  }
}

TEST_F(RoutesTest, AcknowledgementsThatCannotBeKeptAreRefused) {
  const std::string body = "[" + item("n1", "g1") + "]";
  for (const std::string wanted :
       {"ack=soon", "ack=received&atomic=true", "ack=received&dry_run=true",
        "ack=received&on_error=stop", "atomic=true&on_error=stop"}) {
    EXPECT_EQ(post("/message/sendbatch?" + wanted, body).status, 400U) << wanted;
  }
  EXPECT_EQ(
      call(Verb::post, "/message/sendbatch?ack=received", body, "", {{"Idempotency-Key", "k1"}})
          .status,
      400U);
  EXPECT_EQ(post("/message/sendbatch?ack=synced", body).status, 200U);
}

TEST_F(AtomicBatch, FalseIsAsWithout) {
  ASSERT_EQ(status("/channel", R"({"channel_id":"g5","channel_type":2,"ban":1})"), 200U);
  EXPECT_EQ(post("/message/sendbatch?atomic=false", to_all(item("n5", "g5"))).status, 200U);
  EXPECT_EQ(max_seq("g1"), R"({"message_seq":1})");
}

}  // namespace
}  // namespace jindou::api
