// The session's state machine without sockets: bytes in, bytes and orders out.
#include "gateway/session.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <optional>

#include "codec/base64.h"

namespace jindou::gateway {
namespace {

class FakeHost final : public SessionHost {
 public:
  OutboundBuffer& outbound() override { return buffer; }
  void outbound_changed() override {}
  void flush_outbound() override { ++flushes; }
  void begin_login(LoginRequest request) override { login = std::move(request); }
  Result<void> submit(std::vector<SendCommand> commands, std::uint64_t first,
                      std::uint64_t end) override {
    if (refuse_with) return Error(*refuse_with);
    batches.push_back({std::move(commands), first, end});
    return {};
  }
  void end_connection(EndHow how, std::string_view cause) override {
    ended = how;
    end_cause = cause;
    ++ends;
  }
  void resume_input() override { ++resumes; }

  struct Batch {
    std::vector<SendCommand> commands;
    std::uint64_t first;
    std::uint64_t end;
  };
  // Takes one frame off what the session has sent.
  std::optional<codec::FrameType> next_frame() {
    const auto outcome = codec::parse_frame(buffer.pending());
    if (outcome.state != codec::ParseOutcome::State::frame) return std::nullopt;
    const auto type = outcome.frame.type;
    buffer.consume(outcome.frame.consumed);
    return type;
  }

  BufferPool pool;
  OutboundBuffer buffer{pool};
  std::optional<LoginRequest> login;
  std::vector<Batch> batches;
  std::optional<EndHow> ended;
  std::string end_cause;
  std::optional<Errc> refuse_with;
  int ends = 0;
  int resumes = 0;
  int flushes = 0;
};

class HandClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return 1'700'000'000'000 + passed.count(); }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(passed);
  }
  std::chrono::milliseconds passed{0};
};

class SessionTest : public testing::Test {
 protected:
  SessionTest() {
    options_->limits.inbound_items_in_flight = 4;
    options_->limits.outbound_frames_max = 16;
  }
  ~SessionTest() override { session_.on_connection_lost(); }

  // Like a connection: keeps what was not taken.
  void feed(std::string_view bytes) {
    pending_ += bytes;
    pending_.erase(0, session_.on_bytes(pending_));
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
  void log_in() {
    feed(connect_bytes());
    ASSERT_TRUE(host_.login);
    session_.finish_login(good_login(), !pending_.empty());
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
    auto batch = std::make_shared<channel::CommittedBatch>();
    batch->messages.emplace_back().message = std::move(message);
    batch->messages.back().recipients.listed = {"u"};
    fan_out_.post(batch, 100);
    context_.restart();
    context_.poll();
    ASSERT_EQ(next_recv(), id);
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

  std::shared_ptr<GatewayOptions> options_ = std::make_shared<GatewayOptions>();
  HandClock clock_;
  SystemRandom random_;
  observe::Metrics metrics_;
  boost::asio::io_context context_;
  delivery::ShardFanOut fan_out_{context_, clock_, metrics_, {}};
  presence::SessionDirectory directory_;
  SessionEnv env_{options_, clock_, random_, metrics_, fan_out_, directory_, 0};
  FakeHost host_;
  codec::SessionCipher cipher_{codec::X25519Key{3}, "0123456789abcdef"};
  Session session_{static_cast<SessionId>(1), env_, host_, "tcp"};
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

TEST_F(SessionTest, TheFirstByteOfJsonEndsTheConnection) {
  feed("{");
  EXPECT_EQ(host_.end_cause, "protocol");
}

TEST_F(SessionTest, LargeFramesAreRefusedBeforeConnectAndTakenAfter) {
  options_->limits.pre_auth_frame_bytes_max = 1000;
  feed(std::string("\x10\xe9\x07", 3));
  EXPECT_EQ(host_.end_cause, "protocol");
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

TEST_F(SessionTest, ServerFramesAndASecondConnectAreIgnored) {
  log_in();
  std::string bytes = connect_bytes();
  codec::encode(bytes, codec::SendAck());
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
  EXPECT_EQ(session_.on_bytes("\x70"), 1U);
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
    Session session(static_cast<SessionId>(2), env_, host, "tcp");
    std::string pending = connect_bytes() + old.substr(0, cut);
    pending.erase(0, session.on_bytes(pending));
    EXPECT_LT(pending.size(), 6U);
    session.finish_login(good_login(), !pending.empty());
    pending += old.substr(cut) + send_bytes(2);
    pending.erase(0, session.on_bytes(pending));
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
  EXPECT_EQ(host_.end_cause, "protocol");
}

TEST_F(SessionTest, ExpiredMessagesAreNotSentAgain) {
  log_in();
  deliver(1, 1, 30);
  deliver(2, 1, 3600);
  deliver(3);
  clock_.passed += options_->retry.interval + std::chrono::seconds(30);
  session_.resend_due(clock_.steady());
  EXPECT_EQ(next_recv(), 2U);
  EXPECT_EQ(next_recv(), 3U);
  EXPECT_EQ(next_recv(), 0U);
}

TEST_F(SessionTest, PayloadsKeptToBeSentAgainAreBounded) {
  options_->unacked_bytes_max = 1000;
  log_in();
  for (std::uint64_t id = 1; id <= 5; ++id) deliver(id, 400);
  clock_.passed += options_->retry.interval;
  session_.resend_due(clock_.steady());
  EXPECT_EQ(next_recv(), 4U);
  EXPECT_EQ(next_recv(), 5U);
  EXPECT_EQ(next_recv(), 0U);
}

TEST_F(SessionTest, TooManyFramesWaitingEndTheSession) {
  log_in();
  for (int i = 0; i < 16; ++i) feed("\x70");
  EXPECT_FALSE(host_.ended);
  feed("\x70");
  EXPECT_EQ(host_.ended, EndHow::now);
  EXPECT_EQ(host_.end_cause, "slow");
}

TEST_F(SessionTest, ALoginThatCannotBeLookedUpIsNotRefused) {
  feed(connect_bytes());
  session_.finish_login(Error(Errc::storage), false);
  EXPECT_EQ(host_.next_frame(), std::nullopt);
  EXPECT_EQ(host_.ended, EndHow::now);
}

}  // namespace
}  // namespace jindou::gateway
