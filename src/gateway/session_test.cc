// The session's state machine without sockets: bytes in, bytes and orders out.
#include "gateway/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "codec/base64.h"
#include "codec/wkproto_crypto.h"
#include "gateway/session_fixture.h"

namespace jindou::gateway {
namespace {

class SessionTest : public testing::Test {
 protected:
  ~SessionTest() override { session_.on_connection_lost(); }

  // Like a connection: keeps what was not taken.
  void feed(std::string_view bytes) {
    pending_ += bytes;
    pending_.erase(0, session_.on_bytes(pending_, 0));
    session_.end_of_input();
  }
  std::string connect_bytes(std::uint8_t version = 5) {
    std::string key;
    codec::base64_append(key, std::string(32, 'k'));
    codec::Connect connect;
    connect.version = version;
    connect.uid = "u";
    connect.device_id = "d";
    connect.client_key = key;
    connect.client_timestamp = std::numeric_limits<std::int64_t>::min();
    std::string bytes;
    codec::encode(bytes, connect).ignore("test");
    return bytes;
  }
  std::string send_bytes(std::uint32_t seq, std::string_view channel = "g",
                         std::string_view plain = "x") {
    codec::Send send;
    send.client_seq = seq;
    send.channel_id = channel;
    send.channel_type = ChannelType::group;
    std::string payload;
    cipher_.encrypt_payload(plain, payload);
    send.payload = payload;
    const auto key = cipher_.msg_key_for_send(send);
    send.msg_key = codec::view_of(key);
    std::string bytes;
    codec::encode(bytes, send, 5).ignore("test");
    return bytes;
  }
  Login good_login() {
    Login login;
    login.handshake.server_key = "key";
    login.handshake.salt = "0123456789abcdef";
    login.handshake.cipher = cipher_;
    return login;
  }
  void log_in(CommandAcks command_acks = CommandAcks::ignored, std::uint8_t version = 5) {
    feed(connect_bytes(version));
    ASSERT_TRUE(host_.login);
    Login login = good_login();
    login.command_acks = command_acks;
    session_.finish_login(std::move(login), !pending_.empty());
    ASSERT_EQ(host_.next_frame(), codec::FrameType::connack);
  }
  // Has the session sent a message that expires `expire` seconds from now; 0: never.
  void deliver(std::uint64_t id, std::size_t payload_bytes = 1, std::uint32_t expire = 0) {
    auto message = std::make_shared<Message>();
    message->id = static_cast<MessageId>(id);
    message->channel = ChannelKey("g", ChannelType::group);
    message->payload = std::string(payload_bytes, 'p');
    message->timestamp = clock_.wall_seconds();
    message->expire = expire;
    world_.post(std::move(message));
    ASSERT_EQ(next_recv(), id);
  }
  void deliver_command(std::uint64_t id, ChannelKey channel, std::uint64_t seq,
                       std::vector<std::string> subscribers = {}) {
    auto message = std::make_shared<Message>();
    message->id = static_cast<MessageId>(id);
    message->seq = static_cast<MessageSeq>(seq);
    message->channel = std::move(channel);
    message->subscribers = std::move(subscribers);
    message->flags.sync_once = true;
    world_.post(std::move(message));
    ASSERT_EQ(next_recv(), id);
  }
  void deliver_event(std::string id) {
    auto event = std::make_shared<MessageEvent>();
    event->channel = ChannelKey("g", ChannelType::group);
    event->event_id = std::move(id);
    event->event_type = "stream.delta";
    world_.post(partition::CommitEffect{partition::CommittedEvent{std::move(event)}, {}});
  }
  static std::string recvack_bytes(std::uint64_t id) {
    codec::RecvAck ack;
    ack.message_id = static_cast<MessageId>(id);
    std::string bytes;
    codec::encode(bytes, ack);
    return bytes;
  }
  // The id of the RECV the session sent next; 0 if there is none.
  std::uint64_t next_recv() {
    const auto outcome = codec::parse_frame(host_.buffer.pending());
    if (outcome.state != codec::ParseOutcome::State::frame) return 0;
    const auto recv = codec::decode_recv(outcome.frame, 5);
    const std::uint64_t id = recv ? raw(recv->message_id) : 0;
    host_.buffer.consume(outcome.frame.consumed);
    return id;
  }
  static std::string disconnect_bytes() {
    std::string bytes;
    codec::encode(bytes, codec::Disconnect()).ignore("test");
    return bytes;
  }
  static std::vector<SendResult> results(std::size_t count) {
    SendResult result;
    result.state = SendResult::State::accepted;
    result.reason = Reason::success;
    return std::vector<SendResult>(count, result);
  }

  SessionWorld world_;
  std::shared_ptr<GatewayOptions>& options_ = world_.options;
  HandClock& clock_ = world_.clock;
  presence::SessionDirectory& directory_ = world_.directory;
  delivery::ShardFanOut& fan_out_ = world_.fan_out;
  std::shared_ptr<ShardTraffic>& traffic_ = world_.traffic;
  FakeHost host_;
  codec::SessionCipher cipher_{codec::X25519Key{3}, "0123456789abcdef"};
  Session session_{static_cast<SessionId>(1), world_.env, host_, "tcp", Medium::stream};
  std::string pending_;
};

TEST_F(SessionTest, AFrameCutByTheConnackIsDropped) {
  // Its first half left the client before the client could know its new keys.
  const std::string old = send_bytes(1);
  feed(connect_bytes() + old.substr(0, old.size() / 2));
  session_.finish_login(good_login(), !pending_.empty());
  EXPECT_EQ(host_.next_frame(), codec::FrameType::connack);
  feed(old.substr(old.size() / 2) + send_bytes(2));
  ASSERT_EQ(host_.batches.size(), 1U);
  EXPECT_EQ(host_.batches[0].commands.size(), 1U);
}

TEST_F(SessionTest, PingIsAnsweredWhileLoggingIn) {
  feed(connect_bytes() + "\x70");
  EXPECT_EQ(host_.next_frame(), codec::FrameType::pong);
}

TEST_F(SessionTest, JsonOverAStreamHasTheBordersOfObjects) {
  const std::string connect = R"({"id":"c","method":"connect","params":{"uid":"u}{\"["}})";
  // Byte by byte: nothing is taken before the object is whole.
  for (const char c : connect.substr(0, connect.size() - 1)) feed({&c, 1});
  EXPECT_FALSE(host_.login);
  feed("}\n");
  ASSERT_TRUE(host_.login);
  EXPECT_EQ(host_.login->uid, "u}{\"[");
  EXPECT_FALSE(host_.login->encrypted);
  session_.finish_login(Login(), false);
  feed(R"({"id":1,"method":"ping"} {"id":2,"method":"ping"})"
       "\n"
       R"({"id":3,)");
  std::string text(host_.buffer.pending());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_NE(text.find(R"("id":"c","result")"), std::string::npos);
  EXPECT_NE(text.find("{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\n"), std::string::npos);
  EXPECT_EQ(pending_, "{\"id\":3,");
  // What is no object cannot be skipped.
  feed(R"("method":"ping"} x)");
  EXPECT_EQ(host_.end_cause, "protocol");
}

TEST_F(SessionTest, BlanksOverAStreamBelongToNoObject) {
  options_->limits.pre_auth_frame_bytes_max = 1000;
  const std::string connect = R"({"id":"c","method":"connect","params":{"uid":"u"}})";
  feed(connect.substr(0, 1));
  feed(connect.substr(1));
  ASSERT_TRUE(host_.login);
  for (int i = 0; i < 3; ++i) feed(std::string(900, '\n'));
  EXPECT_EQ(pending_, "");
  EXPECT_FALSE(host_.ended);
}

TEST_F(SessionTest, AnObjectOverAStreamMayBeNoLongerThanAFrame) {
  options_->limits.pre_auth_frame_bytes_max = 1000;
  feed("{\"x\":\"" + std::string(1000, 'x'));
  EXPECT_EQ(host_.end_cause, "too_long");
}

TEST_F(SessionTest, LargeFramesAreRefusedBeforeConnectAndTakenAfter) {
  options_->limits.pre_auth_frame_bytes_max = 1000;
  feed(std::string("\x10\xe9\x07", 3));
  EXPECT_EQ(host_.end_cause, "too_long");
}

TEST_F(SessionTest, PausesAtTheLimitAndResumesAtHalf) {
  log_in();
  std::string bytes;
  for (std::uint32_t seq = 1; seq <= 10; ++seq) bytes += send_bytes(seq);
  feed(bytes);
  ASSERT_EQ(host_.batches.size(), 1U);
  EXPECT_EQ(host_.batches[0].commands.size(), 4U);
  EXPECT_FALSE(session_.wants_input());
  session_.finish_sends(host_.batches[0].first, host_.batches[0].end, results(4));
  EXPECT_TRUE(session_.wants_input());
  EXPECT_EQ(host_.resumes, 1);
  feed("");
  ASSERT_EQ(host_.batches.size(), 2U);
  EXPECT_EQ(host_.batches[1].commands.size(), 4U);
}

TEST_F(SessionTest, Version6HasWideSequencesAndNamesTheMessageInItsAck) {
  log_in(CommandAcks::ignored, 6);
  codec::Send send;
  send.client_msg_no = "c1";
  send.channel_id = "g";
  send.channel_type = ChannelType::group;
  std::string payload;
  cipher_.encrypt_payload("x", payload);
  send.payload = payload;
  const auto key = cipher_.msg_key_for_send(send);
  send.msg_key = codec::view_of(key);
  std::string bytes;
  codec::encode(bytes, send, 6).ignore("test");
  feed(bytes);
  ASSERT_EQ(host_.batches.size(), 1U);
  SendResult result;
  result.state = SendResult::State::accepted;
  result.message_id = MessageId{7};
  result.message_seq = MessageSeq{(std::uint64_t{1} << 32) + 9};
  session_.finish_sends(host_.batches[0].first, host_.batches[0].end, {result});
  const auto ack = codec::decode_sendack(codec::parse_frame(host_.buffer.pending()).frame, 6);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->message_seq, (std::uint64_t{1} << 32) + 9);
  EXPECT_EQ(ack->client_msg_no, "c1");
  host_.next_frame();
  auto message = std::make_shared<Message>();
  message->id = MessageId{8};
  message->seq = MessageSeq{(std::uint64_t{1} << 32) + 10};
  message->channel = ChannelKey("g", ChannelType::group);
  message->payload = "y";
  world_.post(std::move(message));
  const auto recv = codec::decode_recv(codec::parse_frame(host_.buffer.pending()).frame, 6);
  ASSERT_TRUE(recv);
  EXPECT_EQ(recv->message_seq, (std::uint64_t{1} << 32) + 10);
  std::string receipt;
  codec::encode(receipt, codec::RecvAck{0, recv->message_id, recv->message_seq}, 6);
  feed(receipt);
  EXPECT_FALSE(session_.has_unacked());
  EXPECT_FALSE(host_.ended);
}

TEST_F(SessionTest, AClientWithoutAKeyIsRefusedUnlessPlainOnesAreServed) {
  codec::Connect connect;
  connect.uid = "u";
  std::string bytes;
  codec::encode(bytes, connect).ignore("test");
  FakeHost refused;
  Session strict(static_cast<SessionId>(2), world_.env, refused, "tcp", Medium::stream);
  strict.on_bytes(bytes, 0);
  EXPECT_FALSE(refused.login);
  EXPECT_EQ(refused.end_detail, reason_text(Reason::client_key_is_empty));

  options_->plain_clients = true;
  feed(bytes);
  ASSERT_TRUE(host_.login);
  EXPECT_FALSE(host_.login->encrypted);
  session_.finish_login(Login(), false);
  const auto ack = codec::decode_connack(codec::parse_frame(host_.buffer.pending()).frame, 5);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->reason, Reason::success);
  EXPECT_EQ(ack->server_key, "");
  host_.next_frame();
  codec::Send send;
  send.channel_id = "g";
  send.channel_type = ChannelType::group;
  send.payload = "as it is";
  bytes.clear();
  codec::encode(bytes, send, 5).ignore("test");
  feed(bytes);
  ASSERT_EQ(host_.batches.size(), 1U);
  EXPECT_EQ(host_.batches[0].commands.at(0).payload, "as it is");
  auto message = std::make_shared<Message>();
  message->id = MessageId{8};
  message->channel = ChannelKey("g", ChannelType::group);
  message->payload = "so is this";
  world_.post(std::move(message));
  const auto recv = codec::decode_recv(codec::parse_frame(host_.buffer.pending()).frame, 5);
  ASSERT_TRUE(recv);
  EXPECT_EQ(recv->payload, "so is this");
  EXPECT_EQ(recv->msg_key, "");
}

TEST_F(SessionTest, ServerFramesAndASecondConnectAreIgnored) {
  log_in();
  std::string bytes = connect_bytes();
  codec::encode(bytes, codec::SendAck(), 5).ignore("test");
  codec::encode(bytes, codec::Pong());
  codec::encode(bytes, codec::Disconnect()).ignore("test");
  bytes = bytes.substr(0, bytes.size() - 5);  // without the DISCONNECT
  feed(bytes + "\x70");
  EXPECT_FALSE(host_.ended);
  EXPECT_EQ(host_.next_frame(), codec::FrameType::pong);
}

TEST_F(SessionTest, DisconnectFromTheClientEndsTheSession) {
  log_in();
  EXPECT_TRUE(directory_.is_online("u"));
  feed(disconnect_bytes());
  EXPECT_EQ(host_.ended, EndHow::after_flush);
  EXPECT_FALSE(directory_.is_online("u"));
  EXPECT_EQ(fan_out_.session_count(), 0U);
  // What comes later is nobody's.
  EXPECT_EQ(session_.on_bytes("\x70", 0), 1U);
  session_.finish_sends(1, 2, results(1));
  EXPECT_EQ(host_.next_frame(), std::nullopt);
}

TEST_F(SessionTest, SendsBeforeADisconnectInTheSameReadAreSubmitted) {
  log_in();
  feed(send_bytes(1) + send_bytes(2) + disconnect_bytes() + send_bytes(3));
  ASSERT_EQ(host_.batches.size(), 1U);
  EXPECT_EQ(host_.batches[0].commands.size(), 2U);
  EXPECT_EQ(host_.ended, EndHow::after_flush);
  EXPECT_EQ(host_.end_cause, "client");
}

TEST_F(SessionTest, SendsBeforeABrokenFrameInTheSameReadAreSubmitted) {
  log_in();
  feed(send_bytes(1) + "\xe0\x01x");
  ASSERT_EQ(host_.batches.size(), 1U);
  EXPECT_EQ(host_.batches[0].commands.size(), 1U);
  EXPECT_EQ(host_.end_cause, "protocol");
}

TEST_F(SessionTest, SendsBeforeADisconnectAreAnsweredWhenTheCoreIsOverloaded) {
  log_in();
  host_.refuse_with = Errc::overloaded;
  feed(send_bytes(1) + disconnect_bytes());
  EXPECT_EQ(host_.next_frame(), codec::FrameType::sendack);
  EXPECT_EQ(host_.ends, 1);
  EXPECT_EQ(host_.end_cause, "client");
}

TEST_F(SessionTest, ACoreThatStopsDuringADisconnectEndsTheSessionOnce) {
  log_in();
  host_.refuse_with = Errc::unavailable;
  feed(send_bytes(1) + disconnect_bytes());
  EXPECT_EQ(host_.next_frame(), std::nullopt);
  EXPECT_EQ(host_.ends, 1);
  EXPECT_EQ(host_.end_cause, "unavailable");
}

TEST_F(SessionTest, ALongFrameBeforeTheConnackIsDroppedWithoutBeingKept) {
  options_->limits.pre_auth_frame_bytes_max = 1000;
  const std::string old = send_bytes(1, "g", std::string(20'000, 'x'));
  feed(connect_bytes() + old.substr(0, 300));
  for (std::size_t at = 300; at < old.size(); at += 700) {
    EXPECT_LT(pending_.size(), 6U);
    feed(old.substr(at, 700));
  }
  EXPECT_FALSE(host_.ended);
  feed("\x70");
  EXPECT_EQ(host_.next_frame(), codec::FrameType::pong);
}

TEST_F(SessionTest, ALongFrameCutByTheConnackIsDroppedToItsEndAndNoFurther) {
  options_->limits.pre_auth_frame_bytes_max = 1000;
  const std::string old = send_bytes(1, "g", std::string(20'000, 'x'));
  // Cut in the length, after the length, and in the body.
  for (const std::size_t cut : {1U, 2U, 4U, 5U, 15'000U}) {
    FakeHost host;
    Session session(static_cast<SessionId>(2), world_.env, host, "tcp", Medium::stream);
    std::string pending = connect_bytes() + old.substr(0, cut);
    pending.erase(0, session.on_bytes(pending, 0));
    EXPECT_LT(pending.size(), 6U);
    session.finish_login(good_login(), !pending.empty());
    pending += old.substr(cut) + send_bytes(2);
    pending.erase(0, session.on_bytes(pending, 0));
    session.end_of_input();
    ASSERT_EQ(host.batches.size(), 1U) << cut;
    EXPECT_EQ(host.batches[0].commands.size(), 1U) << cut;
    EXPECT_TRUE(pending.empty());
    session.on_connection_lost();
  }
}

TEST_F(SessionTest, AFrameBeforeTheConnackThatIsLongerThanAnyIsAnError) {
  options_->limits.frame_bytes_max = 2000;
  feed(connect_bytes() + std::string("\x30\xd1\x0f", 3));
  EXPECT_EQ(host_.end_cause, "too_long");
}

TEST_F(SessionTest, ExpiredMessagesAreNotSentAgain) {
  log_in();
  deliver(1, 1, 30);
  deliver(2, 1, 3600);
  deliver(3);
  clock_.passed += options_->retry.interval.get() + std::chrono::seconds(30);
  session_.resend_due(clock_.steady());
  EXPECT_EQ(next_recv(), 2U);
  EXPECT_EQ(next_recv(), 3U);
  EXPECT_EQ(next_recv(), 0U);
}

TEST_F(SessionTest, PushesAndReceiptsAreNoted) {
  PushRecord record(10'000, clock_);
  world_.env.pushes = &record;
  const auto noted = [&record](std::uint64_t id) {
    PushSearch search(record, static_cast<MessageId>(id), 0);
    search.advance(1'000);
    return search.take();
  };
  log_in();
  const std::int64_t began = clock_.wall_ms();
  deliver(1);
  deliver(2);
  clock_.passed += options_->retry.interval.get();
  session_.resend_due(clock_.steady());
  feed(recvack_bytes(1) + recvack_bytes(1) + recvack_bytes(7));
  ASSERT_EQ(noted(1).size(), 1U);
  const presence::PushedDevice device = noted(1).front();
  EXPECT_EQ(device.session, session_.session_id());
  EXPECT_EQ(device.pushed_at_ms, began);
  EXPECT_EQ(device.repeats, 1U);
  EXPECT_EQ(device.acknowledged_at_ms, clock_.wall_ms());
  EXPECT_EQ(noted(2).front().acknowledged_at_ms, 0);
  // As many receipts as there were messages, repeats included: the fifth is of nothing.
  feed(recvack_bytes(8) + recvack_bytes(9));
  EXPECT_EQ(noted(8).size(), 1U);
  EXPECT_TRUE(noted(9).empty());
  EXPECT_EQ(record.find_ended(session_.session_id()), nullptr);
  session_.on_connection_lost();
  ASSERT_NE(record.find_ended(session_.session_id()), nullptr);
  EXPECT_EQ(record.find_ended(session_.session_id())->uid, "u");
  EXPECT_EQ(record.find_ended(session_.session_id())->device_id, "d");
  world_.env.pushes = nullptr;
}

TEST_F(SessionTest, PayloadsKeptToBeSentAgainAreBounded) {
  options_->unacked_bytes_max = 1000;
  log_in();
  for (std::uint64_t id = 1; id <= 5; ++id) deliver(id, 400);
  clock_.passed += options_->retry.interval.get();
  session_.resend_due(clock_.steady());
  EXPECT_EQ(next_recv(), 4U);
  EXPECT_EQ(next_recv(), 5U);
  EXPECT_EQ(next_recv(), 0U);
}

TEST_F(SessionTest, EventsAreSentAsTheyAreAndNeverAgain) {
  log_in();
  deliver_event("e1");
  const auto outcome = codec::parse_frame(host_.buffer.pending());
  ASSERT_EQ(outcome.state, codec::ParseOutcome::State::frame);
  ASSERT_EQ(outcome.frame.type, codec::FrameType::event);
  EXPECT_EQ(codec::decode_event(outcome.frame)->id, "e1");
  host_.buffer.consume(outcome.frame.consumed);
  EXPECT_FALSE(session_.has_unacked());
  clock_.passed += options_->retry.interval.get();
  session_.resend_due(clock_.steady());
  EXPECT_EQ(host_.next_frame(), std::nullopt);
}

TEST_F(SessionTest, EventsAreNotSentToOldClients) {
  log_in(CommandAcks::ignored, 4);
  deliver_event("e1");
  EXPECT_EQ(host_.next_frame(), std::nullopt);
}

TEST_F(SessionTest, EventsOfASlowClientEndTheSession) {
  log_in();
  for (int i = 0; i < 20; ++i) deliver_event("e" + std::to_string(i));
  EXPECT_EQ(host_.end_cause, "slow");
  EXPECT_EQ(host_.ends, 1);
}

using Positions = std::vector<std::string>;

TEST_F(SessionTest, ReceiptsOfCommandsMoveThePositionsOncePerReadToTheHighest) {
  log_in(CommandAcks::count);
  const ChannelKey g("g", ChannelType::group);
  deliver_command(1, g, 11);
  deliver_command(2, g, 12);
  deliver_command(3, ChannelKey("v@u", ChannelType::person), 5);
  deliver_command(4, g, 13);
  EXPECT_TRUE(host_.positions.empty());
  feed(recvack_bytes(2) + recvack_bytes(1) + recvack_bytes(3));
  EXPECT_EQ(host_.positions, (Positions{"u g 2 12", "u v@u 1 5"}));
  feed(recvack_bytes(2) + recvack_bytes(99));
  EXPECT_EQ(host_.positions.size(), 2U);
  // Also when the client leaves in the same read.
  feed(recvack_bytes(4) + disconnect_bytes());
  EXPECT_EQ(host_.positions.back(), "u g 2 13");
}

TEST_F(SessionTest, ReceiptsOfCommandsCountAlsoWhenNothingIsSentTwice) {
  options_->retry.max_count.set(0);
  log_in(CommandAcks::count);
  deliver_command(1, ChannelKey("g", ChannelType::group), 11);
  deliver(2);
  EXPECT_EQ(session_.has_unacked(), true);
  feed(recvack_bytes(1) + recvack_bytes(2));
  EXPECT_EQ(host_.positions, Positions{"u g 2 11"});
  EXPECT_FALSE(session_.has_unacked());
}

TEST_F(SessionTest, ATargetedCommandHasAPositionInItsOwnLog) {
  log_in(CommandAcks::count);
  const ChannelKey log("17922244540036557902____cmd", ChannelType::temp);
  deliver_command(1, log, 1, {"u1", "u2"});
  deliver_command(2, ChannelKey("g", ChannelType::group), 2, {"u1", "u2"});
  feed(recvack_bytes(1) + recvack_bytes(2));
  EXPECT_EQ(host_.positions, Positions{"u 17922244540036557902____cmd 8 2"});
}

TEST_F(SessionTest, ReceiptsOfMessagesAndOfTemporaryChannelsMoveNoPosition) {
  log_in(CommandAcks::count);
  deliver(1);
  deliver_command(2, ChannelKey("t", ChannelType::temp), 1);
  feed(recvack_bytes(1) + recvack_bytes(2));
  EXPECT_TRUE(host_.positions.empty());
}

TEST_F(SessionTest, ReceiptsOfASlaveMoveNoPosition) {
  log_in(CommandAcks::ignored);
  deliver_command(1, ChannelKey("g", ChannelType::group), 1);
  feed(recvack_bytes(1));
  EXPECT_TRUE(host_.positions.empty());
  EXPECT_FALSE(session_.has_unacked());
}

TEST_F(SessionTest, WithoutTokensTheOnlySessionOfADeviceFlagCountsAsMaster) {
  log_in(CommandAcks::count_when_alone);
  const auto add = [&](std::uint64_t id, DeviceFlag flag) {
    presence::SessionInfo other;
    other.id = static_cast<SessionId>(id);
    other.uid = "u";
    other.device_id = "other";
    other.flag = flag;
    directory_.register_session(std::move(other), std::chrono::milliseconds(0), {});
  };
  add(2, DeviceFlag::web);
  deliver_command(1, ChannelKey("g", ChannelType::group), 1);
  feed(recvack_bytes(1));
  EXPECT_EQ(host_.positions, Positions{"u g 2 1"});
  add(3, DeviceFlag::app);
  deliver_command(2, ChannelKey("g", ChannelType::group), 2);
  feed(recvack_bytes(2));
  EXPECT_EQ(host_.positions.size(), 1U);
}

TEST_F(SessionTest, ManyChannelsInOneReadGoToTheCoreInRounds) {
  options_->limits.outbound_frames_max = 1000;
  log_in(CommandAcks::count);
  std::string acks;
  for (std::uint64_t id = 1; id <= 200; ++id) {
    deliver_command(id, ChannelKey("g" + std::to_string(id), ChannelType::group), 1);
    acks += recvack_bytes(id);
  }
  feed(acks);
  EXPECT_EQ(host_.positions.size(), 200U);
}

TEST_F(SessionTest, CountsWhatPassesOverIt) {
  log_in();
  presence::ConnectionInfo before;
  session_.describe(before);
  EXPECT_EQ(before.uid, "u");
  EXPECT_EQ(before.device_id, "d");
  EXPECT_EQ(before.protocol_version, 5);
  EXPECT_EQ(before.transport, "tcp");
  EXPECT_EQ(before.connected_at_ms, clock_.wall_ms());
  EXPECT_EQ(before.traffic.in_packets, 1U);
  EXPECT_EQ(before.traffic.in_packet_bytes, connect_bytes().size());
  EXPECT_EQ(before.traffic.out_packets, 1U);

  const std::string sends = send_bytes(1, "g", "four") + send_bytes(2, "", "four");
  feed(sends + "\x70");
  session_.finish_sends(host_.batches[0].first, host_.batches[0].end, results(1));
  deliver_event("e");
  const std::size_t sent = host_.buffer.bytes();
  while (host_.next_frame()) {
  }
  deliver(1, 100);
  EXPECT_EQ(traffic_->unacked.load(), 1U);
  clock_.passed += options_->retry.interval.get();
  session_.resend_due(clock_.steady());
  presence::ConnectionInfo after;
  session_.describe(after);
  EXPECT_EQ(after.traffic.in_msgs, 2U);
  EXPECT_EQ(after.traffic.in_msg_bytes, 8U);
  EXPECT_EQ(after.traffic.in_packets, 4U);
  EXPECT_EQ(after.traffic.in_packet_bytes, before.traffic.in_packet_bytes + sends.size() + 1);
  // Two SENDACKs, the PONG, the EVENT, and the RECV twice.
  EXPECT_EQ(after.traffic.out_packets, 7U);
  EXPECT_EQ(after.traffic.out_msgs, 2U);
  EXPECT_EQ(after.traffic.out_msg_bytes, 200U);
  EXPECT_EQ(after.traffic.out_packet_bytes,
            before.traffic.out_packet_bytes + sent + 2 * host_.buffer.bytes());

  EXPECT_EQ(traffic_->in_msgs.load(), 2U);
  EXPECT_EQ(traffic_->out_msgs.load(), 2U);
  EXPECT_EQ(traffic_->in_bytes.load(), after.traffic.in_packet_bytes);
  EXPECT_EQ(traffic_->out_bytes.load(), after.traffic.out_packet_bytes);
  feed(recvack_bytes(1));
  EXPECT_EQ(traffic_->unacked.load(), 0U);
  EXPECT_EQ(next_recv(), 1U);
  deliver(2);
  session_.on_connection_lost();
  EXPECT_EQ(traffic_->unacked.load(), 0U);
}

TEST_F(SessionTest, WhatIsAnsweredAtOnceIsAnsweredInTurns) {
  log_in();
  std::string pings(100, '\x70');
  std::size_t answered = 0;
  for (int turn = 1; !pings.empty(); ++turn) {
    ASSERT_LT(turn, 100);
    session_.begin_turn();
    const std::size_t used = session_.on_bytes(pings, 0);
    session_.end_of_input();
    pings.erase(0, used);
    std::size_t pongs = 0;
    while (host_.next_frame() == codec::FrameType::pong) ++pongs;
    EXPECT_EQ(pongs, used);
    EXPECT_LT(pongs, options_->limits.outbound_frames_max);
    EXPECT_TRUE(pings.empty() || host_.resumes == turn);
    answered += pongs;
  }
  EXPECT_EQ(answered, 100U);
  EXPECT_FALSE(host_.ended);
}

TEST_F(SessionTest, TooManyFramesWaitingEndTheSession) {
  log_in();
  for (int i = 0; i < 16; ++i) feed("\x70");
  EXPECT_FALSE(host_.ended);
  feed("\x70");
  EXPECT_EQ(host_.ended, EndHow::now);
  EXPECT_EQ(host_.end_cause, "slow");
}

// As an answer of the core would be that comes home to the wrong thread.
TEST_F(SessionTest, ACallFromAnotherThreadEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  log_in();
  EXPECT_DEATH(std::thread([this] { session_.finish_sends(0, 0, {}); }).join(),
               "assertion failed: on_shard\\(\\) at .*session.cc");
}

TEST_F(SessionTest, ALoginThatCannotBeLookedUpIsAnsweredAsTemporary) {
  feed(connect_bytes());
  session_.finish_login(Error(Errc::storage), false);
  const auto ack = codec::decode_connack(codec::parse_frame(host_.buffer.pending()).frame, 5);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->reason, Reason::system_error);
  EXPECT_EQ(host_.ended, EndHow::after_flush);
  EXPECT_EQ(host_.end_cause, "login_error");
}

}  // namespace
}  // namespace jindou::gateway
