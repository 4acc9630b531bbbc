// POST /message/sendbatch with a payload table, defaults and variables: what is sent, and that a
// mistake anywhere sends nothing.
#include "api/routes_fixture.h"
#include "codec/base64.h"

namespace jindou::api {
namespace {

class BatchRoutesTest : public RoutesTest {
 protected:
  Answer batch(const std::string& body) { return post("/message/sendbatch", body); }

  // The payload of the last message of a group.
  std::string last(const std::string& group) {
    const Answer answer =
        call(Verb::get, "/channel/last_message?channel_type=2&channel_id=" + group);
    simdjson::dom::parser parser;
    std::string_view payload;
    if (parser.parse(answer.body)["payload"].get(payload) != simdjson::SUCCESS) return answer.body;
    std::string decoded;
    EXPECT_TRUE(codec::base64_decode(payload, decoded));
    return decoded;
  }
  // What is wrong with the first bad item.
  std::string first_problem(const std::string& body) {
    const Answer answer = batch(body);
    EXPECT_EQ(answer.status, 400U) << answer.body;
    simdjson::dom::parser parser;
    return std::string(parser.parse(answer.body)["msg"].get_string().value());
  }

  static constexpr const char* kDefaults = R"("payloads":{"a":{"t":"Hi {{name}}"},"b":"aGVsbG8="},)"
                                           R"("defaults":{"from_uid":"u1","channel_type":2})";
};

TEST_F(BatchRoutesTest, SendsToMixedTargets) {
  const std::string body =
      "{" + std::string(kDefaults) +
      R"(,"items":[{"channel_id":"g1","payload_ref":"b","client_msg_no":"n1"},)"
      R"({"channel_id":"u2","channel_type":1,"payload_ref":"b","client_msg_no":"n2"},)"
      R"({"channel_id":"g2","payload_ref":"a","vars":{"name":"\"A\""},"client_msg_no":"n3"}]})";
  const Answer sent = batch(body);
  EXPECT_EQ(sent.status, 200U) << sent.body;
  simdjson::dom::parser parser;
  const simdjson::dom::array results = parser.parse(sent.body).get_array().value();
  EXPECT_EQ(results.size(), 3U);
  EXPECT_EQ(last("g1"), "hello");
  EXPECT_EQ(last("g2"), R"({"t":"Hi \"A\""})");
  // A repeat answers the first ids.
  const Answer again = batch(body);
  EXPECT_EQ(again.status, 200U);
  EXPECT_TRUE(has(again.body, "\"duplicate\":true"));
  EXPECT_EQ(max_seq("g2"), "{\"message_seq\":1}");
}

TEST_F(BatchRoutesTest, AMistakeSendsNothing) {
  const auto with = [](const std::string& item) {
    return "{" + std::string(kDefaults) +
           R"(,"items":[{"channel_id":"g1","payload_ref":"b"},{"channel_id":"g1",)" + item + "}]}";
  };
  EXPECT_EQ(first_problem(with(R"("payload_ref":"c")")),
            "item 1: payload_ref names \"c\", which is not in payloads");
  EXPECT_EQ(first_problem(with(R"("payload_ref":"a","vars":{"other":1})")),
            "item 1: vars has no \"name\", which payloads.a names at byte 9");
  EXPECT_TRUE(has(first_problem(with(R"("payload":{"t":"{{name"},"vars":{"name":1})")),
                  "item 1: payload has \"{{\" at byte 6 without"));
  EXPECT_EQ(first_problem(with(R"("template":"none")")),
            "item 1: template \"none\" does not exist");
  EXPECT_EQ(first_problem(R"({"defaults":{"expire":"soon"},"items":[{}]})"),
            "defaults.expire must be an integer, without quotes");
  EXPECT_EQ(max_seq("g1"), "{\"message_seq\":0}");
}

TEST_F(BatchRoutesTest, ABatchIsBoundedAsItIsSent) {
  ApiOptions options;
  options.send.items_max = 2;
  options.send.expanded_bytes_max = 9;
  configure(options);
  const std::string begin = "{" + std::string(kDefaults) + R"(,"items":[)";
  const std::string item = R"({"channel_id":"g1","payload_ref":"b"})";
  EXPECT_EQ(batch(begin + item + "]}").status, 200U);
  EXPECT_TRUE(has(first_problem(begin + item + "," + item + "]}"), "(api.maxExpandedBytes)"));
  EXPECT_TRUE(has(first_problem(begin + "{},{},{}]}"), "more than 2 items (api.maxBatch)"));
  EXPECT_EQ(max_seq("g1"), "{\"message_seq\":1}");
}

TEST_F(BatchRoutesTest, StrictModeKnowsTheForm) {
  const auto strictly = [this](const std::string& body) {
    return call(Verb::post, "/message/sendbatch", body, "", {{"Jindou-Strict", "1"}});
  };
  const std::string begin = "{" + std::string(kDefaults) + R"(,"items":[{"channel_id":"g1",)";
  EXPECT_EQ(strictly(begin + R"("payload_ref":"a","vars":{"name":"any","more":1}}]})").status,
            200U);
  const Answer wrong = strictly(begin + R"("payload_reff":"a"}]})");
  EXPECT_TRUE(has(wrong.body, "items[0].payload_reff")) << wrong.body;
}

}  // namespace
}  // namespace jindou::api
