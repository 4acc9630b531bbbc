// JSON-RPC: objects captured from clients are read as they meant, and what we write is, byte for
// byte, what those clients accept. The rest is what may be left out, written otherwise, or is
// wrong.
#include "codec/json_rpc.h"

#include <gtest/gtest.h>

#include <vector>

#include "codec/json_reader.h"

namespace jindou::codec::json_rpc {
namespace {

using State = TakeOutcome::State;

// The one call in `text`.
struct Taken {
  explicit Taken(std::string_view text) : outcome(take_call(text, call)) {
    EXPECT_EQ(outcome.state, State::call) << text << ": " << outcome.problem;
    EXPECT_EQ(outcome.consumed, text.size());
  }
  template <class Params>
  const Params& as() const {
    return std::get<Params>(call.params);
  }
  Call call;
  TakeOutcome outcome;
};

int code_of(std::string_view text) {
  Call call;
  const TakeOutcome outcome = take_call(text, call);
  EXPECT_EQ(outcome.state, State::error) << text;
  EXPECT_FALSE(outcome.problem.empty()) << text;
  return outcome.code;
}

std::string written(const auto& append) {
  std::string out;
  append(out);
  EXPECT_TRUE(parse_json(out)) << out;
  return out;
}

// ---- from clients ---------------------------------------------------------------------------

TEST(JsonRpcIn, Connect) {
  const Taken taken(
      R"({"method":"connect","params":{"uid":"u1","token":"t1","deviceId":"dev1","deviceFlag":1,)"
      R"("clientTimestamp":1795387091734},"id":"57803bc4-6df1-4fd9-8eee-999d59eba2da"})");
  EXPECT_EQ(taken.call.id, R"("57803bc4-6df1-4fd9-8eee-999d59eba2da")");
  const auto& connect = taken.as<Connect>();
  EXPECT_EQ(connect.uid, "u1");
  EXPECT_EQ(connect.token, "t1");
  EXPECT_EQ(connect.device_id, "dev1");
  EXPECT_EQ(connect.device_flag, 1);
  EXPECT_EQ(connect.client_timestamp, 1795387091734);
  EXPECT_EQ(connect.version, 5);
  EXPECT_EQ(connect.client_key, "");
}

TEST(JsonRpcIn, ConnectNeedsNoMemberAndTakesItsNamesInSnakeCase) {
  const Taken bare(R"({"id":"1","method":"connect","params":{}})");
  EXPECT_EQ(bare.as<Connect>(), Connect{});
  const Taken snake(
      R"({"id":"1","method":"connect","params":{"uid":"u","device_id":"d","device_flag":2,)"
      R"("client_timestamp":-3,"version":4,"clientKey":"ignored"}})");
  EXPECT_EQ(snake.as<Connect>().device_id, "d");
  EXPECT_EQ(snake.as<Connect>().device_flag, 2);
  EXPECT_EQ(snake.as<Connect>().client_timestamp, -3);
  EXPECT_EQ(snake.as<Connect>().version, 4);
  EXPECT_EQ(snake.as<Connect>().client_key, "");
}

TEST(JsonRpcIn, Send) {
  const Taken taken(
      R"({"method":"send","params":{"clientMsgNo":"200c6334-9e5e-4af6-930e-e667558405ec",)"
      R"("channelId":"u2","channelType":1,"payload":"eyJ0eXBlIjoxLCJjb250ZW50IjoiaGkifQ==",)"
      R"("header":{"redDot":true}},"id":"31e2afef-decb-4cda-9aa7-bdd442324b28"})");
  const auto& send = taken.as<Send>();
  EXPECT_EQ(send.client_msg_no, "200c6334-9e5e-4af6-930e-e667558405ec");
  EXPECT_EQ(send.channel_id, "u2");
  EXPECT_EQ(send.channel_type, ChannelType::person);
  EXPECT_EQ(send.flags, kFlagRedDot);
  EXPECT_EQ(send.setting, 0);
  EXPECT_EQ(taken.call.payload, R"({"type":1,"content":"hi"})");
}

TEST(JsonRpcIn, SendWithEveryMember) {
  const Taken taken(
      R"({"jsonrpc":"2.0","id":7,"method":"send","params":{"client_msg_no":"c","channel_id":"g",)"
      R"("channel_type":2,"payload":"","topic":"t","expire":316224000,"msgKey":"x",)"
      R"("streamNo":"x","header":{"no_persist":true,"redDot":false,"sync_once":true,"dup":true,)"
      R"("end":true},"setting":{"receipt":true,"signal":true,"stream":true,"topic":true}}})");
  EXPECT_EQ(taken.call.id, "7");
  const auto& send = taken.as<Send>();
  EXPECT_EQ(send.flags, kFlagNoPersist | kFlagSyncOnce | kFlagDup);
  EXPECT_EQ(send.setting, 0xaa);
  EXPECT_EQ(send.topic, "t");
  EXPECT_EQ(send.expire, 316'224'000U);
  EXPECT_EQ(send.msg_key, "");
  EXPECT_EQ(send.stream_no, "");
  EXPECT_EQ(taken.call.payload, "");
}

TEST(JsonRpcIn, ATopicCountsOnlyWhenTheSettingSaysSo) {
  const Taken taken(
      R"({"id":1,"method":"send","params":{"channelId":"g","channelType":2,"payload":"","topic":"t"}})");
  EXPECT_EQ(taken.as<Send>().topic, "");
}

TEST(JsonRpcIn, PayloadsAreBase64OrCompactJson) {
  const auto payload = [](const std::string& value) {
    return Taken(R"({"id":1,"method":"send","params":{"channelId":"g","channelType":2,"payload":)" +
                 value + "}}")
        .call.payload;
  };
  EXPECT_EQ(payload(R"("AAEC/w==")"), std::string("\x00\x01\x02\xff", 4));
  EXPECT_EQ(payload(R"({ "type" : 1, "content" : "你\n好", "n" : [ 1, 2.5, null, true ] })"),
            R"({"type":1,"content":"你\n好","n":[1,2.5,null,true]})");
  EXPECT_EQ(payload("[ ]"), "[]");
  for (const char* bad : {"1", "null", "true", R"("no base64")", R"("AAEC/w")"}) {
    EXPECT_EQ(code_of(std::string(R"({"id":1,"method":"send","params":{"channelId":"g",)"
                                  R"("channelType":2,"payload":)") +
                      bad + "}}"),
              kInvalidParams)
        << bad;
  }
}

TEST(JsonRpcIn, Recvack) {
  const Taken taken(
      R"({"method":"recvack","params":{"header":{"redDot":true},"messageId":"1234567890123","messageSeq":7}})");
  EXPECT_EQ(taken.call.id, "");
  EXPECT_EQ(taken.as<RecvAck>().message_id, static_cast<MessageId>(1234567890123));
  EXPECT_EQ(taken.as<RecvAck>().message_seq, 7U);
  EXPECT_EQ(taken.as<RecvAck>().flags, kFlagRedDot);
  const Taken large(
      R"({"method":"recvack","params":{"header":{},"messageId":"9223372036854775000","messageSeq":8}})");
  EXPECT_EQ(large.as<RecvAck>().message_id, static_cast<MessageId>(9223372036854775000));
  const Taken number(R"({"id":"a","method":"recvack","params":{"message_id":5}})");
  EXPECT_EQ(number.call.id, R"("a")");
  EXPECT_EQ(number.as<RecvAck>().message_id, static_cast<MessageId>(5));
  for (const char* bad : {R"("")", R"("1x")", R"("-1")", "-1", "1.5", "{}", "null"}) {
    EXPECT_EQ(code_of(std::string(R"({"method":"recvack","params":{"messageId":)") + bad + "}}"),
              kInvalidParams)
        << bad;
  }
}

TEST(JsonRpcIn, Ping) {
  const Taken taken(R"({"method":"ping","params":{},"id":"0263bad4-0a76-4c48-bf45-e88958bb3ab0"})");
  EXPECT_TRUE(std::holds_alternative<Ping>(taken.call.params));
  for (const char* text : {R"({"id":"1","method":"ping"})", R"({"method":"ping","params":null})"}) {
    EXPECT_TRUE(std::holds_alternative<Ping>(Taken(text).call.params)) << text;
  }
}

TEST(JsonRpcIn, DisconnectSubscribeUnsubscribe) {
  const Taken leave(R"({"id":1,"method":"disconnect","params":{"reasonCode":3,"reason":"bye"}})");
  EXPECT_EQ(leave.as<Disconnect>().text, "bye");
  EXPECT_TRUE(std::holds_alternative<Disconnect>(Taken(R"({"method":"disconnect"})").call.params));
  const Taken sub(
      R"({"id":1,"method":"subscribe","params":{"subNo":"s","channelId":"c","channelType":7,"param":"p"}})");
  EXPECT_EQ(sub.as<Sub>().sub_no, "s");
  EXPECT_EQ(sub.as<Sub>().channel_id, "c");
  EXPECT_EQ(sub.as<Sub>().channel_type, ChannelType::data);
  EXPECT_EQ(sub.as<Sub>().action, SubAction::subscribe);
  EXPECT_EQ(sub.as<Sub>().param, "p");
  const Taken unsub(
      R"({"id":1,"method":"unsubscribe","params":{"channel_id":"c","channel_type":7}})");
  EXPECT_EQ(unsub.as<Sub>().action, SubAction::unsubscribe);
}

TEST(JsonRpcIn, IdsAreStringsOrIntegersAndComeBackAsTheyWere) {
  for (const char* id :
       {R"("")", R"("a\"b")", "0", "-7", "9007199254740993", "18446744073709551615"}) {
    EXPECT_EQ(Taken(std::string(R"({"method":"ping","id":)") + id + "}").call.id, id);
  }
  const std::string longest(kRequestIdBytesMax, 'i');
  EXPECT_EQ(Taken(R"({"method":"ping","id":")" + longest + "\"}").call.id, '"' + longest + '"');
  for (const std::string& bad :
       std::vector<std::string>{"null", "true", "1.5", "{}", "[]", '"' + longest + "i\""}) {
    Call call;
    const std::string text = R"({"method":"ping","id":)" + bad + "}";
    EXPECT_EQ(take_call(text, call).code, kInvalidRequest) << bad;
    EXPECT_EQ(call.id, "");
  }
}

TEST(JsonRpcIn, SeveralObjectsFollowEachOther) {
  std::string_view text = " \r\n{\"method\":\"ping\",\"id\":1}\t{\"method\":\"ping\",\"id\":2}\n ";
  Call call;
  for (const char* id : {"1", "2"}) {
    const TakeOutcome outcome = take_call(text, call);
    EXPECT_EQ(outcome.state, State::call);
    EXPECT_EQ(call.id, id);
    text.remove_prefix(outcome.consumed);
  }
  const TakeOutcome end = take_call(text, call);
  EXPECT_EQ(end.state, State::end);
  EXPECT_EQ(end.consumed, text.size());
}

TEST(JsonRpcIn, BracketsAndQuotesInStringsEndNothing) {
  const Taken taken(R"({"method":"ping","id":"}]\"{\\","more":{"a":["]}",{}]}})");
  EXPECT_EQ(taken.call.id, R"("}]\"{\\")");
}

TEST(JsonRpcIn, WhatIsNoJsonEndsTheInput) {
  for (const std::string& text : std::vector<std::string>{
           "{", R"({"method":"ping")", R"({"method":"ping)", "ping", "\"ping\"", "1", "}",
           R"({"method":"ping",})", "{\"method\":\"\xff\"}", R"({"method":"ping"]})",
           R"({"id":01234567890123456789012345,"method":"ping"})", R"({"a":1.e999})",
           "{\"a\":\"\n\"}", R"({"method":"ping"} x)",
           std::string(40, '[') + "{}" + std::string(40, ']'),
           R"({"a":)" + std::string(40, '[') + std::string(40, ']') + "}"}) {
    std::string_view rest = text;
    Call call;
    TakeOutcome outcome = take_call(rest, call);
    if (outcome.state == State::call) {
      rest.remove_prefix(outcome.consumed);
      outcome = take_call(rest, call);
    }
    EXPECT_EQ(outcome.state, State::error) << text;
    EXPECT_EQ(outcome.consumed, rest.size()) << text;
    if (text[0] != '[') {
      EXPECT_EQ(outcome.code, kParseError) << text;
    }
  }
}

TEST(JsonRpcIn, ABrokenRequestIsTakenWholeAndNamedIfItCanBe) {
  struct Case {
    const char* text;
    int code;
    const char* id;
  };
  for (
      const Case& c : {
          Case{R"({})", kInvalidRequest, ""},
          Case{R"({"id":"1"})", kInvalidRequest, R"("1")"},
          Case{R"({"id":"1","result":{}})", kInvalidRequest, R"("1")"},
          Case{R"({"id":"1","method":5})", kInvalidRequest, R"("1")"},
          Case{R"({"jsonrpc":"1.0","id":"1","method":"ping"})", kInvalidRequest, R"("1")"},
          Case{R"({"jsonrpc":2,"id":"1","method":"ping"})", kInvalidRequest, R"("1")"},
          Case{R"([{"id":"1","method":"ping"}])", kInvalidRequest, ""},
          Case{R"([])", kInvalidRequest, ""},
          Case{R"({"id":3,"method":"nope","params":[]})", kMethodNotFound, "3"},
          Case{R"({"id":3,"method":"Ping"})", kMethodNotFound, "3"},
          Case{R"({"id":3,"method":"send"})", kInvalidParams, "3"},
          Case{R"({"id":3,"method":"send","params":[]})", kInvalidParams, "3"},
          Case{R"({"id":3,"method":"ping","params":"x"})", kInvalidParams, "3"},
          Case{R"({"method":"recvack","params":{}})", kInvalidParams, ""},
          Case{R"({"id":3,"method":"connect","params":{"uid":5}})", kInvalidParams, "3"},
          Case{R"({"id":3,"method":"connect","params":{"deviceFlag":256}})", kInvalidParams, "3"},
          Case{R"({"id":3,"method":"send","params":{"channelType":1,"payload":""}})",
               kInvalidParams, "3"},
          Case{R"({"id":3,"method":"send","params":{"channelId":"c","payload":""}})",
               kInvalidParams, "3"},
          Case{R"({"id":3,"method":"send","params":{"channelId":"c","channelType":1}})",
               kInvalidParams, "3"},
          Case{
              R"({"id":3,"method":"send","params":{"channelId":"c","channelType":-1,"payload":""}})",
              kInvalidParams, "3"},
          Case{
              R"({"id":3,"method":"send","params":{"channelId":"c","channelType":1,"payload":"","header":1}})",
              kInvalidParams, "3"},
          Case{
              R"({"id":3,"method":"send","params":{"channelId":"c","channelType":1,"payload":"","setting":{"topic":1}}})",
              kInvalidParams, "3"},
      }) {
    Call call;
    const TakeOutcome outcome = take_call(c.text, call);
    EXPECT_EQ(outcome.state, State::error) << c.text;
    EXPECT_EQ(outcome.code, c.code) << c.text;
    EXPECT_EQ(outcome.consumed, std::string_view(c.text).size()) << c.text;
    EXPECT_EQ(call.id, c.id) << c.text;
  }
}

TEST(JsonRpcIn, AUnixTimeIsNoExpire) {
  for (const char* expire : {"316224001", "1700000000", "1700000000000"}) {
    Call call;
    const TakeOutcome outcome =
        take_call(R"({"id":3,"method":"send","params":{"channelId":"c","channelType":2,)"
                  R"("payload":"","expire":)" +
                      std::string(expire) + "}}",
                  call);
    EXPECT_EQ(outcome.state, State::error) << expire;
    EXPECT_EQ(outcome.code, kInvalidParams) << expire;
    EXPECT_EQ(outcome.problem,
              "expire is a number of seconds from now, at most 316224000 (ten years); a Unix time "
              "is none");
    EXPECT_EQ(call.id, "3");
  }
}

TEST(JsonRpcIn, NumbersBeyond64BitsSpoilOnlyTheirMember) {
  EXPECT_TRUE(std::holds_alternative<Ping>(
      Taken(R"({"x":[1e999,-12345678901234567890,"18446744073709551616"],"method":"ping"})")
          .call.params));
  Call call;
  EXPECT_EQ(take_call(R"({"id":18446744073709551616,"method":"ping"})", call).code,
            kInvalidRequest);
  EXPECT_EQ(take_call(R"({"id":7,"method":"send","params":{"channelId":"c","channelType":2,)"
                      R"("payload":"","expire":18446744073709551616}})",
                      call)
                .code,
            kInvalidParams);
  EXPECT_EQ(take_call(R"({"id":7,"method":"send","params":{"channelId":"c","channelType":2,)"
                      R"("payload":{"n":18446744073709551616}}})",
                      call)
                .code,
            kInvalidParams);
  EXPECT_EQ(call.id, "7");
}

TEST(JsonRpcIn, ABatchEndsWithItsBracket) {
  const std::string_view batch = R"( [{"id":"]","method":"ping"},[1]])";
  Call call;
  const TakeOutcome outcome = take_call(std::string(batch) + R"({"id":3,"method":"ping"})", call);
  EXPECT_EQ(outcome.code, kInvalidRequest);
  EXPECT_EQ(outcome.consumed, batch.size());
  EXPECT_EQ(take_call("[{}", call).code, kParseError);
  EXPECT_EQ(take_call("[1 2]", call).code, kParseError);
}

TEST(JsonRpcIn, NotificationsOfUnknownMethodsAreNothing) {
  EXPECT_TRUE(std::holds_alternative<std::monostate>(
      Taken(R"({"method":"typing","params":{"x":1}})").call.params));
}

// ---- to clients -----------------------------------------------------------------------------

TEST(JsonRpcOut, ConnectAnswers) {
  ConnAck ack;
  ack.node_id = 1;
  EXPECT_EQ(
      written([&](auto& out) { append_connect_answer(out, R"("r1")", ack); }),
      R"({"jsonrpc":"2.0","id":"r1","result":{"serverVersion":5,"timeDiff":0,"reasonCode":1,"nodeId":1}})");
  ack.reason = Reason::auth_fail;
  EXPECT_EQ(written([&](auto& out) { append_connect_answer(out, R"("r1")", ack); }),
            R"({"jsonrpc":"2.0","id":"r1","error":{"code":2,"message":"ReasonAuthFail"}})");
}

TEST(JsonRpcOut, SendResults) {
  SendAck ack;
  ack.flags = kFlagRedDot;
  ack.message_id = static_cast<MessageId>(1234567890123);
  ack.message_seq = 7;
  // The last two members are for the Android client; the others are the golden answer.
  EXPECT_EQ(
      written([&](auto& out) { append_send_result(out, R"("r2")", ack); }),
      R"({"jsonrpc":"2.0","id":"r2","result":{"header":{"redDot":true},"messageId":"1234567890123","messageSeq":7,"reasonCode":1,"message_id":"1234567890123","message_seq":7}})");
  SendAck refused;
  refused.reason = Reason::subscriber_not_exist;
  EXPECT_EQ(
      written([&](auto& out) { append_send_result(out, "3", refused); }),
      R"({"jsonrpc":"2.0","id":3,"result":{"header":{},"messageId":"0","messageSeq":0,"reasonCode":3,"message_id":"0","message_seq":0}})");
}

TEST(JsonRpcOut, RecvWithoutFlags) {
  Recv recv;
  recv.message_id = static_cast<MessageId>(9223372036854775000);
  recv.message_seq = 8;
  recv.client_msg_no = "c1";
  recv.timestamp = 1700000001;
  recv.channel_id = "u2";
  recv.channel_type = ChannelType::person;
  recv.from_uid = "u2";
  recv.payload = R"({"type":1,"content":"yo"})";
  EXPECT_EQ(
      written([&](auto& out) { append_recv(out, recv); }),
      R"({"jsonrpc":"2.0","method":"recv","params":{"header":{},"messageId":"9223372036854775000","messageSeq":8,"clientMsgNo":"c1","timestamp":1700000001,"channelId":"u2","channelType":1,"fromUid":"u2","payload":"eyJ0eXBlIjoxLCJjb250ZW50IjoieW8ifQ=="}})");
}

TEST(JsonRpcOut, RecvWithEveryGroupOfFlags) {
  Recv recv;
  recv.flags = kFlagNoPersist | kFlagSyncOnce;
  recv.setting = kSettingReceipt | kSettingTopic | kSettingNoEncrypt | 0x45;
  recv.expire = 60;
  recv.message_id = static_cast<MessageId>(9);
  recv.client_msg_no = "c2";
  recv.timestamp = 1700000001;
  recv.channel_id = "g1";
  recv.channel_type = ChannelType::group;
  recv.topic = "tp";
  recv.payload = R"({"type":99,"cmd":"x"})";
  EXPECT_EQ(
      written([&](auto& out) { append_recv(out, recv); }),
      R"({"jsonrpc":"2.0","method":"recv","params":{"header":{"noPersist":true,"syncOnce":true},"setting":{"receipt":true,"topic":true},"expire":60,"messageId":"9","messageSeq":0,"clientMsgNo":"c2","timestamp":1700000001,"channelId":"g1","channelType":2,"topic":"tp","fromUid":"","payload":"eyJ0eXBlIjo5OSwiY21kIjoieCJ9"}})");
  recv.client_msg_no = {};
  EXPECT_EQ(written([&](auto& out) { append_recv(out, recv); }).find("clientMsgNo"),
            std::string::npos);
}

TEST(JsonRpcOut, EventsAndDisconnects) {
  Event event;
  event.id = "e1";
  event.type = "stream.delta";
  event.timestamp = 1700000003000;
  event.data = R"({"client_msg_no":"c1"})";
  EXPECT_EQ(
      written([&](auto& out) { append_event(out, event); }),
      R"({"jsonrpc":"2.0","method":"event","params":{"id":"e1","type":"stream.delta","timestamp":1700000003000,"data":"{\"client_msg_no\":\"c1\"}"}})");
  Disconnect disconnect;
  disconnect.text = "login in other device";
  EXPECT_EQ(
      written([&](auto& out) { append_disconnect(out, disconnect); }),
      R"({"jsonrpc":"2.0","method":"disconnect","params":{"reasonCode":12,"reason":"login in other device"}})");
}

TEST(JsonRpcOut, OtherAnswers) {
  EXPECT_EQ(written([](auto& out) { append_empty_result(out, R"("r4")"); }),
            R"({"jsonrpc":"2.0","id":"r4","result":{}})");
  EXPECT_EQ(written([](auto& out) { append_error(out, "", kParseError, "x"); }),
            R"({"jsonrpc":"2.0","error":{"code":-32700,"message":"x"}})");
  SubAck ack;
  ack.sub_no = "s";
  ack.channel_id = "c";
  ack.channel_type = ChannelType::data;
  ack.action = SubAction::unsubscribe;
  EXPECT_EQ(
      written([&](auto& out) { append_sub_result(out, "1", ack); }),
      R"({"jsonrpc":"2.0","id":1,"result":{"subNo":"s","channelId":"c","channelType":7,"action":1,"reasonCode":1}})");
}

}  // namespace
}  // namespace jindou::codec::json_rpc
