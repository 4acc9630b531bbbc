// Batches that are remembered as a whole: keep=true.
#include "api/kept_batch.h"

#include <string>

#include "api/job_routes_fixture.h"

namespace jindou::api {
namespace {

class KeptBatchRoutesTest : public JobRoutesTest {
 protected:
  static constexpr const char* kKeep = "/message/sendbatch?keep=true";

  // Of an answer with the field.
  static std::string batch_of(const Answer& answer) {
    const std::string name = "Batch-Id: ";
    const auto at = answer.headers.find(name);
    EXPECT_NE(at, std::string::npos) << answer.headers << answer.body;
    if (at == std::string::npos) return {};
    return answer.headers.substr(at + name.size(), kJobIdBytes);
  }
  Answer revise(const std::string& batch, const std::string& what, const std::string& body = "{}") {
    return post("/batches/" + batch + "/" + what, body);
  }
  std::string last(const std::string& group) {
    return get("/channel/last_message?channel_type=2&channel_id=" + group).body;
  }
};

TEST_F(KeptBatchRoutesTest, AllOfItIsRecalled) {
  post("/message/sendbatch", "[" + item("other", "g1") + "]");
  const std::string body =
      "[" + item("n1", "g1") + "," + item("", "g2") + "," + item("n3", "g3") + "]";
  const Answer sent = post(kKeep, body);
  EXPECT_EQ(sent.status, 200U) << sent.body;
  const std::string batch = batch_of(sent);
  const std::string kept = job(batch);
  EXPECT_EQ(text_of(kept, "state"), "done");
  EXPECT_EQ(text_of(kept, "kind"), "batch");
  EXPECT_EQ(text_of(kept, "batch_id"), batch);
  EXPECT_EQ(number_of(kept, "items"), 3U);
  EXPECT_EQ(number_of(kept, "accepted"), 3U);
  EXPECT_TRUE(has(results(batch), R"("message_seq":2,"client_msg_no":"n1","reason":1})"))
      << results(batch);
  const std::string id = id_of(revise(batch, "recall", R"({"operator_uid":"admin"})"));
  const std::string done = wait_for(id, "done");
  EXPECT_EQ(number_of(done, "accepted"), 3U) << done;
  EXPECT_EQ(text_of(done, "batch_id"), batch);
  for (const char* group : {"g1", "g2", "g3"}) {
    EXPECT_TRUE(has(last(group), "\"revoke\":1")) << last(group);
  }
  const Answer other = post("/message", R"({"channel_id":"g1","channel_type":2,)"
                                        R"("client_msg_no":"other"})");
  EXPECT_TRUE(has(other.body, "aGk=")) << other.body;
}

TEST_F(KeptBatchRoutesTest, ARepeatIsABatchOfTheSameMessages) {
  const std::string body = "[" + item("n1", "g1") + "]";
  const std::string first = batch_of(post(kKeep, body));
  const std::string second = batch_of(post(kKeep, body));
  EXPECT_NE(first, second);
  EXPECT_EQ(number_of(job(second), "duplicate"), 1U);
  const std::string id = id_of(revise(second, "edit", R"({"payload":{"content":"new"}})"));
  EXPECT_EQ(number_of(wait_for(id, "done"), "accepted"), 1U);
  // {"content":"new"}
  EXPECT_TRUE(has(last("g1"), "eyJjb250ZW50IjoibmV3In0=")) << last("g1");
  EXPECT_TRUE(has(max_seq("g1"), ":1"));
}

TEST_F(KeptBatchRoutesTest, TheKeyOfARequestNamesOneBatch) {
  const Headers key = {{"Idempotency-Key", "k1"}};
  const std::string body = "[" + item("", "g1") + "]";
  const Answer first = call(Verb::post, kKeep, body, "", key);
  const Answer again = call(Verb::post, kKeep, body, "", key);
  EXPECT_EQ(batch_of(first), batch_of(again));
  EXPECT_TRUE(has(again.headers, "Idempotency-Replay: true"));
  EXPECT_EQ(jobs_listed(), 1U);
}

TEST_F(KeptBatchRoutesTest, EveryFormThatIsReadAsAWhole) {
  const Answer legacy =
      post(kKeep, R"({"from_uid":"u1","subscribers":["a","b@","c"],"payload":"aGk="})");
  EXPECT_EQ(number_of(job(batch_of(legacy)), "accepted"), 2U) << legacy.body;
  for (const char* how : {"&atomic=true", "&on_error=stop"}) {
    const Answer bound =
        post(std::string(kKeep) + how, "[" + item("", "g1") + "," + item("", "g2") + "]");
    const std::string kept = job(batch_of(bound));
    EXPECT_EQ(number_of(kept, "accepted"), 2U) << how << kept;
    EXPECT_EQ(number_of(wait_for(id_of(revise(batch_of(bound), "recall")), "done"), "accepted"),
              2U);
  }
}

TEST_F(KeptBatchRoutesTest, NothingIsLeftOfABatchThatWasNotSent) {
  post("/channel/info", R"({"channel_id":"g2","channel_type":2,"ban":1})");
  const Answer none = post(std::string(kKeep) + "&atomic=true",
                           "[" + item("n1", "g1") + "," + item("n2", "g2") + "]");
  EXPECT_EQ(none.status, 403U) << none.body;
  EXPECT_FALSE(has(none.headers, "Batch-Id")) << none.headers;
  EXPECT_EQ(jobs_listed(), 0U);
  EXPECT_TRUE(has(max_seq("g1"), ":0"));
  // One of which a part was refused is kept.
  const Answer part = post(kKeep, "[" + item("n1", "g1") + "," + item("n2", "g2") + "]");
  const std::string kept = job(batch_of(part));
  EXPECT_EQ(number_of(kept, "accepted"), 1U) << kept;
  EXPECT_EQ(number_of(kept, "refused"), 1U) << kept;
  EXPECT_EQ(number_of(wait_for(id_of(revise(batch_of(part), "recall")), "done"), "items"), 1U);
  EXPECT_EQ(act(batch_of(part), "retry").status, 409U);
}

TEST_F(KeptBatchRoutesTest, WhatCannotBeKeptIsNotSent) {
  const std::string body = "[" + item("n1", "g1") + "]";
  for (const char* with : {"&dry_run=true", "&ack=received", "&async=true"}) {
    const Answer answer = post(std::string(kKeep) + with, body);
    EXPECT_EQ(answer.status, 400U) << with;
    EXPECT_TRUE(has(answer.body, "keep")) << answer.body;
  }
  EXPECT_EQ(post("/message/sendbatch?keep=maybe", body).status, 400U);
  ScriptedStream stream({item("n1", "g1") + "\n"});
  EXPECT_EQ(upload(stream, kKeep).status, 400U);
  EXPECT_EQ(jobs_listed(), 0U);
  EXPECT_TRUE(has(max_seq("g1"), ":0"));
}

TEST_F(KeptBatchRoutesTest, NothingIsKeptUnlessItIsAskedFor) {
  const std::string body = "[" + item("n1", "g1") + "]";
  for (const char* target : {"/message/sendbatch", "/message/sendbatch?keep=false"}) {
    EXPECT_FALSE(has(post(target, body).headers, "Batch-Id"));
  }
  EXPECT_EQ(jobs_listed(), 0U);
}

}  // namespace
}  // namespace jindou::api
