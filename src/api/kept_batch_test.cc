// Batches that are remembered as a whole: keep=true.
#include "api/kept_batch.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "api/job_routes_fixture.h"
#include "model/channel.h"
#include "model/partition_map.h"

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
  // The id of the only job, which has `items` by then.
  std::string wait_for_items(std::uint64_t items) {
    for (int i = 0; i < 6'000; ++i) {
      const std::string body = get("/jobs").body;
      const std::string name = R"("id":")";
      const auto at = body.find(name);
      if (at != std::string::npos && has(body, R"("items":)" + std::to_string(items) + ",")) {
        return body.substr(at + name.size(), kJobIdBytes);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ADD_FAILURE() << get("/jobs").body;
    return {};
  }
  std::string last(const std::string& group) {
    return get("/channel/last_message?channel_type=2&channel_id=" + group).body;
  }
  // Uploads a stream that is held, which goes on when `meanwhile` has been done.
  Answer upload_held(ScriptedStream& stream, const std::function<void()>& meanwhile) {
    std::thread other([&] {
      meanwhile();
      stream.release();
    });
    Answer answer = upload(stream, kKeep);
    other.join();
    return answer;
  }
  Answer upload_and_cancel(ScriptedStream& stream, std::uint64_t when_items) {
    return upload_held(stream,
                       [&] { EXPECT_EQ(act(wait_for_items(when_items), "cancel").status, 200U); });
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
  EXPECT_EQ(upload(stream, "/message/sendbatch?keep=maybe").status, 400U);
  EXPECT_EQ(jobs_listed(), 0U);
  // There is no place for it in time.
  ApiOptions options;
  options.request_timeout = std::chrono::milliseconds(50);
  configure(options);
  gate_->keep();
  const Answer late = upload(stream, kKeep);
  EXPECT_GE(late.status, 500U) << late.body;
  EXPECT_FALSE(has(late.headers, "Batch-Id")) << late.headers;
  EXPECT_EQ(stream.pieces_read(), 0U);
  gate_->release();
  EXPECT_TRUE(has(max_seq("g1"), ":0"));
}

TEST_F(KeptBatchRoutesTest, AStreamOfLinesIsKeptWithEachInItsPlace) {
  post("/channel/info", R"({"channel_id":"g2","channel_type":2,"ban":1})");
  ScriptedStream stream({item("n1", "g1") + "\n" + "{}\n" + item("n2", "g2") + "\n",
                         item("", "g3") + "\n" + item("n5", "g1") + "\n"});
  const Answer answer = upload(stream, kKeep);
  EXPECT_EQ(answer.status, 200U) << answer.body;
  const std::string batch = batch_of(answer);
  EXPECT_TRUE(has(stream.written(), R"({"done":true,"items":5,"accepted":3,"duplicate":0,)"
                                    R"("refused":2,"unknown":0,"batch_id":")" +
                                        batch + "\"}\n"))
      << stream.written();
  const std::string kept = job(batch);
  EXPECT_EQ(text_of(kept, "state"), "done");
  EXPECT_EQ(text_of(kept, "kind"), "batch");
  EXPECT_FALSE(has(kept, "\"reason\"")) << kept;
  EXPECT_EQ(number_of(kept, "items"), 5U) << kept;
  EXPECT_EQ(number_of(kept, "accepted"), 3U) << kept;
  const std::string told = results(batch);
  EXPECT_TRUE(has(told, R"({"index":0,)")) << told;
  EXPECT_TRUE(has(told, R"("client_msg_no":"n5","reason":1})")) << told;
  const std::string letters = get("/batches/" + batch + "/dead-letters").body;
  EXPECT_TRUE(has(letters, R"("count":2,"dead_letters":[{"index":1,"code":"invalid",)")) << letters;
  EXPECT_TRUE(has(letters, R"({"index":2,"client_msg_no":"n2",)")) << letters;
  const std::string id = id_of(revise(batch, "recall"));
  EXPECT_EQ(number_of(wait_for(id, "done"), "accepted"), 3U);
  for (const char* group : {"g1", "g3"}) {
    EXPECT_TRUE(has(last(group), "\"revoke\":1")) << last(group);
  }
}

TEST_F(KeptBatchRoutesTest, RowsOfCsvAreKeptToo) {
  ScriptedStream stream({"channel_id,name\ng1,Ann\ng1\ng2,Bob\n"});
  const std::string target =
      std::string(kKeep) + "&from_uid=sys&channel_type=2&payload=Hi%20%7B%7Bname%7D%7D";
  const Answer answer = call(Verb::post, target, "", "", {{"Content-Type", "text/csv"}}, &stream);
  EXPECT_EQ(answer.status, 200U) << answer.body;
  const std::string batch = batch_of(answer);
  EXPECT_EQ(number_of(job(batch), "items"), 3U) << job(batch);
  const std::string id = id_of(revise(batch, "edit", R"({"payload":{"content":"new"}})"));
  EXPECT_EQ(number_of(wait_for(id, "done"), "accepted"), 2U);
  // {"content":"new"}
  EXPECT_TRUE(has(last("g2"), "eyJjb250ZW50IjoibmV3In0=")) << last("g2");
}

TEST_F(KeptBatchRoutesTest, WhatWasSentOfAStreamThatEndsEarlyIsKeptWithTheReason) {
  post("/channel/info", R"({"channel_id":"g2","channel_type":2,"ban":1})");
  ScriptedStream stopped(
      {item("n1", "g1") + "\n" + item("n2", "g2") + "\n" + item("n3", "g1") + "\n"});
  const std::string first = batch_of(upload(stopped, std::string(kKeep) + "&on_error=stop"));
  EXPECT_TRUE(has(stopped.written(), R"("batch_id":")" + first + R"(","code":"stopped")"))
      << stopped.written();
  EXPECT_EQ(number_of(job(first), "items"), 2U);
  EXPECT_TRUE(has(text_of(job(first), "reason"), "item 1 failed")) << job(first);
  ScriptedStream cut({item("n4", "g1") + "\n"}, http::Stream::Part::lost);
  const std::string second = batch_of(upload(cut, kKeep));
  EXPECT_EQ(text_of(job(second), "state"), "done");
  EXPECT_EQ(text_of(job(second), "reason"), "it went wrong");
  EXPECT_EQ(number_of(wait_for(id_of(revise(second, "recall")), "done"), "accepted"), 1U);
  ScriptedStream gone({item("n5", "g1") + "\n"});
  gone.make_deaf();
  const std::string third = batch_of(upload(gone, kKeep));
  EXPECT_EQ(number_of(job(third), "accepted"), 1U);
  EXPECT_EQ(text_of(job(third), "reason"), "the connection has ended");
  ScriptedStream nothing({});
  EXPECT_EQ(number_of(job(batch_of(upload(nothing, kKeep))), "items"), 0U);
}

TEST_F(KeptBatchRoutesTest, WhatIsAnsweredOfAStreamIsKeptBefore) {
  ScriptedStream stream({item("n1", "g1") + "\n", item("n2", "g1") + "\n"});
  stream.make_slow();
  stream.hold(1);
  const Answer answer = upload_held(stream, [&] {
    // The first line is answered while the second one has not come.
    for (int i = 0; i < 6'000 && stream.writes() == 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    const std::string listed = get("/jobs").body;
    EXPECT_TRUE(has(listed, R"("state":"uploading")")) << listed;
    EXPECT_TRUE(has(listed, R"("items":1,)")) << listed;
    const Answer early = revise(wait_for_items(1), "recall");
    EXPECT_EQ(early.status, 409U);
    EXPECT_TRUE(has(early.body, "still being sent")) << early.body;
    const Answer letters = get("/batches/" + wait_for_items(1) + "/dead-letters");
    EXPECT_EQ(letters.status, 409U);
    EXPECT_TRUE(has(letters.body, "still being sent")) << letters.body;
  });
  EXPECT_EQ(number_of(job(batch_of(answer)), "items"), 2U);
}

TEST_F(KeptBatchRoutesTest, AStreamThatCannotBeKeptAnyFurtherSaysSoAndEnds) {
  ScriptedStream stream(
      {item("n1", "g1") + "\n", item("n2", "g1") + "\n", item("n3", "g1") + "\n"});
  stream.make_slow();
  stream.hold(1);
  const Answer answer = upload_and_cancel(stream, 1);
  EXPECT_TRUE(has(stream.written(), "{\"done\":false,\"items\":2,")) << stream.written();
  EXPECT_TRUE(has(stream.written(), R"("code":"not_kept","msg":"the last 1 items )"))
      << stream.written();
  EXPECT_TRUE(has(stream.written(), "the batch is cancelled and takes no more items"))
      << stream.written();
  EXPECT_FALSE(has(stream.written(), "batch_id")) << stream.written();
  EXPECT_TRUE(has(max_seq("g1"), ":2"));
  // What is kept of it can be looked at and recalled.
  const std::string batch = batch_of(answer);
  EXPECT_EQ(number_of(job(batch), "items"), 1U);
  EXPECT_TRUE(has(results(batch), R"("client_msg_no":"n1")")) << results(batch);
  EXPECT_EQ(get("/batches/" + batch + "/dead-letters").status, 200U);
  EXPECT_EQ(number_of(wait_for(id_of(revise(batch, "recall")), "done"), "accepted"), 1U);
}

TEST_F(KeptBatchRoutesTest, OneOfWhichNothingCouldBeKeptIsNotRecalled) {
  ScriptedStream stream({item("n1", "g1") + "\n"});
  stream.hold(0);
  const Answer answer = upload_and_cancel(stream, 0);
  const Answer refused = revise(batch_of(answer), "recall");
  EXPECT_EQ(refused.status, 409U) << refused.body;
  EXPECT_TRUE(has(refused.body, "could not be kept: send it again")) << refused.body;
}

TEST_F(KeptBatchRoutesTest, UidsThatAreNoneHaveTheirPlaceAmongWhatIsKept) {
  const Answer legacy =
      post(kKeep, R"({"from_uid":"u1","subscribers":["a","b@","c"],"payload":"aGk="})");
  const std::string batch = batch_of(legacy);
  EXPECT_EQ(number_of(job(batch), "items"), 3U) << job(batch);
  EXPECT_EQ(number_of(job(batch), "refused"), 1U) << job(batch);
  const std::string letters = get("/batches/" + batch + "/dead-letters").body;
  EXPECT_TRUE(has(letters, R"("count":1,)")) << letters;
  EXPECT_TRUE(has(letters, R"("msg":"the uid \"b@\" must not )")) << letters;
}

TEST_F(KeptBatchRoutesTest, ReceiversThatWereNotTriedAreAmongWhatIsKept) {
  // Their messages all go to one partition, which makes nothing durable.
  const PartitionMap map(4);
  constexpr PartitionId kStuck{1};
  std::string uids;
  for (int i = 0, count = 0; count < 1002; ++i) {
    const std::string uid = "r" + std::to_string(1000 + i);
    if (map.of_channel(person_channel_id("u1", uid)) != kStuck) continue;
    uids += (count++ == 0 ? "\"" : ",\"") + uid + "\"";
  }
  ApiOptions options;
  options.request_timeout = std::chrono::milliseconds(100);
  configure(options);
  gate_->keep(kStuck);
  Answer legacy;
  // Until the batch gets an id whose partition is another one.
  for (int i = 0; i < 100 && !has(legacy.headers, "Batch-Id"); ++i) {
    legacy = post(kKeep, R"({"from_uid":"u1","payload":"aGk=","subscribers":[)" + uids + "]}");
  }
  gate_->release();
  EXPECT_TRUE(has(legacy.body, "not sent: the time for the request was over")) << legacy.body;
  const std::string batch = batch_of(legacy);
  const std::string kept = job(batch);
  EXPECT_EQ(number_of(kept, "items"), 1002U) << kept;
  EXPECT_EQ(number_of(kept, "unknown") + number_of(kept, "refused"), 1002U) << kept;
  const std::string letters = get("/batches/" + batch + "/dead-letters?from=1000").body;
  EXPECT_TRUE(has(letters, R"({"index":1001,)")) << letters;
  EXPECT_TRUE(has(letters, R"("code":"overloaded")")) << letters;
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
