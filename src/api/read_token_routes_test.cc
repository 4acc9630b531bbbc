// Read tokens: who gets one, what it opens and what it does not, and when it ends.
#include "api/reader_gate.h"
#include "api/routes_fixture.h"
#include "bodies/all_bodies.h"
#include "partition/rate_limits.h"

namespace jindou::api {
namespace {

class StandingClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return 0; }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::hours(1));
  }
};

class ReadTokenRoutesTest : public RoutesTest {
 protected:
  void SetUp() override {
    RoutesTest::SetUp();
    configure(reading_options());
    ok("/channel", R"({"channel_id":"g1","channel_type":2,"subscribers":["u1","u2"]})");
    ok("/channel", R"({"channel_id":"g2","channel_type":2,"subscribers":["u2"]})");
    send("n1", "u2", "g1", 2);
    send("n2", "u2", "g2", 2);
    send("n3", "u2", "u1", 1);
    send("n4", "u2", "u3", 1);
  }

  static ApiOptions reading_options() {
    ApiOptions options;
    options.access.manager_token = "mt";
    options.access.jwt_secret = "the key of this test";
    return options;
  }

  Answer manage(const std::string& path, const std::string& body) {
    return call(Verb::post, path, body, "mt");
  }
  void ok(const std::string& path, const std::string& body) {
    const Answer answer = manage(path, body);
    ASSERT_EQ(answer.status, 200U) << path << answer.body;
  }
  void send(const std::string& number, const std::string& from, const std::string& to, int type) {
    ok("/message/send", R"({"client_msg_no":")" + number + R"(","from_uid":")" + from +
                            R"(","channel_id":")" + to + R"(","channel_type":)" +
                            std::to_string(type) + R"(,"payload":"aGk="})");
  }

  std::string token_for(const std::string& body) {
    const Answer answer = manage("/user/read_token", body);
    EXPECT_EQ(answer.status, 200U) << answer.body;
    simdjson::dom::parser parser;
    std::string_view token;
    EXPECT_EQ(parser.parse(answer.body)["token"].get(token), simdjson::SUCCESS) << answer.body;
    return std::string(token);
  }
  static Headers bearer(const std::string& token) { return {{"Authorization", "Bearer " + token}}; }
  // As the user u1.
  Answer read(Verb method, const std::string& target, const std::string& body = "") {
    if (token_.empty()) token_ = token_for(R"({"uid":"u1"})");
    return call(method, target, body, "", bearer(token_));
  }
  Answer read(const std::string& target, const std::string& body) {
    return read(Verb::post, target, body);
  }
  static std::string range(const std::string& channel_id, int type, const std::string& more = "") {
    return R"({"channel_id":")" + channel_id + R"(","channel_type":)" + std::to_string(type) +
           more + "}";
  }

  std::string token_;
};

TEST_F(ReadTokenRoutesTest, OpensTheOwnConversationsWithoutNamingTheUser) {
  for (const std::string& body :
       {std::string("{}"), std::string(R"({"uid":"u1"})"),
        std::string(R"({"uid":null,"msg_count":5})"), std::string(R"({"uid":"","msg_count":5})")}) {
    const Answer answer = read("/conversation/sync", body);
    EXPECT_EQ(answer.status, 200U) << body << answer.body;
    EXPECT_TRUE(has(answer.body, R"("channel_id":"g1")")) << answer.body;
    EXPECT_TRUE(has(answer.body, R"("channel_id":"u2")")) << answer.body;
    EXPECT_FALSE(has(answer.body, R"("channel_id":"g2")")) << answer.body;
  }
  const Answer list = read("/conversation/list", R"({"limit":10})");
  EXPECT_EQ(list.status, 200U) << list.body;
  EXPECT_TRUE(has(list.body, R"("payload":"aGk=")")) << list.body;
  EXPECT_EQ(read("/conversation/channels", "{}").status, 200U);
}

TEST_F(ReadTokenRoutesTest, OpensTheMessagesOfOwnChannels) {
  const Answer group = read("/channel/messagesync", range("g1", 2));
  EXPECT_EQ(group.status, 200U) << group.body;
  EXPECT_TRUE(has(group.body, R"("client_msg_no":"n1")")) << group.body;
  const Answer person = read("/channel/messagesync", range("u2", 1, R"(,"login_uid":"u1")"));
  EXPECT_TRUE(has(person.body, R"("client_msg_no":"n3")")) << person.body;
  EXPECT_EQ(read(Verb::get, "/channel/max_message_seq?channel_id=g1&channel_type=2").body,
            R"({"message_seq":1})");
  EXPECT_EQ(read(Verb::get, "/channel/last_message?channel_id=u2&channel_type=1").status, 200U);
  EXPECT_EQ(read(Verb::get, "/message/byclientmsgno?channel_id=u2&channel_type=1&client_msg_no=n3")
                .status,
            200U);
  EXPECT_EQ(read("/messages", range("g1", 2, R"(,"message_seqs":[1])")).status, 200U);
  EXPECT_EQ(read("/message", range("g1", 2, R"(,"client_msg_no":"n1")")).status, 200U);
  EXPECT_EQ(read("/conversation/syncMessages", R"({"channels":[)" + range("g1", 2) + "]}").status,
            200U);
  EXPECT_EQ(read("/conversation/syncByChannels", R"({"channels":[)" + range("u2", 1) + "]}").status,
            200U);
}

TEST_F(ReadTokenRoutesTest, AChannelThatTheUserIsNotInIsRefused) {
  const std::vector<std::pair<std::string, std::string>> calls = {
      {"/channel/messagesync", range("g2", 2)},
      {"/channel/messagesync", range(person_channel_id("u2", "u3"), 1)},
      {"/channel/messagesync", range("nowhere", 2)},
      {"/messages", range("g2", 2, R"(,"message_seqs":[1])")},
      {"/message", range("g2", 2, R"(,"client_msg_no":"n2")")},
      {"/conversation/syncMessages",
       R"({"channels":[)" + range("g1", 2) + ',' + range("g2", 2) + "]}"},
      {"/conversation/syncByChannels", R"({"channels":[)" + range("g2", 2) + "]}"},
  };
  for (const auto& [path, body] : calls) {
    const Answer answer = read(path, body);
    EXPECT_EQ(answer.status, 403U) << path << body << answer.body;
    EXPECT_TRUE(has(answer.body, "not one of the users of the channel")) << answer.body;
  }
  for (const char* const path : {"/channel/max_message_seq?channel_id=g2&channel_type=2",
                                 "/channel/last_message?channel_id=g2&channel_type=2"}) {
    EXPECT_EQ(read(Verb::get, path).status, 403U) << path;
  }
  const Answer batch = read("/channel/messagesyncbatch",
                            R"({"items":[)" + range("g2", 2) + ',' + range("g1", 2) + "]}");
  EXPECT_EQ(batch.status, 200U);
  EXPECT_TRUE(has(batch.body, R"("error":"the user of the read token)")) << batch.body;
  EXPECT_FALSE(has(batch.body, R"("client_msg_no":"n2")")) << batch.body;
  EXPECT_TRUE(has(batch.body, R"("client_msg_no":"n1")")) << batch.body;
}

TEST_F(ReadTokenRoutesTest, LookingInAllChannelsIsRefused) {
  const Answer answer = read("/messages", R"({"message_ids":[1024]})");
  EXPECT_EQ(answer.status, 400U);
  EXPECT_TRUE(has(answer.body, "channel_id and channel_type are required")) << answer.body;
  EXPECT_EQ(read("/message", R"({"message_id":1024})").status, 400U);
}

TEST_F(ReadTokenRoutesTest, MembershipIsThatOfNow) {
  EXPECT_EQ(read("/channel/messagesync", range("g1", 2)).status, 200U);
  ok("/channel/blacklist_add", R"({"channel_id":"g1","channel_type":2,"uids":["u1"]})");
  EXPECT_EQ(read("/channel/messagesync", range("g1", 2)).status, 403U);
  ok("/channel/blacklist_remove", R"({"channel_id":"g1","channel_type":2,"uids":["u1"]})");
  EXPECT_EQ(read("/channel/messagesync", range("g1", 2)).status, 200U);
  ok("/channel/subscriber_remove", R"({"channel_id":"g1","channel_type":2,"subscribers":["u1"]})");
  EXPECT_EQ(read("/channel/messagesync", range("g1", 2)).status, 403U);
  ok("/channel/subscriber_add", R"({"channel_id":"g2","channel_type":2,"subscribers":["u1"]})");
  EXPECT_EQ(read("/channel/messagesync", range("g2", 2)).status, 200U);
}

// The back end may set what a user has read where he is no member, which gives him a conversation.
TEST_F(ReadTokenRoutesTest, AConversationWithoutMembershipShowsNoMessages) {
  ok("/conversations/setUnread", R"({"uid":"u1","channel_id":"g2","channel_type":2,"unread":1})");
  const Answer sync = read("/conversation/sync", R"({"msg_count":10})");
  EXPECT_TRUE(has(sync.body, R"("channel_id":"g2")")) << sync.body;
  EXPECT_FALSE(has(sync.body, R"("client_msg_no":"n2")")) << sync.body;
  EXPECT_TRUE(has(sync.body, R"("client_msg_no":"n1")")) << sync.body;
  const Answer list = read("/conversation/list", "{}");
  EXPECT_TRUE(has(list.body, R"("last_message":null)")) << list.body;
  EXPECT_TRUE(has(list.body, R"("client_msg_no":"n1")")) << list.body;
}

TEST_F(ReadTokenRoutesTest, ASystemAccountReadsItsOwnAlone) {
  ok("/user/systemuids_add", R"({"uids":["u1"]})");
  EXPECT_EQ(read("/channel/messagesync", range("g1", 2)).status, 200U);
  EXPECT_EQ(read("/channel/messagesync", range("g2", 2)).status, 403U);
}

// Every route that takes one, whatever it does: nobody is served as somebody else.
TEST_F(ReadTokenRoutesTest, AnotherUserIsRefusedByEveryRoute) {
  std::size_t asked = 0;
  for (const Route& route : all_routes()) {
    if (route.auth != Auth::read_own) continue;
    const std::string path(route.path);
    const std::string member(reader_member(route));
    if (route.method == Verb::post) {
      const bodies::PathBody* const table = bodies::find_body(route.path);
      ASSERT_NE(table, nullptr) << path;
      EXPECT_TRUE(std::ranges::any_of(
          table->fields, [&](const bodies::Field& field) { return field.name == member; }))
          << path << " does not take " << member;
      for (const std::string& value : {std::string("\"u2\""), std::string("7"), std::string("{}"),
                                       std::string("[\"u1\"]"), std::string("\"u1 \"")}) {
        const Answer answer = read(path, "{\"" + member + "\":" + value + "}");
        EXPECT_EQ(answer.status, 403U) << path << value << answer.body;
        EXPECT_TRUE(has(answer.body, member + " must be the user of the read token"))
            << answer.body;
      }
    } else {
      EXPECT_EQ(read(Verb::get, path + "?channel_id=u1&channel_type=1&login_uid=u2").status, 403U);
    }
    ++asked;
  }
  EXPECT_EQ(asked, 14U);
}

TEST_F(ReadTokenRoutesTest, EveryOtherRouteIsRefusedAndSaysWhatTheTokenIsFor) {
  for (const Route& route : all_routes()) {
    if (route.auth == Auth::read_own || route.auth == Auth::open || route.ports == Ports::manager) {
      continue;
    }
    std::string path(route.path);
    for (std::size_t open = path.find('{'); open != std::string::npos; open = path.find('{')) {
      path.replace(open, path.find('}') - open + 1, "1");
    }
    const Answer answer = read(route.method, path, route.method == Verb::post ? "{}" : "");
    EXPECT_EQ(answer.status, 403U) << path << answer.body;
    EXPECT_TRUE(has(answer.body, "a read token is for reading the conversations and messages"))
        << path << answer.body;
  }
  EXPECT_EQ(read(Verb::get, "/nowhere").status, 404U);
  EXPECT_EQ(read(Verb::get, "/health").status, 200U);
  EXPECT_EQ(read(Verb::get, "/docs").status, 403U);
}

TEST_F(ReadTokenRoutesTest, BodiesThatAreNoneAreRefusedAsWithoutOne) {
  EXPECT_EQ(read("/conversation/sync", "no JSON").status, 400U);
  EXPECT_EQ(read("/conversation/sync", "[]").status, 400U);
  EXPECT_EQ(read("/conversation/sync", R"({"uid":"u1","uid":"u1"})").status, 400U);
  EXPECT_EQ(read("/conversation/sync", R"({"uid":"u1","uid":"u2"})").status, 403U);
  EXPECT_EQ(read("/conversation/sync", R"({"page":1,"page":2})").status, 400U);
  // Names are kept as they are when the user is put in.
  const Answer quoted = read("/conversation/sync", R"({"a\":1,\"uid\":\"u2":1})");
  EXPECT_EQ(quoted.status, 200U) << quoted.body;
  EXPECT_FALSE(has(quoted.body, R"("channel_id":"g2")")) << quoted.body;
}

TEST_F(ReadTokenRoutesTest, ABannedUserNeitherReadsNorGetsOne) {
  EXPECT_EQ(read("/conversation/sync", "{}").status, 200U);
  ok("/channel/info", R"({"channel_id":"u1","channel_type":1,"ban":1})");
  const Answer refused = read("/conversation/sync", "{}");
  EXPECT_EQ(refused.status, 403U);
  EXPECT_TRUE(has(refused.body, R"("reason":19)")) << refused.body;
  EXPECT_EQ(manage("/user/read_token", R"({"uid":"u1"})").status, 403U);
  ok("/channel/info", R"({"channel_id":"u1","channel_type":1,"ban":0})");
  EXPECT_EQ(read("/conversation/sync", "{}").status, 200U);
}

TEST_F(ReadTokenRoutesTest, OneOfADeviceEndsWithTheTokenOfTheDevice) {
  EXPECT_EQ(manage("/user/read_token", R"({"uid":"u1","device_flag":1})").status, 400U);
  ok("/user/token", R"({"uid":"u1","token":"first","device_flag":1})");
  const Headers first = bearer(token_for(R"({"uid":"u1","device_flag":1})"));
  const Headers of_none = bearer(token_for(R"({"uid":"u1","device_flag":-1})"));
  const auto status_with = [this](const Headers& headers) {
    return call(Verb::post, "/conversation/sync", "{}", "", headers).status;
  };
  EXPECT_EQ(status_with(first), 200U);
  ok("/user/token", R"({"uid":"u1","token":"another","device_flag":0})");
  EXPECT_EQ(status_with(first), 200U) << "the token of another device";
  ok("/user/token", R"({"uid":"u1","token":"second","device_flag":1})");
  EXPECT_EQ(status_with(first), 401U);
  const Headers second = bearer(token_for(R"({"uid":"u1","device_flag":1})"));
  EXPECT_EQ(status_with(second), 200U);
  ok("/user/device_quit", R"({"uid":"u1"})");
  EXPECT_EQ(status_with(second), 401U);
  EXPECT_EQ(status_with(of_none), 200U);
}

TEST_F(ReadTokenRoutesTest, WhatIsAskedForIsChecked) {
  const auto told = [this](const std::string& body) {
    const Answer answer = manage("/user/read_token", body);
    return std::to_string(answer.status) + answer.body;
  };
  EXPECT_TRUE(has(told("{}"), "uid is required"));
  EXPECT_TRUE(has(told(R"({"uid":"a@b"})"), "400"));
  EXPECT_TRUE(has(told(R"({"uid":"____system"})"), "account of the server itself"));
  EXPECT_TRUE(has(told(R"({"uid":"____manager"})"), "account of the server itself"));
  EXPECT_TRUE(has(told(R"({"uid":"u1","ttl":86401})"), "ttl must be from 1 to 86400 seconds"));
  EXPECT_TRUE(has(told(R"({"uid":"u1","ttl":-1})"), "400"));
  EXPECT_TRUE(has(told(R"({"uid":"u1","device_flag":256})"), "400"));
  EXPECT_TRUE(has(told(R"({"uid":"u1"})"), R"("expires_in":3600)"));
  EXPECT_TRUE(has(told(R"({"uid":"u1","ttl":60})"), R"("token_type":"Bearer")"));
  EXPECT_TRUE(has(told(R"({"uid":"u1","ttl":60})"), R"("expires_in":60)"));
  EXPECT_EQ(call(Verb::post, "/user/read_token", R"({"uid":"u1"})").status, 401U);
  EXPECT_EQ(read("/user/read_token", R"({"uid":"u1"})").status, 403U);
}

TEST_F(ReadTokenRoutesTest, RequestsOfOneUserAreHeldToTheirRate) {
  const StandingClock clock;
  partition::RateLimits limits(clock, std::size_t{64} << 10, 1);
  partition::RateRules rules;
  rules.reader = Rate{1, 2};
  limits.set_rules(rules);
  EXPECT_FALSE(limits.enabled()) << "no messages are held to it";
  const Headers first = bearer(token_for(R"({"uid":"u1"})"));
  const Headers second = bearer(token_for(R"({"uid":"u2"})"));
  services_->deps.limits = &limits;
  Answer answer;
  for (int i = 0; i < 3; ++i) {
    answer = call(Verb::post, "/conversation/channels", "{}", "", first);
    if (i < 2) {
      EXPECT_EQ(answer.status, 200U);
    }
  }
  EXPECT_EQ(answer.status, 429U);
  EXPECT_EQ(metrics_.overload_refusals.with("http").Value(), 0) << "the server has room";
  EXPECT_TRUE(has(answer.body, R"("code":"rate_limited")")) << answer.body;
  EXPECT_TRUE(has(answer.headers, "Retry-After: 1\r\n")) << answer.headers;
  EXPECT_EQ(call(Verb::post, "/conversation/channels", "{}", "", second).status, 200U);
  services_->deps.limits = nullptr;
}

TEST_F(ReadTokenRoutesTest, OnAnOpenPortABadOneIsStillRefused) {
  ApiOptions open = reading_options();
  open.access.manager_token.clear();
  configure(open);
  EXPECT_EQ(status("/conversation/sync", R"({"uid":"u2"})"), 200U);
  std::string token = token_for(R"({"uid":"u1"})");
  EXPECT_EQ(call(Verb::post, "/conversation/sync", R"({"uid":"u2"})", "", bearer(token)).status,
            403U);
  token.resize(token.size() - 4);
  EXPECT_EQ(call(Verb::post, "/conversation/sync", "{}", "", bearer(token)).status, 401U);
}

}  // namespace
}  // namespace jindou::api
