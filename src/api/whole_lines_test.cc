// Lines and rows that are read as a whole, because of atomic=true or an Idempotency-Key, over the
// real core and store.
#include "api/whole_lines.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api/job_routes_fixture.h"

namespace jindou::api {
namespace {

constexpr const char* kAtomic = "/message/sendbatch?atomic=true";
// Hi {{name}}
constexpr const char* kRowsQuery = "from_uid=u1&channel_type=2&payload=Hi%20%7B%7Bname%7D%7D";

class WholeLines : public JobRoutesTest {
 protected:
  Answer lines(const std::string& target, const std::string& body, Headers headers = {}) {
    headers.emplace_back("Content-Type", "application/x-ndjson; charset=utf-8");
    return call(Verb::post, target, body, "", headers);
  }
  Answer rows(const std::string& target, const std::string& body, Headers headers = {}) {
    headers.emplace_back("Content-Type", "text/csv");
    return call(Verb::post, target, body, "", headers);
  }
  static Headers key(const std::string& name) { return {{"Idempotency-Key", name}}; }
  static std::string without_number(const std::string& group) {
    return R"({"from_uid":"u1","channel_id":")" + group +
           R"(","channel_type":2,"payload":["x"]})"
           "\n";
  }
};

TEST_F(WholeLines, AreSentAllOrNone) {
  ASSERT_EQ(status("/channel", R"({"channel_id":"g3","channel_type":2,"ban":1})"), 200U);
  const std::string two = item("n1", "g1") + "\r\n\n" + item("n2", "g2");
  const Answer none = lines(kAtomic, two + "\n" + item("n3", "g3") + "\n");
  EXPECT_EQ(none.status, 403U) << none.body;
  EXPECT_TRUE(has(none.body, "nothing was sent; item 2: ")) << none.body;
  EXPECT_TRUE(has(max_seq("g1"), ":0"));
  const Answer all = lines(kAtomic, two);
  EXPECT_EQ(all.status, 200U) << all.body;
  EXPECT_TRUE(all.body.starts_with(R"({"index":0,"message_id":)")) << all.body;
  EXPECT_TRUE(has(all.body, R"("client_msg_no":"n2","reason":1})"
                            "\n"))
      << all.body;
  EXPECT_TRUE(all.body.ends_with(R"({"done":true,"items":2,"accepted":2,"duplicate":0,)"
                                 R"("refused":0,"unknown":0})"
                                 "\n"))
      << all.body;
  EXPECT_TRUE(has(all.headers, "Jindou-Applied: atomic=true, ack=synced")) << all.headers;
  EXPECT_TRUE(has(lines(kAtomic, two).body, R"("accepted":0,"duplicate":2,)"));
  EXPECT_TRUE(has(max_seq("g2"), ":1"));
}

TEST_F(WholeLines, ABadOneKeepsAllFromBeingSent) {
  const Answer answer = lines(kAtomic, item("n0", "g1") + "\n{}\nnot\n" + item("n3", "g1") + "\n");
  EXPECT_EQ(answer.status, 400U) << answer.body;
  EXPECT_TRUE(has(answer.body, R"({"index":1,"field":"payload",)")) << answer.body;
  EXPECT_TRUE(has(answer.body, R"({"index":2,"field":"",)")) << answer.body;
  EXPECT_FALSE(has(answer.body, R"({"index":3,)")) << answer.body;
  EXPECT_TRUE(has(lines(kAtomic, "\n \n").body, "the batch is empty"));
  Headers strict = {{"Jindou-Strict", "1"}};
  std::string wrong = item("n1", "g1");
  wrong.insert(1, "\"exipre\":5,");
  const Answer unknown = lines(kAtomic, item("n0", "g1") + "\n" + wrong, strict);
  EXPECT_EQ(unknown.status, 400U);
  EXPECT_TRUE(has(unknown.body, "did you mean \\\"expire\\\"?")) << unknown.body;
  EXPECT_EQ(lines(kAtomic, item("n0", "g2"), strict).status, 200U);
  EXPECT_TRUE(has(max_seq("g1"), ":0"));
}

TEST_F(WholeLines, AreNotMoreThanABatchHas) {
  ApiOptions options;
  options.send.items_max = 3;
  configure(options);
  std::string text;
  for (int i = 0; i < 4; ++i) text += without_number("g1");
  for (const Answer& answer :
       {lines(kAtomic, text), lines("/message/sendbatch", text, key("k1"))}) {
    EXPECT_EQ(answer.status, 400U);
    EXPECT_TRUE(has(answer.body, "there may be 3 items (api.maxBatch)")) << answer.body;
  }
  EXPECT_TRUE(has(max_seq("g1"), ":0"));
}

TEST_F(WholeLines, MayHaveAHeadAndTemplates) {
  ASSERT_EQ(status("/templates", R"({"name":"hi","payload":["Hi {{name}}"]})"), 200U);
  const std::string head = R"({"defaults":{"from_uid":"u1","channel_type":2,"template":"hi"}})";
  const std::string text = head + "\n" +
                           R"({"channel_id":"g1","vars":{"name":"Ann"}})"
                           "\n"
                           R"({"channel_id":"g1","vars":{"name":"Bob"}})";
  const Answer answer = lines("/message/sendbatch?atomic=true", text);
  EXPECT_EQ(answer.status, 200U) << answer.body;
  EXPECT_TRUE(has(answer.body, R"("done":true,"items":2,"accepted":2)")) << answer.body;
  // ["Hi Bob"]
  EXPECT_TRUE(
      has(get("/channel/last_message?channel_type=2&channel_id=g1").body, "WyJIaSBCb2IiXQ=="));
  EXPECT_EQ(lines(kAtomic, R"({"defaults":[]})"
                           "\n" +
                               item("n1", "g2"))
                .status,
            400U);
  const Answer none = lines(kAtomic, R"({"from_uid":"u1","channel_id":"g2","channel_type":2,)"
                                     R"("template":"none"})");
  EXPECT_TRUE(has(none.body, R"("code":"not_found")")) << none.body;
}

TEST_F(WholeLines, WithAKeyARepeatIsAnsweredAsTheFirstWas) {
  const std::string text = without_number("g1") + without_number("g2");
  const Answer first = lines("/message/sendbatch", text, key("k1"));
  EXPECT_EQ(first.status, 200U) << first.body;
  EXPECT_TRUE(has(first.body, R"("done":true,"items":2,"accepted":2)")) << first.body;
  const Answer again = lines("/message/sendbatch", text, key("k1"));
  EXPECT_EQ(again.body, first.body);
  EXPECT_TRUE(has(again.headers, "Idempotency-Replay: true")) << again.headers;
  EXPECT_TRUE(has(max_seq("g1"), ":1"));
  EXPECT_EQ(lines("/message/sendbatch", text + text, key("k1")).status, 422U);
  // Of what was refused, too: each stands alone.
  ASSERT_EQ(status("/channel", R"({"channel_id":"g3","channel_type":2,"ban":1})"), 200U);
  const Answer refused = lines("/message/sendbatch", without_number("g3"), key("k2"));
  EXPECT_EQ(refused.status, 200U) << refused.body;
  EXPECT_TRUE(has(refused.body, R"("accepted":0,"duplicate":0,"refused":1)")) << refused.body;
  EXPECT_EQ(lines("/message/sendbatch", without_number("g3"), key("k2")).body, refused.body);
}

TEST_F(WholeLines, AnAnswerOutlivesTheTemplatesOfItsRequest) {
  ASSERT_EQ(status("/templates", R"({"name":"hi","payload":["hi"]})"), 200U);
  const std::string text = R"({"from_uid":"u1","channel_id":"g1","channel_type":2,)"
                           R"("template":"hi"})";
  const Answer first = lines("/message/sendbatch", text, key("k1"));
  ASSERT_EQ(call(Verb::delete_, "/templates/hi").status, 200U);
  const Answer again = lines("/message/sendbatch", text, key("k1"));
  EXPECT_EQ(again.status, 200U) << again.body;
  EXPECT_EQ(again.body, first.body);
}

TEST_F(WholeLines, AreKeptAsABatchLikeAnyOther) {
  const std::string text = without_number("g1") + without_number("g2");
  const Answer answer = lines(std::string(kAtomic) + "&keep=true", text);
  EXPECT_EQ(answer.status, 200U) << answer.body;
  const std::size_t at = answer.headers.find("Batch-Id: ");
  ASSERT_NE(at, std::string::npos) << answer.headers;
  const std::string id = answer.headers.substr(at + 10, 32);
  EXPECT_TRUE(has(answer.body, R"("batch_id":")" + id + "\"}\n")) << answer.body;
  EXPECT_EQ(number_of(job(id), "accepted"), 2U);
}

TEST_F(WholeLines, RowsAreReadSoToo) {
  const std::string text = "channel_id,name\ng1,Ann\ng1,Bob\n";
  const std::string target = std::string(kAtomic) + "&" + kRowsQuery;
  const Answer answer = rows(target, text);
  EXPECT_EQ(answer.status, 200U) << answer.body;
  EXPECT_TRUE(has(answer.body, R"("done":true,"items":2,"accepted":2)")) << answer.body;
  EXPECT_TRUE(has(max_seq("g1"), ":2"));
  const Answer bad = rows(target, text + "g1\n");
  EXPECT_EQ(bad.status, 400U);
  EXPECT_TRUE(has(bad.body, R"("index":2,)")) << bad.body;
  EXPECT_TRUE(has(bad.body, "line 4: the row has 1 field")) << bad.body;
  EXPECT_TRUE(has(rows(target, text + "g1,A\"b\n").body, "line 4: "));
  EXPECT_TRUE(has(rows(target, "name\nAnn\n").body, "no column has the name channel_id"));
  EXPECT_TRUE(has(rows(target, "").body, "the body is empty"));
  EXPECT_TRUE(has(max_seq("g1"), ":2"));
  const std::string plain = std::string("/message/sendbatch?") + kRowsQuery;
  const Answer first = rows(plain, text, key("k1"));
  EXPECT_EQ(rows(plain, text, key("k1")).body, first.body);
  EXPECT_TRUE(has(max_seq("g1"), ":4"));
}

TEST_F(WholeLines, RowsMayHaveAHeadToo) {
  const std::string head = R"({"defaults":{"from_uid":"u1","channel_type":2,"payload":["x"]}})";
  const Answer answer = rows(kAtomic, head + "\nchannel_id\ng1\ng2\n");
  EXPECT_EQ(answer.status, 200U) << answer.body;
  EXPECT_TRUE(has(answer.body, R"("done":true,"items":2,"accepted":2)")) << answer.body;
  EXPECT_TRUE(has(rows(kAtomic, "{}\nchannel_id\ng1\n").body, "it is no head of the others"));
  EXPECT_TRUE(has(max_seq("g1"), ":1"));
}

// Nothing would be done that a repeat could do twice.
TEST_F(WholeLines, ADryRunIsAStream) {
  const std::string line = item("n0", "g1") + "\n";
  ScriptedStream stream({line});
  const Answer answer =
      call(Verb::post, std::string(kAtomic) + "&dry_run=true", line, "",
           {{"Content-Type", "application/x-ndjson"}, {"Idempotency-Key", "k1"}}, &stream);
  EXPECT_EQ(answer.status, 200U) << answer.body;
  EXPECT_TRUE(has(stream.written(), R"("dry_run":true)")) << stream.written();
  EXPECT_TRUE(has(max_seq("g1"), ":0"));
  EXPECT_EQ(lines("/message/sendbatch", line, key("k1")).status, 200U);
}

}  // namespace
}  // namespace jindou::api
