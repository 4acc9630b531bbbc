// The routes of messages, events, conversations and retention: what malformed requests are
// answered, and that good ones reach the core and come back.
#include <algorithm>

#include "api/routes_fixture.h"

namespace jindou::api {
namespace {

class MessageRoutesTest : public RoutesTest {
 protected:
  Answer get(const std::string& target) { return call(Verb::get, target); }

  // Sends as u1 to the group g1, with more members if wanted. Returns the id as text.
  std::string send(const std::string& number, const std::string& more = "") {
    const Answer answer = post("/message/send", R"({"from_uid":"u1","channel_id":"g1",)"
                                                R"("channel_type":2,"payload":"aGk=",)"
                                                R"("client_msg_no":")" +
                                                    number + "\"" + more + "}");
    EXPECT_EQ(answer.status, 200U) << answer.body;
    simdjson::dom::parser parser;
    const simdjson::dom::element sent = parser.parse(answer.body);
    return std::string(sent["message_idstr"].get_string().value());
  }
  Answer event(const std::string& type, const std::string& id, const std::string& more = "") {
    return post("/message/event", R"({"channel_id":"g1","channel_type":2,"client_msg_no":"a",)"
                                  R"("event_type":")" +
                                      type + R"(","event_id":")" + id + "\"" + more + "}");
  }

  void expect_400(const std::string& target, const std::vector<std::string>& bodies) {
    for (const std::string& body : bodies) {
      const Answer answer = post(target, body);
      EXPECT_EQ(answer.status, 400U) << target << ' ' << body << " -> " << answer.body;
      EXPECT_TRUE(has(answer.body, "\"status\":400")) << answer.body;
    }
  }
};

TEST_F(MessageRoutesTest, EveryRouteRefusesBodiesThatAreNoObject) {
  for (const Route& route : all_routes()) {
    if (route.method != Verb::post || route.ports == Ports::manager) continue;
    for (const std::string body : {"", "7", "\"x\"", "{", "null"}) {
      // All letters are meant unless the body names some, and a reload takes none.
      const bool takes_none = route.path == "/webhook/redrive" || route.path == "/config/reload";
      if (takes_none && body.empty()) continue;
      const Answer answer = post(std::string(route.path), body);
      EXPECT_TRUE(answer.status >= 400 && answer.status < 500)
          << route.path << ' ' << body << " -> " << answer.status << ' ' << answer.body;
    }
  }
}

TEST_F(MessageRoutesTest, EveryPathRefusesTheOtherMethods) {
  for (const Route& route : all_routes()) {
    if (route.ports == Ports::manager) continue;
    const Verb other = route.method == Verb::post ? Verb::get : Verb::put;
    const bool has_both = std::ranges::any_of(all_routes(), [&](const Route& one) {
      return one.path == route.path && one.method == other && one.ports != Ports::manager;
    });
    if (has_both) continue;
    EXPECT_EQ(call(other, std::string(route.path)).status, 405U) << route.path;
  }
}

TEST_F(MessageRoutesTest, LookUpByNumberChecksItsQuery) {
  send("n1");
  const std::string path = "/message/byclientmsgno?";
  EXPECT_EQ(get(path + "channel_id=g1&channel_type=2&client_msg_no=n1").status, 200U);
  EXPECT_EQ(get(path + "channel_id=g1&channel_type=2&client_msg_no=n2").status, 404U);
  EXPECT_EQ(get(path + "channel_id=g1&channel_type=2").status, 400U);
  EXPECT_EQ(get(path + "channel_id=g1&client_msg_no=n1").status, 400U);
  EXPECT_EQ(get(path + "channel_type=2&client_msg_no=n1").status, 400U);
  EXPECT_EQ(get(path + "channel_id=u2&channel_type=1&client_msg_no=n1").status, 400U);
  EXPECT_EQ(get(path + "channel_id=u2&channel_type=1&client_msg_no=n1&login_uid=u1").status, 404U);
}

TEST_F(MessageRoutesTest, LookUpByNumberFindsTheFirstMessageThatTheReaderCanSee) {
  ASSERT_EQ(status("/channel/subscriber_add", R"({"channel_id":"g1","subscribers":["u1","u2"]})"),
            200U);
  const std::string place = R"("channel_id":"g1","channel_type":2,"payload":"aGk=",)"
                            R"("client_msg_no":"n")";
  ASSERT_EQ(
      status("/message/sendbatch", "[{" + place + R"(,"from_uid":"u1","subscribers":["u3"]}])"),
      200U);
  ASSERT_EQ(status("/message/sendbatch", "[{" + place + R"(,"from_uid":"u2"}])"), 200U);
  const std::string path = "/message/byclientmsgno?channel_id=g1&channel_type=2&client_msg_no=n";
  EXPECT_TRUE(has(get(path).body, "\"message_seq\":1,"));
  EXPECT_TRUE(has(get(path + "&login_uid=u3").body, "\"message_seq\":1,"));
  EXPECT_TRUE(has(get(path + "&login_uid=u2").body, "\"message_seq\":2,"));
}

TEST_F(MessageRoutesTest, LookUpsAnswerAMessageOnce) {
  const std::string first = send("n1");
  const std::string second = send("n2");
  const auto count = [this](const std::string& body, bool page) {
    simdjson::dom::parser parser;
    const Answer answer = post("/messages", body);
    simdjson::dom::element root = parser.parse(answer.body);
    if (page) root = root["messages"];
    return root.get_array().size();
  };
  EXPECT_EQ(count("{\"message_ids\":[" + second + "," + first + "," + second + "]}", false), 2U);
  EXPECT_EQ(count("{\"channel_id\":\"g1\",\"channel_type\":2,\"message_seqs\":[1,1,2],"
                  "\"message_ids\":[" +
                      first + "],\"client_msg_nos\":[\"n2\",\"n2\"]}",
                  true),
            2U);
}

TEST_F(MessageRoutesTest, LastMessageIsTheNewestOne) {
  EXPECT_EQ(get("/channel/last_message?channel_id=g1&channel_type=2").status, 404U);
  send("n1");
  send("n2");
  const Answer last = get("/channel/last_message?channel_id=g1&channel_type=2");
  EXPECT_EQ(last.status, 200U);
  EXPECT_TRUE(has(last.body, "\"client_msg_no\":\"n2\"")) << last.body;
  EXPECT_EQ(get("/channel/last_message?channel_type=2").status, 400U);
  EXPECT_EQ(get("/channel/last_message?channel_id=g1").status, 400U);
  EXPECT_EQ(get("/channel/last_message?channel_id=u2&channel_type=1").status, 400U);
}

TEST_F(MessageRoutesTest, BatchedReadsAnswerEachItemForItself) {
  send("n1");
  const Answer answer = post("/channel/messagesyncbatch",
                             R"({"login_uid":"u1","items":[{"channel_id":"g1","channel_type":2},)"
                             R"({"channel_id":"g1"},{"channel_id":"none","channel_type":2}]})");
  ASSERT_EQ(answer.status, 200U) << answer.body;
  simdjson::dom::parser parser;
  const simdjson::dom::array items = parser.parse(answer.body)["items"];
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items.at(0)["messages"].get_array().size(), 1U);
  EXPECT_NE(items.at(0)["error"].error(), simdjson::SUCCESS);
  EXPECT_EQ(items.at(1)["error"].get_string().value(), "channel_type is required, from 1 to 255");
  EXPECT_EQ(items.at(2)["messages"].get_array().size(), 0U);
  std::string many = R"({"login_uid":"u1","items":[{})";
  for (int i = 0; i < 200; ++i) many += ",{}";
  expect_400("/channel/messagesyncbatch",
             {R"({"items":[{"channel_id":"g1","channel_type":2}]})", R"({"login_uid":"u1"})",
              R"({"login_uid":"u1","items":[]})", R"({"login_uid":"u1","items":[7]})",
              R"({"login_uid":"u1","items":{}})", many + "]}"});
}

TEST_F(MessageRoutesTest, StrictReadsAreForTheUsersOfTheChannel) {
  ApiOptions options;
  options.strict_read = true;
  configure(options);
  EXPECT_EQ(status("/channel/subscriber_add", R"({"channel_id":"g1","subscribers":["u1"]})"), 200U);
  send("n1");
  const auto read = [this](const std::string& uid) {
    return post("/channel/messagesync",
                "{\"login_uid\":\"" + uid + R"(","channel_id":"g1","channel_type":2})");
  };
  EXPECT_EQ(read("u1").status, 200U);
  EXPECT_EQ(read("____system").status, 200U);
  const Answer refused = read("stranger");
  EXPECT_EQ(refused.status, 403U);
  EXPECT_TRUE(has(refused.body, "\"reason\":3")) << refused.body;
  EXPECT_TRUE(has(post("/channel/messagesyncbatch",
                       R"({"login_uid":"x","items":[{"channel_id":"g1","channel_type":2}]})")
                      .body,
                  "\"error\":\"login_uid is not"));
  EXPECT_EQ(get("/channel/last_message?channel_id=g1&channel_type=2&login_uid=stranger").status,
            403U);
  EXPECT_EQ(status("/messages",
                   R"({"login_uid":"x","channel_id":"g1","channel_type":2,"message_seqs":[1]})"),
            403U);
  EXPECT_EQ(
      status("/channel/messagesync", R"({"login_uid":"u1","channel_id":"u2","channel_type":1})"),
      200U);
  EXPECT_EQ(
      status("/channel/messagesync", R"({"login_uid":"u3","channel_id":"u1@u2","channel_type":1})"),
      403U);
}

TEST_F(MessageRoutesTest, CommandSyncChecksItsFields) {
  EXPECT_EQ(post("/message/sync", R"({"uid":"u1"})").body, "[]");
  EXPECT_EQ(post("/message/sync", R"({"uid":"u1","message_seq":7,"limit":0})").body, "[]");
  expect_400("/message/sync", {"{}", R"({"uid":" "})", R"({"uid":"u1","limit":-1})",
                               R"({"uid":"u1","limit":"9"})", R"({"uid":"u1","message_seq":-1})"});
  EXPECT_EQ(post("/message/syncack", R"({"uid":"u1","last_message_seq":1})").body,
            R"({"status":200})");
  expect_400("/message/syncack", {"{}", R"({"uid":"u1"})", R"({"last_message_seq":1})",
                                  R"({"uid":"u1","last_message_seq":0})"});
}

TEST_F(MessageRoutesTest, CommandsAreReadUntilTheyAreAcknowledged) {
  EXPECT_EQ(status("/channel/subscriber_add", R"({"channel_id":"g1","subscribers":["u2"]})"), 200U);
  send("c1", R"(,"header":{"sync_once":1})");
  const Answer first = post("/message/sync", R"({"uid":"u2"})");
  EXPECT_TRUE(has(first.body, "\"client_msg_no\":\"c1\"")) << first.body;
  EXPECT_TRUE(has(first.body, "\"channel_id\":\"g1\"")) << first.body;
  EXPECT_EQ(post("/message/sync", R"({"uid":"u2"})").body, first.body);
  EXPECT_EQ(status("/message/syncack", R"({"uid":"u2","last_message_seq":1})"), 200U);
  EXPECT_EQ(post("/message/sync", R"({"uid":"u2"})").body, "[]");
  ApiOptions options;
  options.command_sync = false;
  configure(options);
  send("c2", R"(,"header":{"sync_once":1})");
  EXPECT_EQ(post("/message/sync", R"({"uid":"u2"})").body, "[]");
  EXPECT_EQ(status("/message/syncack", R"({"uid":"u2","last_message_seq":1})"), 200U);
}

TEST_F(MessageRoutesTest, EventsGrowTheAnchor) {
  send("a", R"(,"is_stream":1)");
  const Answer delta = event("stream.delta", "e1", R"(,"payload":{"kind":"text","delta":"He"})");
  ASSERT_EQ(delta.status, 200U) << delta.body;
  EXPECT_TRUE(has(delta.body, R"("event_key":"main","event_id":"e1","msg_event_seq":0,)"
                              R"("stream_status":"open","channel_id":"g1","channel_type":2,)"
                              R"("from_uid":"u1")"))
      << delta.body;
  EXPECT_EQ(event("Stream.Delta", "e2", R"(,"payload":{"kind":"text","delta":"llo"})").status,
            200U);
  const Answer closed = event("stream.close", "e3", R"(,"payload":{"end_reason":"3"})");
  EXPECT_TRUE(has(closed.body, R"("msg_event_seq":1,"stream_status":"closed")")) << closed.body;
  EXPECT_EQ(event("stream.delta", "e4", R"(,"payload":{"kind":"text","delta":"!"})").status, 400U);
  EXPECT_EQ(event("stream.finish", "e5").status, 200U);
  const Answer page =
      post("/channel/messagesync", R"({"login_uid":"u1","channel_id":"g1","channel_type":2})");
  EXPECT_TRUE(has(page.body,
                  R"("end":1,"end_reason":3,"stream_data":"SGVsbG8=","event_meta":{)"
                  R"("has_events":true,"completed":true,"event_version":2,"last_msg_event_seq":2,)"
                  R"("event_count":1,"events":[{"event_key":"main","status":"closed",)"
                  R"("last_msg_event_seq":1,"snapshot":{"kind":"text","text":"Hello"},)"
                  R"("end_reason":3}]},"event_sync_hint":{"client_msg_no":"a",)"
                  R"("from_msg_event_seq":0}})"))
      << page.body;
  const Answer basic =
      post("/channel/messagesync",
           R"({"login_uid":"u1","channel_id":"g1","channel_type":2,"event_summary_mode":"basic"})");
  EXPECT_FALSE(has(basic.body, "\"snapshot\"")) << basic.body;
  EXPECT_FALSE(has(get("/channel/last_message?channel_id=g1&channel_type=2").body, "event_meta"));
  const Answer states =
      post("/message/eventsync", R"({"channel_id":"g1","channel_type":2,"client_msg_no":"a"})");
  EXPECT_TRUE(states.body.starts_with(
      R"({"status":200,"data":{"client_msg_no":"a","from_msg_event_seq":0,"next_msg_event_seq":2,)"
      R"("more":0,"events":[{"msg_event_seq":1,"event_id":"e3","event_key":"main",)"
      R"("event_type":"stream.close","visibility":"public","occurred_at":)"))
      << states.body;
  EXPECT_TRUE(has(states.body, R"("payload":{"kind":"text","text":"Hello"})")) << states.body;
  EXPECT_TRUE(has(states.body, R"("filtered_by_event_key":"")")) << states.body;
}

TEST_F(MessageRoutesTest, EventsCheckTheirFields) {
  send("a", R"(,"is_stream":1)");
  send("plain");
  const std::string good = R"("channel_id":"g1","channel_type":2,"client_msg_no":"a",)"
                           R"("event_id":"e","event_type":"stream.open")";
  EXPECT_EQ(status("/message/event", "{" + good + "}"), 200U);
  expect_400(
      "/message/event",
      {R"({"channel_type":2,"client_msg_no":"a","event_id":"e","event_type":"t"})",
       R"({"channel_id":"g1","client_msg_no":"a","event_id":"e","event_type":"t"})",
       R"({"channel_id":"g1","channel_type":2,"event_id":"e","event_type":"t"})",
       R"({"channel_id":"g1","channel_type":2,"client_msg_no":"a","event_type":"t"})",
       R"({"channel_id":"g1","channel_type":2,"client_msg_no":"a","event_id":"e"})",
       R"({"channel_id":"g1","channel_type":2,"client_msg_no":"none","event_id":"e","event_type":"t"})",
       R"({"channel_id":"g1","channel_type":2,"client_msg_no":"plain","event_id":"e","event_type":"t"})",
       "{" + good + R"(,"visibility":"secret"})", "{" + good + R"(,"occurred_at":-1})",
       "{" + good + R"(,"occurred_at":"1"})", "{" + good + R"(,"from_uid":"a#b"})",
       "{" + good + R"(,"event_key":"__finish__"})", "{" + good + R"(,"headers":[]})",
       "{" + good + R"(,"message_id":"x"})"});
  for (const std::string payload : {R"({"end_reason":256})", R"({"end_reason":-1})",
                                    R"({"end_reason":"x"})", R"({"end_reason":1.5})"}) {
    EXPECT_EQ(event("stream.close", "e9", ",\"payload\":" + payload).status, 400U) << payload;
  }
  EXPECT_EQ(event("stream.delta", "e9").status, 400U);
  EXPECT_EQ(event("stream.snapshot", "e9").status, 400U);
  ApiOptions options;
  options.event_bytes_max = 10;
  configure(options);
  EXPECT_TRUE(has(event("t", "e9", R"(,"payload":"0123456789")").body, "\"code\":\"too_large\""));
  EXPECT_EQ(event("t", "e9", R"(,"payload":"01234567")").status, 200U);
  expect_400(
      "/message/eventsync",
      {"{}", R"({"channel_type":2,"client_msg_no":"a"})",
       R"({"channel_id":"g1","client_msg_no":"a"})", R"({"channel_id":"g1","channel_type":2})",
       R"({"channel_id":"u2","channel_type":1,"client_msg_no":"a"})",
       R"({"channel_id":"g1","channel_type":2,"client_msg_no":"a","limit":-1})"});
}

// Three stream messages whose text is more than an answer takes.
class LargeEventsTest : public MessageRoutesTest {
 protected:
  void SetUp() override {
    MessageRoutesTest::SetUp();
    EXPECT_EQ(status("/channel/subscriber_add", R"({"channel_id":"g1","subscribers":["u1"]})"),
              200U);
    for (const std::string number : {"a", "b", "c"}) {
      ids_.push_back(send(number, R"(,"is_stream":1)"));
      add_text(number, "main");
    }
    ApiOptions options;
    options.page_bytes_max = 100;
    options.answer_bytes_max = 450;
    configure(options);
  }
  // 80 bytes of text that `number` and the lane begin with; the lane ends.
  void add_text(const std::string& number, const std::string& lane) {
    std::string text = number + "-" + lane + "-";
    text.resize(80, 'x');
    for (const std::string& last :
         {R"("stream.delta","event_id":"d","payload":{"kind":"text","delta":")" + text + "\"}",
          std::string(R"("stream.close","event_id":"e")")}) {
      const Answer answer = post(
          "/message/event", R"({"channel_id":"g1","channel_type":2,"client_msg_no":")" + number +
                                R"(","event_key":")" + lane + R"(","event_type":)" + last + "}");
      EXPECT_EQ(answer.status, 200U) << answer.body;
    }
  }
  // The client_msg_nos of a page of g1 and whether there are more.
  std::string page(const std::string& members) {
    const Answer answer =
        post("/channel/messagesync",
             R"({"login_uid":"u1","channel_id":"g1","channel_type":2)" + members + "}");
    return shown(answer.body) + (has(answer.body, "\"more\":1") ? "+" : "");
  }
  static std::string shown(const std::string& body) {
    std::string numbers;
    for (const std::string number : {"a", "b", "c"}) {
      if (has(body, "\"text\":\"" + number + "-main-")) numbers += number;
    }
    return numbers;
  }

  std::vector<std::string> ids_;
};

TEST_F(LargeEventsTest, EndAPageWhereTheReaderGoesOn) {
  EXPECT_EQ(page(""), "c+");
  EXPECT_EQ(page(R"(,"start_message_seq":2)"), "b+");
  EXPECT_EQ(page(R"(,"start_message_seq":1)"), "a");
  EXPECT_EQ(page(R"(,"pull_mode":1,"start_message_seq":1)"), "a+");
  EXPECT_EQ(page(R"(,"pull_mode":1,"start_message_seq":3)"), "c");
  const std::string item = R"({"channel_id":"g1","channel_type":2})";
  const Answer batch =
      post("/channel/messagesyncbatch",
           R"({"login_uid":"u1","items":[)" + item + "," + item + "," + item + "," + item + "]}");
  EXPECT_TRUE(has(batch.body, "\"error\":\"the answer is too large already")) << batch.body;
}

TEST_F(LargeEventsTest, AreRefusedWhereThereAreNoPages) {
  const auto look_up = [this](std::size_t count) {
    std::string list = ids_[0];
    for (std::size_t i = 1; i < count; ++i) list += "," + ids_[i];
    return post("/messages", "{\"message_ids\":[" + list + "]}");
  };
  EXPECT_EQ(shown(look_up(2).body), "ab");
  EXPECT_EQ(shown(look_up(3).body), "abc") << "the last message takes the answer over the bound";
  add_text("a", "tool");
  EXPECT_EQ(look_up(3).status, 400U);
  EXPECT_TRUE(has(look_up(3).body, "\"code\":\"too_large\""));
  const Answer messages =
      post("/conversation/syncMessages",
           R"({"uid":"u1","msg_count":3,"channels":[{"channel_id":"g1","channel_type":2}]})");
  EXPECT_TRUE(has(messages.body, "\"code\":\"too_large\"")) << messages.body;
}

TEST_F(LargeEventsTest, LeaveOutOlderRecents) {
  add_text("b", "tool");
  EXPECT_EQ(shown(post("/conversation/sync", R"({"uid":"u1","msg_count":3})").body), "bc");
  EXPECT_EQ(shown(post("/conversation/syncByChannels", R"({"uid":"u1","msg_count":3,"channels":[)"
                                                       R"({"channel_id":"g1","channel_type":2}]})")
                      .body),
            "bc");
}

TEST_F(LargeEventsTest, OfOneMessageAreShownWhileTheyFit) {
  add_text("a", "a_tool");
  const Answer answer = post("/message", "{\"message_id\":" + ids_[0] + "}");
  EXPECT_TRUE(has(answer.body, "\"text\":\"a-main-")) << answer.body;
  EXPECT_TRUE(has(answer.body, "\"stream_data\"")) << answer.body;
  EXPECT_TRUE(has(answer.body, "\"event_key\":\"a_tool\"")) << answer.body;
  EXPECT_FALSE(has(answer.body, "\"text\":\"a-a_tool-")) << answer.body;
  add_text("a", "b_tool");
  const std::string states = R"({"channel_id":"g1","channel_type":2,"client_msg_no":"a")";
  const Answer first = post("/message/eventsync", states + "}");
  EXPECT_TRUE(has(first.body, "\"next_msg_event_seq\":2,\"more\":1")) << first.body;
  EXPECT_TRUE(has(first.body, "\"text\":\"a-a_tool-")) << first.body;
  const Answer last = post("/message/eventsync", states + R"(,"from_msg_event_seq":2})");
  EXPECT_TRUE(has(last.body, "\"more\":0")) << last.body;
  EXPECT_TRUE(has(last.body, "\"text\":\"a-b_tool-")) << last.body;
}

TEST_F(MessageRoutesTest, OldEventsWriteTheSameStream) {
  const auto old = [this](const std::string& type, const std::string& data,
                          const std::string& number = "s1", const std::string& query = "") {
    return post("/event" + query, R"({"client_msg_no":")" + number +
                                      R"(","channel_id":"g1","channel_type":2,"from_uid":"bot",)"
                                      R"("event":{"type":")" +
                                      type + R"(","data":")" + data + "\"}}");
  };
  EXPECT_EQ(old("___TextMessageContent", "x").status, 400U);
  EXPECT_EQ(old("___TextMessageStart", "hi").body, R"({"status":200})");
  EXPECT_EQ(old("___TextMessageStart", "hi").status, 200U);
  EXPECT_EQ(old("___TextMessageStart", "hi", "s2").status, 400U);
  EXPECT_EQ(old("___TextMessageContent", "He").status, 200U);
  EXPECT_EQ(old("___TextMessageContent", "He").status, 200U);
  EXPECT_EQ(old("___ToolCallStart", "{}").status, 200U);
  EXPECT_EQ(old("___TextMessageStart", "hi", "s2", "?force=1").status, 200U);
  EXPECT_EQ(old("___TextMessageContent", "x").status, 400U);
  EXPECT_EQ(old("___TextMessageEnd", "out of luck", "s2").status, 200U);
  const Answer page =
      post("/channel/messagesync", R"({"login_uid":"u1","channel_id":"g1","channel_type":2})");
  EXPECT_TRUE(has(page.body, R"("end_reason":4,"stream_data":"SGVIZQ==")")) << page.body;
  EXPECT_TRUE(has(page.body, R"("end_reason":2,"error":"out of luck")")) << page.body;
  EXPECT_EQ(old("___TextMessageStart", "hi", "s3").status, 200U);
  expect_400("/event", {"{}", R"({"channel_id":"g1","channel_type":2,"event":{"type":"t"}})",
                        R"({"client_msg_no":"a","channel_type":2,"event":{"type":"t"}})",
                        R"({"client_msg_no":"a","channel_id":"g1","event":{"type":"t"}})",
                        R"({"client_msg_no":"a","channel_id":"g1","channel_type":2})",
                        R"({"client_msg_no":"a","channel_id":"g1","channel_type":2,"event":{}})",
                        R"({"client_msg_no":"a","channel_id":"g1","channel_type":2,"event":"t"})"});
}

// An object and the base64 of its compact text are the same payload, wherever a message is sent.
TEST_F(MessageRoutesTest, EveryRouteThatSendsTakesAPayloadOfJson) {
  const std::string object = R"("payload":{ "type": 1, "content": "hi" })";
  const std::string stored = R"("payload":"eyJ0eXBlIjoxLCJjb250ZW50IjoiaGkifQ==")";
  const std::string place = R"("from_uid":"bot","channel_type":2,)" + object + R"(,"channel_id":)";
  const std::pair<const char*, std::string> sends[] = {
      {"/message/send", "{" + place + "\"g1\"}"},
      {"/message/sendbatch", "[{" + place + "\"g2\"}]"},
      {"/stream/open", "{" + place + "\"g3\"}"},
      {"/streammessage/start", "{" + place + "\"g4\"}"},
      {"/streamv2/open", "{" + place + "\"g5\"}"},
  };
  std::size_t group = 0;
  for (const auto& [path, body] : sends) {
    ASSERT_EQ(status(path, body), 200U) << path;
    const Answer page =
        post("/channel/messagesync", R"({"login_uid":"u1","channel_type":2,"channel_id":"g)" +
                                         std::to_string(++group) + "\"}");
    EXPECT_TRUE(has(page.body, stored)) << path << page.body;
  }
  EXPECT_EQ(
      post("/message/sendbatch", R"({"from_uid":"bot","subscribers":["u1"],)" + object + "}").body,
      R"({"fail_uids":[],"reason":[]})");
  const Answer page =
      post("/channel/messagesync", R"({"login_uid":"u1","channel_id":"bot","channel_type":1})");
  EXPECT_TRUE(has(page.body, stored)) << page.body;
  // The same number with the other spelling is a repeat.
  const std::string again = R"({"from_uid":"bot","client_msg_no":"n","channel_id":"g1",)"
                            R"("channel_type":2,)";
  EXPECT_EQ(status("/message/send", again + object + "}"), 200U);
  EXPECT_TRUE(has(post("/message/send", again + stored + "}").body, "\"duplicate\":true"));
}

TEST_F(MessageRoutesTest, OldStreamsAreOpenedAndClosed) {
  const std::string open =
      R"({"from_uid":"bot","channel_id":"g1","channel_type":2,"payload":"aGk="})";
  const Answer opened = post("/stream/open", open);
  ASSERT_EQ(opened.status, 200U) << opened.body;
  simdjson::dom::parser parser;
  const std::string number(parser.parse(opened.body)["stream_no"].get_string().value());
  EXPECT_EQ(number.size(), 32U);
  EXPECT_EQ(
      post("/stream/close", R"({"channel_id":"g1","channel_type":2,"stream_no":")" + number + "\"}")
          .body,
      R"({"status":200})");
  EXPECT_TRUE(has(
      post("/channel/messagesync", R"({"login_uid":"u1","channel_id":"g1","channel_type":2})").body,
      "\"end\":1"));
  EXPECT_EQ(status("/stream/close", "{\"stream_no\":\"" + number + "\"}"), 200U);
  const std::string named = R"({"client_msg_no":"own","channel_id":"g1","channel_type":2,)"
                            R"("payload":"aGk="})";
  const Answer started = post("/streammessage/start", named);
  EXPECT_EQ(post("/streammessage/start", named).body, started.body);
  const std::string second(parser.parse(started.body)["stream_no"].get_string().value());
  EXPECT_EQ(status("/streammessage/end",
                   R"({"channel_id":"g1","channel_type":2,"stream_no":")" + second + "\"}"),
            200U);
  expect_400("/stream/open",
             {"{}", R"({"channel_id":"g1","channel_type":2})",
              R"({"channel_id":"g1","channel_type":2,"payload":"!"})",
              R"({"channel_type":2,"payload":"aGk="})", R"({"channel_id":"g1","payload":"aGk="})",
              R"({"channel_id":"g1","channel_type":2,"payload":"aGk=",)"
              R"("header":{"no_persist":1}})"});
  expect_400("/stream/close",
             {"{}", R"({"channel_id":"g1","channel_type":2})",
              R"({"channel_id":"g1","channel_type":2,"stream_no":"0123456789abcdef"})"});
}

// A call that is refused leaves the stream alone that it was to replace.
TEST_F(MessageRoutesTest, ForceEndsNothingWhenItsOwnMessageIsRefused) {
  const auto open = [this](const std::string& number, bool force) {
    return status("/streamv2/open", R"({"from_uid":"bot","channel_id":"g1","channel_type":2,)"
                                    R"("payload":"aGk=","client_msg_no":")" +
                                        number + R"(","force":)" + (force ? "1}" : "0}"));
  };
  const auto start = [this](const std::string& number) {
    return status("/event?force=1", R"({"client_msg_no":")" + number +
                                        R"(","channel_id":"g1","channel_type":2,"from_uid":"bot",)"
                                        R"("event":{"type":"___TextMessageStart","data":"hi"}})");
  };
  const auto running = [this] {
    return *history_->load_running_stream(ChannelKey("g1", ChannelType::group));
  };
  ASSERT_EQ(open("s1", false), 200U);
  ASSERT_EQ(status("/channel", R"({"channel_id":"g1","channel_type":2,"ban":1})"), 200U);
  EXPECT_EQ(open("s2", true), 403U);
  EXPECT_EQ(running(), "s1");
  EXPECT_EQ(start("s3"), 403U);
  EXPECT_EQ(running(), "s1");
  ASSERT_EQ(status("/channel", R"({"channel_id":"g1","channel_type":2,"ban":0})"), 200U);
  EXPECT_EQ(open("s4", false), 400U);
  EXPECT_EQ(get("/message/byclientmsgno?channel_id=g1&channel_type=2&client_msg_no=s4").status,
            404U);
  EXPECT_EQ(open("s5", true), 200U);
  EXPECT_EQ(running(), "s5");
  EXPECT_EQ(start("s6"), 200U);
  EXPECT_EQ(running(), "s6");
}

TEST_F(MessageRoutesTest, SecondOldStreamsAreWrittenById) {
  const std::string place = R"("from_uid":"bot","channel_id":"u1","channel_type":1)";
  const std::string open = "{" + place + R"(,"payload":"aGk="})";
  const Answer opened = post("/streamv2/open", open);
  ASSERT_EQ(opened.status, 200U) << opened.body;
  simdjson::dom::parser parser;
  const std::string id(parser.parse(opened.body)["message_idstr"].get_string().value());
  EXPECT_TRUE(has(opened.body, "\"stream_id\":\"stream_" + id + "\""));
  EXPECT_EQ(status("/streamv2/open", open), 400U);
  const std::string write = "{" + place + ",\"message_id\":" + id + ",\"payload\":\"SGU=\"";
  EXPECT_TRUE(has(post("/streamv2/write", write + "}").body, "\"message_id\":" + id));
  EXPECT_EQ(status("/streamv2/write", write + R"(,"end":1,"end_reason":7})"), 200U);
  EXPECT_EQ(status("/streamv2/write", write + "}"), 400U);
  const Answer page =
      post("/channel/messagesync", R"({"login_uid":"u1","channel_id":"bot","channel_type":1})");
  EXPECT_TRUE(has(page.body, R"("end":1,"end_reason":7,"stream_data":"SGVIZQ==")")) << page.body;
  EXPECT_EQ(status("/streamv2/open", open), 200U);
  EXPECT_EQ(status("/streamv2/open", "{" + place + R"(,"payload":"aGk=","force":true})"), 200U);
  EXPECT_EQ(status("/streamv2/close", "{" + place + ",\"message_id\":\"" + id + "\"}"), 200U);
  expect_400("/streamv2/open",
             {"{}", R"({"channel_id":"u1","channel_type":1,"payload":"aGk="})", "{" + place + "}"});
  expect_400("/streamv2/write",
             {"{" + place + R"(,"payload":"aGk="})", "{" + place + ",\"message_id\":" + id + "}",
              "{" + place + R"(,"message_id":77,"payload":"aGk="})",
              R"({"channel_id":"g9","channel_type":2,"payload":"aGk=","message_id":)" + id + "}"});
  expect_400("/streamv2/close", {"{" + place + "}", "{" + place + R"(,"message_id":77})"});
}

TEST_F(MessageRoutesTest, ConversationsCheckTheirFields) {
  EXPECT_EQ(post("/conversation/sync", R"({"uid":"u1"})").body, "[]");
  EXPECT_EQ(post("/conversations/sync", R"({"uid":"u1"})").body, "[]");
  expect_400(
      "/conversation/sync",
      {"{}", R"({"uid":""})", R"({"uid":"u1","version":"1"})", R"({"uid":"u1","msg_count":1.5})",
       R"({"uid":"u1","exclude_channel_types":2})", R"({"uid":"u1","exclude_channel_types":[256]})",
       R"({"uid":"u1","last_msg_seqs":[]})"});
  EXPECT_EQ(post("/conversation/channels", R"({"uid":"u1"})").body, "[]");
  expect_400("/conversation/channels", {"{}", R"({"uid":7})"});
  EXPECT_EQ(post("/conversation/syncMessages", R"({"uid":"u1","channels":[]})").body, "[]");
  EXPECT_EQ(post("/conversation/syncMessages",
                 R"({"uid":"u1","channels":[{"channel_id":"g1","channel_type":2}]})")
                .body,
            R"([{"channel_id":"g1","channel_type":2,"messages":[],"user_last_msg_seq":0}])");
  expect_400("/conversation/syncMessages",
             {"{}", R"({"channels":[]})", R"({"uid":"u1","channels":[{"channel_id":"g1"}]})",
              R"({"uid":"u1","channels":[{"channel_type":2}]})", R"({"uid":"u1","channels":[1]})"});
  EXPECT_TRUE(has(post("/conversation/syncByChannels",
                       R"({"uid":"u1","channels":[{"channel_id":"u9","channel_type":1}]})")
                      .body,
                  R"([{"channel_id":"u9","channel_type":1,"unread":0,"timestamp":0,)"
                  R"("last_msg_seq":0,"last_client_msg_no":"","offset_msg_seq":0,)"
                  R"("readed_to_msg_seq":0,)"));
  expect_400("/conversation/syncByChannels",
             {"{}", R"({"uid":"u1"})", R"({"uid":"u1","channels":[]})",
              R"({"channels":[{"channel_id":"g1","channel_type":2}]})"});
  for (const std::string path :
       {"/conversations/clearUnread", "/conversations/setUnread", "/conversations/delete",
        "/conversation/clearUnread", "/conversation/setUnread", "/conversation/delete"}) {
    EXPECT_EQ(post(path, R"({"uid":"u1","channel_id":"g1","channel_type":2})").body,
              R"({"status":200})")
        << path;
    expect_400(path, {"{}", R"({"uid":"u1","channel_type":2})", R"({"uid":"u1","channel_id":"g1"})",
                      R"({"channel_id":"g1","channel_type":2})",
                      R"({"uid":"u1","channel_id":"g1","channel_type":0})",
                      R"({"uid":"u1","channel_id":"x@y","channel_type":2})",
                      R"({"uid":"u1","channel_id":"u2@u3","channel_type":1})"});
  }
  expect_400("/conversations/setUnread",
             {R"({"uid":"u1","channel_id":"g1","channel_type":2,"unread":-1})"});
  expect_400("/conversations/clearUnread",
             {R"({"uid":"u1","channel_id":"g1","channel_type":2,"message_seq":-1})"});
}

TEST_F(MessageRoutesTest, KnownChannelsAreSplitAtTheLastColons) {
  EXPECT_EQ(status("/channel/subscriber_add", R"({"channel_id":"g:1","subscribers":["u2"]})"),
            200U);
  EXPECT_EQ(status("/message/send",
                   R"({"from_uid":"u1","channel_id":"g:1","channel_type":2,"payload":"aGk="})"),
            200U);
  const auto sync = [this](const std::string& known) {
    return post("/conversation/sync", R"({"uid":"u2","last_msg_seqs":")" + known + "\"}").body;
  };
  EXPECT_TRUE(has(sync(""), "\"channel_id\":\"g:1\""));
  EXPECT_EQ(sync("g:1:2:1"), "[]");
  EXPECT_EQ(sync("||g:1:2:1|x:y:z|g:1:2||"), "[]");
  EXPECT_EQ(sync("other:2:7|g:1:2:1"), "[]");
  EXPECT_NE(sync("g:1:2:0|g:1:3:1"), "[]");
}

TEST_F(MessageRoutesTest, KnownChannelsMayHaveABarInTheirIds) {
  const std::string id = "visitor|sales|2";
  EXPECT_EQ(status("/channel/subscriber_add",
                   "{\"channel_id\":\"" + id + R"(","channel_type":3,"subscribers":["u2"]})"),
            200U);
  EXPECT_EQ(status("/message/send", "{\"from_uid\":\"visitor\",\"channel_id\":\"" + id +
                                        R"(","channel_type":3,"payload":"aGk="})"),
            200U);
  const auto sync = [this](const std::string& known) {
    return post("/conversation/sync", R"({"uid":"u2","last_msg_seqs":")" + known + "\"}").body;
  };
  EXPECT_EQ(sync(id + ":3:1"), "[]");
  EXPECT_EQ(sync("g:1:2:1|" + id + ":3:1|other:2:4"), "[]");
  EXPECT_NE(sync("sales|2:3:1"), "[]");
  EXPECT_NE(sync("visitor:3:1|sales|2:3:1"), "[]");
}

// Each '|' is a place where an entry may end. Looked at with all that stands before it, this text
// would take hours.
TEST_F(MessageRoutesTest, KnownChannelsMayBeOneLongTextOfBars) {
  EXPECT_EQ(status("/channel/subscriber_add", R"({"channel_id":"g1","subscribers":["u2"]})"), 200U);
  send("a");
  std::string bars;
  while (bars.size() < std::size_t{4} << 20) bars += "a|";
  const auto sync = [this](const std::string& known) {
    return post("/conversation/sync", R"({"uid":"u2","last_msg_seqs":")" + known + "\"}").body;
  };
  EXPECT_TRUE(has(sync(bars), R"("channel_id":"g1")"));
  EXPECT_EQ(sync("g1:2:1|" + bars), "[]");
  EXPECT_TRUE(has(sync(bars + "g1:2:1"), R"("channel_id":"g1")")) << "one long id";
}

TEST_F(MessageRoutesTest, KnownChannelsHaveABound) {
  EXPECT_EQ(status("/channel/subscriber_add", R"({"channel_id":"g1","subscribers":["u2"]})"), 200U);
  send("a");
  const auto sync = [this](const std::string& known) {
    return post("/conversation/sync", R"({"uid":"u2","last_msg_seqs":")" + known + "\"}");
  };
  std::string many = "g1:2:1";
  for (int i = 0; i < 10'000; ++i) many += "|" + std::string(120, 'g') + std::to_string(i) + ":2:7";
  EXPECT_EQ(sync(many).body, "[]");

  ApiOptions options;
  options.known_channels_max = 3;
  configure(options);
  EXPECT_EQ(sync("x:2:1|y:2:1|g1:2:1").body, "[]");
  const Answer refused = sync("x:2:1|y:2:1|g1:2:1|z:2:1|bad");
  EXPECT_EQ(refused.status, 400U);
  EXPECT_TRUE(has(refused.body, "last_msg_seqs must not have more than 3 entries")) << refused.body;
}

TEST_F(MessageRoutesTest, ExcludedTypesHaveABound) {
  const auto body = [](int count) {
    std::string types = "2";
    for (int i = 1; i < count; ++i) types += ",2";
    return R"({"uid":"u1","exclude_channel_types":[)" + types + "]}";
  };
  EXPECT_EQ(status("/conversation/sync", body(256)), 200U);
  const Answer refused = post("/conversation/sync", body(257));
  EXPECT_EQ(refused.status, 400U);
  EXPECT_TRUE(has(refused.body, "exclude_channel_types must not have more than 256 entries"))
      << refused.body;
}

TEST_F(MessageRoutesTest, AllowlistIsReadAsUidsOrObjects) {
  EXPECT_EQ(get("/channel/whitelist?channel_id=g1&channel_type=2").body, "[]");
  EXPECT_EQ(status("/channel/whitelist_set",
                   R"({"channel_id":"g1","channel_type":2,"uids":["b","a"," "]})"),
            200U);
  EXPECT_EQ(get("/channel/whitelist?channel_id=g1&channel_type=2&detail=0").body, R"(["a","b"])");
  EXPECT_EQ(get("/channel/whitelist?channel_id=g1&channel_type=2").body,
            R"([{"id":1,"uid":"a"},{"id":2,"uid":"b"}])");
  EXPECT_EQ(get("/channel/whitelist?channel_type=2").status, 400U);
  EXPECT_EQ(get("/channel/whitelist?channel_id=g1").status, 400U);
  EXPECT_EQ(get("/channel/whitelist?channel_id=g%231&channel_type=2").status, 400U);
}

TEST_F(MessageRoutesTest, AllowlistOfAPersonOpensTheConversationForBoth) {
  for (const std::string path : {"/channel/whitelist_add", "/channel/whitelist_set"}) {
    const std::string user = path.ends_with("add") ? "a" : "s";
    EXPECT_EQ(post(path, "{\"channel_id\":\"" + user + R"(","channel_type":1,"uids":["p","q",")" +
                             user + "\"]}")
                  .body,
              R"({"status":200})");
    for (const std::string uid : {"p", "q"}) {
      EXPECT_TRUE(has(post("/conversation/channels", "{\"uid\":\"" + uid + "\"}").body,
                      "{\"channel_id\":\"" + user + "\",\"channel_type\":1"));
    }
    const std::string own = post("/conversation/channels", "{\"uid\":\"" + user + "\"}").body;
    EXPECT_TRUE(has(own, "\"channel_id\":\"p\"")) << own;
    EXPECT_TRUE(has(own, "\"channel_id\":\"q\"")) << own;
    EXPECT_FALSE(has(own, "\"channel_id\":\"" + user + "\"")) << own;
  }
}

// As several changes some of them found no room, and the caller heard of a failure that had put
// half of it in place.
TEST_F(MessageRoutesTest, AllowlistOfAPersonAndItsConversationsChangeTogether) {
  partition::RouterLimits limits;
  limits.items_in_flight_max = 1;  // something larger passes when it is alone
  limit_core(limits);
  EXPECT_EQ(status("/channel/whitelist_add",
                   R"({"channel_id":"a","channel_type":1,"uids":["p","q","r","s","t","v"]})"),
            200U);
  for (const std::string uid : {"p", "q", "r", "s", "t", "v"}) {
    EXPECT_TRUE(has(post("/conversation/channels", "{\"uid\":\"" + uid + "\"}").body,
                    "{\"channel_id\":\"a\",\"channel_type\":1"))
        << uid;
  }
  EXPECT_EQ(get("/channel/whitelist?channel_id=a&channel_type=1&detail=0").body,
            R"(["p","q","r","s","t","v"])");
}

TEST_F(MessageRoutesTest, AnAllowlistThatIsTooLongForThatChangesFirst) {
  partition::RouterLimits limits;
  limits.transaction_items_max = 2;
  limit_core(limits);
  EXPECT_EQ(status("/channel/whitelist_add",
                   R"({"channel_id":"a","channel_type":1,"uids":["p","q","r"]})"),
            200U);
  for (const std::string uid : {"p", "q", "r"}) {
    EXPECT_TRUE(has(post("/conversation/channels", "{\"uid\":\"" + uid + "\"}").body,
                    "{\"channel_id\":\"a\",\"channel_type\":1"))
        << uid;
  }
}

TEST_F(MessageRoutesTest, TemporaryChannelTakesItsReceivers) {
  EXPECT_EQ(status("/tmpchannel/subscriber_set", R"({"channel_id":"t1","uids":["u1","u2"]})"),
            200U);
  expect_400("/tmpchannel/subscriber_set",
             {"{}", R"({"channel_id":"t1"})", R"({"channel_id":"t1","uids":[]})",
              R"({"channel_id":"t1","uids":[" "]})", R"({"channel_id":"t@1","uids":["u"]})",
              R"({"uids":["u"]})"});
}

TEST_F(MessageRoutesTest, DeletedMessagesAreGone) {
  const std::string first = send("n1");
  send("n2");
  send("n3");
  const std::string place = R"("channel_id":"g1","channel_type":2)";
  EXPECT_EQ(status("/message/delete", "{" + place + ",\"message_id\":" + first + "}"), 200U);
  EXPECT_EQ(status("/message/delete", "{" + place + ",\"message_ids\":[\"" + first + "\",99]}"),
            200U);
  EXPECT_EQ(status("/message/delete", "{" + place + R"(,"message_seqs":[2,77]})"), 200U);
  const Answer page =
      post("/channel/messagesync", R"({"login_uid":"u1","channel_id":"g1","channel_type":2})");
  EXPECT_FALSE(has(page.body, "\"n1\"")) << page.body;
  EXPECT_FALSE(has(page.body, "\"n2\"")) << page.body;
  EXPECT_TRUE(has(page.body, "\"n3\"")) << page.body;
  EXPECT_EQ(status("/message", "{\"message_id\":" + first + "}"), 404U);
  EXPECT_EQ(max_seq("g1"), "{\"message_seq\":3}");
  expect_400("/message/delete",
             {"{}", "{" + place + "}", R"({"channel_id":"g1","message_seqs":[1]})",
              R"({"channel_id":"u2","channel_type":1,"message_seqs":[1]})",
              "{" + place + R"(,"message_seqs":["x"]})", "{" + place + R"(,"message_seqs":1})"});
}

TEST_F(MessageRoutesTest, ClearedChannelGoesOnWithItsSeqs) {
  for (int i = 1; i <= 4; ++i) send("n" + std::to_string(i));
  const std::string place = R"({"channel_id":"g1","channel_type":2)";
  EXPECT_EQ(status("/channel/clear_messages", place + R"(,"message_seq":2})"), 200U);
  const std::string read = R"({"login_uid":"u1","channel_id":"g1","channel_type":2})";
  EXPECT_FALSE(has(post("/channel/messagesync", read).body, "\"n2\""));
  EXPECT_TRUE(has(post("/channel/messagesync", read).body, "\"n3\""));
  EXPECT_EQ(status("/channel/clear_messages", place + "}"), 200U);
  EXPECT_TRUE(has(post("/channel/messagesync", read).body, "\"messages\":[]"));
  send("n5");
  EXPECT_EQ(max_seq("g1"), "{\"message_seq\":5}");
  expect_400("/channel/clear_messages", {"{}", R"({"channel_id":"g1"})", R"({"channel_type":2})",
                                         place + R"(,"message_seq":-1})"});
}

TEST_F(MessageRoutesTest, RetentionTellsWhereItsLimitsComeFrom) {
  ApiOptions options;
  options.retention_defaults = [](ChannelType type) {
    partition::RetentionLimits limits;
    limits.max_age_seconds = type == ChannelType::group ? 60U : 0U;
    limits.max_count = 9;
    return limits;
  };
  configure(options);
  const std::string path = "/channel/retention";
  const std::string query = path + "?channel_id=g1&channel_type=2";
  EXPECT_EQ(get(query).body, R"({"channel_id":"g1","channel_type":2,"max_age":60,)"
                             R"("max_age_source":"default","max_count":9,)"
                             R"("max_count_source":"default"})");
  EXPECT_EQ(status(path, R"({"channel_id":"g1","channel_type":2,"max_age":0})"), 200U);
  EXPECT_EQ(get(query).body, R"({"channel_id":"g1","channel_type":2,"max_age":0,)"
                             R"("max_age_source":"channel","max_count":9,)"
                             R"("max_count_source":"default"})");
  EXPECT_EQ(status(path, R"({"channel_id":"g1","channel_type":2,"max_age":null,"max_count":100})"),
            200U);
  EXPECT_EQ(get(query).body, R"({"channel_id":"g1","channel_type":2,"max_age":60,)"
                             R"("max_age_source":"default","max_count":100,)"
                             R"("max_count_source":"channel"})");
  expect_400(path, {"{}", R"({"channel_id":"g1","max_age":1})",
                    R"({"channel_id":"g1","channel_type":2,"max_age":-1})",
                    R"({"channel_id":"g1","channel_type":2,"max_count":"1"})",
                    R"({"channel_id":"u2","channel_type":1,"max_age":1})"});
  EXPECT_EQ(get(path + "?channel_id=g1").status, 400U);
  EXPECT_EQ(get(path + "?channel_type=2").status, 400U);
}

TEST_F(MessageRoutesTest, AgentAndUserShareOneChannelWhoeverBegins) {
  const auto post_from = [this](const std::string& from, const std::string& to) {
    return status("/message/send", "{\"from_uid\":\"" + from + "\",\"channel_id\":\"" + to +
                                       R"(","channel_type":11,"payload":"aGk="})");
  };
  EXPECT_EQ(post_from("user", "agent"), 200U);
  EXPECT_EQ(post_from("agent", "user"), 200U);
  for (const std::string query : {"login_uid=user&channel_id=agent",
                                  "login_uid=agent&channel_id=user", "channel_id=user@agent"}) {
    EXPECT_EQ(get("/channel/max_message_seq?channel_type=11&" + query).body, "{\"message_seq\":2}")
        << query;
  }
  EXPECT_EQ(status("/channel/clear_messages",
                   R"({"login_uid":"agent","channel_id":"user","channel_type":11})"),
            200U);
  EXPECT_TRUE(has(
      post("/channel/messagesync", R"({"login_uid":"user","channel_id":"agent","channel_type":11})")
          .body,
      "\"messages\":[]"));
}

}  // namespace
}  // namespace jindou::api
