// What somebody reads who uses the API for the first time and makes a mistake: each sentence says
// what to do.
#include "api/routes_fixture.h"

namespace jindou::api {
namespace {

class MistakesTest : public RoutesTest {
 protected:
  // The status and the message.
  std::string told(const Answer& answer) {
    simdjson::dom::parser parser;
    std::string_view message;
    if (parser.parse(answer.body)["msg"].get(message) != simdjson::SUCCESS) return answer.body;
    return std::to_string(answer.status) + " " + std::string(message);
  }
  std::string told(const std::string& path, const std::string& body) {
    return told(post(path, body));
  }
  std::string strictly(Verb method, const std::string& target, const std::string& body = "") {
    return told(call(method, target, body, "", {{"Jindou-Strict", "1"}}));
  }
};

TEST_F(MistakesTest, OneMessageWhereAnArrayIsExpected) {
  const std::string text = told("/message/sendbatch", item("n", "g1"));
  EXPECT_TRUE(has(text, "400 subscribers is required")) << text;
  EXPECT_TRUE(has(text, "with [ and ] around it, or post it to /message/send")) << text;
  EXPECT_EQ(told("/message/send", "[" + item("n", "g1") + "]"),
            "400 the body must be an object: several messages go to /message/sendbatch");
}

TEST_F(MistakesTest, OneUserWhereAnArrayIsExpected) {
  EXPECT_EQ(told("/channel/subscriber_add", R"({"channel_id":"g1","subscribers":"u1"})"),
            "400 subscribers must be an array of strings: put a single one in [ and ]");
  EXPECT_EQ(told("/user/systemuids_add", R"({"uids":"u1"})"),
            "400 uids must be an array of strings: put a single one in [ and ]");
  EXPECT_EQ(told("/user/onlinestatus", R"({"uid":"u1"})"),
            "400 the body must be an array of uids, such as [\"u1\",\"u2\"]");
  EXPECT_EQ(told("/user/token", R"([{"uid":"u1"}])"),
            "400 the body must be an object, not an array");
  const std::string text =
      told("/message/sendbatch", R"([{"from_uid":"u1","channel_id":"g1","channel_type":2,)"
                                 R"("payload":{},"subscribers":"u2"}])");
  EXPECT_TRUE(has(text, "put a single one in [ and ]")) << text;
}

TEST_F(MistakesTest, OtherFormatsThanJson) {
  EXPECT_EQ(told("/user/token", "uid=u1&token=t&device_flag=0"),
            "400 the body is form fields (a=1&b=2), but must be JSON in UTF-8, such as "
            "{\"uid\":\"u1\"}");
  EXPECT_EQ(told("/message/sendbatch", "payload=aGk="),
            "400 the body is form fields (a=1&b=2), but must be JSON in UTF-8, such as "
            "{\"uid\":\"u1\"}");
}

TEST_F(MistakesTest, FaultsInJsonHaveAPlace) {
  EXPECT_EQ(told("/message/sendbatch", "[\n  {\"from_uid\": 'u1'}\n]"),
            "400 the body is not valid JSON: line 2, column 16: strings need double quotes, not "
            "single ones");
  EXPECT_EQ(told("/user/token", "{\"uid\":\"u1\",}"),
            "400 the body is not valid JSON: line 1, column 13: there is a comma behind the last "
            "entry");
}

TEST_F(MistakesTest, AByteOrderMarkIsNone) {
  EXPECT_EQ(status("/message/sendbatch", "\xef\xbb\xbf[" + item("n", "g1") + "]"), 200U);
}

// Only a batch may come as lines: other bodies are JSON whatever their type says.
TEST_F(MistakesTest, TheStrictModeLooksAtBodiesThatAreCalledLines) {
  for (const std::string type : {"application/x-ndjson", "text/csv; charset=utf-8"}) {
    const Answer answer =
        call(Verb::post, "/user/token", R"({"uid":"u1","token":"t","device_flg":1})", "",
             {{"Jindou-Strict", "1"}, {"Content-Type", type}});
    EXPECT_TRUE(has(told(answer), "did you mean \"device_flag\"?")) << told(answer);
  }
}

TEST_F(MistakesTest, PathsAndMethods) {
  EXPECT_EQ(told("/message/sendBatch", "[]"), "404 no such path; did you mean /message/sendbatch?");
  EXPECT_EQ(told("/message/send_batch", "[]"),
            "404 no such path; did you mean /message/sendbatch?");
  EXPECT_EQ(told("/v1/nothing/like/it", "[]"), "404 no such path");
  EXPECT_EQ(told("/" + std::string(3000, 'x'), "[]"), "404 no such path");
  EXPECT_EQ(told(call(Verb::get, "/message/sendbatch")), "405 this path answers POST only");
  EXPECT_EQ(told("/connz", "{}"), "405 this path answers GET, HEAD only");
}

TEST_F(MistakesTest, PathsOfTheOtherPort) {
  static constexpr Route kElsewhere[] = {
      {Verb::post, "/there", nullptr, Auth::open, "", Ports::manager}};
  router_ = std::make_unique<Router>(*services_, kElsewhere, Port::api);
  EXPECT_EQ(told("/there", "{}"), "404 no such path: the manager port (manager.addr) serves it");
}

TEST_F(MistakesTest, TypesOfQueries) {
  for (const char* path : {"/channel/max_message_seq", "/channel/last_message",
                           "/channel/whitelist", "/channel/retention"}) {
    const std::string query = std::string(path) + "?channel_id=g1";
    for (const char* type : {"abc", "2.0", "-1", "256", "0", "99999999999999999999"}) {
      EXPECT_EQ(told(call(Verb::get, query + "&channel_type=" + type)),
                "400 channel_type must be a number from 1 to 255")
          << path << type;
    }
    EXPECT_TRUE(has(told(call(Verb::get, query)), "400 channel_type is required")) << path;
  }
}

TEST_F(MistakesTest, TypesOutsideTheirRange) {
  for (const char* path : {"/channel", "/message/send", "/channel/messagesync"}) {
    const std::string body =
        R"({"channel_id":"g1","login_uid":"u1","payload":"eA==","channel_type":)";
    EXPECT_EQ(told(path, body + "256}"), "400 channel_type must be from 1 to 255") << path;
    EXPECT_EQ(told(path, body + "-1}"), "400 channel_type must be from 1 to 255") << path;
  }
}

TEST_F(MistakesTest, NumbersInQuotes) {
  const std::string text = told("/channel", R"({"channel_id":"g1","channel_type":"2"})");
  EXPECT_EQ(text, "400 channel_type must be an integer, without quotes");
}

TEST_F(MistakesTest, AUnixTimeIsNoDuration) {
  const auto send = [this](const std::string& expire) {
    return told("/message/send", R"({"from_uid":"u1","channel_id":"g1","channel_type":2,)"
                                 R"("payload":{},"expire":)" +
                                     expire + "}");
  };
  EXPECT_TRUE(has(send("1700000000"), "400 expire is a number of seconds from now"));
  EXPECT_TRUE(has(send("316224001"), "400 expire is a number of seconds from now"));
  EXPECT_EQ(post("/message/send", R"({"from_uid":"u1","channel_id":"g1","channel_type":2,)"
                                  R"("payload":{},"expire":316224000})")
                .status,
            200U);
}

TEST_F(MistakesTest, StrictModeNamesWhatIsUnknown) {
  const std::string place =
      R"({"from_uid":"u1","channel_id":"g1","channel_type":2,"payload":{"x":1})";
  EXPECT_EQ(strictly(Verb::post, "/message/send", place + R"(,"exipre":60})"),
            "400 \"exipre\" is unknown here: did you mean \"expire\"?");
  EXPECT_EQ(strictly(Verb::post, "/message/sendbatch",
                     "[" + place + "}," + place + R"(,"header":{"reddot":1}}])"),
            "400 \"[1].header.reddot\" is unknown here: did you mean \"red_dot\"?");
  EXPECT_EQ(strictly(Verb::post, "/message/sendbatch",
                     R"({"from_uid":"u1","subscribers":["u2"],"payload":"aGk=","colour":1})"),
            "400 \"colour\" is unknown here");
  EXPECT_EQ(strictly(Verb::get, "/channel/max_message_seq?channel_id=g1&channel_tpye=2"),
            "400 \"?channel_tpye\" is unknown here: did you mean \"channel_type\"?");
  EXPECT_EQ(max_seq("g1"), "{\"message_seq\":0}");
  // Without the header it is ignored; with it, nothing else changes.
  EXPECT_EQ(status("/message/send", place + R"(,"exipre":60})"), 200U);
  EXPECT_EQ(strictly(Verb::post, "/message/send", place + "}").substr(0, 10), "{\"status\":");
  EXPECT_TRUE(has(strictly(Verb::post, "/message/send", "{"), "not valid JSON"));
}

TEST_F(MistakesTest, StrictModeNamesTenAtMost) {
  std::string body = "{\"uid\":\"u1\"";
  for (int i = 10; i < 30; ++i) body += ",\"zzzzzzzzz" + std::to_string(i) + "\":1";
  const std::string text = strictly(Verb::post, "/conversation/sync", body + "}");
  EXPECT_TRUE(has(text, "zzzzzzzzz19")) << text;
  EXPECT_FALSE(has(text, "zzzzzzzzz20")) << text;
  EXPECT_TRUE(has(text, "and 10 more")) << text;
}

TEST_F(MistakesTest, StrictModeCountsWhatItDoesNotName) {
  std::string body = "{\"uid\":\"u1\"";
  for (int i = 0; i < 300'000; ++i) body += ",\"" + std::to_string(i) + "\":1";
  const std::string text = strictly(Verb::post, "/conversation/sync", body + "}");
  EXPECT_TRUE(has(text, "and 299990 more")) << text;
}

}  // namespace
}  // namespace jindou::api
