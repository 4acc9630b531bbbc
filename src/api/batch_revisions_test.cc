// POST /batches/{id}/recall and /edit: all that a job has sent, and nothing else.
#include "api/batch_revisions.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "access/key_secret.h"
#include "api/job_routes_fixture.h"
#include "config/api_keys.h"

namespace jindou::api {
namespace {

class BatchRevisionsTest : public JobRoutesTest {
 protected:
  Answer recall(const std::string& id, const std::string& body = R"({"operator_uid":"admin"})",
                const std::string& query = "") {
    return post("/batches/" + id + "/recall" + query, body);
  }
  Answer edit(const std::string& id, const std::string& body) {
    return post("/batches/" + id + "/edit", body);
  }
  std::string made(const std::string& body) {
    const std::string id = id_of(post(kAsync, body));
    wait_for(id, "done");
    return id;
  }
  // API keys by what they may do; the name of each is its secret.
  void load_keys(const std::map<std::string, std::string>& keys) {
    std::vector<std::string> entries;
    for (const auto& [name, members] : keys) {
      const auto hash = access::hash_of_secret(name);
      entries.push_back("name=" + name + ";sha256=" + access::key_hash_text(hash.value()) + ";" +
                        members);
    }
    access::AccessOptions options;
    options.keys = config::parse_api_keys(entries).value();
    services_->access.update(std::move(options));
  }
  // A batch with one message of u1 to the group.
  std::string kept_by(const std::string& key, const std::string& group) {
    const Answer sent =
        call(Verb::post, "/message/sendbatch?keep=true", "[" + item(group, group) + "]", key);
    EXPECT_EQ(sent.status, 200U) << sent.body;
    const std::string name = "Batch-Id: ";
    const auto at = sent.headers.find(name);
    EXPECT_NE(at, std::string::npos) << sent.headers;
    return at == std::string::npos ? "" : sent.headers.substr(at + name.size(), kJobIdBytes);
  }
  std::string last(const std::string& group) {
    return get("/channel/last_message?channel_type=2&channel_id=" + group).body;
  }
};

TEST_F(BatchRevisionsTest, AllThatAJobHasSentIsRecalled) {
  post("/message/sendbatch", "[" + item("other", "g1") + "]");
  const std::string sent =
      made("[" + item("n1", "g1") + "," + item("", "g2") + "," + item("n3", "g3") + "]");
  const Answer answer = recall(sent, "", "?name=oops");
  const std::string id = id_of(answer);
  EXPECT_EQ(answer.body, R"({"id":")" + id + R"(","batch_id":")" + sent +
                             R"(","state":"ready","items":3,"refused":0})");
  const std::string done = wait_for(id, "done");
  EXPECT_EQ(number_of(done, "accepted"), 3U) << done;
  EXPECT_EQ(text_of(done, "kind"), "recall");
  EXPECT_EQ(text_of(done, "batch_id"), sent);
  EXPECT_EQ(text_of(done, "name"), "oops");
  EXPECT_EQ(text_of(job(sent), "batch_id"), sent);
  for (const char* group : {"g1", "g2", "g3"}) {
    EXPECT_TRUE(has(last(group), "\"revoke\":1")) << last(group);
  }
  const Answer other = post("/message", R"({"channel_id":"g1","channel_type":2,)"
                                        R"("client_msg_no":"other"})");
  EXPECT_TRUE(has(other.body, "aGk=")) << other.body;
  const std::string lines = results(id);
  EXPECT_TRUE(has(lines, R"("client_msg_no":"n1","reason":1})")) << lines;
  EXPECT_TRUE(has(lines, R"("client_msg_no":")" + sent + R"(-1","reason":1})")) << lines;
  // Once more: nothing changes, and that is counted.
  const std::string again = wait_for(id_of(recall(sent)), "done");
  EXPECT_EQ(number_of(again, "duplicate"), 3U) << again;
  const std::string late = id_of(edit(sent, R"({"payload":"aGk="})"));
  EXPECT_EQ(number_of(wait_for(late, "done"), "refused"), 3U);
  EXPECT_TRUE(has(results(late), R"("code":"conflict","msg":"the message was recalled")"));
}

TEST_F(BatchRevisionsTest, AllThatAJobHasSentIsEdited) {
  const std::string sent = made("[" + item("n1", "g1") + "," + item("n2", "g1") + "]");
  const std::string id =
      id_of(edit(sent, R"({"payload":{"content":"new"},"operator_uid":"admin"})"));
  EXPECT_EQ(number_of(wait_for(id, "done"), "accepted"), 2U);
  // {"content":"new"}
  EXPECT_TRUE(has(last("g1"), "eyJjb250ZW50IjoibmV3In0=")) << last("g1");
  EXPECT_TRUE(has(last("g1"), "\"edit_version\":1")) << last("g1");
}

TEST_F(BatchRevisionsTest, WhatWasNotSentIsLeftOut) {
  const std::string sent = made(R"([{"from_uid":"u1","channel_id":"g1","channel_type":2,)"
                                R"("payload":"aGk=","header":{"no_persist":1}},)" +
                                item("n2", "g1") + "]");
  const std::string id = id_of(recall(sent));
  const std::string done = wait_for(id, "done");
  EXPECT_EQ(number_of(done, "accepted"), 1U) << done;
  EXPECT_EQ(number_of(done, "refused"), 1U) << done;
  EXPECT_TRUE(has(results(id, "?status=refused"), R"("code":"not_found","msg":"there is no such)"));
}

// What is not sent stays unsent, what is sent is recalled.
TEST_F(BatchRevisionsTest, ARecallEndsTheJobThatStillSends) {
  for (const bool pauses : {false, true}) {
    const std::string group = pauses ? "g7" : "g8";
    const std::string slow = id_of(
        post("/message/sendbatch?async=true&rate=1",
             "[" + item("s1", group) + "," + item("s2", group) + "," + item("s3", group) + "]"));
    wait_for(slow, "running");
    while (number_of(job(slow), "accepted") == 0U) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (pauses) act(slow, "pause");
    const Answer answer = recall(slow);
    ASSERT_EQ(answer.status, 202U) << answer.body;
    const std::string ended = wait_for(slow, "cancelled");
    EXPECT_EQ(text_of(ended, "reason"), "recalled while it was sent");
    EXPECT_GE(number_of(ended, "accepted"), 1U) << ended;
    const std::string done = wait_for(id_of(answer), "done");
    EXPECT_EQ(number_of(done, "accepted"), number_of(job(slow), "accepted")) << done;
    EXPECT_TRUE(has(last(group), "\"revoke\":1")) << last(group);
    EXPECT_EQ(act(slow, "resume").status, 409U);
  }
}

// When it is known that nothing is on its way, what was not sent is not looked for.
TEST_F(BatchRevisionsTest, OfAJobThatWasStoppedOnlyWhatWasSent) {
  const std::string canary = id_of(post("/message/sendbatch?async=true&canary=1",
                                        "[" + item("s1", "g6") + "," + item("s2", "g6") + "]"));
  wait_for(canary, "paused");
  act(canary, "cancel");
  const std::string edited =
      wait_for(id_of(edit(canary, R"({"payload":{"content":"new"}})")), "done");
  EXPECT_EQ(number_of(edited, "items"), 1U) << edited;
  EXPECT_EQ(number_of(edited, "accepted"), 1U) << edited;
  const std::string recalled = wait_for(id_of(recall(canary)), "done");
  EXPECT_EQ(number_of(recalled, "items"), 1U) << recalled;
  EXPECT_EQ(number_of(recalled, "accepted"), 1U) << recalled;
}

TEST_F(BatchRevisionsTest, OnlyAfterTheJobHasEnded) {
  // One that has not begun is cancelled.
  const std::string waits = id_of(post(kLater, "[" + item("n1", "g1") + "]"));
  EXPECT_EQ(recall(waits).status, 200U);
  EXPECT_EQ(number_of(wait_for(waits, "cancelled"), "accepted"), 0U);
  const std::string slow =
      id_of(post("/message/sendbatch?async=true&rate=1",
                 "[" + item("s1", "g1") + "," + item("s2", "g1") + "," + item("s3", "g1") + "]"));
  wait_for(slow, "running");
  const std::string payload = R"({"payload":{"content":"new"}})";
  const Answer early = edit(slow, payload);
  EXPECT_EQ(early.status, 409U);
  EXPECT_TRUE(has(early.body,
                  "the job is running: what it still sends would not be changed; wait "
                  "until it has ended (GET /jobs/" +
                      slow + "), or cancel it first (POST /jobs/" + slow + "/cancel)"))
      << early.body;
  act(slow, "pause");
  EXPECT_EQ(edit(slow, payload).status, 409U);
  act(slow, "cancel");
  EXPECT_EQ(recall(slow).status, 202U);
  const std::string sent = made("[" + item("n2", "g1") + "]");
  const std::string id = id_of(recall(sent));
  wait_for(id, "done");
  EXPECT_EQ(recall(id).status, 409U);
  ScriptedStream cut({item("n3", "g1") + "\n"}, http::Stream::Part::lost);
  upload(cut);
  const std::string failed = get("/jobs?state=failed").body;
  const std::string broken = failed.substr(failed.find("\"id\":\"") + 6, 32);
  EXPECT_TRUE(has(recall(broken).body, "nothing of the job was sent"));
}

TEST_F(BatchRevisionsTest, WhoMaySendChangesItsOwnBatches) {
  load_keys({{"ann", "scopes=send"},
             {"bob", "scopes=send"},
             {"chief", "scopes=administer"},
             {"reader", "scopes=read"}});
  const std::string kept = kept_by("ann", "g1");
  const Answer held = call(Verb::post, "/message/send?hold_ms=600000", item("h", "g2"), "ann");
  ASSERT_EQ(held.status, 202U) << held.body;
  const std::string waits = text_of(held.body, "id");
  const std::map<std::string, std::string> bodies = {{"edit", R"({"payload":{"content":"new"}})"},
                                                     {"recall", "{}"}};
  for (const std::string& batch : {kept, waits}) {
    for (const auto& [what, body] : bodies) {
      const std::string path = "/batches/" + batch + "/" + what;
      const Answer other = call(Verb::post, path, body, "bob");
      EXPECT_EQ(other.status, 403U) << path;
      EXPECT_TRUE(has(other.body, "the batch was begun by somebody else")) << other.body;
      const Answer reader = call(Verb::post, path, body, "reader");
      EXPECT_EQ(reader.status, 403U) << path;
      EXPECT_TRUE(has(reader.body, "it needs the scope send")) << reader.body;
    }
  }
  EXPECT_EQ(call(Verb::post, "/batches/" + waits + "/recall", "", "ann").status, 200U);
  for (const std::string name : {"ann", "chief"}) {
    for (const auto& [what, body] : bodies) {
      const Answer answer = call(Verb::post, "/batches/" + kept + "/" + what, body, name);
      EXPECT_EQ(answer.status, 202U) << name << " " << answer.body;
    }
  }
}

// As of a single message.
TEST_F(BatchRevisionsTest, AKeyWithSendersSpeaksForThemOnly) {
  load_keys({{"ann", "scopes=send;senders=u1"}});
  const std::string kept = kept_by("ann", "g1");
  const Answer held = call(Verb::post, "/message/send?hold_ms=600000", item("h", "g2"), "ann");
  ASSERT_EQ(held.status, 202U) << held.body;
  const std::string waits = text_of(held.body, "id");
  const auto denied = [this](const std::string& batch, const std::string& body,
                             const std::string& why) {
    const Answer answer = call(Verb::post, "/batches/" + batch + "/recall", body, "ann");
    EXPECT_EQ(answer.status, 403U) << answer.body;
    EXPECT_TRUE(has(answer.body, why)) << answer.body;
  };
  for (const std::string& batch : {kept, waits}) {
    denied(batch, R"({"operator_uid":"u2"})", "may not send as this sender");
  }
  // What it was sent by then is another's now, or in a channel of others.
  load_keys({{"ann", "scopes=send;senders=u2"}});
  denied(kept, "{}", "may not send as this sender");
  load_keys({{"ann", "scopes=send;channels=group:g7"}});
  denied(kept, "{}", "may not send to this channel");
  load_keys({{"ann", "scopes=send;senders=u1;channels=group:g1"}});
  const Answer found = call(Verb::get, "/jobs/" + waits, "", "ann");
  EXPECT_EQ(text_of(found.body, "state"), "ready") << "what was refused has cancelled nothing";
  EXPECT_EQ(
      call(Verb::post, "/batches/" + kept + "/recall", R"({"operator_uid":"u1"})", "ann").status,
      202U);
}

TEST_F(BatchRevisionsTest, BadRequestsMakeNoJob) {
  const std::string sent = made("[" + item("n1", "g1") + "]");
  EXPECT_EQ(recall("018bcfe5680000000000000000000001").status, 404U);
  EXPECT_EQ(recall("x").status, 404U);
  EXPECT_EQ(recall(sent, "[").status, 400U);
  EXPECT_EQ(recall(sent, R"({"operator_uid":"a@b"})").status, 400U);
  EXPECT_EQ(recall(sent, "{}", "?rate=fast").status, 400U);
  EXPECT_EQ(recall(sent, "{}", "?atomic=true").status, 400U);
  EXPECT_EQ(edit(sent, "{}").status, 400U);
  EXPECT_EQ(edit(sent, "").status, 400U);
  EXPECT_EQ(edit(sent, R"({"payload":""})").status, 400U);
  EXPECT_EQ(jobs_listed(), 1U);
  EXPECT_FALSE(has(last("g1"), "revoke"));
}

}  // namespace
}  // namespace jindou::api
