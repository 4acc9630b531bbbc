// CSV that becomes a job: what rows are, and that nothing comes of what is no CSV. Uploads that may
// be repeated, of lines and of CSV.
#include "api/streamed_upload.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "api/job_routes_fixture.h"

namespace jindou::api {
namespace {

using Part = http::Stream::Part;

// {"content":"Hi {{name}}"}
constexpr const char* kHi =
    "&from_uid=sys&channel_type=2&payload=%7B%22content%22:%22Hi%20%7B%7B"
    "name%7D%7D%22%7D";

class CsvJobsTest : public JobRoutesTest {
 protected:
  Answer upload_csv(std::vector<std::string> pieces, const std::string& query = kHi,
                    Part end = Part::end) {
    ScriptedStream stream(std::move(pieces), end);
    const Headers headers = {{"Content-Type", "text/csv; charset=utf-8"}};
    return call(Verb::post, "/message/sendbatch?async=true" + query, "", "", headers, &stream);
  }
  std::string last_payload(const std::string& group) {
    return get("/channel/last_message?channel_type=2&channel_id=" + group).body;
  }
  // Nothing was sent, and no job is left that would send something.
  void expect_nothing(const Answer& answer, const std::string& why) {
    EXPECT_EQ(answer.status, 400U) << answer.body;
    EXPECT_TRUE(has(answer.body, why)) << answer.body;
    EXPECT_TRUE(has(max_seq("g1"), ":0"));
    for (const char* state : {"uploading", "ready", "running", "paused", "done"}) {
      EXPECT_TRUE(has(get(std::string("/jobs?state=") + state).body, "\"jobs\":[]")) << state;
    }
  }
};

TEST_F(CsvJobsTest, RowsBecomeItems) {
  // In pieces of any size, with a byte order mark, CRLF, quotes and an empty line.
  const std::string text =
      "\xef\xbb\xbf"
      "channel_id,name,client_msg_no\r\ng1,Ann,n1\r\n\r\ng1,\"Emil \"\"the, Great\"\"\nII\",\r\n"
      "g2,Dora,";
  for (const std::size_t bytes : {text.size(), std::size_t{1}, std::size_t{7}}) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size(); at += bytes)
      pieces.push_back(text.substr(at, bytes));
    const Answer answer = upload_csv(pieces);
    const std::string id = id_of(answer);
    EXPECT_TRUE(has(answer.body, R"("items":3,"refused":0)")) << answer.body;
    const std::string done = wait_for(id, "done");
    EXPECT_EQ(number_of(done, "accepted") + number_of(done, "duplicate"), 3U) << done;
  }
  // {"content":"Hi Emil \"the, Great\"\nII"}
  EXPECT_TRUE(has(last_payload("g1"), "eyJjb250ZW50IjoiSGkgRW1pbCBcInRoZSwgR3JlYXRcIlxuSUkifQ=="))
      << last_payload("g1");
  EXPECT_TRUE(has(max_seq("g1"), ":4"));
  EXPECT_TRUE(has(max_seq("g2"), ":3"));
}

TEST_F(CsvJobsTest, ColumnsMaySayMoreThanTheQuery) {
  const Answer answer =
      upload_csv({"channel_type,from_uid,channel_id,of_no_use\n2,ann,g1,\n,,g1,x\n"},
                 "&from_uid=sys&channel_type=2&payload=hi");
  const std::string done = wait_for(id_of(answer), "done");
  EXPECT_EQ(number_of(done, "accepted"), 2U) << done;
  EXPECT_TRUE(has(last_payload("g1"), R"("from_uid":"sys")"));
}

TEST_F(CsvJobsTest, AStoredTemplateIsFilledIn) {
  EXPECT_EQ(post("/templates", R"({"name":"hello","payload":{"content":"Hello {{name}}"}})").status,
            200U);
  const std::string query = "&from_uid=sys&channel_type=2&template=hello";
  const Answer answer = upload_csv({"channel_id,name\ng1,Ann\n"}, query);
  EXPECT_EQ(number_of(wait_for(id_of(answer), "done"), "accepted"), 1U);
  // {"content":"Hello Ann"}
  EXPECT_TRUE(has(last_payload("g1"), "eyJjb250ZW50IjoiSGVsbG8gQW5uIn0=")) << last_payload("g1");
  // One that there is not makes each row a refused item.
  const Answer none = upload_csv({"channel_id,name\ng1,Ann\n"}, query + "-not");
  EXPECT_TRUE(has(none.body, R"("items":1,"refused":1)")) << none.body;
  // A column that it names and that is not there, too.
  const Answer lacks = upload_csv({"channel_id,nom\ng1,Ann\n"}, query);
  EXPECT_TRUE(has(lacks.body, R"("items":1,"refused":1)")) << lacks.body;
  EXPECT_TRUE(has(max_seq("g1"), ":1"));
}

TEST_F(CsvJobsTest, ALineInFrontMayHoldWhatTheRowsShare) {
  const Answer answer = upload_csv(
      {R"({"payloads":{"hi":["Hi {{name}}"]},"defaults":{"from_uid":"sys","channel_type":2,)"
       R"("payload_ref":"hi"}})"
       "\nchannel_id,name\ng1,Ann\ng1\n"},
      "");
  EXPECT_TRUE(has(answer.body, R"("items":2,"refused":1)")) << answer.body;
  const std::string id = id_of(answer);
  wait_for(id, "done");
  // ["Hi Ann"]
  EXPECT_TRUE(has(last_payload("g1"), "WyJIaSBBbm4iXQ==")) << last_payload("g1");
  EXPECT_TRUE(has(results(id, "?status=refused"), "line 4: the row has 1 field"));
}

TEST_F(CsvJobsTest, WithoutASoundLineInFrontThereIsNoJob) {
  expect_nothing(upload_csv({"{\"defaults\":[]}\nchannel_id,name\ng1,Ann\n"}),
                 "the job was not started: the first line, the head of the others");
  expect_nothing(upload_csv({"{}\nchannel_id,name\ng1,Ann\n"}), "it is no head of the others");
  EXPECT_EQ(jobs_listed(), 0U);
}

TEST_F(CsvJobsTest, ARowThatIsNoItemIsRefusedByItself) {
  const Answer answer = upload_csv(
      {"channel_id,name,channel_type\ng1,Ann,\ng1\ng1,Ann,2,more\ng1,Ann,x\n,Ann,2\ng1,\xff,2\n"
       "g1,Bob,2\n"});
  const std::string id = id_of(answer);
  EXPECT_TRUE(has(answer.body, R"("items":7,"refused":5)")) << answer.body;
  const std::string done = wait_for(id, "done");
  EXPECT_EQ(number_of(done, "accepted"), 2U);
  const std::string refused = results(id, "?status=refused");
  for (const char* told : {"line 3: the row has 1 field, the first row names 3 columns",
                           "line 4: the row has 4 fields", "line 5: channel_type is",
                           R"("index":4,)", "line 7: the row is not in UTF-8"}) {
    EXPECT_TRUE(has(refused, told)) << told << refused;
  }
  EXPECT_TRUE(has(max_seq("g1"), ":2"));
}

TEST_F(CsvJobsTest, AQuoteInTheWrongPlaceStartsNoJob) {
  expect_nothing(upload_csv({"channel_id,name\ng1,Ann\ng1,An\"n\ng1,Bob\n"}),
                 "the job was not started: line 3: ");
  expect_nothing(upload_csv({"channel_id,name\ng1,Ann\ng1,\"Bob\n"}),
                 "the job was not started: line 3: ");
  const std::string failed = get("/jobs?state=failed").body;
  EXPECT_TRUE(has(failed, R"("reason":"line 3: )")) << failed;
  // Nor does a row without an end.
  expect_nothing(upload_csv({"channel_id,name\ng1,Ann\ng1,", std::string(300'000, 'x'), "\n"}),
                 "the job was not started: line 3: ");
}

TEST_F(CsvJobsTest, ACutUploadStartsNoJob) {
  for (const Part part : {Part::lost, Part::broken}) {
    expect_nothing(upload_csv({"channel_id,name\ng1,Ann\n"}, kHi, part),
                   R"("msg":"the job was not started: it went wrong")");
    // Before there is a row.
    expect_nothing(upload_csv({"channel_id,na"}, kHi, part),
                   R"("msg":"the job was not started: it went wrong")");
  }
  EXPECT_EQ(jobs_listed(), 2U);
}

TEST_F(CsvJobsTest, WithoutColumnsThereIsNoJob) {
  const std::string row = "\ng1,Ann\n";
  expect_nothing(upload_csv({}), "the body is empty: its first row names columns");
  expect_nothing(upload_csv({"\n\n"}), "the body is empty");
  expect_nothing(upload_csv({"id,name" + row}), "no column has the name channel_id");
  expect_nothing(upload_csv({"channel_id,nom" + row}), "{{name}}");
  expect_nothing(upload_csv({"channel_id,channel_id" + row}), "two columns");
  expect_nothing(upload_csv({"channel_id,\"na\"me" + row}), "line 1: ");
  expect_nothing(upload_csv({"channel_id,name" + row}, "&from_uid=sys&payload=hi"),
                 "no column has the name channel_type");
  expect_nothing(upload_csv({"channel_id,name" + row}, "&channel_type=2&payload=hi"),
                 "no column has the name from_uid");
  expect_nothing(upload_csv({"channel_id,name" + row}, "&channel_type=2&from_uid=sys"),
                 "payload or template");
  EXPECT_EQ(jobs_listed(), 0U);
}

TEST_F(CsvJobsTest, WhatIsAskedForIsChecked) {
  const std::vector<std::string> rows = {"channel_id,name\ng1,Ann\n"};
  expect_nothing(upload_csv(rows, "&channel_type=256"), "channel_type must be a number");
  expect_nothing(upload_csv(rows, "&template_version=x"), "template_version must be");
  expect_nothing(upload_csv(rows, "&payload=hi&template=t"), "not both");
  expect_nothing(upload_csv(rows, "&payload=%7B%7Bname"), "the payload ");
  EXPECT_EQ(jobs_listed(), 0U);
}

TEST_F(CsvJobsTest, NoRowsAreAJobThatIsDone) {
  const std::string id = id_of(upload_csv({"channel_id,name\n"}));
  EXPECT_EQ(text_of(job(id), "state"), "done");
}

class KeyedUploads : public JobRoutesTest {
 protected:
  void SetUp() override {
    JobRoutesTest::SetUp();
    ApiOptions options;
    options.send.items_max = 2;  // no upload is held to that
    configure(options);
  }
  Answer upload_keyed(ScriptedStream& stream, const std::string& key,
                      const std::string& target = kAsync,
                      const std::string& type = "application/x-ndjson") {
    return call(Verb::post, target, "", "", {{"Content-Type", type}, {"Idempotency-Key", key}},
                &stream);
  }
  Answer upload_text(const std::string& text, const std::string& key,
                     const std::string& target = kAsync,
                     const std::string& type = "application/x-ndjson",
                     std::size_t bytes = SIZE_MAX) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size(); at += std::min(bytes, text.size())) {
      pieces.push_back(text.substr(at, bytes));
    }
    ScriptedStream stream(std::move(pieces));
    return upload_keyed(stream, key, target, type);
  }
  void expect_repeat(const Answer& repeat, const Answer& first) {
    EXPECT_EQ(repeat.status, 202U) << repeat.body;
    EXPECT_EQ(repeat.body, first.body);
    EXPECT_TRUE(has(repeat.headers, "Idempotency-Replay: true\r\n")) << repeat.headers;
    EXPECT_TRUE(has(repeat.headers, "Location: /jobs/")) << repeat.headers;
  }
  // Items without a number.
  static std::string lines(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) {
      text += R"({"from_uid":"u1","channel_id":"g1","channel_type":2,"payload":[)" +
              std::to_string(i) + "]}\n";
    }
    return text;
  }
};

TEST_F(KeyedUploads, OneJobComesOfAllThatAreTheSame) {
  const std::string text = lines(5) + "no item\n";
  const Answer first = upload_text(text, "k1");
  const std::string id = id_of(first);
  EXPECT_FALSE(has(first.headers, "Idempotency-Replay"));
  EXPECT_TRUE(has(first.body, R"("items":6,"refused":1)")) << first.body;
  // However it comes.
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{7}, text.size()}) {
    expect_repeat(upload_text(text, "k1", kAsync, "application/x-ndjson", bytes), first);
    EXPECT_EQ(jobs_listed(), 1U);
  }
  EXPECT_EQ(number_of(wait_for(id, "done"), "accepted"), 5U);
  expect_repeat(upload_text(text, "k1"), first);
  EXPECT_EQ(jobs_listed(), 1U);
  EXPECT_TRUE(has(max_seq("g1"), ":5"));
  // Another key is another request.
  const Answer other = upload_text(text, "k2");
  wait_for(id_of(other), "done");
  EXPECT_TRUE(has(max_seq("g1"), ":10"));
}

TEST_F(KeyedUploads, AnotherBodyUnderTheKeyMakesNoJob) {
  const std::string id = id_of(upload_text(lines(3), "k1", kLater));
  const std::vector<std::pair<std::string, std::string>> others = {
      {lines(4), kLater}, {lines(2), kLater}, {lines(3), kAsync}};
  for (const auto& [text, target] : others) {
    const Answer other = upload_text(text, "k1", target);
    EXPECT_EQ(other.status, 422U) << other.body;
    EXPECT_TRUE(has(other.body, "used for another request")) << other.body;
  }
  EXPECT_EQ(jobs_listed(), 1U);
  EXPECT_EQ(number_of(job(id), "items"), 3U);
}

TEST_F(KeyedUploads, OfTwoAtOnceTheFirstToEndIsTheJob) {
  ScriptedStream slow({lines(2), lines(1)});
  slow.hold(1);
  auto held = std::async(std::launch::async, [&] { return upload_keyed(slow, "k1"); });
  while (jobs_listed() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const Answer first = upload_text(lines(2) + lines(1), "k1");
  const std::string id = id_of(first);
  slow.release();
  expect_repeat(held.get(), first);
  EXPECT_EQ(jobs_listed(), 1U);
  wait_for(id, "done");
  EXPECT_TRUE(has(max_seq("g1"), ":3"));
}

TEST_F(KeyedUploads, ACutOneTakesNoKey) {
  ScriptedStream cut({lines(2)}, Part::lost);
  EXPECT_EQ(upload_keyed(cut, "k1").status, 400U);
  const Answer whole = upload_text(lines(3), "k1");
  EXPECT_FALSE(has(whole.headers, "Idempotency-Replay"));
  wait_for(id_of(whole), "done");
  EXPECT_TRUE(has(max_seq("g1"), ":3"));
}

TEST_F(KeyedUploads, OneThatCannotBeginGivesTheKeyBack) {
  ScriptedStream slow({lines(2), lines(1)});
  slow.hold(1);
  auto held = std::async(std::launch::async, [&] { return upload_keyed(slow, "k1"); });
  while (jobs_listed() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const std::string listed = get("/jobs").body;
  const std::string id = listed.substr(listed.find(R"("id":")") + 6, kJobIdBytes);
  EXPECT_EQ(act(id, "cancel").status, 200U);
  slow.release();
  const Answer stopped = held.get();
  EXPECT_EQ(stopped.status, 409U) << stopped.body;
  EXPECT_TRUE(has(stopped.body, "the job was not started")) << stopped.body;
  const Answer again = upload_text(lines(2) + lines(1), "k1");
  EXPECT_FALSE(has(again.headers, "Idempotency-Replay")) << again.headers;
  wait_for(id_of(again), "done");
  EXPECT_TRUE(has(max_seq("g1"), ":3"));
}

TEST_F(KeyedUploads, WhatIsNoKeyIsSaidBeforeAnythingIsRead) {
  ScriptedStream stream({lines(2)});
  const Answer answer = upload_keyed(stream, "no key");
  EXPECT_EQ(answer.status, 400U);
  EXPECT_TRUE(has(answer.body, "Idempotency-Key takes 1 to 255")) << answer.body;
  EXPECT_EQ(stream.pieces_read(), 0U);
  EXPECT_EQ(jobs_listed(), 0U);
}

TEST_F(KeyedUploads, RowsMayHaveOneAndARepeatOutlivesTheirTemplate) {
  ASSERT_EQ(status("/templates", R"({"name":"hi","payload":["Hi {{name}}"]})"), 200U);
  const std::string target = std::string(kAsync) + "&from_uid=sys&channel_type=2&template=hi";
  const std::string text = "channel_id,name\ng1,Ann\ng1,Bob\ng1,Eve\n";
  const Answer first = upload_text(text, "k1", target, "text/csv");
  wait_for(id_of(first), "done");
  ASSERT_EQ(call(Verb::delete_, "/templates/hi").status, 200U);
  expect_repeat(upload_text(text, "k1", target, "text/csv", 5), first);
  EXPECT_EQ(upload_text(text + "g1,Joe\n", "k1", target, "text/csv").status, 422U);
  EXPECT_EQ(jobs_listed(), 1U);
  EXPECT_TRUE(has(max_seq("g1"), ":3"));
}

// A preference and a hold make jobs, too.
TEST_F(KeyedUploads, WhateverMakesItAJob) {
  ScriptedStream stream({lines(3)});
  const Answer preferred = call(Verb::post, "/message/sendbatch", "", "",
                                {{"Content-Type", "application/x-ndjson"},
                                 {"Idempotency-Key", "k1"},
                                 {"Prefer", "respond-async"}},
                                &stream);
  EXPECT_EQ(preferred.status, 202U) << preferred.body;
  EXPECT_TRUE(has(preferred.headers, "Preference-Applied: respond-async")) << preferred.headers;
  const std::string held = "/message/sendbatch?hold_ms=600000";
  const Answer first = upload_text(lines(3), "k2", held);
  EXPECT_TRUE(has(first.body, "held_until_ms")) << first.body;
  expect_repeat(upload_text(lines(3), "k2", held), first);
  EXPECT_EQ(jobs_listed(), 2U);
}

}  // namespace
}  // namespace jindou::api
