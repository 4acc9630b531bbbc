// Pins key agreement, encryption and message keys by known values, and the encrypted RECV frame by
// the golden frames.
#include "codec/wkproto_crypto.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "codec/base64.h"
#include "codec/wkproto_vectors.h"

namespace jindou::codec {
namespace {

using vectors::from_hex;

constexpr std::string_view kClientPrivate =
    "3030313132323333343435353636373738383939616162626363646465656666";
constexpr std::string_view kServerPrivate =
    "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f";
constexpr std::string_view kClientPublicText = "RhMkgWtYpYXTkHdlfoPHc9K+pJ6/p1ij/4eLWU7vllM=";
constexpr std::string_view kServerPublicText = "eaYx7t4b+cmPEgMs3q3Q56B5OY/HhriMyEbsia+FpRo=";
constexpr std::string_view kSecret =
    "ada78f5289853a91910b512fd1cf1beb985bab7c5a28d3ea4de8db15da418820";
constexpr std::string_view kSalt = "AbCdEfGh12345678";

X25519Key key_of(std::string_view hex) {
  const std::string bytes = from_hex(hex);
  X25519Key key{};
  std::copy(bytes.begin(), bytes.end(), key.begin());
  return key;
}

std::string text_of(const X25519Key& key) {
  std::string text;
  base64_append(text, {reinterpret_cast<const char*>(key.data()), key.size()});
  return text;
}

SessionCipher golden_cipher() { return SessionCipher(key_of(kSecret), kSalt); }

std::string encrypted(const SessionCipher& cipher, std::string_view plain) {
  std::string wire;
  cipher.encrypt_payload(plain, wire);
  return wire;
}

// Fixed bytes: what a test expects does not depend on the run.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(unsigned seed) : engine_(seed) {}
  void fill(std::span<unsigned char> out) override {
    for (auto& byte : out) byte = static_cast<unsigned char>(engine_() & 0xff);
  }

 private:
  std::mt19937 engine_;
};

TEST(KeyAgreement, GivesTheKnownKeysOnBothSides) {
  const auto client = key_pair_from_private(key_of(kClientPrivate));
  const auto server = key_pair_from_private(key_of(kServerPrivate));
  ASSERT_TRUE(client.has_value());
  ASSERT_TRUE(server.has_value());
  EXPECT_EQ(text_of(client->public_key), kClientPublicText);
  EXPECT_EQ(text_of(server->public_key), kServerPublicText);
  const auto at_server = shared_secret(server->private_key, client->public_key);
  const auto at_client = shared_secret(client->private_key, server->public_key);
  ASSERT_TRUE(at_server.has_value());
  EXPECT_EQ(*at_server, key_of(kSecret));
  EXPECT_EQ(*at_client, key_of(kSecret));
}

TEST(KeyAgreement, DerivesTheSixteenCharacterKeyFromTheBase64Text) {
  const SessionCipher cipher = golden_cipher();
  EXPECT_EQ(std::string(cipher.key().begin(), cipher.key().end()), "1224990c881a967b");
  EXPECT_EQ(std::string(cipher.iv().begin(), cipher.iv().end()), kSalt);
}

TEST(KeyAgreement, ClientAndServerHandshakesMeet) {
  SeededRandom random(1);
  const auto client = generate_key_pair(random);
  ASSERT_TRUE(client.has_value());
  const auto server = server_handshake(text_of(client->public_key), random);
  ASSERT_TRUE(server.has_value());
  const auto cipher = client_handshake(client->private_key, server->server_key, server->salt);
  ASSERT_TRUE(cipher.has_value());
  EXPECT_EQ(cipher->key(), server->cipher.key());
  EXPECT_EQ(cipher->iv(), server->cipher.iv());
}

TEST(KeyAgreement, RefusesBadClientKeys) {
  SeededRandom random(2);
  X25519Key one{};
  one[0] = 1;
  const std::string bad[] = {
      "",
      "not base64 at all, but of the right length!!",
      "RhMkgWtYpYXTkHdlfoPHc9K+pJ6/p1ij/4eLWU7v",          // 30 bytes
      "RhMkgWtYpYXTkHdlfoPHc9K+pJ6/p1ij/4eLWU7vllMAAA==",  // 34 bytes
      std::string(1000, 'A'),
      text_of(X25519Key{}),  // points of small order: the secret would be zero
      text_of(one),
  };
  for (const auto& key : bad) {
    SCOPED_TRACE(key);
    const auto handshake = server_handshake(key, random);
    ASSERT_FALSE(handshake.has_value());
    EXPECT_EQ(handshake.error().code(), Errc::invalid);
  }
  EXPECT_FALSE(client_handshake(one, kServerPublicText, "short").has_value());
  EXPECT_FALSE(client_handshake(one, "short", kSalt).has_value());
}

TEST(Salt, HasSixteenLettersAndDigitsAllEquallyLikely) {
  SeededRandom random(3);
  std::map<char, int> count;
  constexpr int kRounds = 20000;
  for (int i = 0; i < kRounds; ++i) {
    const std::string salt = make_salt(random);
    ASSERT_EQ(salt.size(), 16U);
    for (const char c : salt) ++count[c];
  }
  ASSERT_EQ(count.size(), 62U);
  // 5161 expected for each; six standard deviations are 430. A modulo without rejection would put
  // the first eight characters at 6250.
  for (const auto& [character, times] : count) {
    EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(character)));
    EXPECT_NEAR(times, kRounds * 16 / 62, 430) << character;
  }
}

TEST(Payload, EncryptsToTheKnownTexts) {
  const SessionCipher cipher = golden_cipher();
  const std::pair<const char*, const char*> cases[] = {
      {"", "+RzjVw2Ym82T4DfmvwTnxQ=="},
      {"a", "w/ppiZeV8VJqfWR6r/YJWg=="},
      {"0123456789abcdef", "BCGg4JNM2aE1revRey5VHCry9ZSmscy2CaEdD/qTR6A="},
      {R"({"content":"hello","type":1})", "gNYQ2n9+LWptIYa4qp7Bd5+aF92DPPM/gdlqqVNSvLE="},
      {R"({"type":1,"content":"你好"})", "DGqGY/FZRWrumFDQO4XNlh7gexHfuZMPWS6YWuyHgL0="},
  };
  for (const auto& [plain, wire] : cases) {
    EXPECT_EQ(encrypted(cipher, plain), wire);
    std::string back = "old";
    ASSERT_TRUE(cipher.decrypt_payload(wire, back));
    EXPECT_EQ(back, plain);
  }
}

TEST(Payload, RoundTripsAtEverySizeAroundTheBlocks) {
  const SessionCipher cipher = golden_cipher();
  std::string plain;
  for (std::size_t size = 0; size < 100; ++size) {
    std::string back;
    ASSERT_TRUE(cipher.decrypt_payload(encrypted(cipher, plain), back)) << size;
    EXPECT_EQ(back, plain);
    plain.push_back(static_cast<char>(size * 7));
  }
  const std::string huge(700 * 1024, 'h');
  std::string back;
  ASSERT_TRUE(cipher.decrypt_payload(encrypted(cipher, huge), back));
  EXPECT_EQ(back, huge);
}

TEST(Payload, RefusesGarbage) {
  const SessionCipher cipher = golden_cipher();
  std::string plain = "old";
  EXPECT_FALSE(cipher.decrypt_payload("", plain));
  EXPECT_TRUE(plain.empty());
  EXPECT_FALSE(cipher.decrypt_payload("AAAA", plain));  // not a whole block
  EXPECT_FALSE(cipher.decrypt_payload("no base64 here!!", plain));
  // The last block cut off: the block before it ends in text, not in padding.
  std::string bytes;
  ASSERT_TRUE(base64_decode(encrypted(cipher, std::string(32, 'z')), bytes));
  std::string cut;
  base64_append(cut, std::string_view(bytes).substr(0, 32));
  EXPECT_FALSE(cipher.decrypt_payload(cut, plain));
  // Every bad last byte and every inconsistent run. In CBC, flipping a bit of the IV flips the same
  // bit of the first plain block: a second cipher with another IV makes any padding at all.
  for (unsigned target = 0; target < 256; ++target) {
    std::string salt(kSalt);
    salt[15] = static_cast<char>(static_cast<unsigned char>(salt[15]) ^ 16U ^ target);
    const SessionCipher other(key_of(kSecret), salt);
    const bool expected = target == 1 || target == 16;
    EXPECT_EQ(other.decrypt_payload("+RzjVw2Ym82T4DfmvwTnxQ==", plain), expected) << target;
  }
}

TEST(MsgKeys, MatchTheGoldenFramesAndOnlyThem) {
  const SessionCipher cipher = golden_cipher();
  for (const auto hex : {vectors::kSend1, vectors::kSend2}) {
    const std::string bytes = from_hex(hex);
    auto frame = *decode_send(parse_frame(bytes).frame, 5);
    EXPECT_EQ(view_of(cipher.msg_key_for_send(frame)), frame.msg_key);
    EXPECT_TRUE(cipher.verify(frame));
    frame.client_seq += 1;
    EXPECT_FALSE(cipher.verify(frame));
    frame.client_seq -= 1;
    frame.msg_key.remove_suffix(1);
    EXPECT_FALSE(cipher.verify(frame));
  }
  const std::pair<std::string_view, std::uint8_t> recvs[] = {
      {vectors::kRecv1, 5}, {vectors::kRecv2, 5}, {vectors::kRecv3, 5},
      {vectors::kRecv4, 5}, {vectors::kRecv5, 2}, {vectors::kRecv6, 4}};
  for (const auto& [hex, version] : recvs) {
    const std::string bytes = from_hex(hex);
    auto frame = *decode_recv(parse_frame(bytes).frame, version);
    EXPECT_TRUE(cipher.verify(frame));
    frame.from_uid = "u3";
    EXPECT_FALSE(cipher.verify(frame));
  }
}

TEST(OpenSend, DecryptsWhatVerifiesAndTakesPlainTextOnlyWhenItIsDeclared) {
  const SessionCipher cipher = golden_cipher();
  const std::string bytes = from_hex(vectors::kSend1);
  Send frame = *decode_send(parse_frame(bytes).frame, 5);
  std::string plain;
  ASSERT_TRUE(cipher.open(frame, plain));
  EXPECT_EQ(plain, R"({"content":"hello","type":1})");
  // Declared as not encrypted, yet signed: decrypted all the same.
  frame.setting = kSettingNoEncrypt;
  ASSERT_TRUE(cipher.open(frame, plain));
  EXPECT_EQ(plain, R"({"content":"hello","type":1})");
  frame.msg_key = "0123456789abcdef0123456789abcdef";
  EXPECT_FALSE(cipher.open(frame, plain));
  frame.msg_key = {};
  frame.payload = "as it is";
  ASSERT_TRUE(cipher.open(frame, plain));
  EXPECT_EQ(plain, "as it is");
  frame.setting = 0;
  EXPECT_FALSE(cipher.open(frame, plain));
  EXPECT_TRUE(plain.empty());
}

// The golden RECVs, rebuilt from their fields and the decrypted payload.
TEST(RecvTemplates, GiveTheGoldenFrames) {
  const SessionCipher cipher = golden_cipher();
  const std::pair<std::string_view, std::uint8_t> cases[] = {{vectors::kRecv1, 5},
                                                             {vectors::kRecv2, 5},
                                                             {vectors::kRecv3, 5},
                                                             {vectors::kRecv4, 5},
                                                             {vectors::kRecv5, 2}};
  for (const auto& [hex, version] : cases) {
    const std::string golden = from_hex(hex);
    Recv frame = *decode_recv(parse_frame(golden).frame, version);
    std::string plain;
    ASSERT_TRUE(cipher.open(frame, plain));
    frame.payload = plain;
    frame.msg_key = {};
    const auto made = RecvTemplate::make(frame);
    ASSERT_TRUE(made.has_value());
    std::string out = "before";
    made->append_to(out, cipher, version, Receiver::other);
    EXPECT_EQ(out, "before" + golden);
    EXPECT_EQ(made->frame_bytes(version), golden.size());
  }
}

TEST(RecvTemplates, AreReadableByEveryVersionAndSession) {
  const std::string payload(321, 'p');
  Message message;
  message.id = MessageId{77};
  message.seq = MessageSeq{5};
  message.client_msg_no = "c1";
  message.topic = "t";
  message.payload = payload;
  message.timestamp = 1700000000;
  message.expire = 9;
  message.setting = 0xff;
  message.flags.red_dot = true;
  const auto made = RecvTemplate::make(recv_fields(message, "u1", "g1", ChannelType::group));
  ASSERT_TRUE(made.has_value());
  SeededRandom random(4);
  for (int session = 0; session < 50; ++session) {
    X25519Key secret{};
    random.fill(secret);
    const SessionCipher cipher(secret, make_salt(random));
    const auto version = static_cast<std::uint8_t>(1 + session % 6);
    const auto receiver = session % 2 == 0 ? Receiver::other : Receiver::author;
    std::string bytes;
    made->append_to(bytes, cipher, version, receiver);
    EXPECT_EQ(bytes.size(), made->frame_bytes(version));
    const auto outcome = parse_frame(bytes);
    ASSERT_EQ(outcome.state, ParseOutcome::State::frame);
    ASSERT_EQ(outcome.frame.consumed, bytes.size());
    const auto frame = decode_recv(outcome.frame, version);
    ASSERT_TRUE(frame.has_value());
    EXPECT_EQ(frame->flags, receiver == Receiver::other ? kFlagRedDot : 0);
    EXPECT_EQ(frame->setting, version >= 5 ? 0xaa : 0xa8);
    EXPECT_EQ(frame->expire, version >= 3 ? 9U : 0U);
    EXPECT_EQ(frame->topic, "t");
    EXPECT_EQ(frame->channel_id, "g1");
    std::string plain;
    ASSERT_TRUE(cipher.open(*frame, plain));
    EXPECT_EQ(plain, payload);
  }
}

TEST(RecvTemplates, SignTheSequenceThatTheVersionCarries) {
  Message message;
  message.seq = MessageSeq{(std::uint64_t{1} << 32) + 7};
  message.payload = "x";
  const auto made = RecvTemplate::make(recv_fields(message, "u1", "g1", ChannelType::group));
  ASSERT_TRUE(made.has_value());
  const SessionCipher cipher = golden_cipher();
  for (const std::uint8_t version : {std::uint8_t{2}, std::uint8_t{5}, std::uint8_t{6}}) {
    std::string bytes;
    made->append_to(bytes, cipher, version, Receiver::other);
    EXPECT_EQ(bytes.size(), made->frame_bytes(version));
    const auto frame = decode_recv(parse_frame(bytes).frame, version);
    ASSERT_TRUE(frame.has_value());
    EXPECT_EQ(frame->message_seq, version < 6 ? 7U : raw(message.seq));
    std::string plain;
    EXPECT_TRUE(cipher.open(*frame, plain)) << int{version};
  }
}

TEST(RecvTemplates, MaySurviveTheirSourceAndServeSeveralThreads) {
  auto payload = std::make_unique<std::string>(2000, 'q');
  Recv fields;
  fields.from_uid = *payload;
  fields.payload = *payload;
  const auto made = RecvTemplate::make(fields);
  ASSERT_TRUE(made.has_value());
  payload.reset();
  const SessionCipher cipher = golden_cipher();
  std::string expected;
  made->append_to(expected, cipher, 5, Receiver::other);
  std::vector<std::string> got(4);
  std::vector<std::thread> threads;
  for (auto& out : got) {
    threads.emplace_back([&made, &cipher, &out] {
      for (int i = 0; i < 200; ++i) {
        out.clear();
        made->append_to(out, cipher, 5, Receiver::other);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& out : got) EXPECT_EQ(out, expected);
}

TEST(RecvTemplates, RefuseWhatTheWireCannotCarry) {
  const std::string too_long(kStringBytesMax + 1, 'x');
  Recv fields;
  fields.client_msg_no = too_long;
  ASSERT_FALSE(RecvTemplate::make(fields).has_value());
  const std::string huge(kRemainingBytesMax * 3 / 4, 'x');
  Recv big;
  big.payload = huge;
  const auto made = RecvTemplate::make(big);
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), Errc::too_large);
}

TEST(SelfTest, PassesHere) { EXPECT_TRUE(check_crypto().has_value()); }

}  // namespace
}  // namespace jindou::codec
