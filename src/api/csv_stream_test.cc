// Batches as rows of CSV that are answered while they come: what each row is answered, and what is
// sent when the input is no CSV.
#include <string>
#include <vector>

#include "api/csv_rows.h"
#include "api/routes_fixture.h"
#include "api/scripted_stream.h"
#include "api/send_stream.h"

namespace jindou::api {
namespace {

using Part = http::Stream::Part;

// {"content":"Hi {{name}}"}
constexpr const char* kHiPayload =
    "?from_uid=sys&channel_type=2&payload=%7B%22content%22:%22Hi%20%7B%7Bname%7D%7D%22%7D";

class CsvStreamTest : public RoutesTest {
 protected:
  Answer post_csv(ScriptedStream& stream, const std::string& query = kHiPayload,
                  Headers headers = {}) {
    headers.emplace_back("Content-Type", "text/csv; charset=utf-8");
    return call(Verb::post, "/message/sendbatch" + query, "", "", headers, &stream);
  }
  // The lines of the answer.
  std::vector<std::string> rows_sent(std::vector<std::string> pieces,
                                     const std::string& query = kHiPayload, Part end = Part::end) {
    ScriptedStream stream(std::move(pieces), end);
    const Answer answer = post_csv(stream, query);
    EXPECT_EQ(answer.status, 200U) << answer.body;
    std::vector<std::string> lines;
    std::string_view text = stream.written();
    while (!text.empty()) {
      lines.emplace_back(text.substr(0, text.find('\n')));
      text.remove_prefix(lines.back().size() + 1);
    }
    return lines;
  }
  // Before anything was sent.
  void expect_refused(std::vector<std::string> pieces, const std::string& why,
                      const std::string& query = kHiPayload, Part end = Part::end) {
    ScriptedStream stream(std::move(pieces), end);
    const Answer answer = post_csv(stream, query);
    EXPECT_EQ(answer.status, 400U) << why << answer.body;
    EXPECT_TRUE(has(answer.body, why)) << why << answer.body;
    EXPECT_EQ(stream.written(), "") << why;
    EXPECT_TRUE(has(max_seq("g1"), ":0")) << why;
  }
  std::string last_of(const std::string& group) {
    return call(Verb::get, "/channel/last_message?channel_type=2&channel_id=" + group).body;
  }
};

TEST_F(CsvStreamTest, RowsAreAnsweredInTheirPlaces) {
  // With a byte order mark, CRLF, quotes, an empty line and no end of the last one.
  const std::string text =
      "\xef\xbb\xbf"
      "channel_id,name,client_msg_no\r\ng1,Ann,n1\r\n\r\ng1,\"Emil \"\"the, "
      "Great\"\"\r\nII\",n2\r\n"
      "g2,Dora,n3";
  std::string duplicate;
  for (const std::size_t bytes : {text.size(), std::size_t{1}, std::size_t{7}}) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size(); at += bytes)
      pieces.push_back(text.substr(at, bytes));
    const auto lines = rows_sent(pieces);
    ASSERT_EQ(lines.size(), 4U);
    EXPECT_TRUE(lines[0].starts_with(R"({"index":0,"message_id":)")) << lines[0];
    EXPECT_TRUE(has(lines[0], R"("message_seq":1,"client_msg_no":"n1")")) << lines[0];
    EXPECT_TRUE(has(lines[1], R"("message_seq":2,"client_msg_no":"n2")")) << lines[1];
    EXPECT_TRUE(lines[2].starts_with(R"({"index":2,)")) << lines[2];
    EXPECT_TRUE(has(lines[2], R"("message_seq":1,"client_msg_no":"n3")")) << lines[2];
    EXPECT_EQ(lines[3], duplicate.empty() ? R"({"done":true,"items":3,"accepted":3,"duplicate":0,)"
                                            R"("refused":0,"unknown":0})"
                                          : duplicate);
    duplicate = R"({"done":true,"items":3,"accepted":0,"duplicate":3,"refused":0,"unknown":0})";
  }
  // {"content":"Hi Emil \"the, Great\"\r\nII"}
  EXPECT_TRUE(has(last_of("g1"), "eyJjb250ZW50IjoiSGkgRW1pbCBcInRoZSwgR3JlYXRcIlxyXG5JSSJ9"))
      << last_of("g1");
}

TEST_F(CsvStreamTest, ManyRowsGoInGroups) {
  std::vector<std::string> pieces = {"channel_id,name\n"};
  for (int i = 0; i < 3000; ++i) {
    if (i % 500 == 0) pieces.emplace_back();
    pieces.back() += "g1,n" + std::to_string(i) + "\n";
  }
  const auto lines = rows_sent(pieces);
  ASSERT_EQ(lines.size(), 3001U);
  for (std::size_t i = 0; i < 3000; ++i) {
    ASSERT_TRUE(lines[i].starts_with("{\"index\":" + std::to_string(i) + ",")) << lines[i];
    ASSERT_TRUE(has(lines[i], "\"message_seq\":" + std::to_string(i + 1) + ",")) << lines[i];
  }
  EXPECT_TRUE(lines.back().starts_with(R"({"done":true,"items":3000,"accepted":3000,)"));
}

TEST_F(CsvStreamTest, AStoredTemplateIsFilledIn) {
  EXPECT_EQ(post("/templates", R"({"name":"hello","payload":{"content":"Hello {{name}}"}})").status,
            200U);
  const std::string query = "?from_uid=sys&channel_type=2&template=hello";
  const auto lines = rows_sent({"channel_id,name\ng1,Ann\n"}, query);
  ASSERT_EQ(lines.size(), 2U);
  // {"content":"Hello Ann"}
  EXPECT_TRUE(has(last_of("g1"), "eyJjb250ZW50IjoiSGVsbG8gQW5uIn0=")) << last_of("g1");
  const auto none = rows_sent({"channel_id,name\ng1,Ann\n"}, query + "-not");
  ASSERT_EQ(none.size(), 2U);
  EXPECT_TRUE(has(none[0], R"("code":"not_found")")) << none[0];
  const auto lacks = rows_sent({"channel_id,nom\ng1,Ann\n"}, query);
  ASSERT_EQ(lacks.size(), 2U);
  EXPECT_TRUE(has(lacks[0], R"("code":"invalid")")) << lacks[0];
}

TEST_F(CsvStreamTest, ARowThatIsNoItemIsRefusedByItself) {
  const auto lines = rows_sent(
      {"channel_id,name,channel_type\ng1,Ann,\ng1\ng1,Ann,2,more\ng1,Ann,x\n,Ann,2\ng1,\xff,2\n"
       "g1,Bob,2\n"});
  ASSERT_EQ(lines.size(), 8U);
  EXPECT_TRUE(has(lines[1], R"("reason":0,"code":"invalid","msg":"line 3: the row has 1 field, )"))
      << lines[1];
  EXPECT_TRUE(has(lines[2], "line 4: the row has 4 fields")) << lines[2];
  EXPECT_TRUE(has(lines[3], "line 5: channel_type is")) << lines[3];
  EXPECT_TRUE(has(lines[4], R"("field":"channel_id")")) << lines[4];
  EXPECT_TRUE(has(lines[5], "line 7: the row is not in UTF-8")) << lines[5];
  EXPECT_TRUE(has(lines[6], R"("index":6,)")) << lines[6];
  EXPECT_EQ(lines[7],
            R"({"done":true,"items":7,"accepted":2,"duplicate":0,"refused":5,"unknown":0})");
  EXPECT_TRUE(has(max_seq("g1"), ":2"));
}

TEST_F(CsvStreamTest, StopsAtARowThatIsNoItemIfToldTo) {
  const auto lines = rows_sent({"channel_id,name\ng1,Ann\ng1\ng1,Bob\n"},
                               std::string(kHiPayload) + "&on_error=stop");
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(has(lines[2], R"("code":"stopped","msg":"item 1 failed)")) << lines[2];
  EXPECT_TRUE(has(max_seq("g1"), ":1"));
}

TEST_F(CsvStreamTest, ALineInFrontMayHoldWhatTheRowsShare) {
  const std::string text =
      "\xef\xbb\xbf"
      R"({"payloads":{"hi":["Hi {{name}}, {{ad}}"],"bye":["Bye {{name}}"]},)"
      R"("defaults":{"from_uid":"sys","channel_type":2,"channel_id":"g1","payload_ref":"hi",)"
      R"("vars":{"ad":"see \"News\""}}})"
      "\r\nname,payload_ref,channel_id\r\nAnn,,\nBob,bye,g2\nEve,none,g1\nlong\n";
  for (const std::size_t bytes : {text.size(), std::size_t{1}, std::size_t{40}}) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size(); at += bytes)
      pieces.push_back(text.substr(at, bytes));
    const auto lines = rows_sent(pieces, "");
    ASSERT_EQ(lines.size(), 5U);
    EXPECT_TRUE(has(lines[0], R"("index":0,"message_id":)")) << lines[0];
    EXPECT_TRUE(has(lines[2], R"(line 5: payload_ref names \"none\", which is not in payloads)"))
        << lines[2];
    EXPECT_TRUE(has(lines[3], "line 6: the row has 1 field")) << lines[3];
    EXPECT_TRUE(has(lines[4], R"("accepted":2,"duplicate":0,"refused":2)")) << lines[4];
  }
  // ["Hi Ann, see \"News\""], ["Bye Bob"]
  EXPECT_TRUE(has(last_of("g1"), "WyJIaSBBbm4sIHNlZSBcIk5ld3NcIiJd")) << last_of("g1");
  EXPECT_TRUE(has(last_of("g2"), "WyJCeWUgQm9iIl0=")) << last_of("g2");
}

TEST_F(CsvStreamTest, WithoutASoundLineInFrontNothingIsSent) {
  const std::string row = "\nchannel_id,name\ng1,Ann\n";
  expect_refused({R"({"defaults":[]})" + row}, "defaults must be an object");
  expect_refused({R"({"defaults":{})" + row}, "the head of the others");
  expect_refused({R"({"name":1})" + row}, "it is no head of the others");
  expect_refused({"{{" + row}, "it is no head of the others");
  expect_refused({R"({"defaults":{}})"}, "no row names columns");
  expect_refused({R"({"defaults":{}})"
                  "\n"},
                 "the body is empty");
  // What it does not say has to be said elsewhere.
  expect_refused({R"({"defaults":{"from_uid":"sys"}})" + row},
                 "no column has the name channel_type", "");
  expect_refused({R"({"defaults":{"from_uid":"sys","channel_type":2}})" + row},
                 "payload or template", "");
  ApiOptions options;
  options.send.head_bytes_max = 20;
  configure(options);
  ScriptedStream stream({R"({"defaults":{"topic":)", "\"0123456789\"}}" + row});
  const Answer answer = post_csv(stream);
  EXPECT_EQ(answer.status, 413U) << answer.body;
  EXPECT_TRUE(has(answer.body, "longer than 20 bytes (api.maxHeadLineBytes)")) << answer.body;
  options.send.head_bytes_max = 1000;
  options.http.body_budget = std::make_shared<ByteBudget>(CsvRows::kBytesMax + 10);
  configure(options);
  ScriptedStream full({R"({"defaults":{"topic":"0123456789"}})" + row});
  EXPECT_EQ(post_csv(full).status, 429U);
  EXPECT_EQ(options.http.body_budget->used(), 0U);
  EXPECT_TRUE(has(max_seq("g1"), ":0"));
}

// Only a head makes a member of it.
TEST_F(CsvStreamTest, AColumnMayStillBeAVariableOfThatName) {
  const auto lines = rows_sent({"channel_id,payload_ref\ng1,x\n"},
                               "?from_uid=sys&channel_type=2&payload=%7B%7Bpayload_ref%7D%7D");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(has(last_of("g1"), R"("payload":"eA==")")) << last_of("g1");
}

TEST_F(CsvStreamTest, ADryRunTellsOfEachRowAndSendsNone) {
  const auto lines =
      rows_sent({"channel_id,name\ng1,Ann\ng1\n"}, std::string(kHiPayload) + "&dry_run=true");
  ASSERT_EQ(lines.size(), 3U);
  // {"content":"Hi Ann"}
  EXPECT_TRUE(has(lines[0], R"("reason":1,"bytes":20,"receivers":0,)")) << lines[0];
  EXPECT_TRUE(has(lines[1], "line 3: the row has 1 field")) << lines[1];
  EXPECT_TRUE(has(lines[2], R"("accepted":1,"duplicate":0,"refused":1,"unknown":0,"dry_run":true,)"
                            R"("bytes":20,"receivers":0,)"))
      << lines[2];
  EXPECT_TRUE(has(max_seq("g1"), ":0"));
}

// What stood before it is sent, and what stands behind it is not.
TEST_F(CsvStreamTest, AQuoteInTheWrongPlaceEndsIt) {
  std::size_t sent = 0;
  for (const std::string wrong : {"g1,An\"n\n", "g1,\"An\"n\n", "g1,\"Bob\n"}) {
    const auto lines = rows_sent({"channel_id,name\ng1,Ann\n" + wrong, "g1,Eve\ng1,Eve\n"});
    ASSERT_EQ(lines.size(), 2U) << wrong;
    EXPECT_TRUE(lines[1].starts_with(R"({"done":false,"items":1,"accepted":1,)")) << lines[1];
    EXPECT_TRUE(has(lines[1], R"("code":"invalid","msg":"line 3: )")) << lines[1];
    EXPECT_TRUE(has(max_seq("g1"), ":" + std::to_string(++sent))) << wrong;
  }
  // So does a row without an end.
  const auto lines =
      rows_sent({"channel_id,name\ng1,Ann\ng1,", std::string(300'000, 'x'), "\ng1,Eve\n"});
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(has(lines[1], R"("code":"invalid","msg":"line 3: )")) << lines[1];
}

TEST_F(CsvStreamTest, ACutBodyIsSentAsFarAsItCame) {
  for (const auto& [part, code] :
       {std::pair(Part::lost, "incomplete"), std::pair(Part::broken, "invalid")}) {
    const auto lines = rows_sent({"channel_id,name\ng3,Ann\ng3,B"}, kHiPayload, part);
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_TRUE(has(lines[1], std::string("\"code\":\"") + code + "\"")) << lines[1];
    // Before there are columns nothing can be sent.
    expect_refused({"channel_id,na"}, "nothing was sent: it went wrong", kHiPayload, part);
  }
  EXPECT_TRUE(has(max_seq("g3"), ":2"));
}

TEST_F(CsvStreamTest, WithoutColumnsNothingIsSent) {
  const std::string row = "\ng1,Ann\n";
  expect_refused({}, "the body is empty: its first row names columns");
  expect_refused({"\n\n"}, "the body is empty");
  expect_refused({"id,name" + row}, "no column has the name channel_id");
  expect_refused({"channel_id,nom" + row}, "{{name}}");
  expect_refused({"channel_id,channel_id" + row}, "two columns");
  expect_refused({"channel_id,\"na\"me" + row}, "line 1: ");
  expect_refused({"channel_id,n\xff" + row}, "not in UTF-8");
  expect_refused({"channel_id,name" + row}, "no column has the name channel_type",
                 "?from_uid=sys&payload=hi");
  expect_refused({"channel_id,name" + row}, "the sender is not in the query",
                 "?channel_type=2&payload=hi");
  expect_refused({"channel_id,name" + row}, "payload or template", "?channel_type=2&from_uid=sys");
}

TEST_F(CsvStreamTest, ColumnsWithoutRowsAreNoItems) {
  for (const char* text : {"channel_id,name\n", "channel_id,name"}) {
    EXPECT_EQ(rows_sent({text}),
              (std::vector<std::string>{R"({"done":true,"items":0,"accepted":0,"duplicate":0,)"
                                        R"("refused":0,"unknown":0})"}));
  }
}

TEST_F(CsvStreamTest, WhatIsAskedForIsChecked) {
  const std::vector<std::string> rows = {"channel_id,name\ng1,Ann\n"};
  expect_refused(rows, "channel_type must be a number", "?channel_type=256");
  expect_refused(rows, "template_version must be", "?template=t&template_version=x");
  expect_refused(rows, "payload or template, not both", "?template=t&payload=hi");
  expect_refused(rows, "the payload ", "?payload=%7B%7Bname");
  expect_refused(rows, "on_error takes", std::string(kHiPayload) + "&on_error=maybe");
}

TEST_F(CsvStreamTest, ItBeginsOnlyWhereThereIsMemoryForARow) {
  ApiOptions options;
  options.http.body_budget = std::make_shared<ByteBudget>(CsvRows::kBytesMax - 1);
  configure(options);
  ScriptedStream stream({"channel_id,name\ng1,Ann\n"});
  EXPECT_EQ(post_csv(stream).status, 429U);
  EXPECT_TRUE(has(max_seq("g1"), ":0"));
}

}  // namespace
}  // namespace jindou::api
