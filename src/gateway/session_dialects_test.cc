// What a session does is the same in both protocols: every test here runs over WebSocket, once with
// a WKProto client and once with a JSON-RPC client. What only one of them has is tested at the end
// (JSON-RPC) and in session_test.cc (WKProto).
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "codec/base64.h"
#include "codec/json_reader.h"
#include "codec/wkproto_crypto.h"
#include "gateway/session_fixture.h"
#include "gateway/websocket.h"

namespace jindou::gateway {
namespace {

// What a client makes of one message of the server.
struct Seen {
  enum class Kind { connack, sendack, recv, pong, suback, done, event, disconnect, error };
  Kind kind = Kind::done;
  std::uint64_t number = 0;  // of the request; recv: the message's id
  int code = 0;              // reason, or the error's code
  std::uint64_t seq = 0;
  std::string text;  // recv: payload; event: id; disconnect: reason; error: message

  bool operator==(const Seen&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  return out << static_cast<int>(seen.kind) << ':' << seen.number << ' ' << seen.code << ' '
             << seen.seq << ' ' << seen.text;
}

using Kind = Seen::Kind;

// A client's half of a protocol.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual WsOpcode opcode() const = 0;
  virtual std::string connect(std::string_view uid) = 0;
  virtual std::string send(std::uint32_t number, std::string_view channel, ChannelType type) = 0;
  virtual std::string recvack(std::uint64_t message_id) = 0;
  virtual std::string ping() = 0;
  virtual std::string sub(std::uint32_t number, std::string_view channel, ChannelType type,
                          codec::SubAction action) = 0;
  virtual std::string disconnect() = 0;
  virtual Seen read(std::string_view message) = 0;

  codec::SessionCipher cipher{codec::X25519Key{3}, "0123456789abcdef"};
};

class WkprotoPeer final : public Peer {
 public:
  WsOpcode opcode() const override { return WsOpcode::binary; }
  std::string connect(std::string_view uid) override {
    codec::Connect connect;
    connect.uid = uid;
    connect.device_id = "d";
    connect.client_key = "key";
    return encoded(connect);
  }
  std::string send(std::uint32_t number, std::string_view channel, ChannelType type) override {
    codec::Send send;
    send.flags = codec::kFlagRedDot;
    send.client_seq = number;
    send.channel_id = channel;
    send.channel_type = type;
    std::string payload;
    cipher.encrypt_payload("hello", payload);
    send.payload = payload;
    const auto key = cipher.msg_key_for_send(send);
    send.msg_key = codec::view_of(key);
    return encoded(send);
  }
  std::string recvack(std::uint64_t message_id) override {
    codec::RecvAck ack;
    ack.message_id = static_cast<MessageId>(message_id);
    return encoded(ack);
  }
  std::string ping() override { return encoded(codec::Ping()); }
  std::string sub(std::uint32_t number, std::string_view channel, ChannelType type,
                  codec::SubAction action) override {
    const std::string sub_no = std::to_string(number);
    codec::Sub sub;
    sub.sub_no = sub_no;
    sub.channel_id = channel;
    sub.channel_type = type;
    sub.action = action;
    return encoded(sub);
  }
  std::string disconnect() override { return encoded(codec::Disconnect()); }
  Seen read(std::string_view message) override {
    const auto outcome = codec::parse_frame(message);
    EXPECT_EQ(outcome.state, codec::ParseOutcome::State::frame);
    EXPECT_EQ(outcome.frame.consumed, message.size());
    Seen seen;
    const auto frame = codec::decode_frame(outcome.frame, 5);
    if (!frame) {
      ADD_FAILURE() << frame.error().detail();
      return seen;
    }
    if (const auto* connack = std::get_if<codec::ConnAck>(&*frame)) {
      seen = {Kind::connack, 0, raw(connack->reason), 0, ""};
    } else if (const auto* ack = std::get_if<codec::SendAck>(&*frame)) {
      EXPECT_EQ(ack->flags, codec::kFlagRedDot);
      seen = {Kind::sendack, ack->client_seq, raw(ack->reason), ack->message_seq, ""};
    } else if (const auto* recv = std::get_if<codec::Recv>(&*frame)) {
      seen = {Kind::recv, raw(recv->message_id), 0, recv->message_seq, ""};
      EXPECT_TRUE(cipher.open(*recv, seen.text));
    } else if (std::holds_alternative<codec::Pong>(*frame)) {
      seen.kind = Kind::pong;
    } else if (const auto* suback = std::get_if<codec::SubAck>(&*frame)) {
      seen = {Kind::suback, std::stoull(std::string(suback->sub_no)), raw(suback->reason), 0, ""};
    } else if (const auto* event = std::get_if<codec::Event>(&*frame)) {
      seen = {Kind::event, 0, 0, 0, std::string(event->id)};
    } else if (const auto* disconnect = std::get_if<codec::Disconnect>(&*frame)) {
      seen = {Kind::disconnect, 0, raw(disconnect->reason), 0, std::string(disconnect->text)};
    } else {
      ADD_FAILURE() << "a frame for servers";
    }
    return seen;
  }

 private:
  template <class Frame>
  static std::string encoded(const Frame& frame) {
    std::string bytes;
    codec::encode_frame(bytes, frame, 5).ignore("test");
    return bytes;
  }
};

class JsonPeer final : public Peer {
 public:
  WsOpcode opcode() const override { return WsOpcode::text; }
  std::string connect(std::string_view uid) override {
    return request("connect", 1'000'000,
                   R"("uid":")" + std::string(uid) + R"(","token":"","deviceId":"d")");
  }
  std::string send(std::uint32_t number, std::string_view channel, ChannelType type) override {
    return request("send", number,
                   R"("header":{"redDot":true},"payload":"aGVsbG8=","channelId":")" +
                       std::string(channel) + R"(","channelType":)" + std::to_string(raw(type)));
  }
  std::string recvack(std::uint64_t message_id) override {
    return R"({"method":"recvack","params":{"messageId":")" + std::to_string(message_id) + "\"}}";
  }
  std::string ping() override { return request("ping", 2'000'000, ""); }
  std::string sub(std::uint32_t number, std::string_view channel, ChannelType type,
                  codec::SubAction action) override {
    return request(action == codec::SubAction::subscribe ? "subscribe" : "unsubscribe", number,
                   R"("subNo":"s","channelId":")" + std::string(channel) + R"(","channelType":)" +
                       std::to_string(raw(type)));
  }
  std::string disconnect() override { return R"({"method":"disconnect","params":{}})"; }
  Seen read(std::string_view message) override {
    Seen seen;
    const auto document = codec::parse_json(message);
    if (!document) {
      ADD_FAILURE() << message;
      return seen;
    }
    // What is not there is 0, empty or false.
    const auto get = [&](const char* pointer, auto value) {
      auto found = value;
      return document->at_pointer(pointer).get(found) == simdjson::SUCCESS ? found : value;
    };
    const auto number = [&](const char* pointer) { return get(pointer, std::uint64_t{0}); };
    const auto text = [&](const char* pointer) {
      return std::string(get(pointer, std::string_view()));
    };
    const std::string method = text("/method");
    if (method == "recv") {
      seen = {Kind::recv, std::stoull(text("/params/messageId")), 0, number("/params/messageSeq"),
              ""};
      EXPECT_TRUE(codec::base64_decode(text("/params/payload"), seen.text));
    } else if (method == "event") {
      seen = {Kind::event, 0, 0, 0, text("/params/id")};
    } else if (method == "disconnect") {
      seen = {Kind::disconnect, 0, static_cast<int>(number("/params/reasonCode")), 0,
              text("/params/reason")};
    } else if (!text("/error/message").empty()) {
      const std::int64_t code = get("/error/code", std::int64_t{0});
      const bool connecting = number("/id") == 1'000'000;
      seen = {connecting ? Kind::connack : Kind::error, connecting ? 0 : number("/id"),
              static_cast<int>(code), 0, connecting ? "" : text("/error/message")};
    } else if (number("/result/nodeId") != 0) {
      seen = {Kind::connack, 0, static_cast<int>(number("/result/reasonCode")), 0, ""};
    } else if (!text("/result/messageId").empty()) {
      EXPECT_TRUE(get("/result/header/redDot", false));
      seen = {Kind::sendack, number("/id"), static_cast<int>(number("/result/reasonCode")),
              number("/result/messageSeq"), ""};
    } else if (!text("/result/subNo").empty()) {
      seen = {Kind::suback, number("/id"), static_cast<int>(number("/result/reasonCode")), 0, ""};
    } else if (number("/id") == 2'000'000) {
      seen.kind = Kind::pong;
    } else {
      seen = {Kind::done, number("/id"), 0, 0, ""};
    }
    return seen;
  }

 private:
  static std::string request(std::string_view method, std::uint32_t number,
                             const std::string& params) {
    return R"({"id":)" + std::to_string(number) + R"(,"method":")" + std::string(method) +
           R"(","params":{)" + params + "}}";
  }
};

// A session behind a WebSocket, and its client.
class DialectTest : public testing::Test {
 protected:
  void use(std::unique_ptr<Peer> peer) {
    peer_ = std::move(peer);
    host_.buffer.use_websocket();
    world_.options->limits.outbound_frames_max = 100;
  }
  ~DialectTest() override { session_.on_connection_lost(); }

  // A part of a message, or the end of one, as a connection hands it on.
  void feed_part(std::string_view bytes, bool message_end) {
    pending_ += bytes;
    if (message_end) whole_ = pending_.size();
    const std::size_t used = session_.on_bytes(pending_, whole_);
    pending_.erase(0, used);
    whole_ -= std::min(used, whole_);
    session_.end_of_input();
  }
  void feed(std::string_view message) { feed_part(message, true); }

  // Everything the session has sent since the last call, message by message.
  std::vector<Seen> seen() {
    std::vector<Seen> out;
    std::string_view rest = host_.buffer.pending();
    while (!rest.empty()) {
      EXPECT_EQ(static_cast<unsigned char>(rest[0]),
                0x80U | static_cast<unsigned>(peer_->opcode()));
      std::size_t size = static_cast<unsigned char>(rest[1]);
      std::size_t head = 2;
      if (size == 126) {
        size = read_be<std::uint16_t>(rest, 2);
        head = 4;
      }
      out.push_back(peer_->read(rest.substr(head, size)));
      rest.remove_prefix(head + size);
    }
    host_.buffer.clear();
    return out;
  }
  Login good_login() {
    Login login;
    login.handshake.server_key = "key";
    login.handshake.salt = "0123456789abcdef";
    login.handshake.cipher = peer_->cipher;
    return login;
  }
  void log_in() {
    feed(peer_->connect("u"));
    ASSERT_TRUE(host_.login);
    session_.finish_login(good_login(), !pending_.empty());
    ASSERT_EQ(seen(), (std::vector<Seen>{{Kind::connack, 0, 1, 0, ""}}));
  }
  static std::shared_ptr<Message> message(std::uint64_t id, std::uint32_t expire = 0) {
    auto made = std::make_shared<Message>();
    made->id = static_cast<MessageId>(id);
    made->seq = static_cast<MessageSeq>(id + 100);
    made->channel = ChannelKey("g", ChannelType::group);
    made->from_uid = "author";
    made->payload = "payload " + std::to_string(id);
    made->timestamp = 1'700'000'000;
    made->expire = expire;
    return made;
  }
  static Seen recv(std::uint64_t id) {
    return {Kind::recv, id, 0, id + 100, "payload " + std::to_string(id)};
  }
  static std::vector<SendResult> results(std::size_t count) {
    std::vector<SendResult> out(count);
    for (std::size_t i = 0; i < count; ++i) {
      out[i].state = SendResult::State::accepted;
      out[i].reason = Reason::success;
      out[i].message_id = static_cast<MessageId>(500 + i);
      out[i].message_seq = static_cast<MessageSeq>(i + 1);
    }
    return out;
  }
  void pass(std::chrono::milliseconds time) { world_.clock.passed += time; }

  SessionWorld world_;
  FakeHost host_;
  std::unique_ptr<Peer> peer_;
  Session session_{static_cast<SessionId>(1), world_.env, host_, "ws", Medium::messages};
  std::string pending_;
  std::size_t whole_ = 0;
};

using List = std::vector<Seen>;

class EachDialect : public DialectTest, public testing::WithParamInterface<const char*> {
 protected:
  EachDialect() {
    if (std::string_view(GetParam()) == "json") {
      use(std::make_unique<JsonPeer>());
    } else {
      use(std::make_unique<WkprotoPeer>());
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Dialects, EachDialect, testing::Values("wkproto", "json"),
                         [](const auto& of) { return std::string(of.param); });

TEST_P(EachDialect, LogsIn) {
  log_in();
  EXPECT_EQ(host_.login->uid, "u");
  EXPECT_EQ(host_.login->device_id, "d");
  EXPECT_EQ(host_.login->encrypted, std::string_view(GetParam()) == "wkproto");
  EXPECT_TRUE(session_.is_live());
  EXPECT_TRUE(world_.directory.is_online("u"));
  presence::ConnectionInfo info;
  session_.describe(info);
  EXPECT_EQ(info.protocol, GetParam());
  EXPECT_EQ(info.protocol_version, 5);
  EXPECT_EQ(info.transport, "ws");
}

TEST_P(EachDialect, BlanksBeforeTheFirstByteDoNotMatter) {
  feed_part(" \t\r\n", false);
  feed_part(" ", false);
  log_in();
}

TEST_P(EachDialect, AnImpossibleUidIsRefusedAtOnceAndTheConnectionEnds) {
  feed(peer_->connect("a#b"));
  EXPECT_FALSE(host_.login);
  EXPECT_EQ(seen(), (List{{Kind::connack, 0, 2, 0, ""}}));
  EXPECT_EQ(host_.ended, EndHow::after_flush);
  EXPECT_EQ(host_.end_cause, "refused");
}

TEST_P(EachDialect, ARefusedTokenIsToldAndTheConnectionEnds) {
  feed(peer_->connect("u"));
  Login refused;
  refused.reason = Reason::auth_fail;
  session_.finish_login(std::move(refused), false);
  EXPECT_EQ(seen(), (List{{Kind::connack, 0, 2, 0, ""}}));
  EXPECT_EQ(host_.end_cause, "refused");
  EXPECT_FALSE(world_.directory.is_online("u"));
}

// JSON-RPC clients take every answer as final.
TEST_P(EachDialect, ALoginThatCannotBeLookedUpIsAnsweredToAppsOnly) {
  feed(peer_->connect("u"));
  session_.finish_login(Error(Errc::storage), false);
  const bool json = std::string_view(GetParam()) == "json";
  EXPECT_EQ(seen(), json ? List{} : (List{{Kind::connack, 0, 15, 0, ""}}));
  EXPECT_EQ(host_.ended, EndHow::after_flush);
  EXPECT_EQ(host_.end_cause, "login_error");
}

TEST_P(EachDialect, ASessionBeyondTheUsersLimitIsRefused) {
  world_.options->sessions_per_user_max.set(1);
  presence::SessionInfo other;
  other.id = static_cast<SessionId>(9);
  other.uid = "u";
  other.device_id = "other";
  ASSERT_TRUE(world_.directory.register_session(other, std::chrono::milliseconds(0), {}));
  feed(peer_->connect("u"));
  session_.finish_login(good_login(), false);
  EXPECT_EQ(seen(), (List{{Kind::connack, 0, 22, 0, ""}}));
  EXPECT_EQ(host_.end_cause, "refused");
  EXPECT_EQ(world_.directory.session_count(), 1U);
}

TEST_P(EachDialect, AnythingButAConnectFirstEndsTheConnection) {
  feed(peer_->ping());
  const bool json = std::string_view(GetParam()) == "json";
  EXPECT_EQ(seen().size(), json ? 1U : 0U);
  EXPECT_EQ(host_.end_cause, "protocol");
}

TEST_P(EachDialect, ALongMessageBeforeTheLoginEndsTheConnection) {
  world_.options->limits.pre_auth_frame_bytes_max = 1000;
  const std::string connect = peer_->connect(std::string(2000, 'u'));
  feed_part(std::string_view(connect).substr(0, 1500), false);
  EXPECT_EQ(seen(), List{});
  EXPECT_EQ(host_.end_cause, "too_long");
}

TEST_P(EachDialect, SendsBeforeTheLoginIsAnsweredReachNobody) {
  feed(peer_->connect("u") + peer_->send(1, "g", ChannelType::group));
  feed(peer_->send(2, "g", ChannelType::group) + peer_->ping());
  session_.finish_login(good_login(), !pending_.empty());
  EXPECT_TRUE(host_.batches.empty());
  EXPECT_FALSE(host_.ended);
  // Clients that send again later get no answer, the others are told.
  List expected;
  if (std::string_view(GetParam()) == "json") {
    const std::string why = "connect has not been answered yet";
    expected = {{Kind::error, 1, -32600, 0, why}, {Kind::error, 2, -32600, 0, why}};
  }
  expected.push_back({Kind::pong, 0, 0, 0, ""});
  expected.push_back({Kind::connack, 0, 1, 0, ""});
  EXPECT_EQ(seen(), expected);
}

TEST_P(EachDialect, SendsAreAnsweredInTheirOrder) {
  log_in();
  feed(peer_->send(1, "g", ChannelType::group) + peer_->send(2, "", ChannelType::group) +
       peer_->send(3, "g", ChannelType::none) + peer_->send(4, "v", ChannelType::person));
  ASSERT_EQ(host_.batches.size(), 1U);
  const auto& batch = host_.batches[0];
  ASSERT_EQ(batch.commands.size(), 2U);
  EXPECT_EQ(batch.commands[0].payload, "hello");
  EXPECT_EQ(batch.commands[0].from_uid, "u");
  EXPECT_EQ(batch.commands[0].channel, ChannelKey("g", ChannelType::group));
  EXPECT_TRUE(batch.commands[0].flags.red_dot);
  EXPECT_EQ(batch.commands[0].origin_session, static_cast<SessionId>(1));
  ASSERT_NE(batch.commands[0].caller, nullptr);
  EXPECT_EQ(batch.commands[0].caller->kind, CallerIdentity::Kind::session);
  EXPECT_EQ(batch.commands[0].caller->name, "u");
  EXPECT_EQ(batch.commands[1].caller, batch.commands[0].caller) << "made once";
  EXPECT_EQ(batch.commands[1].channel.id, person_channel_id("u", "v"));
  EXPECT_EQ(seen(), List{});
  auto answers = results(2);
  answers[1] = SendResult::refuse(Reason::in_denylist, Errc::denied);
  session_.finish_sends(batch.first, batch.end, answers);
  EXPECT_EQ(seen(), (List{{Kind::sendack, 1, 1, 1, ""},
                          {Kind::sendack, 2, 16, 0, ""},
                          {Kind::sendack, 3, 23, 0, ""},
                          {Kind::sendack, 4, 4, 0, ""}}));
}

TEST_P(EachDialect, ManySendsInOneMessagePauseTheInputAndGoOn) {
  log_in();
  std::string message;
  for (std::uint32_t i = 1; i <= 10; ++i) message += peer_->send(i, "g", ChannelType::group);
  feed(message);
  std::uint32_t answered = 0;
  for (std::size_t round = 0; answered < 10; ++round) {
    ASSERT_EQ(host_.batches.size(), round + 1);
    const auto batch = host_.batches.back();
    EXPECT_LE(batch.commands.size(), 4U);
    session_.finish_sends(batch.first, batch.end, results(batch.commands.size()));
    for (const Seen& ack : seen()) EXPECT_EQ(ack.number, ++answered);
    feed_part("", false);
  }
  EXPECT_TRUE(pending_.empty());
  EXPECT_EQ(host_.resumes, 2);
}

TEST_P(EachDialect, AnOverloadedCoreRefusesAndAStoppingOneEndsTheSession) {
  log_in();
  host_.refuse_with = Errc::overloaded;
  feed(peer_->send(1, "g", ChannelType::group));
  EXPECT_EQ(seen(), (List{{Kind::sendack, 1, 22, 0, ""}}));
  host_.refuse_with = Errc::unavailable;
  feed(peer_->send(2, "g", ChannelType::group));
  EXPECT_EQ(seen(), List{});
  EXPECT_EQ(host_.end_cause, "unavailable");
}

TEST_P(EachDialect, AnUnknownOutcomeEndsTheSessionWithoutAnAnswer) {
  log_in();
  feed(peer_->send(1, "g", ChannelType::group));
  session_.finish_sends(host_.batches[0].first, host_.batches[0].end, {SendResult()});
  EXPECT_EQ(seen(), List{});
  EXPECT_EQ(host_.end_cause, "unknown_outcome");
}

TEST_P(EachDialect, MessagesAreSentUntilTheyAreAcknowledged) {
  log_in();
  for (std::uint64_t id = 1; id <= 3; ++id) world_.post(message(id));
  EXPECT_EQ(seen(), (List{recv(1), recv(2), recv(3)}));
  feed(peer_->recvack(2));
  for (int round = 0; round < 5; ++round) {
    session_.resend_due(world_.clock.steady());
    EXPECT_EQ(seen(), List{});
    pass(world_.options->retry.interval);
    session_.resend_due(world_.clock.steady());
    EXPECT_EQ(seen(), (List{recv(1), recv(3)}));
  }
  pass(world_.options->retry.interval);
  session_.resend_due(world_.clock.steady());
  EXPECT_EQ(seen(), List{});
  EXPECT_FALSE(session_.has_unacked());
}

TEST_P(EachDialect, NothingIsSentAgainWhileTheClientDoesNotTakeWhatIsQueued) {
  log_in();
  world_.post(message(1));
  pass(world_.options->retry.interval);
  session_.resend_due(world_.clock.steady());
  EXPECT_EQ(seen(), (List{recv(1)}));
  session_.resend_due(world_.clock.steady());
  EXPECT_EQ(seen(), (List{recv(1)}));
}

TEST_P(EachDialect, MessagesThatAreNotKeptAreSentOnce) {
  log_in();
  auto passing = message(1);
  passing->flags.no_persist = true;
  world_.post(std::move(passing));
  EXPECT_EQ(seen(), (List{recv(1)}));
  EXPECT_FALSE(session_.has_unacked());
}

TEST_P(EachDialect, OwnMessagesAreNotUnread) {
  log_in();
  auto own = message(1);
  own->from_uid = "u";
  own->flags.red_dot = true;
  world_.post(own);
  auto foreign = message(2);
  foreign->flags.red_dot = true;
  world_.post(foreign);
  const bool json = std::string_view(GetParam()) == "json";
  const std::string bytes(host_.buffer.pending());
  if (json) {
    EXPECT_LT(bytes.find(R"("header":{})"), bytes.find(R"("header":{"redDot":true})"));
  }
  EXPECT_EQ(seen(), (List{recv(1), recv(2)}));
}

TEST_P(EachDialect, EventsKeepTheirPlaceAndAreNeverSentAgain) {
  log_in();
  const auto event = [](std::string id) {
    auto made = std::make_shared<MessageEvent>();
    made->channel = ChannelKey("g", ChannelType::group);
    made->event_id = std::move(id);
    made->event_type = "stream.delta";
    return partition::CommitEffect{partition::CommittedEvent{std::move(made)}, {}};
  };
  world_.post(event("e1"));
  world_.post(message(1));
  world_.post(event("e2"));
  EXPECT_EQ(seen(), (List{{Kind::event, 0, 0, 0, "e1"}, recv(1), {Kind::event, 0, 0, 0, "e2"}}));
  feed(peer_->recvack(1));
  EXPECT_FALSE(session_.has_unacked());
}

TEST_P(EachDialect, AKickIsToldInTheClientsWay) {
  log_in();
  session_.send_disconnect(Reason::connect_kick, "login in other device");
  EXPECT_EQ(seen(), (List{{Kind::disconnect, 0, 12, 0, "login in other device"}}));
  EXPECT_FALSE(host_.ended);
  // The connection works until its grace is over.
  feed(peer_->ping());
  EXPECT_EQ(seen(), (List{{Kind::pong, 0, 0, 0, ""}}));
}

TEST_P(EachDialect, WhatCameBeforeADisconnectCounts) {
  log_in();
  feed(peer_->send(1, "g", ChannelType::group) + peer_->disconnect() +
       peer_->send(2, "g", ChannelType::group));
  ASSERT_EQ(host_.batches.size(), 1U);
  EXPECT_EQ(host_.batches[0].commands.size(), 1U);
  EXPECT_EQ(host_.end_cause, "client");
  EXPECT_FALSE(world_.directory.is_online("u"));
}

TEST_P(EachDialect, ASecondConnectChangesNothing) {
  log_in();
  feed(peer_->connect("v") + peer_->ping());
  EXPECT_EQ(session_.uid(), "u");
  EXPECT_FALSE(host_.ended);
  EXPECT_EQ(seen().back().kind, Kind::pong);
}

TEST_P(EachDialect, SubscriptionsAreAnsweredByTheTypeOfTheChannel) {
  log_in();
  const auto reason = [&](ChannelType type, codec::SubAction action) {
    feed(peer_->sub(1, "c", type, action));
    const List answers = seen();
    EXPECT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].kind, Kind::suback);
    EXPECT_EQ(answers[0].number, 1U);
    return answers[0].code;
  };
  for (const auto action : {codec::SubAction::subscribe, codec::SubAction::unsubscribe}) {
    for (const auto type : {ChannelType::info, ChannelType::data, ChannelType::live}) {
      EXPECT_EQ(reason(type, action), 1);
    }
    EXPECT_EQ(reason(ChannelType::group, action), 23);
    EXPECT_EQ(reason(ChannelType::none, action), 23);
  }
  EXPECT_FALSE(host_.ended);
}

TEST_P(EachDialect, ASubscriptionBringsTheMessagesOfTheChannelWhileItLasts) {
  log_in();
  const auto post = [&](std::uint64_t id, std::string channel) {
    auto made = message(id);
    made->channel = ChannelKey(std::move(channel), ChannelType::data);
    auto batch = std::make_shared<partition::CommittedBatch>();
    batch->effects.push_back({partition::CommittedMessage{std::move(made)}, {}});
    world_.fan_out.post(batch, 100);
    world_.context.restart();
    world_.context.poll();
  };
  const auto sub = [&](std::string_view channel, codec::SubAction action) {
    feed(peer_->sub(1, channel, ChannelType::data, action));
    const List answers = seen();
    return answers.size() == 1 ? answers[0].code : -1;
  };
  post(1, "d");
  EXPECT_EQ(seen(), List{});
  EXPECT_EQ(sub("d", codec::SubAction::subscribe), 1);
  EXPECT_EQ(sub("d", codec::SubAction::subscribe), 1);
  post(2, "d");
  post(3, "other");
  EXPECT_EQ(seen(), (List{recv(2)}));
  EXPECT_TRUE(session_.has_unacked());
  EXPECT_EQ(sub("d", codec::SubAction::unsubscribe), 1);
  EXPECT_EQ(sub("d", codec::SubAction::unsubscribe), 1);
  post(4, "d");
  EXPECT_EQ(seen(), List{});
}

TEST_P(EachDialect, SubscriptionsAreBoundedAndEndWithTheSession) {
  world_.options->limits.subscriptions_max = 2;
  log_in();
  for (const char* channel : {"a", "b", "c", ""}) {
    feed(peer_->sub(1, channel, ChannelType::live, codec::SubAction::subscribe));
  }
  const List answers = seen();
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_EQ(answers[1].code, 1);
  EXPECT_EQ(answers[2].code, 22);
  EXPECT_EQ(answers[3].code, 16);
  session_.on_connection_lost();
  EXPECT_EQ(world_.fan_out.session_count(), 0U);
  // Nobody is left to be handed anything.
  auto made = message(1);
  made->channel = ChannelKey("a", ChannelType::live);
  world_.post(std::move(made));
}

TEST_P(EachDialect, FramesBeyondTheRateAreRefusedAndAFloodEndsTheSession) {
  world_.options->frames_per_second.set(2);
  world_.options->limits.inbound_items_in_flight = 1000;
  world_.options->limits.outbound_frames_max = 1000;
  log_in();
  // The burst is two seconds' worth.
  std::string sends;
  for (std::uint32_t i = 1; i <= 6; ++i) sends += peer_->send(i, "g", ChannelType::group);
  feed(sends);
  ASSERT_EQ(host_.batches.size(), 1U);
  EXPECT_EQ(host_.batches[0].commands.size(), 4U);
  session_.finish_sends(host_.batches[0].first, host_.batches[0].end, results(4));
  const List answers = seen();
  ASSERT_EQ(answers.size(), 6U);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(answers[i].code, i < 4 ? 1 : 22) << i;
  // Half a second is one frame, however many were refused.
  pass(std::chrono::milliseconds(500));
  feed(peer_->send(7, "g", ChannelType::group) + peer_->send(8, "g", ChannelType::group));
  ASSERT_EQ(host_.batches.size(), 2U);
  EXPECT_EQ(host_.batches[1].commands.size(), 1U);
  // PINGs are answered over the limit, but count.
  feed(peer_->ping());
  EXPECT_EQ(seen().back().kind, Kind::pong);
  EXPECT_FALSE(host_.ended);
  for (int i = 0; i < 40; ++i) feed(peer_->ping());
  EXPECT_EQ(host_.ended, EndHow::after_flush);
  EXPECT_EQ(host_.end_cause, "flood");
}

TEST_P(EachDialect, ReceiptsOfWhatWasSentAreFree) {
  world_.options->frames_per_second.set(1);
  world_.options->limits.outbound_frames_max = 1000;
  log_in();
  for (std::uint64_t id = 1; id <= 100; ++id) {
    world_.post(message(id));
    feed(peer_->recvack(id));
  }
  EXPECT_FALSE(host_.ended);
  EXPECT_FALSE(session_.has_unacked());
  // Also of what is not kept for a second try.
  for (std::uint64_t id = 101; id <= 200; ++id) {
    auto brief = message(id);
    brief->flags.no_persist = true;
    world_.post(brief);
    feed(peer_->recvack(id));
  }
  EXPECT_FALSE(host_.ended);
  // Invented ones are not.
  for (std::uint64_t id = 1; id <= 100; ++id) feed(peer_->recvack(id));
  EXPECT_EQ(host_.end_cause, "flood");
}

TEST_P(EachDialect, ASlowClientIsCut) {
  log_in();
  for (std::uint64_t id = 1; id <= 101; ++id) world_.post(message(id));
  EXPECT_EQ(host_.end_cause, "slow");
}

// ---- JSON-RPC alone -------------------------------------------------------------------------

class JsonSession : public DialectTest {
 protected:
  JsonSession() { use(std::make_unique<JsonPeer>()); }
};

TEST_F(JsonSession, AMessageMayComeInAnyPieces) {
  log_in();
  const std::string message = peer_->ping() + " " + peer_->send(1, "g", ChannelType::group);
  for (std::size_t i = 0; i + 1 < message.size(); ++i) {
    feed_part(message.substr(i, 1), false);
    EXPECT_EQ(pending_.size(), i + 1);
  }
  EXPECT_EQ(seen(), List{});
  feed_part(message.substr(message.size() - 1), true);
  EXPECT_EQ(seen(), (List{{Kind::pong, 0, 0, 0, ""}}));
  EXPECT_EQ(host_.batches.size(), 1U);
}

TEST_F(JsonSession, AnObjectCutByTheEndOfItsMessageIsToldAndEndsTheSession) {
  log_in();
  const std::string ping = peer_->ping();
  feed(peer_->send(1, "g", ChannelType::group) + ping.substr(0, 20));
  EXPECT_EQ(seen(), (List{{Kind::error, 0, -32700, 0, "the message ends within an object"}}));
  EXPECT_EQ(host_.ended, EndHow::after_flush);
  EXPECT_EQ(host_.end_cause, "protocol");
  // What came before it counts.
  EXPECT_EQ(host_.batches.size(), 1U);
}

TEST_F(JsonSession, BrokenRequestsAreToldAndTheSessionGoesOn) {
  log_in();
  feed(R"({"id":1,"method":"nope"}{"id":2,"method":"send","params":{}}{"id":3}{"method":"x"})" +
       peer_->ping());
  const List answers = seen();
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_EQ(answers[0].code, -32601);
  EXPECT_EQ(answers[1].code, -32602);
  EXPECT_EQ(answers[2].code, -32600);
  EXPECT_EQ(answers[3].kind, Kind::pong);
  EXPECT_FALSE(host_.ended);
}

TEST_F(JsonSession, BeforeConnectWhateverIsWrongIsToldAndEndsTheConnection) {
  const std::pair<const char*, const char*> cases[] = {
      {"{", "the message ends within an object"},
      {"{}", "method is missing or not a string"},
      {R"({"id":1,"method":"nope"})", "there is no such method"},
      {R"({"id":1,"method":"ping"})", "the first request must be connect"},
      {R"({"method":"connect","params":{"uid":"u"}})", "connect needs an id"},
      {R"({"id":1,"method":"connect"})", "params is missing"},
      {R"({"id":1,"method":"connect","params":{"uid":5}})", "uid is not a string"},
      {R"({"id":1,"method":"connect","params":{"uid":"u","clientTimestamp":1700000000.25}})",
       "clientTimestamp is not an integer in its range"},
      {R"({"id":1,"method":"connect","params":{"uid":"u","deviceFlag":"1"}})",
       "deviceFlag is not an integer in its range"}};
  for (const auto& [text, problem] : cases) {
    FakeHost host;
    Session session(static_cast<SessionId>(2), world_.env, host, "ws", Medium::messages);
    const std::string_view bytes(text);
    EXPECT_EQ(session.on_bytes(bytes, bytes.size()), bytes.size());
    EXPECT_EQ(host.end_cause, "protocol") << text;
    EXPECT_EQ(host.end_detail, problem) << text;
    EXPECT_NE(host.buffer.pending().find(problem), std::string_view::npos) << text;
    EXPECT_FALSE(host.login) << text;
  }
}

TEST_F(JsonSession, MayBeSwitchedOff) {
  world_.options->disable_json_rpc = true;
  feed(peer_->connect("u"));
  EXPECT_EQ(host_.end_cause, "json_rpc_disabled");
  EXPECT_TRUE(host_.buffer.empty());
}

TEST_F(JsonSession, TheProtocolIsChosenOnce) {
  log_in();
  // A PING of WKProto is no JSON.
  feed("\x70");
  EXPECT_EQ(host_.end_cause, "protocol");
}

TEST_F(JsonSession, NotificationsGetNoAnswer) {
  log_in();
  feed(
      R"({"method":"ping"}{"method":"send","params":{"channelId":"g","channelType":2,"payload":""}})");
  ASSERT_EQ(host_.batches.size(), 1U);
  session_.finish_sends(host_.batches[0].first, host_.batches[0].end, results(1));
  EXPECT_EQ(seen(), List{});
  EXPECT_TRUE(session_.is_idle());
  // Nor a broken one.
  feed(R"({"method":"send","params":{}}{"method":"recvack","params":{"messageId":"x"}})");
  EXPECT_EQ(seen(), List{});
  EXPECT_FALSE(host_.ended);
}

TEST_F(JsonSession, ReceiptsAndDisconnectsMayBeRequests) {
  log_in();
  world_.post(message(1));
  seen();
  feed(R"({"id":5,"method":"recvack","params":{"messageId":1}})");
  EXPECT_EQ(seen(), (List{{Kind::done, 5, 0, 0, ""}}));
  EXPECT_FALSE(session_.has_unacked());
  feed(R"({"id":6,"method":"disconnect","params":{"reasonCode":0}})");
  EXPECT_EQ(seen(), (List{{Kind::done, 6, 0, 0, ""}}));
  EXPECT_EQ(host_.end_cause, "client");
}

TEST_F(JsonSession, BrokenRequestsCountAgainstTheRate) {
  world_.options->frames_per_second.set(1);
  log_in();
  for (int i = 0; i < 21; ++i) feed(R"({"id":1,"method":"nope"})");
  EXPECT_EQ(seen().size(), 20U);
  EXPECT_EQ(host_.end_cause, "flood");
}

TEST_F(JsonSession, MessagesLongerThanAFrameEndTheSession) {
  log_in();
  world_.options->limits.frame_bytes_max = 1000;
  feed_part("{\"method\":\"ping\",\"x\":\"" + std::string(1000, 'x'), false);
  EXPECT_EQ(host_.end_cause, "too_long");
}

}  // namespace
}  // namespace jindou::gateway
