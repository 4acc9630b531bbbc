// Pins the wire format by golden frames, decoded and encoded again, and the parser's answers to
// partial and bad input.
#include "codec/wkproto.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "base/assert.h"
#include "codec/wkproto_vectors.h"

namespace jindou::codec {
namespace {

using vectors::from_hex;

constexpr std::string_view kClientKey = "RhMkgWtYpYXTkHdlfoPHc9K+pJ6/p1ij/4eLWU7vllM=";
constexpr std::string_view kServerKey = "eaYx7t4b+cmPEgMs3q3Q56B5OY/HhriMyEbsia+FpRo=";
constexpr std::string_view kConnackSalt = "AbCdEfGh12345678";
constexpr std::string_view kHello = "gNYQ2n9+LWptIYa4qp7Bd5+aF92DPPM/gdlqqVNSvLE=";
constexpr std::string_view kNihao = "DGqGY/FZRWrumFDQO4XNlh7gexHfuZMPWS6YWuyHgL0=";
constexpr std::string_view kStreamText = "DGqGY/FZRWrumFDQO4XNlmJNCXfpshIopirW7tfgfXE=";

enum class Both : bool { decode_only, decode_and_encode };

struct GoldenCase {
  const char* name;
  std::string_view hex;
  std::uint8_t version;
  Frame frame;
  Both both = Both::decode_and_encode;
};

Connect connect(std::uint8_t version, std::uint8_t device_flag, std::string_view device_id,
                std::string_view uid, std::string_view token, std::int64_t timestamp) {
  return {version, device_flag, device_id, uid, token, timestamp, kClientKey};
}

Send send(std::uint8_t flags, std::uint8_t setting, std::uint32_t client_seq,
          std::string_view client_msg_no, std::string_view channel_id, ChannelType type,
          std::string_view msg_key, std::string_view payload) {
  Send frame;
  frame.flags = flags;
  frame.setting = setting;
  frame.client_seq = client_seq;
  frame.client_msg_no = client_msg_no;
  frame.channel_id = channel_id;
  frame.channel_type = type;
  frame.msg_key = msg_key;
  frame.payload = payload;
  return frame;
}

Recv recv(std::uint8_t flags, std::uint8_t setting, std::string_view msg_key,
          std::string_view channel_id, ChannelType type, std::string_view client_msg_no,
          std::uint64_t id, std::uint32_t seq, std::int32_t timestamp, std::string_view payload) {
  Recv frame;
  frame.flags = flags;
  frame.setting = setting;
  frame.msg_key = msg_key;
  frame.from_uid = "u1";
  frame.channel_id = channel_id;
  frame.channel_type = type;
  frame.client_msg_no = client_msg_no;
  frame.message_id = MessageId{id};
  frame.message_seq = seq;
  frame.timestamp = timestamp;
  frame.payload = payload;
  return frame;
}

std::vector<GoldenCase> golden_cases() {
  std::vector<GoldenCase> cases;
  cases.push_back({"C1", vectors::kConnect1, 5, connect(5, 1, "d1W", "u1", "t1", 1700000000000)});
  cases.push_back({"C2", vectors::kConnect2, 2, connect(2, 1, "d1W", "u1", "", 1700000000000)});
  cases.push_back(
      {"C3", vectors::kConnect3, 4, connect(4, 0, "设备-1", "用户A", "t1", 1700000000123)});

  cases.push_back({"A1", vectors::kConnAck1, 5,
                   ConnAck{5, 5, Reason::success, kServerKey, kConnackSalt, 1001}});
  cases.push_back({"A2", vectors::kConnAck2, 4,
                   ConnAck{4, 5, Reason::success, kServerKey, kConnackSalt, 1001}});
  for (std::uint8_t version = 1; version <= 3; ++version) {
    cases.push_back({"A3", vectors::kConnAck3, version,
                     ConnAck{0, -7, Reason::success, kServerKey, kConnackSalt, 0}});
  }
  cases.push_back({"A4", vectors::kConnAck4, 5, ConnAck{5, 5, Reason::auth_fail, "", "", 1001}});
  cases.push_back({"A5", vectors::kConnAck5, 2, ConnAck{0, 0, Reason::auth_fail, "", "", 0}});

  cases.push_back({"S1", vectors::kSend1, 5,
                   send(kFlagRedDot, 0, 1, "m1_0_3", "u2", ChannelType::person,
                        "07bb8c87a83aca41b89edd8dc3b8b871", kHello)});
  Send s2 = send(kFlagRedDot | kFlagNoPersist, kSettingReceipt | kSettingTopic, 2, "m2_0_3", "g1",
                 ChannelType::group, "9cb19eab4d1caa95660b03eec5082591", kNihao);
  s2.expire = 3600;
  s2.topic = "tp";
  cases.push_back({"S2", vectors::kSend2, 5, s2});
  cases.push_back({"S3", vectors::kSend3, 2,
                   send(kFlagRedDot, 0, 1, "m13", "u2", ChannelType::person,
                        "9fe071ebaa75d3dc1d1ffbb01a4200cb", kHello)});
  Send s4 = send(kFlagRedDot, kSettingStream, 3, "m3", "g1", ChannelType::group,
                 "0123456789abcdef0123456789abcdef", "X");
  s4.stream_no = "s1";
  cases.push_back({"S4", vectors::kSend4, 4, s4});
  cases.push_back(
      {"S5", vectors::kSend5, 1, send(0, 0, 3, "m3", "g1", ChannelType::group, "", "X")});

  for (std::uint8_t version = 1; version <= 5; ++version) {
    cases.push_back({"K1", vectors::kSendAck1, version,
                     SendAck{kFlagRedDot, MessageId{1234567890123}, 1, 7, Reason::success}});
  }
  cases.push_back({"K2", vectors::kSendAck2, 5,
                   SendAck{kFlagRedDot | kFlagNoPersist, MessageId{1234567890124}, 2, 0,
                           Reason::subscriber_not_exist}});
  cases.push_back({"K3", vectors::kSendAck3, 5,
                   SendAck{0, MessageId{1234567890123}, 1, 7, Reason::success}, Both::decode_only});
  constexpr std::uint64_t kWide = std::uint64_t{1} << 32;
  cases.push_back({"K4", vectors::kSendAck4, 6,
                   SendAck{0, MessageId{1234567890123}, 1, kWide, Reason::success, "m1_0_3"}});

  const Recv r1 = recv(kFlagRedDot, 0, "1171ea8c04f4c348d4f9e1289aae6de1", "u1",
                       ChannelType::person, "m1_0_3", 1234567890123, 7, 1700000001, kHello);
  cases.push_back({"R1", vectors::kRecv1, 5, r1});
  Recv r2 = recv(kFlagNoPersist | kFlagSyncOnce, kSettingReceipt | kSettingTopic,
                 "17e2f70700842c44af35cd31001355ce", "g1", ChannelType::group, "m2_0_3",
                 2026070501234567, 0, 1700000002, kNihao);
  r2.expire = 3600;
  r2.topic = "tp";
  cases.push_back({"R2", vectors::kRecv2, 5, r2});
  const Recv r3 = recv(kFlagRedDot, kSettingStream, "ceaf0b1621f57624bf191575a7cc191e", "g1",
                       ChannelType::group, "m4", 99, 8, 1700000003, kStreamText);
  cases.push_back({"R3", vectors::kRecv3, 5, r3});
  cases.push_back(
      {"R4", vectors::kRecv4, 5,
       recv(kFlagRedDot, 0, "0d96fa5aad13cb54b7c07a5614c89feb", "g1", ChannelType::group, "m5_0_3",
            1234567890999, 300, 1700000004,
            "DGqGY/FZRWrumFDQO4XNlrXXfC0W0M+LUmAODetIEYA8e3eetJrDxAvTm6sfDc9i6a64fxteigVbR+"
            "UL2dyPMs2k94dJ7VNUOeBkazDkIM8KExkmDWRHSdQL4t3tnaSCGhlBmLOn5Oa67Y8XYsGt0Du3Ar7lczxok7"
            "tvVxu9Qyc=")});
  cases.push_back({"R5", vectors::kRecv5, 2, r1});
  // Announces stream fields that the server never writes: the decoder skips them.
  cases.push_back({"R6", vectors::kRecv6, 4, r3, Both::decode_only});

  Recv r7 = recv(kFlagRedDot, 0, "", "u1", ChannelType::person, "m1", 5, 0, 1700000001, "X");
  r7.message_seq = kWide;
  cases.push_back({"R7", vectors::kRecv7, 6, r7});

  cases.push_back({"Q3", vectors::kRecvAck3, 6, RecvAck{0, MessageId{5}, kWide}});
  cases.push_back({"Q1", vectors::kRecvAck1, 5, RecvAck{kFlagRedDot, MessageId{1234567890123}, 7}});
  cases.push_back({"Q2", vectors::kRecvAck2, 2,
                   RecvAck{kFlagNoPersist | kFlagSyncOnce, MessageId{2026070501234567}, 0}});

  cases.push_back({"P1", "70", 5, Ping{}});
  cases.push_back({"P2", "7f", 5, Ping{}, Both::decode_only});
  cases.push_back({"P3", "80", 5, Pong{}});
  cases.push_back({"P4", "8f", 5, Pong{}, Both::decode_only});

  cases.push_back(
      {"D1", vectors::kDisconnect1, 5, Disconnect{Reason::connect_kick, "login in other device"}});
  cases.push_back({"D2", vectors::kDisconnect2, 5, Disconnect{Reason::connect_kick, ""}});

  cases.push_back({"U1", vectors::kSub1, 5,
                   Sub{0, "", "data1", ChannelType::data, SubAction::subscribe, R"({"k":"v"})"}});
  cases.push_back({"U2", vectors::kSub2, 5,
                   Sub{0, "", "data1", ChannelType::data, SubAction::unsubscribe, ""}});
  cases.push_back({"B1", vectors::kSubAck1, 5,
                   SubAck{"", "data1", ChannelType::data, SubAction::subscribe, Reason::success}});
  cases.push_back({"B2", vectors::kSubAck2, 5,
                   SubAck{"s1", "data1", ChannelType::data, SubAction::unsubscribe,
                          Reason::not_support_channel_type}});

  cases.push_back(
      {"E1", vectors::kEvent1, 5,
       Event{"e1", "stream.delta", 1700000003000, R"({"client_msg_no":"m4","event_key":"main"})"}});
  cases.push_back(
      {"E2", vectors::kEvent2, 5, Event{"", "___TextMessageStart", 1700000003001, "{}"}});
  return cases;
}

ParseOutcome::State state_of(std::string_view hex) { return parse_frame(from_hex(hex)).state; }

TEST(WkprotoGolden, EveryFrameDecodesToItsFields) {
  for (const auto& golden : golden_cases()) {
    SCOPED_TRACE(golden.name);
    const std::string bytes = from_hex(golden.hex);
    const auto outcome = parse_frame(bytes);
    ASSERT_EQ(outcome.state, ParseOutcome::State::frame);
    EXPECT_EQ(outcome.frame.consumed, bytes.size());
    const auto decoded = decode_frame(outcome.frame, golden.version);
    ASSERT_TRUE(decoded.has_value()) << decoded.error().text();
    EXPECT_TRUE(*decoded == golden.frame);
  }
}

TEST(WkprotoGolden, EveryFrameIsEncodedToTheSameBytes) {
  for (const auto& golden : golden_cases()) {
    if (golden.both == Both::decode_only) continue;
    SCOPED_TRACE(golden.name);
    std::string bytes = "before";
    ASSERT_TRUE(encode_frame(bytes, golden.frame, golden.version).has_value());
    EXPECT_EQ(bytes, "before" + from_hex(golden.hex));
  }
}

TEST(WkprotoGolden, EveryTruncatedBodyIsRefusedOrAShorterRest) {
  for (const auto& golden : golden_cases()) {
    SCOPED_TRACE(golden.name);
    const std::string bytes = from_hex(golden.hex);
    const auto frame = parse_frame(bytes).frame;
    for (std::size_t size = 0; size < frame.body.size(); ++size) {
      RawFrame cut = frame;
      cut.body = frame.body.substr(0, size);
      const auto decoded = decode_frame(cut, golden.version);
      if (decoded) {
        // Only a field without a length of its own, or a tail nobody reads, may lose bytes.
        const auto type = frame.type;
        EXPECT_TRUE(type == FrameType::send || type == FrameType::recv ||
                    type == FrameType::event || golden.name == std::string_view("K3") ||
                    golden.name == std::string_view("K4"));
      } else {
        EXPECT_EQ(decoded.error().code(), Errc::invalid);
      }
    }
  }
}

TEST(WkprotoFraming, RemainingLengthTakesOneToFourBytes) {
  const std::pair<std::size_t, const char*> cases[] = {
      {1, "01"},       {127, "7f"},       {128, "8001"},       {321, "c102"},
      {16383, "ff7f"}, {16384, "808001"}, {2097151, "ffff7f"}, {2097152, "80808001"}};
  for (const auto& [value, hex] : cases) {
    std::string bytes;
    append_frame_header(bytes, FrameType::send, 2, value);
    EXPECT_EQ(bytes, from_hex(std::string("32") + hex));
    const auto outcome = parse_frame(bytes);
    if (value > kRemainingBytesMax) {
      EXPECT_EQ(outcome.state, ParseOutcome::State::error);
    } else {
      ASSERT_EQ(outcome.state, ParseOutcome::State::need_more);
      EXPECT_EQ(outcome.need_bytes, bytes.size() + value);
    }
  }
}

TEST(WkprotoFraming, BadInputIsAnErrorAndPartialInputWaits) {
  EXPECT_EQ(state_of(""), ParseOutcome::State::need_more);
  EXPECT_EQ(state_of("00"), ParseOutcome::State::error);
  EXPECT_EQ(state_of("0f"), ParseOutcome::State::error);
  EXPECT_EQ(state_of("d00100"), ParseOutcome::State::error);
  EXPECT_EQ(state_of("e0"), ParseOutcome::State::error);
  EXPECT_EQ(state_of("f0"), ParseOutcome::State::error);
  EXPECT_EQ(state_of("30"), ParseOutcome::State::need_more);
  EXPECT_EQ(state_of("3280"), ParseOutcome::State::need_more);
  EXPECT_EQ(state_of("32ffffff7f"), ParseOutcome::State::error);
  // A fourth length byte with its top bit set, whatever follows.
  EXPECT_EQ(state_of("32808080"), ParseOutcome::State::need_more);
  EXPECT_EQ(state_of("3280808080"), ParseOutcome::State::error);
  EXPECT_EQ(state_of("328080808001"), ParseOutcome::State::error);
}

TEST(WkprotoFraming, TheLimitHoldsOnBothSidesAndBeforeTheBodyArrives) {
  std::string bytes;
  append_frame_header(bytes, FrameType::connect, 0, 8192);
  EXPECT_EQ(parse_frame(bytes, 8192).state, ParseOutcome::State::need_more);
  EXPECT_EQ(parse_frame(bytes, 8191).state, ParseOutcome::State::error);
  bytes.clear();
  append_frame_header(bytes, FrameType::send, 0, kRemainingBytesMax);
  EXPECT_EQ(parse_frame(bytes).state, ParseOutcome::State::need_more);
  bytes.clear();
  append_frame_header(bytes, FrameType::send, 0, kRemainingBytesMax + 1);
  EXPECT_EQ(parse_frame(bytes).state, ParseOutcome::State::error);
  // A caller cannot raise the protocol's own limit.
  EXPECT_EQ(parse_frame(bytes, 1U << 30).state, ParseOutcome::State::error);
}

TEST(WkprotoFraming, TheSequenceOfFramesDoesNotDependOnHowTheStreamIsSplit) {
  const std::string stream = from_hex(vectors::kManyFrames);
  std::minstd_rand random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string buffer;
    std::string seen;
    std::size_t at = 0;
    std::vector<std::size_t> sizes;
    while (at < stream.size()) {
      const std::size_t piece = std::min<std::size_t>(1 + random() % 120, stream.size() - at);
      buffer.append(stream, at, piece);
      at += piece;
      for (;;) {
        const auto outcome = parse_frame(buffer);
        ASSERT_NE(outcome.state, ParseOutcome::State::error);
        if (outcome.state == ParseOutcome::State::need_more) {
          ASSERT_GT(outcome.need_bytes, buffer.size());
          break;
        }
        sizes.push_back(outcome.frame.consumed);
        seen += buffer.substr(0, outcome.frame.consumed);
        buffer.erase(0, outcome.frame.consumed);
      }
    }
    EXPECT_TRUE(buffer.empty());
    EXPECT_EQ(seen, stream);
    EXPECT_EQ(sizes, (std::vector<std::size_t>{1, 19, 247}));
  }
}

TEST(WkprotoDecode, RefusesShortBodiesAndOversizedStrings) {
  EXPECT_FALSE(decode_sendack(parse_frame(from_hex("4000")).frame).has_value());
  const std::string short_ack = from_hex("60080000000000000000");
  EXPECT_FALSE(decode_recvack(parse_frame(short_ack).frame).has_value());
  // The length of the message key is swallowed by an expire field that is not there.
  const std::string version_two = from_hex(vectors::kSend3);
  EXPECT_FALSE(decode_send(parse_frame(version_two).frame, 5).has_value());
  // 0x8000 bytes of text are there, but the length is negative to every client.
  std::string body = from_hex("0c8000") + std::string(0x8000, 'x');
  RawFrame frame;
  frame.type = FrameType::disconnect;
  frame.body = body;
  EXPECT_FALSE(decode_disconnect(frame).has_value());
  body = from_hex("0c7fff") + std::string(0x7fff, 'x');
  frame.body = body;
  EXPECT_TRUE(decode_disconnect(frame).has_value());
}

TEST(WkprotoDecode, IgnoresBytesAfterTheLastField) {
  for (const auto& golden : golden_cases()) {
    SCOPED_TRACE(golden.name);
    const std::string bytes = from_hex(golden.hex);
    RawFrame frame = parse_frame(bytes).frame;
    if (frame.type == FrameType::send || frame.type == FrameType::recv ||
        frame.type == FrameType::event) {
      continue;
    }
    const std::string longer = std::string(frame.body) + "tail";
    frame.body = longer;
    const auto decoded = decode_frame(frame, golden.version);
    ASSERT_TRUE(decoded.has_value());
    EXPECT_TRUE(*decoded == golden.frame);
  }
}

TEST(WkprotoDecode, ReadsTheStreamNumberOfClientsThatUseTheOldStreamBit) {
  // Laid out by a client that takes 0x04 for the stream bit: streamNo before channelID.
  Send old = send(0, kSettingStream, 9, "m", "g1", ChannelType::group,
                  "0123456789abcdef0123456789abcdef", "X");
  old.stream_no = "s1";
  std::string bytes;
  ASSERT_TRUE(encode(bytes, old, 3).has_value());
  bytes[2] = 0x04;
  const auto decoded = decode_send(parse_frame(bytes).frame, 3);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->stream_no, "s1");
  EXPECT_EQ(decoded->channel_id, "g1");
  EXPECT_EQ(decoded->payload, "X");

  // One that sets the bit but writes no stream number.
  Send plain = old;
  plain.setting = 0x04;
  plain.stream_no = {};
  bytes.clear();
  ASSERT_TRUE(encode(bytes, plain, 4).has_value());
  const auto again = decode_send(parse_frame(bytes).frame, 4);
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(*again == plain);
}

TEST(WkprotoEncode, MasksTheSettingOfRecvByVersion) {
  EXPECT_EQ(recv_setting(0xff, 5), 0xaa);
  EXPECT_EQ(recv_setting(0xff, 4), 0xa8);
  EXPECT_EQ(recv_setting(0xff, 1), 0xa8);
  Recv frame = recv(0, 0xff, "", "g1", ChannelType::group, "m", 1, 1, 1, "X");
  frame.topic = "t";
  for (std::uint8_t version = 1; version <= 5; ++version) {
    std::string bytes;
    ASSERT_TRUE(encode(bytes, frame, version).has_value());
    const auto decoded = decode_recv(parse_frame(bytes).frame, version);
    ASSERT_TRUE(decoded.has_value());
    Recv expected = frame;
    expected.setting = version == 5 ? 0xaa : 0xa8;
    EXPECT_TRUE(*decoded == expected);
  }
}

// What is encoded is decoded again: behind other frames, too, and for each version.
TEST(WkprotoEncode, ReadsItsFramesBackBehindOthers) {
  const SlowAssertions on(true);
  Recv message = recv(0x0f, 0xff, "", "g1", ChannelType::group, "m", 1, 7, 1, "X");
  message.expire = 60;
  message.topic = "t";
  message.message_seq = (std::uint64_t{1} << 32) + 9;
  SendAck ack;
  ack.flags = 0xff;
  ack.message_seq = message.message_seq;
  ack.client_msg_no = "c1";
  ConnAck connected;
  connected.node_id = 3;
  for (std::uint8_t version = 1; version <= kVersionMax; ++version) {
    std::string out;
    EXPECT_TRUE(encode(out, connected, version).has_value());
    EXPECT_TRUE(encode(out, ack, version).has_value());
    EXPECT_TRUE(encode(out, message, version).has_value());
    EXPECT_TRUE(encode(out, Disconnect{Reason::ban, "gone"}).has_value());
    EXPECT_TRUE(encode(out, SubAck{}).has_value());
    EXPECT_TRUE(encode(out, Event{"1", "a", -1, "{}"}).has_value());
    std::size_t frames = 0;
    for (std::string_view rest = out; !rest.empty(); ++frames) {
      const auto outcome = parse_frame(rest);
      ASSERT_EQ(outcome.state, ParseOutcome::State::frame);
      ASSERT_TRUE(decode_frame(outcome.frame, version).has_value());
      rest.remove_prefix(outcome.frame.consumed);
    }
    EXPECT_EQ(frames, 6U);
  }
}

TEST(WkprotoEncodeDeathTest, AFrameHasALengthThatItsHeaderCanTell) {
  std::string out;
  EXPECT_DEATH(append_frame_header(out, FrameType::recv, 0, 0), "remaining > 0");
  EXPECT_DEATH(append_frame_header(out, FrameType::recv, 0, std::size_t{1} << 28), "remaining <");
}

TEST(WkprotoEncode, RefusesWhatTheWireCannotCarryAndAppendsNothing) {
  std::string out = "x";
  const std::string fits(kStringBytesMax, 's');
  const std::string too_long(kStringBytesMax + 1, 's');
  EXPECT_TRUE(encode(out, Disconnect{Reason::ban, fits}).has_value());
  out = "x";
  const auto refused = encode(out, Disconnect{Reason::ban, too_long});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::too_large);
  const std::string huge(kRemainingBytesMax, 'p');
  Send frame;
  frame.payload = huge;
  EXPECT_FALSE(encode(out, frame, 5).has_value());
  EXPECT_EQ(out, "x");
}

// The lower half of a sequence number that an older version cannot carry, and no number of the
// sender's own.
TEST(WkprotoVersion, OlderOnesCutTheSequenceAndLeaveOutTheNumber) {
  SendAck ack;
  ack.message_seq = (std::uint64_t{1} << 32) + 9;
  ack.client_msg_no = "c1";
  std::string wide;
  std::string narrow;
  ASSERT_TRUE(encode(wide, ack, 6).has_value());
  ASSERT_TRUE(encode(narrow, ack, 5).has_value());
  EXPECT_EQ(wide.size(), narrow.size() + 4 + 2 + 2);
  EXPECT_EQ(*decode_sendack(parse_frame(wide).frame, 6), ack);
  EXPECT_EQ(decode_sendack(parse_frame(narrow).frame, 5)->message_seq, 9U);
  // Without a number there is no empty one either.
  ack.client_msg_no = {};
  wide.clear();
  ASSERT_TRUE(encode(wide, ack, 6).has_value());
  EXPECT_EQ(wide.size(), narrow.size() + 4);
}

TEST(WkprotoVersion, IsTheClientsButAtMostSix) {
  EXPECT_EQ(effective_version(0), 1);
  EXPECT_EQ(effective_version(2), 2);
  EXPECT_EQ(effective_version(5), 5);
  EXPECT_EQ(effective_version(6), 6);
  EXPECT_EQ(effective_version(255), 6);
}

TEST(WkprotoFlags, ConvertToBitsAndBack) {
  for (std::uint8_t bits = 0; bits < 8; ++bits) {
    EXPECT_EQ(bits_from_flags(flags_from_bits(bits)), bits);
  }
  EXPECT_EQ(bits_from_flags(flags_from_bits(kFlagDup)), 0);
}

}  // namespace
}  // namespace jindou::codec
