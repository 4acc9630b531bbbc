// /batches/{id}/dead-letters and /redrive: what was refused, page by page, and that it is sent when
// it may be.
#include <cstddef>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "api/job_routes_fixture.h"
#include "api/webhook_letters.h"
#include "partition/letter_reader.h"
#include "partition/outbox_commands.h"

namespace jindou::api {
namespace {

class DeadLetters : public JobRoutesTest {
 protected:
  void ban(const std::string& group, bool banned) {
    ASSERT_EQ(
        status("/channel/info", R"({"channel_id":")" + group + R"(","channel_type":2,"ban":)" +
                                    (banned ? "1" : "0") + "}"),
        200U);
  }
  std::string made(const std::string& body, const std::string& state = "done") {
    const std::string id = id_of(post(kAsync, body));
    wait_for(id, state);
    return id;
  }
  Answer letters(const std::string& id, const std::string& query = "") {
    return get("/batches/" + id + "/dead-letters" + query);
  }
  std::string problem(const Answer& answer, unsigned status) {
    EXPECT_EQ(answer.status, status) << answer.body;
    return text_of(answer.body, "msg");
  }
};

TEST_F(DeadLetters, WhatWasRefusedIsListedAndRedriven) {
  ban("bad", true);
  const std::string id =
      made("[" + item("n0", "g1") + "," + item("n1", "bad", "Ynll") + "," + item("", "bad") + "]");
  const Answer listed = letters(id);
  EXPECT_EQ(listed.status, 200U);
  const std::string why =
      R"("reason":19,"code":"denied","msg":"the channel or the user is banned","redrivable":1})";
  EXPECT_EQ(listed.body,
            R"({"batch_id":")" + id + R"(","state":"done","count":2,"dead_letters":[)" +
                R"({"index":1,"client_msg_no":"n1","from_uid":"u1","channel_id":"bad",)" +
                R"("channel_type":2,"payload":"Ynll",)" + why + "," +
                R"({"index":2,"client_msg_no":")" + id + R"(-2","from_uid":"u1",)" +
                R"("channel_id":"bad","channel_type":2,"payload":"aGk=",)" + why +
                R"(],"more":0})");
  ban("bad", false);
  const Answer again = post("/batches/" + id + "/redrive", "");
  EXPECT_EQ(again.status, 200U) << again.body;
  EXPECT_EQ(number_of(again.body, "pass"), 2U);
  const std::string done = wait_for(id, "done");
  EXPECT_EQ(number_of(done, "accepted"), 3U) << done;
  EXPECT_EQ(max_seq("bad"), R"({"message_seq":2})");
  EXPECT_EQ(max_seq("g1"), R"({"message_seq":1})");
  EXPECT_TRUE(has(letters(id).body, R"("count":0,"dead_letters":[],"more":0})"));
  EXPECT_EQ(problem(post("/batches/" + id + "/redrive", ""), 409),
            "nothing of the batch has failed");
}

TEST_F(DeadLetters, WhatWasNeverTriedIsNotRedriven) {
  ban("bad", true);
  const std::string id =
      id_of(post(std::string(kAsync) + "&on_error=stop",
                 "[" + item("n0", "g1") + "," + item("n1", "bad") + "," + item("n2", "g2") + "]"));
  EXPECT_EQ(number_of(wait_for(id, "failed"), "pending"), 1U);
  EXPECT_EQ(post("/jobs/" + id + "/retry?only=all", "").status, 400U);
  const std::string retry = "/jobs/" + id + "/retry?only=failed";
  const std::string redrive = "/batches/" + id + "/redrive";
  std::uint64_t pass = 1;
  for (const std::string& path : {retry, redrive}) {
    ban("bad", path == retry);
    EXPECT_EQ(post(path, "").status, 200U);
    const std::string over = wait_for(id, "failed");
    EXPECT_EQ(number_of(over, "pass"), ++pass) << over;
    EXPECT_EQ(number_of(over, "pending"), 1U) << over;
    EXPECT_EQ(number_of(over, "refused"), path == retry ? 1U : 0U) << over;
    EXPECT_EQ(text_of(over, "reason"),
              path == retry
                  ? "item 1 was refused, and on_error is stop: what follows it was not sent"
                  : "what had failed was tried again, and nothing else: a retry sends "
                    "what was never tried");
  }
  EXPECT_TRUE(has(max_seq("g2"), ":0")) << max_seq("g2");
  const std::string why =
      " was refused or is unknown; what was never tried is sent by POST /jobs/" + id + "/retry";
  EXPECT_EQ(problem(post(redrive, ""), 409), "nothing of the batch" + why);
  EXPECT_EQ(problem(post(retry, ""), 409), "nothing of the job" + why);
  EXPECT_EQ(post("/jobs/" + id + "/retry", "").status, 200U);
  EXPECT_EQ(number_of(wait_for(id, "done"), "accepted"), 3U);
  EXPECT_EQ(problem(post(redrive, ""), 409), "nothing of the batch has failed");
}

TEST_F(DeadLetters, PagesFollowOneAnother) {
  ban("bad", true);
  // More than an array may have, and than a row of the store.
  std::vector<std::string> lines;
  for (int i = 0; i < 2500; ++i) {
    const std::string number = "n" + std::to_string(i);
    lines.push_back(item(number, i % 5 == 0 || i > 2400 ? "bad" : "g1") + "\n");
  }
  ScriptedStream stream(lines);
  const std::string id = id_of(upload(stream));
  wait_for(id, "done");
  std::vector<std::uint64_t> seen;
  std::string next = "0";
  for (int pages = 0; pages < 50; ++pages) {
    const Answer page = letters(id, "?limit=37&from=" + next);
    EXPECT_EQ(number_of(page.body, "count"), 580U);
    simdjson::dom::parser parser;
    const simdjson::dom::element root = parser.parse(page.body);
    for (const simdjson::dom::element letter : root["dead_letters"].get_array()) {
      seen.push_back(letter["index"].get_uint64().value());
    }
    if (root["more"].get_uint64().value() == 0) break;
    next = std::to_string(root["next"].get_uint64().value());
  }
  std::vector<std::uint64_t> expected;
  for (std::uint64_t i = 0; i < 2500; ++i) {
    if (i % 5 == 0 || i > 2400) expected.push_back(i);
  }
  EXPECT_EQ(seen, expected);
}

TEST_F(DeadLetters, LinesThatAreNoItemsAreNotRedriven) {
  ScriptedStream stream({item("n0", "g1") + "\n", "nonsense\n"});
  const Answer answer =
      call(Verb::post, kAsync, "", "", {{"Content-Type", "application/x-ndjson"}}, &stream);
  const std::string id = id_of(answer);
  wait_for(id, "done");
  const Answer listed = letters(id);
  EXPECT_TRUE(has(listed.body, R"("count":1,"dead_letters":[{"index":1,"code":"invalid","msg":")"))
      << listed.body;
  EXPECT_TRUE(has(listed.body, R"("redrivable":0}],"more":0})")) << listed.body;
  EXPECT_EQ(post("/batches/" + id + "/redrive", "").status, 409U);
}

TEST_F(DeadLetters, ABatchThatWasKeptIsListedAndNotRedriven) {
  ban("bad", true);
  const Answer sent =
      post("/message/sendbatch?keep=true", "[" + item("n0", "g1") + "," + item("n1", "bad") + "]");
  ASSERT_EQ(sent.status, 200U) << sent.body;
  const auto at = sent.headers.find("Batch-Id: ");
  ASSERT_NE(at, std::string::npos) << sent.headers;
  const std::string id = sent.headers.substr(at + 10, kJobIdBytes);
  EXPECT_TRUE(has(letters(id).body, R"("count":1,"dead_letters":[{"index":1,"client_msg_no":"n1",)"
                                    R"("from_uid":"u1","channel_id":"bad","channel_type":2,)"
                                    R"("reason":)"))
      << letters(id).body;
  EXPECT_TRUE(has(letters(id).body, R"("redrivable":0}],"more":0})")) << letters(id).body;
  EXPECT_TRUE(has(problem(post("/batches/" + id + "/redrive", ""), 409), "a request has sent"));
}

TEST_F(DeadLetters, BadRequestsAreRefused) {
  const std::string id = made("[" + item("n0", "g1") + "]");
  EXPECT_EQ(problem(letters(id, "?limit=x"), 400), "limit must be a number from 1 to 1000");
  EXPECT_EQ(problem(letters(id, "?limit=1001"), 400), "limit must be a number from 1 to 1000");
  EXPECT_EQ(problem(letters(id, "?from=x"), 400), "from must be the index of an item");
  EXPECT_TRUE(has(letters(id, "?from=99").body, R"("dead_letters":[],"more":0})"));
  const std::string none = "018bcfe5680000000000000000000001";
  const std::string no_batch =
      "there is no batch with this id: it is the batch_id of a job, or the Batch-Id of a batch "
      "that was sent with keep=true, and both are forgotten after jobs.keep";
  for (const std::string& unknown : {none, std::string("x")}) {
    EXPECT_EQ(problem(letters(unknown), 404), no_batch);
    EXPECT_EQ(problem(post("/batches/" + unknown + "/redrive", ""), 404), no_batch);
    EXPECT_EQ(problem(post("/batches/" + unknown + "/recall", "{}"), 404), no_batch);
  }
  const std::string recall = id_of(post("/batches/" + id + "/recall", ""));
  wait_for(recall, "done");
  EXPECT_TRUE(has(problem(letters(recall), 409), "recalls or edits"));
  EXPECT_EQ(post("/batches/" + recall + "/redrive", "").status, 409U);
}

class WebhookLetterRoutes : public DeadLetters {
 protected:
  // A batch of three messages, two of which are given up.
  std::string made_and_given_up() {
    const std::string id =
        made("[" + item("n0", "g1") + "," + item("n1", "g1") + "," + item("n2", "g1") + "]");
    const std::string lines = results(id);
    std::size_t at = 0;
    for (int i = 0; i < 3; ++i) {
      at = lines.find("\"message_id\":", at) + 13;
      messages_.push_back(static_cast<MessageId>(std::stoull(lines.substr(at))));
    }
    partition::AdvanceWebhook advance;
    advance.partition = partition_of(messages_[2]);
    advance.notified_to = counter_of(messages_[2]);
    for (const std::size_t given_up : {std::size_t{0}, std::size_t{2}}) {
      partition::WebhookLetter letter;
      letter.counter = counter_of(messages_[given_up]);
      letter.record.log = ChannelKey("g1", ChannelType::group);
      letter.record.seq = given_up + 1;
      letter.record.at_ms = 7;
      letter.record.attempts = 5;
      letter.record.error = "status 422";
      advance.letters.push_back(std::move(letter));
    }
    std::promise<Result<void>> done;
    EXPECT_TRUE(core_->post_change(
        advance, [&done](Result<void> outcome) { done.set_value(std::move(outcome)); }));
    EXPECT_TRUE(done.get_future().get());
    return id;
  }
  std::string id_of_letter(std::size_t item) const {
    partition::KeptLetter letter;
    letter.partition = partition_of(messages_[item]);
    letter.counter = counter_of(messages_[item]);
    return letter_id(letter);
  }
  std::string letter_of(std::size_t item, bool redriving) const {
    const std::string id = std::to_string(raw(messages_[item]));
    return R"("source":"webhook","id":")" + id_of_letter(item) +
           R"(","event":"msg.notify","message_id":)" + id + R"(,"message_idstr":")" + id +
           R"(","message_seq":)" + std::to_string(item + 1) + R"(,"client_msg_no":"n)" +
           std::to_string(item) +
           R"(","from_uid":"u1","channel_id":"g1","channel_type":2,"payload":"aGk=",)" +
           R"("code":"refused","msg":"the receiver has refused it as often as )" +
           R"(webhook.msgNotifyEventRetryMaxCount says; what came last: status 422",)" +
           R"("given_up_at_ms":7,"attempts":5,"redrives":0,"redriving":)" +
           (redriving ? "1" : "0") + R"(,"redrivable":1})";
  }

  std::vector<MessageId> messages_;
};

TEST_F(WebhookLetterRoutes, OfABatchAreListedAndRedriven) {
  const std::string id = made_and_given_up();
  EXPECT_TRUE(has(letters(id).body, R"("count":0,"dead_letters":[],"more":0})"));
  const std::string begin = R"({"batch_id":")" + id + R"(","state":"done","dead_letters":[)";
  EXPECT_EQ(letters(id, "?source=webhook").body, begin + R"({"index":0,)" + letter_of(0, false) +
                                                     R"(,{"index":2,)" + letter_of(2, false) +
                                                     R"(],"more":0})");
  EXPECT_EQ(letters(id, "?source=webhook&limit=1").body,
            begin + R"({"index":0,)" + letter_of(0, false) + R"(],"more":1,"next":1})");
  EXPECT_EQ(letters(id, "?source=webhook&from=1").body,
            begin + R"({"index":2,)" + letter_of(2, false) + R"(],"more":0})");
  const Answer again = post("/batches/" + id + "/redrive?source=webhook", "");
  EXPECT_EQ(again.status, 202U);
  EXPECT_EQ(again.body, R"({"batch_id":")" + id + R"(","redriven":2})");
  EXPECT_EQ(post("/batches/" + id + "/redrive?source=webhook", "").body,
            R"({"batch_id":")" + id + R"(","redriven":0})");
  EXPECT_TRUE(has(letters(id, "?source=webhook").body, letter_of(2, true)));
  EXPECT_TRUE(has(problem(letters(id, "?source=post"), 400), "source must be send"));
}

TEST_F(WebhookLetterRoutes, OneIsRedrivenByItsId) {
  made_and_given_up();
  const std::string redrive = "/webhook/redrive?id=";
  EXPECT_EQ(post(redrive + id_of_letter(2), "").body, R"({"redriven":1})");
  EXPECT_EQ(get("/webhook/dead-letters").body, R"({"dead_letters":[{)" + letter_of(0, false) +
                                                   ",{" + letter_of(2, true) + R"(],"more":0})");
  EXPECT_EQ(post(redrive + id_of_letter(2), "").body, R"({"redriven":0})");
  EXPECT_TRUE(has(problem(post(redrive + id_of_letter(1), ""), 404), "no such dead letter"));
  for (const std::string& bad : {std::string(), std::string("x"), std::string("&a=b")}) {
    EXPECT_TRUE(has(problem(post(redrive + bad, ""), 400), "id must be that of a letter"));
  }
  problem(post("/webhook/redrive?id", ""), 400);
  EXPECT_EQ(post("/webhook/redrive", "").body, R"({"redriven":1})");
}

TEST_F(WebhookLetterRoutes, TheStatusHasTheLastError) {
  EXPECT_EQ(get("/webhook/status").body,
            R"({"enabled":false,"receiver_down":false,"backlog_max":1000000,"events":[]})");
  services_->deps.webhook_state = [] {
    WebhookState state;
    state.receiver_down = true;
    state.events.push_back({"msg.notify", 1, 2, 3, 4, 5, "status 503", 6});
    return state;
  };
  EXPECT_EQ(get("/webhook/status").body,
            R"({"enabled":false,"receiver_down":true,"backlog_max":1000000,"events":[)"
            R"({"event":"msg.notify","backlog":1,"oldest_seconds":2,"sent":3,)"
            R"("failed_attempts":4,"given_up":5,"last_error":"status 503",)"
            R"("last_error_at_ms":6}]})");
}

TEST_F(WebhookLetterRoutes, OfAllAreListedAndRedriven) {
  EXPECT_EQ(get("/webhook/dead-letters").body, R"({"dead_letters":[],"more":0})");
  made_and_given_up();
  EXPECT_EQ(get("/webhook/dead-letters").body, R"({"dead_letters":[{)" + letter_of(0, false) +
                                                   ",{" + letter_of(2, false) + R"(],"more":0})");
  const Answer first = get("/webhook/dead-letters?limit=1");
  EXPECT_EQ(number_of(first.body, "more"), 1U);
  EXPECT_EQ(get("/webhook/dead-letters?cursor=" + text_of(first.body, "next")).body,
            R"({"dead_letters":[{)" + letter_of(2, false) + R"(],"more":0})");
  EXPECT_EQ(post("/webhook/redrive", "").body, R"({"redriven":2})");
  EXPECT_EQ(post("/webhook/redrive", "").body, R"({"redriven":0})");
  EXPECT_TRUE(has(get("/webhook/dead-letters").body, letter_of(0, true)));
  EXPECT_TRUE(has(problem(get("/webhook/dead-letters?cursor=x"), 400), "cursor must be"));
  EXPECT_TRUE(has(problem(get("/webhook/dead-letters?limit=1001"), 400), "limit must be"));
  EXPECT_TRUE(has(problem(post("/webhook/redrive", "{}"), 400), "takes no body"));
}

}  // namespace
}  // namespace jindou::api
