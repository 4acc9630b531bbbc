// /jobs: making them of every form of a batch, looking at them, changing them.
#include "api/job_routes.h"

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "api/job_routes_fixture.h"
#include "base/byte_budget.h"

namespace jindou::api {
namespace {

using namespace std::chrono_literals;
using Part = http::Stream::Part;

TEST_F(JobRoutesTest, AnArrayBecomesAJob) {
  const Answer answer = post(kAsync, "[" + item("n1", "g1") + "," + item("", "g2") + "]");
  const std::string id = id_of(answer);
  EXPECT_EQ(answer.body, R"({"id":")" + id + R"(","batch_id":")" + id +
                             R"(","state":"ready","items":2,"refused":0})");
  const std::string done = wait_for(id, "done");
  EXPECT_EQ(number_of(done, "items"), 2U);
  EXPECT_EQ(number_of(done, "accepted"), 2U);
  EXPECT_EQ(number_of(done, "pending"), 0U);
  EXPECT_GT(number_of(done, "ended_at"), 0U);
  const std::string lines = results(id);
  EXPECT_TRUE(has(lines, R"({"index":0,"message_id":)")) << lines;
  EXPECT_TRUE(has(lines, R"("message_seq":1,"client_msg_no":"n1","reason":1})")) << lines;
  EXPECT_TRUE(has(lines, R"("client_msg_no":")" + id + R"(-1","reason":1})")) << lines;
  EXPECT_TRUE(lines.ends_with("{\"done\":true,\"items\":2}\n")) << lines;
  EXPECT_TRUE(has(max_seq("g2"), ":1"));
}

TEST_F(JobRoutesTest, APreferenceMakesAJobToo) {
  const std::string body = "[" + item("n1", "g1") + "]";
  const Answer answer = call(Verb::post, "/message/sendbatch", body, "",
                             {{"Prefer", "handling=lenient, Respond-Async; wait=5"}});
  wait_for(id_of(answer), "done");
  EXPECT_TRUE(has(answer.headers, "Preference-Applied: respond-async\r\n"));
  EXPECT_EQ(
      call(Verb::post, "/message/sendbatch?async=false", body, "", {{"Prefer", "respond-async"}})
          .status,
      200U);
  EXPECT_EQ(call(Verb::post, "/message/sendbatch", body, "", {{"Prefer", "wait=5"}}).status, 200U);
}

TEST_F(JobRoutesTest, ABadItemOfAnArrayMakesNoJob) {
  const Answer answer = post(kAsync, "[" + item("n1", "g1") + R"(,{"from_uid":"u1"}])");
  EXPECT_EQ(answer.status, 400U);
  EXPECT_TRUE(has(answer.body, R"("items":[{"index":1,)")) << answer.body;
  EXPECT_EQ(post(kAsync, "[").status, 400U);
  EXPECT_EQ(jobs_listed(), 0U);
  EXPECT_TRUE(has(max_seq("g1"), ":0"));
}

TEST_F(JobRoutesTest, SharedPayloadsAndVariablesAreFilledInAtTheUpload) {
  const std::string id = id_of(post(
      kAsync,
      R"({"payloads":{"a":{"content":"Hi {{n}}"}},"defaults":{"from_uid":"u1","channel_type":2,)"
      R"("payload_ref":"a"},"items":[{"channel_id":"g1","vars":{"n":"Ann"}}]})"));
  wait_for(id, "done");
  const Answer last = get("/channel/last_message?channel_type=2&channel_id=g1");
  // {"content":"Hi Ann"}
  EXPECT_TRUE(has(last.body, "eyJjb250ZW50IjoiSGkgQW5uIn0=")) << last.body;
}

TEST_F(JobRoutesTest, TheObjectFormHasAnItemForEachUser) {
  const std::string id =
      id_of(post(kAsync, R"({"from_uid":"sys","subscribers":["a","b@c","d"],"payload":"aGk="})"));
  const std::string done = wait_for(id, "done");
  EXPECT_EQ(number_of(done, "accepted"), 2U);
  EXPECT_EQ(number_of(done, "refused"), 1U);
  const std::string refused = results(id, "?status=refused");
  EXPECT_TRUE(has(refused, R"({"index":1,)")) << refused;
  EXPECT_TRUE(has(refused, R"(the uid \"b@c\" must not contain '@')")) << refused;
}

TEST_F(JobRoutesTest, LinesBecomeAJob) {
  std::vector<std::string> pieces;
  std::string text;
  constexpr int kItems = 3000;
  for (int i = 0; i < kItems; ++i) {
    text += i == 1500 ? "{\"from_uid\":\"u1\"}\n" : item("", "g" + std::to_string(i % 3)) + "\n";
  }
  for (std::size_t at = 0; at < text.size(); at += 50'000)
    pieces.push_back(text.substr(at, 50'000));
  ScriptedStream stream(pieces);
  const Answer answer = upload(stream);
  const std::string id = id_of(answer);
  EXPECT_EQ(answer.body, R"({"id":")" + id + R"(","batch_id":")" + id +
                             R"(","state":"ready","items":3000,"refused":1})");
  const std::string done = wait_for(id, "done");
  EXPECT_EQ(number_of(done, "accepted"), 2999U);
  EXPECT_EQ(number_of(done, "refused"), 1U);
  EXPECT_TRUE(has(max_seq("g0"), ":999")) << max_seq("g0");
  EXPECT_TRUE(has(max_seq("g1"), ":1000")) << max_seq("g1");
  const std::string refused = results(id, "?status=refused");
  EXPECT_TRUE(refused.starts_with(R"({"index":1500,"message_id":0,)")) << refused;
  EXPECT_TRUE(has(refused, R"("code":"invalid")")) << refused;
  EXPECT_TRUE(refused.ends_with("{\"done\":true,\"items\":1}\n")) << refused;
  EXPECT_TRUE(results(id, "?from=2998").starts_with(R"({"index":2998,)"));
  EXPECT_EQ(results(id, "?status=unknown"), "{\"done\":true,\"items\":0}\n");
}

TEST_F(JobRoutesTest, LinesOfAJobMayShareWhatTheFirstOneHas) {
  ScriptedStream stream({R"({"payloads":{"hi":["Hi {{name}}"]},"defaults":{"from_uid":"u1",)",
                         R"("channel_type":2,"payload_ref":"hi","channel_id":"g1"}})"
                         "\n"
                         R"({"vars":{"name":"Ann"}})"
                         "\n"
                         R"({"vars":{}})"
                         "\n"
                         R"({"defaults":{},"vars":{"name":"Ann"}})"});
  const Answer answer = upload(stream);
  EXPECT_TRUE(has(answer.body, R"("items":3,"refused":2)")) << answer.body;
  const std::string id = id_of(answer);
  wait_for(id, "done");
  // ["Hi Ann"]
  EXPECT_TRUE(
      has(get("/channel/last_message?channel_type=2&channel_id=g1").body, "WyJIaSBBbm4iXQ=="));
  const std::string refused = results(id, "?status=refused");
  EXPECT_TRUE(has(refused, R"(vars has no \"name\", which payloads.hi names)")) << refused;
  EXPECT_TRUE(has(refused, "payloads and defaults are for the first line of the body")) << refused;
}

TEST_F(JobRoutesTest, WithoutASoundHeadThereIsNoJob) {
  for (const std::string head :
       {R"({"defaults":[]})", R"({"defaults":{})", R"({"payloads":{},"channel_id":"g1"})"}) {
    ScriptedStream stream({head + "\n" + item("n1", "g1") + "\n"});
    const Answer answer = upload(stream);
    EXPECT_EQ(answer.status, 400U) << head;
    EXPECT_TRUE(has(answer.body, "the job was not started: the first line, the head of the others"))
        << answer.body;
  }
  EXPECT_TRUE(has(max_seq("g1"), ":0")) << max_seq("g1");
  EXPECT_TRUE(has(get("/jobs?state=ready").body, "\"jobs\":[]"));
}

TEST_F(JobRoutesTest, NothingIsAJobThatIsDone) {
  ScriptedStream stream({"\n"});
  const Answer answer = upload(stream);
  const std::string id = id_of(answer);
  EXPECT_TRUE(has(answer.body, R"("state":"done","items":0)")) << answer.body;
  EXPECT_EQ(text_of(job(id), "state"), "done");
}

TEST_F(JobRoutesTest, AnUploadThatIsCutSendsNothing) {
  for (const Part part : {Part::lost, Part::broken}) {
    ScriptedStream stream({item("n1", "g1") + "\n" + item("n2", "g1") + "\n"}, part);
    const Answer answer = upload(stream);
    EXPECT_EQ(answer.status, 400U);
    EXPECT_TRUE(has(answer.body, R"("msg":"the job was not started: it went wrong")"))
        << answer.body;
  }
  const std::string listed = get("/jobs?state=failed").body;
  EXPECT_TRUE(has(listed, R"("reason":"the upload was cut: it went wrong")")) << listed;
  EXPECT_EQ(jobs_listed(), 2U);
  std::this_thread::sleep_for(100ms);
  EXPECT_TRUE(has(max_seq("g1"), ":0"));
  const auto first = listed.find("\"id\":\"") + 6;
  const std::string id = listed.substr(first, 32);
  EXPECT_EQ(get("/jobs/" + id + "/results").status, 409U);
  const Answer retried = act(id, "retry");
  EXPECT_EQ(retried.status, 409U);
  EXPECT_TRUE(has(retried.body, "its upload is not complete")) << retried.body;
}

TEST_F(JobRoutesTest, WhatIsAskedForIsChecked) {
  const std::string body = "[" + item("n1", "g1") + "]";
  const auto told = [&](const std::string& query) {
    const Answer answer = post("/message/sendbatch?" + query, body);
    EXPECT_EQ(answer.status, 400U) << query;
    return answer.body;
  };
  EXPECT_TRUE(has(told("async=perhaps"), "async takes true or false"));
  EXPECT_TRUE(has(told("rate=5"), "rate is for a job: async=true makes one"));
  EXPECT_TRUE(has(told("async=1&rate=fast"), "rate takes items per second, at most 1000000"));
  EXPECT_TRUE(has(told("async=1&rate=-1"), "rate takes"));
  EXPECT_TRUE(has(told("async=1&not_before=1700000000000"), "not_before takes a Unix time in s"));
  for (const char* wrong : {"x", "-1", "1.5", "0%25", "101%25", "5%25%25", "%25", "x%25"}) {
    EXPECT_TRUE(has(told("async=1&canary=" + std::string(wrong)), "canary takes a number of items"))
        << wrong;
  }
  EXPECT_TRUE(has(told("async=1&max_refused=5"), "max_refused takes a ratio"));
  EXPECT_TRUE(has(told("async=1&max_refused=0"), "max_refused takes a ratio"));
  EXPECT_TRUE(has(told("async=1&on_error=maybe"), "on_error takes continue or stop"));
  EXPECT_TRUE(has(told("async=1&atomic=true"), "atomic is for a batch that is answered"));
  EXPECT_TRUE(has(told("async=1&ack=received"), "ack is for a batch that is answered"));
  EXPECT_TRUE(has(told("async=1&name=" + std::string(129, 'n')), "name takes at most 128 bytes"));
  EXPECT_EQ(jobs_listed(), 0U);
}

TEST_F(JobRoutesTest, ArePausedResumedCancelledAndDeleted) {
  const std::string id = id_of(
      post(std::string(kLater) + "&name=Spring%20sale&rate=50", "[" + item("n1", "g1") + "]"));
  const std::string made = job(id);
  EXPECT_EQ(text_of(made, "state"), "ready");
  EXPECT_EQ(text_of(made, "name"), "Spring sale");
  EXPECT_EQ(number_of(made, "rate"), 50U);
  EXPECT_EQ(number_of(made, "not_before"), 99999999999U);
  EXPECT_EQ(number_of(made, "pending"), 1U);
  EXPECT_TRUE(has(results(id), R"({"index":0,"client_msg_no":"n1","state":"pending"})"));
  EXPECT_EQ(text_of(act(id, "pause").body, "state"), "paused");
  EXPECT_EQ(act(id, "pause").status, 200U);
  EXPECT_EQ(text_of(act(id, "resume").body, "state"), "ready");
  const Answer early = call(Verb::delete_, "/jobs/" + id);
  EXPECT_EQ(early.status, 409U);
  EXPECT_TRUE(has(early.body, "the job has not ended: cancel it first")) << early.body;
  EXPECT_EQ(text_of(act(id, "cancel").body, "state"), "cancelled");
  const Answer late = act(id, "pause");
  EXPECT_EQ(late.status, 409U);
  EXPECT_TRUE(has(late.body, "the job is cancelled: it cannot be paused")) << late.body;
  EXPECT_EQ(act(id, "resume").status, 409U);
  EXPECT_EQ(call(Verb::delete_, "/jobs/" + id).body, R"({"status":200})");
  EXPECT_EQ(get("/jobs/" + id).status, 404U);
  EXPECT_EQ(call(Verb::delete_, "/jobs/" + id).status, 404U);
  EXPECT_TRUE(has(max_seq("g1"), ":0"));
}

TEST_F(JobRoutesTest, ACanaryMayBeAShareOfTheItems) {
  std::string items;
  for (int i = 0; i < 30; ++i) {
    items += (i == 0 ? "[" : ",") + item("n" + std::to_string(i), "g1");
  }
  const std::string later = std::string(kLater) + "&canary=";
  EXPECT_EQ(number_of(job(id_of(post(later + "5%25", items + "]"))), "canary"), 2U);
  EXPECT_EQ(number_of(job(id_of(post(later + "0.001%25", items + "]"))), "canary"), 1U);
  EXPECT_EQ(number_of(job(id_of(post(later + "100%25", items + "]"))), "canary"), 30U);
  EXPECT_EQ(number_of(job(id_of(post(later + "7", items + "]"))), "canary"), 7U);
}

TEST_F(JobRoutesTest, TheRateMayBeChangedUntilTheEnd) {
  const std::string id =
      id_of(post(std::string(kLater) + "&rate=50", "[" + item("n1", "g1") + "]"));
  const Answer faster = act(id, "rate?rate=700");
  EXPECT_EQ(faster.status, 200U);
  EXPECT_EQ(number_of(faster.body, "rate"), 700U);
  EXPECT_FALSE(has(act(id, "rate?rate=0").body, "\"rate\""));
  for (const char* wrong : {"rate", "rate?rate=", "rate?rate=fast", "rate?rate=1000001"}) {
    EXPECT_EQ(act(id, wrong).status, 400U) << wrong;
  }
  act(id, "cancel");
  const Answer late = act(id, "rate?rate=5");
  EXPECT_EQ(late.status, 409U);
  EXPECT_TRUE(has(late.body, "the job is cancelled: its rate does not matter")) << late.body;
  EXPECT_EQ(act("018bcfe5680000000000000000000001", "rate?rate=5").status, 404U);
}

TEST_F(JobRoutesTest, ADailyWindowIsKept) {
  const std::string body = "[" + item("n1", "g1") + "]";
  const std::string id =
      id_of(post(std::string(kLater) + "&window=22:00-06:30&time_zone=%2B08:00", body));
  EXPECT_EQ(text_of(job(id), "window"), "22:00-06:30");
  EXPECT_EQ(text_of(job(id), "time_zone"), "+08:00");
  const std::string west =
      id_of(post(std::string(kLater) + "&window=09:00-21:00&time_zone=-03:30", body));
  EXPECT_EQ(text_of(job(west), "time_zone"), "-03:30");
  const std::string named =
      id_of(post(std::string(kLater) + "&window=09:00-21:00&time_zone=Asia/Shanghai", body));
  EXPECT_EQ(text_of(job(named), "time_zone"), "Asia/Shanghai");
  for (const char* zone : {"", "&time_zone=UTC", "&time_zone=Z", "&time_zone=+00:00"}) {
    const Answer made = post(std::string(kLater) + "&window=09:00-21:00" + zone, body);
    EXPECT_EQ(text_of(job(id_of(made)), "time_zone"), "+00:00");
  }
  for (const char* wrong :
       {"window=9-21", "window=09:00", "window=09:00-09:00", "window=24:00-01:00",
        "window=09:60-10:00", "window=09:00-21:00&time_zone=Mars",
        "window=09:00-21:00&time_zone=Asia/Nowhere", "time_zone=UTC",
        "window=09:00-21:00&time_zone=08:00", "window=09:00-21:00&time_zone=%2B8"}) {
    EXPECT_EQ(post(std::string(kLater) + "&" + wrong, body).status, 400U) << wrong;
  }
  EXPECT_EQ(post("/message/sendbatch?window=09:00-21:00", body).status, 400U);
}

TEST_F(JobRoutesTest, ADoneJobCannotBePausedAndHasNothingToRetry) {
  const std::string id = id_of(post(kAsync, "[" + item("n1", "g1") + "]"));
  wait_for(id, "done");
  EXPECT_TRUE(has(act(id, "pause").body, "the job is done: it cannot be paused"));
  const Answer retried = act(id, "retry");
  EXPECT_EQ(retried.status, 409U);
  EXPECT_TRUE(has(retried.body, "nothing of the job has failed")) << retried.body;
}

TEST_F(JobRoutesTest, UnknownOnesAreNotFound) {
  for (const std::string id : {"018bcfe5680000000000000000000001", "x", "%20", "018BCFE5"}) {
    EXPECT_EQ(get("/jobs/" + id).status, 404U) << id;
    EXPECT_EQ(get("/jobs/" + id + "/results").status, 404U) << id;
    EXPECT_EQ(act(id, "pause").status, 404U) << id;
    EXPECT_EQ(call(Verb::delete_, "/jobs/" + id).status, 404U) << id;
  }
  EXPECT_EQ(act("018bcfe5680000000000000000000001", "explode").status, 404U);
}

TEST_F(JobRoutesTest, AreListedByAgeAndState) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(id_of(post(kLater, "[" + item("n1", "g1") + "]")));
    std::this_thread::sleep_for(2ms);
  }
  act(ids[1], "cancel");
  const std::string all = get("/jobs").body;
  EXPECT_LT(all.find(ids[4]), all.find(ids[3]));
  EXPECT_LT(all.find(ids[1]), all.find(ids[0]));
  EXPECT_TRUE(has(all, "\"more\":0"));
  const std::string page = get("/jobs?limit=2").body;
  EXPECT_TRUE(has(page, ids[4]) && has(page, ids[3]) && !has(page, ids[2])) << page;
  EXPECT_TRUE(has(page, "\"more\":1"));
  const std::string next = get("/jobs?limit=2&before=" + ids[3]).body;
  EXPECT_TRUE(has(next, ids[2]) && has(next, ids[1]) && !has(next, ids[0])) << next;
  const std::string cancelled = get("/jobs?state=cancelled").body;
  EXPECT_TRUE(has(cancelled, ids[1]) && !has(cancelled, ids[0])) << cancelled;
  EXPECT_TRUE(has(get("/jobs?state=ready&limit=4").body, "\"more\":0"));
  EXPECT_EQ(get("/jobs?state=asleep").status, 400U);
  EXPECT_EQ(get("/jobs?limit=1001").status, 400U);
  EXPECT_EQ(get("/jobs?before=x").status, 400U);
}

TEST_F(JobRoutesTest, ARequestWithAKeyMakesOneJob) {
  const std::string body = "[" + item("", "g1") + "]";
  const Headers key = {{"Idempotency-Key", "order-1"}};
  const std::string id = id_of(call(Verb::post, kAsync, body, "", key));
  const Answer again = call(Verb::post, kAsync, body, "", key);
  EXPECT_EQ(id_of(again), id);
  EXPECT_TRUE(has(again.headers, "Idempotency-Replay: true")) << again.headers;
  EXPECT_EQ(jobs_listed(), 1U);
}

// Filled in, they are many times their body, and each chunk of them waits for its commit.
TEST_F(JobRoutesTest, TheItemsOfABatchCountUntilTheJobHasThem) {
  const std::string text = std::string(30'000, 'x') + "{{n}}";
  ASSERT_EQ(status("/templates", R"({"name":"long","payload":[")" + text + R"("]})"), 200U);
  const std::string one =
      R"({"from_uid":"u1","channel_id":"g1","channel_type":2,"template":"long","vars":{"n":"1"}})";
  std::string array;
  for (int i = 0; i < 20; ++i) array += (i == 0 ? "[" : ",") + one;
  array += "]";
  std::string object = R"({"from_uid":"u1","payload":"aGk=","subscribers":["u")";
  for (int i = 0; i < 5000; ++i) object += ",\"u" + std::to_string(i) + std::string(90, 'x') + '"';
  object += "]}";
  const Headers plain = {{"Content-Type", "application/json"}};
  const Headers with_key = {{"Content-Type", "application/json"}, {"Idempotency-Key", "k1"}};
  struct Form {
    std::string body;
    Headers headers;
  };
  for (const Form& form : {Form{array, plain}, Form{array, with_key}, Form{object, plain}}) {
    ApiOptions options;
    options.http.body_budget = std::make_shared<ByteBudget>(std::size_t{2} << 20);
    configure(options);
    gate_->keep();
    auto first = std::async(std::launch::async,
                            [&] { return call(Verb::post, kLater, form.body, "", form.headers); });
    while (gate_->kept() == 0) std::this_thread::sleep_for(1ms);
    EXPECT_GE(options.http.body_budget->used(), 20U * 30'000U);
    const std::size_t made = jobs_listed();
    EXPECT_EQ(call(Verb::post, kLater, form.body, "", form.headers).status, 429U);
    gate_->release();
    EXPECT_EQ(first.get().status, 202U);
    EXPECT_EQ(options.http.body_budget->used(), 0U);
    EXPECT_EQ(jobs_listed(), made + 1);
  }
}

TEST_F(JobRoutesTest, ItemsThatNeverFindRoomSayWhere) {
  ApiOptions options;
  options.http.body_budget = std::make_shared<ByteBudget>(std::size_t{1} << 10);
  configure(options);
  const Answer answer = post(kAsync, "[" + item("n1", "g1") + "," + item("n2", "g1") + "]");
  EXPECT_EQ(answer.status, 413U) << answer.body;
  EXPECT_TRUE(has(answer.body, "and there are 1024 (api.bodyBytesInFlight)")) << answer.body;
  EXPECT_EQ(jobs_listed(), 0U);
  EXPECT_TRUE(has(max_seq("g1"), ":0"));
}

}  // namespace
}  // namespace jindou::api
