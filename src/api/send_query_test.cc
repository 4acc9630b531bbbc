// What the query asks for is done or refused, on every route that sends or changes.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "api/job_routes_fixture.h"
#include "bodies/send_choices.h"
#include "http/answer_fields.h"
#include "openapi/operations.h"

namespace jindou::api {
namespace {

using bodies::SendChoice;
using bodies::SendForm;

// A value that each takes.
std::string sound_value(const SendChoice& choice) {
  switch (choice.type) {
    case bodies::ChoiceType::flag: return "true";
    case bodies::ChoiceType::number: return "1";
    case bodies::ChoiceType::text: return choice.name == "time_zone" ? "UTC" : "x";
    case bodies::ChoiceType::word: return std::string(choice.words.front());
    case bodies::ChoiceType::ratio: return "0.5";
    case bodies::ChoiceType::part: return "5%25";
    case bodies::ChoiceType::window: return "09:00-10:00";
  }
  return {};
}

// The same as a header field, where nothing is escaped.
std::string field_value(const SendChoice& choice) {
  return choice.type == bodies::ChoiceType::part ? "5%" : sound_value(choice);
}

class SendQueryTest : public JobRoutesTest {
 protected:
  Answer ask(SendForm form, const std::string& query, const Headers& fields = {}) {
    Headers lines = {{"Content-Type", "application/x-ndjson"}};
    Headers rows = {{"Content-Type", "text/csv"}};
    lines.insert(lines.end(), fields.begin(), fields.end());
    rows.insert(rows.end(), fields.begin(), fields.end());
    const std::string batch = "/message/sendbatch?" + query;
    // As the whole body or as a piece of it.
    const std::string one_line = item("", "g1") + "\n";
    const std::string one_row = "from_uid,channel_id,channel_type\nu1,g1,2\n";
    ScriptedStream line({one_line});
    ScriptedStream row({one_row});
    switch (form) {
      case SendForm::message:
        return call(Verb::post, "/message/send?" + query, item("", "g1"), "", fields);
      case SendForm::batch: return call(Verb::post, batch, "[" + item("", "g1") + "]", "", fields);
      case SendForm::lines: return call(Verb::post, batch, one_line, "", lines, &line);
      case SendForm::rows: return call(Verb::post, batch, one_row, "", rows, &row);
      case SendForm::revision:
        return call(Verb::post, "/batches/none/recall?" + query, "{}", "", fields);
    }
    return {};
  }
};

TEST_F(SendQueryTest, WhatARequestDoesNotTakeIsRefusedAndNothingIsSent) {
  std::size_t refused = 0;
  for (const SendForm form :
       {SendForm::message, SendForm::batch, SendForm::lines, SendForm::rows, SendForm::revision}) {
    const bool as_job = form == SendForm::revision;
    for (const SendChoice& choice : bodies::send_choices()) {
      if (bodies::takes(choice, form, as_job)) continue;
      const std::string query = std::string(choice.name) + "=" + sound_value(choice);
      const Answer answer = ask(form, query);
      EXPECT_EQ(answer.status, 400U) << query << " -> " << answer.body;
      EXPECT_TRUE(has(answer.body, "the query parameter " + std::string(choice.name)))
          << answer.body;
      EXPECT_TRUE(has(answer.body, " is for ")) << answer.body;
      ++refused;
      if (choice.field.empty()) continue;
      const Answer by_field = ask(form, "", {{std::string(choice.field), field_value(choice)}});
      EXPECT_EQ(by_field.status, 400U) << choice.field << " -> " << by_field.body;
      EXPECT_TRUE(has(by_field.body, "the header field " + std::string(choice.field) + " is "))
          << by_field.body;
      EXPECT_TRUE(has(by_field.body, " is for ")) << by_field.body;
    }
  }
  EXPECT_GT(refused, 30U);
  EXPECT_TRUE(has(max_seq("g1"), ":0")) << max_seq("g1");
  EXPECT_TRUE(has(get("/jobs").body, R"("jobs":[])"));
}

TEST_F(SendQueryTest, WhatARequestTakesItTakes) {
  for (const SendForm form : {SendForm::message, SendForm::batch, SendForm::lines}) {
    for (const SendChoice& choice : bodies::send_choices()) {
      if (!bodies::takes(choice, form, false)) continue;
      const std::string query = std::string(choice.name) + "=" + sound_value(choice);
      const Answer answer = ask(form, query);
      EXPECT_LT(answer.status, 300U) << query << " -> " << answer.body;
      if (choice.field.empty()) continue;
      const Answer by_field = ask(form, "", {{std::string(choice.field), field_value(choice)}});
      EXPECT_LT(by_field.status, 300U) << choice.field << " -> " << by_field.body;
      EXPECT_TRUE(has(by_field.headers, std::string(choice.name) + "=")) << by_field.headers;
    }
  }
}

TEST_F(SendQueryTest, AHeaderFieldSaysTheSameAsTheQuery) {
  const std::string batch = "[" + item("", "g1") + "]";
  const auto ask_batch = [&](const std::string& query, const Headers& fields) {
    return call(Verb::post, "/message/sendbatch" + query, batch, "", fields);
  };
  const Answer dry = ask_batch("", {{"jindou-dry-run", "true"}});
  EXPECT_EQ(dry.status, 200U) << dry.body;
  EXPECT_TRUE(has(dry.body, "\"dry_run\":true")) << dry.body;
  EXPECT_TRUE(has(dry.headers, "Jindou-Applied: dry_run=true\r\n")) << dry.headers;
  EXPECT_TRUE(has(max_seq("g1"), ":0")) << max_seq("g1");
  // Both, and neither of them against the other.
  EXPECT_EQ(ask_batch("?dry_run=1", {{"Jindou-Dry-Run", "true"}}).status, 200U);
  const Answer torn = ask_batch("?dry_run=0", {{"Jindou-Dry-Run", "true"}});
  EXPECT_EQ(torn.status, 400U);
  EXPECT_TRUE(has(torn.body,
                  "the query parameter dry_run and the header field Jindou-Dry-Run "
                  "contradict each other: give one of them"))
      << torn.body;
  const Answer twice = ask_batch("", {{"Jindou-Ack", "synced"}, {"jindou-ack", "synced"}});
  EXPECT_EQ(twice.status, 400U);
  EXPECT_TRUE(has(twice.body, "the header field Jindou-Ack is there twice")) << twice.body;
  const Answer wrong = ask_batch("", {{"Jindou-Ack", "soon"}});
  EXPECT_TRUE(has(wrong.body, "the header field Jindou-Ack takes synced or received"))
      << wrong.body;
  const Answer unknown = ask_batch("", {{"Jindou-Dry-Runn", "true"}});
  EXPECT_EQ(unknown.status, 400U);
  EXPECT_TRUE(has(unknown.body, "Jindou-Dry-Runn is none of those")) << unknown.body;
  EXPECT_TRUE(has(max_seq("g1"), ":0")) << max_seq("g1");
  const Answer canary =
      ask_batch("", {{"Jindou-Async", "true"}, {"Jindou-Canary", "5%"}, {"Jindou-Name", "n 1"}});
  EXPECT_EQ(canary.status, 202U) << canary.body;
  EXPECT_TRUE(has(canary.headers, "Jindou-Applied: async=true, name, canary\r\n"))
      << canary.headers;
  EXPECT_TRUE(has(ask_batch("?async=true", {{"Jindou-Canary", "x"}}).body,
                  "the header field Jindou-Canary takes"));
}

TEST_F(SendQueryTest, TheAnswerNamesTheLevelThatWasReached) {
  const std::string batch = "[" + item("n1", "g1") + "]";
  EXPECT_TRUE(has(post("/message/sendbatch", batch).headers, "Jindou-Applied: ack=synced\r\n"));
  EXPECT_TRUE(has(post("/message/sendbatch?on_error=stop&keep=0", batch).headers,
                  "Jindou-Applied: on_error=stop, keep=false, ack=synced\r\n"));
  EXPECT_TRUE(has(post("/message/sendbatch?ack=received", batch).headers,
                  "Jindou-Applied: ack=received\r\n"));
  EXPECT_FALSE(has(post("/message/sendbatch", "[]").headers, "Jindou-Applied"));
  EXPECT_TRUE(
      has(post("/message/send", item("n2", "g1")).headers, "Jindou-Applied: ack=synced\r\n"));
  EXPECT_TRUE(has(post("/message/send?sender_conversation=false", item("n3", "g1")).headers,
                  "Jindou-Applied: sender_conversation=false, ack=synced\r\n"));
  EXPECT_TRUE(has(post("/message/send?hold_ms=60000", item("n4", "g1")).headers,
                  "Jindou-Applied: hold_ms=60000\r\n"));
  EXPECT_FALSE(has(post("/message/send", "{}").headers, "Jindou-Applied"));
}

TEST_F(SendQueryTest, ARepeatedMessageIsToldOfAsTheFirstTime) {
  for (const bool again : {false, true}) {
    const Answer answer =
        call(Verb::post, "/message/send", item("", "g1"), "", {{"Idempotency-Key", "k2"}});
    EXPECT_EQ(answer.status, 200U) << answer.body;
    EXPECT_EQ(has(answer.headers, "Idempotency-Replay: true"), again) << answer.headers;
    EXPECT_TRUE(has(answer.headers, "Jindou-Applied: ack=synced\r\n")) << answer.headers;
  }
}

// Or the first answer would be given to who asks for something else.
TEST_F(SendQueryTest, ARepeatWithAnotherHeaderFieldIsAnotherRequest) {
  const std::string batch = "[" + item("", "g1") + "]";
  const auto send = [&](Headers fields) {
    fields.emplace_back("Idempotency-Key", "k1");
    return call(Verb::post, "/message/sendbatch", batch, "", fields);
  };
  EXPECT_EQ(send({}).status, 200U);
  EXPECT_EQ(send({{"Jindou-Keep", "true"}}).status, 422U);
  const Answer repeat = send({});
  EXPECT_TRUE(has(repeat.headers, "Idempotency-Replay: true")) << repeat.headers;
  EXPECT_TRUE(has(repeat.headers, "Jindou-Applied: ack=synced")) << repeat.headers;
}

TEST_F(SendQueryTest, PagesMaySendTheHeaderFields) {
  for (const SendChoice& choice : bodies::send_choices()) {
    if (choice.field.empty()) continue;
    EXPECT_TRUE(has(http::cors_fields(), std::string(choice.field))) << choice.field;
  }
}

TEST_F(SendQueryTest, MembersOfTheBodyAreNoneOfTheQuery) {
  for (const std::string name : {"if_last_seq", "no_persist", "expire", "channel_id"}) {
    const Answer answer = ask(SendForm::message, name + "=7");
    EXPECT_EQ(answer.status, 400U);
    EXPECT_TRUE(has(answer.body, name + " is a member of the body, not of the query"))
        << answer.body;
  }
  EXPECT_TRUE(has(max_seq("g1"), ":0")) << max_seq("g1");
  // What nobody knows is ignored, as ever.
  EXPECT_EQ(ask(SendForm::message, "trace=7&keep=").status, 200U);
  std::string many;
  for (int i = 0; i < 800; ++i) many += std::to_string(i) + "&";
  EXPECT_EQ(ask(SendForm::message, many + "expire=7").status, 400U);
  // The first of a name counts, as everywhere.
  EXPECT_EQ(ask(SendForm::message, many + "expire=&expire=7").status, 200U);
}

TEST_F(SendQueryTest, AJobIsNoneThatIsAnsweredWhenItIsDone) {
  const Answer answer = ask(SendForm::message, "hold_ms=60000&async=false");
  EXPECT_EQ(answer.status, 400U);
  EXPECT_TRUE(has(answer.body, "async=false cannot be")) << answer.body;
  EXPECT_EQ(ask(SendForm::message, "hold_ms=60000&async=true&name=held").status, 202U);
  // A preference that cannot be met is none.
  const Answer preferred = call(Verb::post, "/message/send?hold_ms=0", item("", "g1"), "",
                                {{"Prefer", "respond-async"}});
  EXPECT_EQ(preferred.status, 200U) << preferred.body;
}

TEST_F(SendQueryTest, OtherRoutesRefuseChoicesThatTheyDoNotKnow) {
  ASSERT_EQ(post("/message/send", item("n1", "g1")).status, 200U);
  const std::string place = R"({"channel_id":"g1","channel_type":2,"client_msg_no":"n1")";
  for (const std::string query : {"dry_run=true", "hold_ms=5000", "if_version=3"}) {
    const Answer answer = post("/message/recall?" + query, place + "}");
    EXPECT_EQ(answer.status, 400U) << query;
    EXPECT_TRUE(has(answer.body, " is nothing to /message/recall")) << answer.body;
  }
  EXPECT_EQ(post("/channel/subscriber_add?dry_run=1", R"({"channel_id":"g1"})").status, 400U);
  EXPECT_EQ(post("/jobs/none/retry?rate=5", "").status, 400U);
  EXPECT_EQ(call(Verb::delete_, "/jobs/none?dry_run=true").status, 400U);
  for (const std::string field : {"Jindou-Dry-Run", "jindou-hold-ms", "Jindou-Whatever"}) {
    const Answer answer = call(Verb::post, "/message/recall", place + "}", "", {{field, "1"}});
    EXPECT_EQ(answer.status, 400U) << field;
    EXPECT_TRUE(has(answer.body, "the header field " + field + " is nothing to /message/recall"))
        << answer.body;
  }
  // What is a parameter of their own is no choice of sending, and is not looked for elsewhere.
  for (const std::string query : {"?rate=5", ""}) {
    const Answer rate = call(Verb::post, "/jobs/none/rate" + query, "", "", {{"Jindou-Rate", "7"}});
    EXPECT_EQ(rate.status, 400U) << query;
    EXPECT_TRUE(has(rate.body, "the header field Jindou-Rate is nothing to /jobs/{id}/rate"))
        << rate.body;
  }
  const Answer gone = call(Verb::delete_, "/templates/t1", "", "", {{"Jindou-Name", "t2"}});
  EXPECT_TRUE(has(gone.body, "Jindou-Name is nothing to /templates/{name}")) << gone.body;
  const Answer batch = call(Verb::post, "/batches/none/recall", "{}", "", {{"Jindou-Rate", "7"}});
  EXPECT_EQ(batch.status, 404U) << batch.body;
  const std::string found = get("/message/byclientmsgno?channel_id=g1&channel_type=2&"
                                "client_msg_no=n1")
                                .body;
  EXPECT_FALSE(has(found, "\"revoke\":1")) << found;
  EXPECT_EQ(post("/message/recall?trace=7", place + "}").status, 200U);
}

TEST_F(SendQueryTest, TheStrictModeKnowsWhatTheRoutesTake) {
  const Headers strict = {{"Jindou-Strict", "1"}};
  const Answer held =
      call(Verb::post, "/message/send?hold_ms=60000&rate=5&name=n", item("", "g1"), "", strict);
  EXPECT_EQ(held.status, 202U) << held.body;
  const Answer recall =
      call(Verb::post, "/batches/none/recall?on_error=stop&max_refused=0.5&window=09:00-10:00",
           "{}", "", strict);
  EXPECT_EQ(recall.status, 404U) << recall.body;
}

TEST(SendQueryOperations, NameWhatTheTableSays) {
  for (const openapi::Operation& operation : openapi::all_operations()) {
    if (operation.path != "/message/sendbatch") continue;
    EXPECT_EQ(operation.query.size(), bodies::send_choices().size());
    EXPECT_TRUE(operation.body_lines.find("`sender_conversation`, `atomic`, `on_error`, `ack`, "
                                          "`dry_run`, `keep`, `async`, `hold_ms`; as a job") !=
                std::string::npos)
        << operation.body_lines;
    EXPECT_TRUE(operation.body_rows.find("client_msg_no, if_last_seq, expire, no_persist") !=
                std::string::npos)
        << operation.body_rows;
  }
}

}  // namespace
}  // namespace jindou::api
