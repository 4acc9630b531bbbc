// What each request is answered, and that refused ones change nothing.
#include <thread>

#include "api/routes_fixture.h"

namespace jindou::api {
namespace {

TEST_F(RoutesTest, BatchIsStoredInOrderAndARepeatAnswersTheSame) {
  const std::string body =
      "[" + item("n1", "g1") + "," + item("n2", "g2") + "," + item("n3", "g1", "aG8=") + "]";
  const Answer first = post("/message/sendbatch", body);
  ASSERT_EQ(first.status, 200U) << first.body;
  simdjson::dom::parser parser;
  const simdjson::dom::array list = parser.parse(first.body);
  ASSERT_EQ(list.size(), 3U);
  const std::uint64_t expected_seqs[] = {1, 1, 2};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(list.at(i)["message_seq"].get_uint64().value(), expected_seqs[i]);
    EXPECT_EQ(list.at(i)["client_msg_no"].get_string().value(), "n" + std::to_string(i + 1));
    EXPECT_EQ(std::to_string(list.at(i)["message_id"].get_uint64().value()),
              list.at(i)["message_idstr"].get_string().value());
    EXPECT_EQ(list.at(i)["reason"].get_uint64().value(), 1U);
  }
  std::string repeated = first.body;
  for (auto at = repeated.find("\"reason\":1}"); at != std::string::npos;
       at = repeated.find("\"reason\":1}", at + 1)) {
    repeated.replace(at, 11, "\"reason\":1,\"duplicate\":true}");
  }
  EXPECT_EQ(post("/message/sendbatch", body).body, repeated);
  EXPECT_EQ(max_seq("g1"), "{\"message_seq\":2}");
}

// Notes who sends.
class CallerStage final : public partition::IntakeStage {
 public:
  bool enabled() const override { return true; }
  void examine(partition::IntakeTurn& turn) override { caller = turn.caller(); }
  CallerPtr caller;
};

TEST_F(RoutesTest, StagesOfTheIntakeKnowTheCaller) {
  using Kind = CallerIdentity::Kind;
  CallerStage stage;
  core_->intake().add(stage);
  const std::string body = '[' + item("c1", "g1") + ']';
  post("/message/sendbatch", body);
  ASSERT_NE(stage.caller, nullptr);
  EXPECT_EQ(stage.caller->kind, Kind::open);
  EXPECT_EQ(stage.caller->name, "");
  ApiOptions options;
  options.access.manager_token = "secret";
  configure(options);
  EXPECT_EQ(call(Verb::post, "/message/sendbatch", body, "secret").status, 200U);
  EXPECT_EQ(stage.caller->kind, Kind::token);
  EXPECT_EQ(stage.caller->name, "____manager");
}

TEST_F(RoutesTest, OneBadItemSendsNothingAndEveryBadFieldIsNamed) {
  const Answer answer =
      post("/message/sendbatch",
           "[" + item("n1", "g1") + "," + item("n2", "g#1") +
               ",{\"from_uid\":\"u1\",\"channel_id\":\"g1\",\"channel_type\":300}]");
  EXPECT_EQ(answer.status, 400U);
  EXPECT_TRUE(has(answer.body, "{\"index\":1,\"field\":\"channel_id\",\"client_msg_no\":\"n2\""));
  EXPECT_TRUE(has(answer.body, "{\"index\":2,\"field\":\"payload\""));
  EXPECT_TRUE(has(answer.body, "{\"index\":2,\"field\":\"channel_type\""));
  EXPECT_EQ(max_seq("g1"), "{\"message_seq\":0}");
}

TEST_F(RoutesTest, BatchBodiesThatAreNoBatchAre400) {
  for (const std::string body : {"", "[]", "17", "\"x\"", "null", "[", "[{}]", "{}", "[1]"}) {
    EXPECT_EQ(status("/message/sendbatch", body), 400U) << body;
  }
  std::string many = "[" + item("n0", "g1");
  for (int i = 1; i < 1001; ++i) many += "," + item("n" + std::to_string(i), "g1");
  EXPECT_EQ(status("/message/sendbatch", many + "]"), 400U);
  EXPECT_EQ(max_seq("g1"), "{\"message_seq\":0}");
}

TEST_F(RoutesTest, RefusedItemsKeepTheirPlace) {
  EXPECT_EQ(status("/channel", R"({"channel_id":"g2","channel_type":2})"), 200U);
  EXPECT_EQ(
      status("/channel/blacklist_add", R"({"channel_id":"g2","channel_type":2,"uids":["u1"]})"),
      200U);
  const Answer mixed =
      post("/message/sendbatch", "[" + item("n1", "g1") + "," + item("n2", "g2") + "]");
  EXPECT_EQ(mixed.status, 200U);
  EXPECT_TRUE(has(mixed.headers, "X-Batch-Failed: 1\r\n"));
  EXPECT_TRUE(has(mixed.body,
                  "\"message_id\":0,\"message_idstr\":\"0\",\"message_seq\":0,"
                  "\"client_msg_no\":\"n2\",\"reason\":4,\"code\":\"denied\""));
  const Answer denied = post("/message/sendbatch", "[" + item("n3", "g2") + "]");
  EXPECT_EQ(denied.status, 403U);
  EXPECT_TRUE(has(denied.body, "\"status\":403"));
  EXPECT_TRUE(has(denied.body, "\"items\":[{\"message_id\":0"));
  EXPECT_EQ(status("/message/send", item("n4", "g2")), 403U);
}

TEST_F(RoutesTest, ReusedNumberWithAnotherPayloadIsTheCallersFault) {
  EXPECT_EQ(status("/message/send", item("n1", "g1")), 200U);
  const Answer single = post("/message/send", item("n1", "g1", "b3RoZXI="));
  EXPECT_EQ(single.status, 400U);
  EXPECT_TRUE(has(single.body, "\"code\":\"conflict\""));
  EXPECT_EQ(status("/message/sendbatch", "[" + item("n1", "g1", "b3RoZXI=") + "]"), 400U);
}

TEST_F(RoutesTest, ObjectFormReportsFailedReceivers) {
  const Answer good = post("/message/sendbatch",
                           R"({"from_uid":"u1","subscribers":["u2","u3","u2"],"payload":"aGk="})");
  EXPECT_EQ(good.status, 200U);
  EXPECT_EQ(good.body, R"({"fail_uids":[],"reason":[]})");
  const Answer bad = post("/message/sendbatch",
                          R"({"from_uid":"u1","subscribers":["u2","a@b"],"payload":"aGk="})");
  EXPECT_EQ(bad.status, 200U);
  EXPECT_TRUE(bad.body.starts_with(R"({"fail_uids":["a@b"],"reason":["the uid must not)"))
      << bad.body;
  EXPECT_EQ(
      call(Verb::get, "/channel/max_message_seq?channel_id=u2&channel_type=1&login_uid=u1").body,
      "{\"message_seq\":2}");
  EXPECT_EQ(status("/message/sendbatch", R"({"subscribers":["u2"],"payload":"aGk="})"), 400U);
  EXPECT_EQ(status("/message/sendbatch", R"({"from_uid":"u1","subscribers":[],"payload":"aGk="})"),
            400U);
}

TEST_F(RoutesTest, RepeatedObjectFormStoresNothingAndAnswersTheSame) {
  const auto max_seq_of = [this](const std::string& uid) {
    return call(Verb::get, "/channel/max_message_seq?channel_type=1&login_uid=u1&channel_id=" + uid)
        .body;
  };
  const std::string to = R"("client_msg_no":"job7","from_uid":"u1","subscribers":["u2","u3")";
  const std::string first = "{" + to + R"(],"payload":"aGk="})";
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(post("/message/sendbatch", first).body, R"({"fail_uids":[],"reason":[]})");
  }
  // One more receiver than before: only the new one gets it.
  EXPECT_EQ(post("/message/sendbatch", "{" + to + R"(,"u4"],"payload":"aGk="})").body,
            R"({"fail_uids":[],"reason":[]})");
  for (const char* uid : {"u2", "u3", "u4"}) EXPECT_EQ(max_seq_of(uid), "{\"message_seq\":1}");
  const Answer other = post("/message/sendbatch", "{" + to + R"(],"payload":"b3RoZXI="})");
  EXPECT_TRUE(has(other.body, R"("fail_uids":["u2","u3"])")) << other.body;
  EXPECT_TRUE(has(other.body, "client_msg_no was used before")) << other.body;
}

TEST_F(RoutesTest, SendReportsTheFirstProblemInTheDocumentedOrder) {
  const auto message = [this](const std::string& body) {
    const Answer answer = post("/message/send", body);
    EXPECT_EQ(answer.status, 400U) << body;
    return answer.body;
  };
  EXPECT_TRUE(has(message("[]"), "must be an object"));
  EXPECT_TRUE(has(message("{}"), "payload is required"));
  EXPECT_TRUE(has(message(R"({"payload":"!"})"), "payload must be standard base64"));
  EXPECT_TRUE(has(message(R"({"payload":"aGk="})"), "channel_id is required"));
  EXPECT_TRUE(has(message(R"({"payload":"aGk=","subscribers":["u"],"channel_id":"g"})"),
                  "channel_type is required"));
  EXPECT_TRUE(has(message(R"({"payload":"aGk=","subscribers":["u"],"channel_id":"g",)"
                          R"("header":{"sync_once":1}})"),
                  "channel_id exclude"));
  EXPECT_TRUE(has(message(R"({"payload":"aGk=","channel_id":"a#b"})"), "channel_type is required"));
  EXPECT_TRUE(has(message(R"({"payload":"aGk=","channel_id":"a#b","channel_type":2})"),
                  "must not contain"));
}

TEST_F(RoutesTest, SendFillsInSenderAndNumber) {
  const Answer answer =
      post("/message/send",
           R"({"payload":"aGk=","from_uid":"","channel_id":"g1","channel_type":2,"topic":"t"})");
  ASSERT_EQ(answer.status, 200U) << answer.body;
  simdjson::dom::parser parser;
  const simdjson::dom::element sent = parser.parse(answer.body);
  const std::string_view number = sent["client_msg_no"];
  EXPECT_EQ(number.size(), 33U);
  EXPECT_EQ(number.back(), '0');
  const Answer page =
      post("/channel/messagesync", R"({"login_uid":"u1","channel_id":"g1","channel_type":2})");
  EXPECT_TRUE(has(page.body, "\"from_uid\":\"\"")) << page.body;
  EXPECT_TRUE(has(page.body, "\"setting\":8"));
  EXPECT_TRUE(has(page.body, "\"topic\":\"t\""));
}

TEST_F(RoutesTest, UnpersistedMessageHasAnIdAndNoSeq) {
  const Answer answer = post(
      "/message/send", R"({"payload":"aGk=","from_uid":"u1","channel_id":"g1","channel_type":2,)"
                       R"("header":{"no_persist":1}})");
  EXPECT_EQ(answer.status, 200U) << answer.body;
  EXPECT_TRUE(has(answer.body, "\"message_seq\":0"));
  EXPECT_FALSE(has(answer.body, "\"message_id\":0"));
  EXPECT_EQ(max_seq("g1"), "{\"message_seq\":0}");
}

TEST_F(RoutesTest, HistoryIsRelativeToItsReader) {
  EXPECT_EQ(status("/message/send",
                   R"({"payload":"aGk=","from_uid":"u1","channel_id":"u2","channel_type":1})"),
            200U);
  const Answer by_u2 =
      post("/channel/messagesync", R"({"login_uid":"u2","channel_id":"u1","channel_type":1})");
  EXPECT_TRUE(by_u2.body.starts_with(
      R"({"start_message_seq":0,"end_message_seq":0,"more":0,"messages":[{"header":)"))
      << by_u2.body;
  EXPECT_TRUE(has(by_u2.body, "\"channel_id\":\"u1\""));
  const Answer by_u1 =
      post("/channel/messagesync", R"({"login_uid":"u1","channel_id":"u2","channel_type":1})");
  EXPECT_TRUE(has(by_u1.body, "\"channel_id\":\"u2\""));
  EXPECT_EQ(
      post("/channel/messagesync", R"({"login_uid":"u1","channel_id":"none","channel_type":2})")
          .body,
      R"({"start_message_seq":0,"end_message_seq":0,"more":0,"messages":[]})");
  EXPECT_EQ(status("/channel/messagesync", R"({"channel_id":"g","channel_type":2})"), 400U);
  EXPECT_EQ(status("/channel/messagesync", R"({"login_uid":"u","channel_type":2})"), 400U);
  EXPECT_EQ(status("/channel/messagesync", R"({"login_uid":"u","channel_id":"g"})"), 400U);
  EXPECT_EQ(call(Verb::get, "/channel/max_message_seq?channel_id=u2&channel_type=1").status, 400U);
}

TEST_F(RoutesTest, MessagesAreFoundByIdSeqAndNumber) {
  const Answer sent = post("/message/sendbatch", "[" + item("n1", "g1") + "," + item("n2", "g1") +
                                                     "," + item("n3", "g2") + "]");
  simdjson::dom::parser parser;
  const simdjson::dom::array list = parser.parse(sent.body);
  const auto id = [&list](std::size_t i) {
    return std::string(list.at(i)["message_idstr"].get_string().value());
  };
  const Answer global =
      post("/messages", "{\"message_ids\":[" + id(2) + ",\"" + id(0) + "\",12345]}");
  EXPECT_EQ(global.status, 200U);
  EXPECT_TRUE(global.body.starts_with("[{"));
  EXPECT_LT(global.body.find("\"n3\""), global.body.find("\"n1\""));
  const Answer local = post(
      "/messages", "{\"channel_id\":\"g1\",\"channel_type\":2,\"message_ids\":[" + id(2) + "," +
                       id(0) + "],\"message_seqs\":[2],\"client_msg_nos\":[\"n1\",\"absent\"]}");
  EXPECT_TRUE(local.body.starts_with("{\"start_message_seq\":0")) << local.body;
  EXPECT_FALSE(has(local.body, "\"n3\""));
  EXPECT_LT(local.body.find("\"n2\""), local.body.find("\"n1\""));
  EXPECT_EQ(status("/messages", R"({"message_ids":[12345]})"), 404U);
  EXPECT_EQ(status("/messages", R"({"message_ids":[]})"), 400U);
  EXPECT_EQ(status("/messages", R"({"message_ids":["x"]})"), 400U);
  EXPECT_EQ(status("/messages", R"({"message_ids":[-1]})"), 400U);
  EXPECT_EQ(status("/messages", R"({"message_ids":[9223372036854775807]})"), 404U);
  EXPECT_EQ(status("/messages", R"({"channel_id":"u2","channel_type":1,"message_ids":[1]})"), 400U);
  EXPECT_EQ(status("/message", "{\"message_id\":" + id(0) + "}"), 200U);
  EXPECT_EQ(
      status("/message", "{\"channel_id\":\"g2\",\"channel_type\":2,\"message_id\":" + id(0) + "}"),
      404U);
  EXPECT_EQ(status("/message", R"({"channel_id":"g2","channel_type":2,"client_msg_no":"n3"})"),
            200U);
  EXPECT_EQ(status("/message", R"({"client_msg_no":"n3"})"), 400U);
  EXPECT_EQ(status("/message", "{}"), 400U);
}

TEST_F(RoutesTest, ChannelRoutesCheckTheirFields) {
  EXPECT_EQ(
      post("/channel", R"({"channel_id":"g1","channel_type":2,"subscribers":["u1"," ","u1"]})")
          .body,
      "{\"status\":200}");
  EXPECT_EQ(status("/channel", R"({"channel_id":"","channel_type":2})"), 400U);
  EXPECT_EQ(status("/channel", R"({"channel_id":"g@1","channel_type":2})"), 400U);
  EXPECT_EQ(status("/channel", R"({"channel_id":"g1"})"), 400U);
  EXPECT_EQ(status("/channel", R"({"channel_id":"g1","channel_type":256})"), 400U);
  EXPECT_EQ(status("/channel", R"({"channel_id":"g1","channel_type":"2"})"), 400U);
  EXPECT_EQ(status("/channel", R"({"channel_id":"g1","channel_type":2,"channel_type":2})"), 400U);
  EXPECT_EQ(status("/channel", R"({"channel_id":"u1","channel_type":1,"subscribers":["u2"]})"),
            400U);
  EXPECT_EQ(status("/channel/info", R"({"channel_id":"a@b","channel_type":1,"ban":1})"), 200U);
  EXPECT_EQ(status("/channel/info", R"({"channel_id":"a@b","channel_type":2})"), 400U);
  EXPECT_EQ(status("/channel/subscriber_add", R"({"channel_id":"g1","subscribers":["u2"]})"), 200U);
  EXPECT_EQ(status("/channel/subscriber_add", R"({"channel_id":"g1","subscribers":[]})"), 400U);
  EXPECT_EQ(status("/channel/subscriber_add", R"({"channel_id":"g1","subscribers":[" "]})"), 400U);
  EXPECT_EQ(status("/channel/subscriber_add",
                   R"({"channel_id":"g1","channel_type":1,"subscribers":["u2"]})"),
            400U);
  EXPECT_EQ(status("/channel/subscriber_add",
                   R"({"channel_id":"g1","subscribers":["u2"],"temp_subscriber":1})"),
            400U);
  EXPECT_EQ(status("/channel/subscriber_remove", R"({"channel_id":"g1","subscribers":["u9"]})"),
            200U);
  EXPECT_EQ(status("/channel/subscriber_remove_all", R"({"channel_id":"g1"})"), 400U);
  EXPECT_EQ(status("/channel/subscriber_remove_all", R"({"channel_id":"g1","channel_type":2})"),
            200U);
  EXPECT_EQ(status("/channel/whitelist_set", R"({"channel_id":"g1","channel_type":2})"), 200U);
  EXPECT_EQ(status("/channel/whitelist_add", R"({"channel_id":"g1","channel_type":2})"), 400U);
  EXPECT_EQ(status("/channel/delete", R"({"channel_id":"u1","channel_type":1})"), 400U);
}

TEST_F(RoutesTest, DeletedChannelTakesNoMessagesAndShowsNone) {
  EXPECT_EQ(status("/message/send", item("n1", "g1")), 200U);
  EXPECT_EQ(status("/channel/delete", R"({"channel_id":"g1","channel_type":2})"), 200U);
  const Answer refused = post("/message/send", item("n2", "g1"));
  EXPECT_EQ(refused.status, 403U);
  EXPECT_TRUE(has(refused.body, "\"reason\":24"));
  EXPECT_TRUE(has(
      post("/channel/messagesync", R"({"login_uid":"u1","channel_id":"g1","channel_type":2})").body,
      "\"messages\":[]"));
  EXPECT_EQ(status("/channel/info", R"({"channel_id":"g1","channel_type":2})"), 400U);
  EXPECT_EQ(status("/channel/subscriber_add", R"({"channel_id":"g1","subscribers":["u1"]})"), 400U);
  EXPECT_EQ(status("/channel", R"({"channel_id":"g1","channel_type":2,"disband":0})"), 200U);
  EXPECT_EQ(status("/channel/info", R"({"channel_id":"g1","channel_type":2})"), 200U);
}

TEST_F(RoutesTest, TokenOfAMasterDeviceKicks) {
  EXPECT_EQ(status("/user/token", R"({"uid":"u1","token":"t","device_flag":1})"), 200U);
  EXPECT_EQ(kicked_, "");
  EXPECT_EQ(masters_kicked_, "u1/1/t/the token of this device was replaced");
  EXPECT_EQ(status("/user/token", R"({"uid":"u1","token":"t","device_flag":1,"device_level":1})"),
            200U);
  EXPECT_EQ(kicked_, "u1/1/the token of this device was replaced");
  for (const std::string body :
       {R"({"token":"t"})", R"({"uid":"u1"})", R"({"uid":"u#1","token":"t"})",
        R"({"uid":"____system","token":"t"})", R"({"uid":"____manager","token":"t"})",
        R"({"uid":"u1","token":"t","device_flag":256})",
        R"({"uid":"u1","token":"t","device_level":2})"}) {
    EXPECT_EQ(status("/user/token", body), 400U) << body;
  }
  EXPECT_EQ(status("/channel/info", R"({"channel_id":"u1","channel_type":1,"ban":1})"), 200U);
  const Answer banned = post("/user/token", R"({"uid":"u1","token":"t"})");
  EXPECT_EQ(banned.status, 403U);
  EXPECT_TRUE(has(banned.body, "\"reason\":19"));
}

TEST_F(RoutesTest, SystemRoutesAnswer) {
  EXPECT_EQ(call(Verb::get, "/route").body,
            R"({"tcp_addr":"example.org:5100","ws_addr":"ws://example.org:5200","wss_addr":""})");
  EXPECT_EQ(call(Verb::get, "/route?intranet=1").body,
            R"({"tcp_addr":"10.0.0.1:5100","ws_addr":"","wss_addr":""})");
  EXPECT_EQ(post("/route/batch", R"(["u1"])").body,
            R"([{"uids":["u1"],"tcp_addr":"example.org:5100","ws_addr":"ws://example.org:5200",)"
            R"("wss_addr":""}])");
  EXPECT_EQ(post("/route/batch", R"({"uids":["u1"]})").status, 200U);
  EXPECT_EQ(post("/route/batch", "7").status, 400U);
  EXPECT_EQ(call(Verb::get, "/health").body, R"({"status":"ok"})");
  EXPECT_EQ(call(Verb::head, "/healthz").status, 200U);
  EXPECT_EQ(call(Verb::get, "/readyz").status, 200U);
  EXPECT_TRUE(has(call(Verb::get, "/metrics").body, "jindou_"));
  EXPECT_TRUE(has(call(Verb::get, "/").body, "\"name\":\"jindou\""));
  accepting_ = false;
  EXPECT_EQ(call(Verb::get, "/readyz").status, 503U);
  warnings_ = {"data was lost"};
  EXPECT_EQ(call(Verb::get, "/health").body, R"({"status":"ok","warnings":["data was lost"]})");
  warnings_.clear();
  damage_ = "a table is damaged";
  EXPECT_EQ(call(Verb::get, "/health").body,
            R"({"status":"error","message":"a table is damaged"})");
  damage_.clear();
  trouble_ = "disk full";
  EXPECT_EQ(call(Verb::get, "/health").status, 500U);
}

TEST_F(RoutesTest, UnknownPathsAndMethodsAreTold) {
  EXPECT_EQ(post("/nowhere", "{}").status, 404U);
  const Answer wrong = call(Verb::get, "/message/send");
  EXPECT_EQ(wrong.status, 405U);
  EXPECT_EQ(wrong.headers, "Allow: OPTIONS, POST\r\n");
  EXPECT_EQ(call(Verb::options, "/nowhere").status, 204U);
}

TEST_F(RoutesTest, ManagerTokenGuardsAllButTheProbes) {
  ApiOptions options;
  options.access.manager_token = "secret";
  configure(options);
  for (const std::string token : {"", "Secret", "secre", "secrets", "secretsecret"}) {
    const Answer answer = call(Verb::post, "/message/sendbatch", "[]", token);
    EXPECT_EQ(answer.status, 401U) << token;
    EXPECT_FALSE(answer.admitted);
    EXPECT_TRUE(has(answer.body, "\"code\":\"unauthorized\""));
    EXPECT_TRUE(has(answer.body, token.empty() ? "is missing" : "is wrong")) << answer.body;
    EXPECT_FALSE(has(answer.body, "secret")) << answer.body;
  }
  EXPECT_EQ(call(Verb::post, "/message/sendbatch", "[]", "secret").status, 400U);
  EXPECT_EQ(call(Verb::get, "/nowhere").status, 401U);
  EXPECT_EQ(call(Verb::get, "/metrics").status, 401U);
  EXPECT_EQ(call(Verb::get, "/health").status, 200U);
  EXPECT_EQ(call(Verb::get, "/healthz").status, 200U);
  EXPECT_EQ(call(Verb::get, "/readyz").status, 200U);
  EXPECT_EQ(call(Verb::options, "/message/sendbatch").status, 204U);
}

TEST_F(RoutesTest, LoadAndShutdownHaveTheirStatuses) {
  partition::RouterLimits full;
  full.batches_in_flight_max = 0;
  limit_core(full);
  const Answer busy = post("/message/sendbatch", "[" + item("n1", "g1") + "]");
  EXPECT_EQ(busy.status, 429U);
  EXPECT_EQ(metrics_.overload_refusals.with("http").Value(), 1);
  EXPECT_TRUE(has(busy.headers, "Retry-After: 1\r\n"));
  EXPECT_FALSE(busy.admitted);  // by its header
  EXPECT_EQ(status("/message/send", item("n1", "g1")), 200U);
  limit_core(partition::RouterLimits());
  core_->close();
  EXPECT_EQ(status("/message/sendbatch", "[" + item("n1", "g1") + "]"), 503U);
  EXPECT_EQ(status("/message/send", item("n1", "g1")), 503U);
  EXPECT_EQ(status("/channel", R"({"channel_id":"g1","channel_type":2})"), 503U);
}

// Else a body that is announced with a terabyte would be told to come back later, and keep the
// batches of others out as long as it is looked at.
TEST_F(RoutesTest, ABodyOverTheLimitIsRefusedBeforeTheCoreIsAsked) {
  gate_->keep();
  auto first = std::async(std::launch::async, [this] {
    return post("/message/sendbatch", "[" + item("n1", "g1") + "]");
  });
  while (core_->items_in_flight() == 0) std::this_thread::yield();
  Request request;
  Response response;
  request.set_line(Verb::post, "POST", "/message/sendbatch", 11);
  request.has_body = true;
  request.body_declared = std::size_t{1} << 40;
  EXPECT_FALSE(router_->admit(request, response));
  EXPECT_EQ(response.status, 413U) << response.body;
  EXPECT_TRUE(has(response.body, "api.maxBodyBytes")) << response.body;
  EXPECT_EQ(request.announced, nullptr);
  gate_->release();
  EXPECT_EQ(first.get().status, 200U);
}

TEST_F(RoutesTest, WhatAnotherServerHasIsRefusedAndCanBeRetried) {
  ASSERT_EQ(status("/message/send", item("n1", "g1")), 200U);
  const auto move = [this](bool open) {
    for (std::uint16_t i = 0; i < 4; ++i) {
      std::promise<Result<void>> moved;
      const auto done = [&moved](Result<void> outcome) { moved.set_value(std::move(outcome)); };
      if (open) {
        worker_->open(static_cast<PartitionId>(i), done);
      } else {
        worker_->close(static_cast<PartitionId>(i), done);
      }
      ASSERT_TRUE(moved.get_future().get());
    }
  };
  move(false);
  for (const Answer& answer :
       {post("/message/send", item("n2", "g1")),
        post("/message/sendbatch", "[" + item("n2", "g1") + "," + item("n3", "g2") + "]"),
        post("/channel", R"({"channel_id":"g1","channel_type":2})"),
        post("/user/token", R"({"uid":"u1","token":"t","device_flag":0,"device_level":1})")}) {
    EXPECT_EQ(answer.status, 503U) << answer.body;
    EXPECT_TRUE(has(answer.body, "\"code\":\"not_owner\"")) << answer.body;
    EXPECT_TRUE(has(answer.body, "retry")) << answer.body;
    EXPECT_TRUE(has(answer.headers, "Retry-After: 1\r\n"));
  }
  move(true);
  EXPECT_EQ(status("/message/send", item("n2", "g1")), 200U);
  EXPECT_EQ(max_seq("g1"), R"({"message_seq":2})");
}

// A batch is refused before it is parsed: what is wrong with it is not looked for.
TEST_F(RoutesTest, ItemsAreCountedBeforeTheyAreParsed) {
  partition::RouterLimits limits;
  limits.items_in_flight_max = 3;
  limit_core(limits);
  gate_->keep();
  ApiOptions options;
  options.request_timeout = std::chrono::milliseconds(30);
  configure(options);
  const std::string two = "[" + item("n1", "g1") + "," + item("n2", "g1") + "]";
  EXPECT_EQ(status("/message/sendbatch", two), 500U);  // undecided, and still in flight
  EXPECT_EQ(core_->items_in_flight(), 2U);
  EXPECT_EQ(core_->batches_in_flight(), 1U);
  EXPECT_EQ(status("/message/sendbatch", "[{},{} no JSON"), 429U);
  // Objects in an item are no items: there is room for one.
  EXPECT_EQ(status("/message/sendbatch", R"([{"a":{},"b":{"c":{}}} no JSON)"), 400U);
  EXPECT_EQ(status("/message/sendbatch", two), 429U);
  EXPECT_EQ(core_->batches_in_flight(), 1U);
  gate_->release();
  for (int i = 0; i < 1000 && core_->batches_in_flight() > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(core_->batches_in_flight(), 0U);
  EXPECT_EQ(core_->items_in_flight(), 0U);
  EXPECT_EQ(status("/message/sendbatch", two), 200U);
  EXPECT_EQ(max_seq("g1"), R"({"message_seq":2})");
}

TEST_F(RoutesTest, WhatIsUndecidedAtTheDeadlineIsUnknownAndCanBeRepeated) {
  ApiOptions options;
  options.request_timeout = std::chrono::milliseconds(30);
  configure(options);
  gate_->keep();
  const std::string body = "[" + item("n1", "g1") + "," + item("n2", "g1") + "]";
  const Answer batch = post("/message/sendbatch", body);
  EXPECT_EQ(batch.status, 500U);
  EXPECT_TRUE(has(batch.headers, "X-Batch-Failed: 2\r\n"));
  EXPECT_TRUE(has(batch.body, "\"reason\":15,\"code\":\"deadline\"")) << batch.body;
  EXPECT_TRUE(has(batch.body, "\"retriable\":true,\"state\":\"unknown\""));
  const Answer single = post("/message/send", item("n3", "g1"));
  EXPECT_EQ(single.status, 500U);
  EXPECT_TRUE(has(single.body, "\"state\":\"unknown\""));
  const Answer legacy =
      post("/message/sendbatch", R"({"from_uid":"u1","subscribers":["u2"],"payload":"aGk="})");
  EXPECT_TRUE(has(legacy.body, "\"fail_uids\":[\"u2\"]")) << legacy.body;
  const Answer changed = post("/channel", R"({"channel_id":"g9","channel_type":2})");
  EXPECT_EQ(changed.status, 500U);
  EXPECT_TRUE(has(changed.body, "\"code\":\"deadline\""));
  gate_->release();
  ApiOptions patient;
  configure(patient);
  const Answer repeated = post("/message/sendbatch", body);
  EXPECT_EQ(repeated.status, 200U);
  EXPECT_TRUE(has(repeated.body, "\"duplicate\":true")) << repeated.body;
  EXPECT_EQ(max_seq("g1"), "{\"message_seq\":3}");
}

TEST_F(RoutesTest, DocumentedStatusStyleSaysOk) {
  ApiOptions options;
  options.status_style = config::StatusStyle::text;
  configure(options);
  EXPECT_EQ(post("/channel", R"({"channel_id":"g1","channel_type":2})").body, R"({"status":"ok"})");
}

Task<void> answer_nothing(Services&, Request& request, Response& response) {
  response.body = "\"" + request.user + "\"";
  co_return;
}

constexpr std::array<Route, 5> kPortRoutes = {{
    {Verb::post, "/only/api", answer_nothing, Auth::administer, ""},
    {Verb::post, "/only/manager", answer_nothing, Auth::administer, "", Ports::manager},
    {Verb::get, "/read", answer_nothing, Auth::read, "", Ports::both},
    {Verb::post, "/slot/move", answer_nothing, Auth::administer, "", Ports::both, "slotMigrate"},
    {Verb::get, "/secret", answer_nothing, Auth::administer, "", Ports::both, "secrets", 'r'},
}};

class PortsTest : public RoutesTest {
 protected:
  void serve(Port port, const std::vector<std::string>& users = {}) {
    ApiOptions options;
    options.access.manager_token = port == Port::manager ? "mt" : "";
    options.access.jwt_secret = "the key of this test";
    options.access.users = config::parse_auth_users(users).value();
    configure(options);
    router_ = std::make_unique<Router>(*services_, kPortRoutes, port);
  }
  // With the token of a login, which travels in the query.
  unsigned status_as(const std::string& user, Verb method, const std::string& path) {
    const auto login = services_->access.login(http::Request(), user, "pw");
    EXPECT_TRUE(login) << user;
    return call(method, path + "?Authorization=" + (login ? login->token : ""), "{}").status;
  }
};

TEST_F(PortsTest, EachPortServesItsOwnRoutes) {
  serve(Port::api);
  EXPECT_EQ(status("/only/api", "{}"), 200U);
  EXPECT_EQ(status("/only/manager", "{}"), 404U);
  EXPECT_EQ(call(Verb::get, "/read").status, 200U);
  serve(Port::manager);
  EXPECT_EQ(call(Verb::post, "/only/api", "{}", "mt").status, 404U);
  EXPECT_EQ(call(Verb::post, "/only/manager", "{}", "mt").status, 200U);
  EXPECT_EQ(call(Verb::get, "/read", "", "mt").body, "\"____manager\"");
  EXPECT_EQ(call(Verb::get, "/read").status, 401U);
}

TEST_F(PortsTest, OnTheManagerPortWritingNeedsAPermissionAndReadingALogin) {
  serve(Port::manager, {"all:pw:*", "reader:pw:[*:r]", "only:pw:[only:w]"});
  EXPECT_EQ(status_as("all", Verb::post, "/only/manager"), 200U);
  EXPECT_EQ(status_as("only", Verb::post, "/only/manager"), 200U);
  EXPECT_EQ(status_as("reader", Verb::post, "/only/manager"), 403U);
  EXPECT_EQ(status_as("only", Verb::get, "/read"), 200U);
}

TEST_F(PortsTest, ANamedResourceIsCheckedOnBothPortsForReadingToo) {
  const std::vector<std::string> users = {"mover:pw:[slotMigrate:w]", "reader:pw:[secrets:r]"};
  for (const Port port : {Port::api, Port::manager}) {
    serve(port, users);
    EXPECT_EQ(status_as("mover", Verb::post, "/slot/move"), 200U);
    EXPECT_EQ(status_as("reader", Verb::post, "/slot/move"), 403U);
    EXPECT_EQ(status_as("reader", Verb::get, "/secret"), 200U);
    EXPECT_EQ(status_as("mover", Verb::get, "/secret"), 403U);
  }
  serve(Port::api, users);
  EXPECT_EQ(status("/slot/move", "{}"), 403U) << "an open API port is no permission";
}

TEST_F(RoutesTest, ListsOfUsersRefuseRepeatedMembers) {
  EXPECT_EQ(status("/route/batch", R"({"uids":["a"]})"), 200U);
  for (const std::string path : {"/route/batch", "/user/onlinestatus", "/user/systemuids_add"}) {
    EXPECT_EQ(status(path, R"({"uids":["a"],"uids":["b"]})"), 400U) << path;
    EXPECT_EQ(status(path, R"({"uids":["a"],"x":1,"x":2})"), 400U) << path;
  }
}

}  // namespace
}  // namespace jindou::api
