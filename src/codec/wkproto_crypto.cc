#include "codec/wkproto_crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <charconv>
#include <climits>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>

#include "base/assert.h"
#include "base/bytes.h"
#include "codec/base64.h"

namespace jindou::codec {
namespace {

constexpr std::size_t kBlockBytes = 16;
constexpr std::size_t kMd5Bytes = 16;
// Scratch above this is given back after use: a thread that once carried a huge payload must not
// hold on to it. Ordinary messages are far below.
constexpr std::size_t kScratchKeptBytes = 256 * 1024;

template <auto free_function>
struct Free {
  template <class T>
  void operator()(T* object) const {
    free_function(object);
  }
};
using CipherPtr = std::unique_ptr<EVP_CIPHER, Free<EVP_CIPHER_free>>;
using DigestPtr = std::unique_ptr<EVP_MD, Free<EVP_MD_free>>;
using CipherCtxPtr = std::unique_ptr<EVP_CIPHER_CTX, Free<EVP_CIPHER_CTX_free>>;
using DigestCtxPtr = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using PkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;

// Fetched once: a fetch takes a lock and a look-up. Never null after check_crypto() succeeded.
const EVP_CIPHER* aes_128_cbc() {
  static const CipherPtr kCipher(EVP_CIPHER_fetch(nullptr, "AES-128-CBC", nullptr));
  return kCipher.get();
}
const EVP_MD* md5() {
  static const DigestPtr kDigest(EVP_MD_fetch(nullptr, "MD5", nullptr));
  return kDigest.get();
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::size_t padded_size(std::size_t plain) { return (plain / kBlockBytes + 1) * kBlockBytes; }

void append_padding(std::string& text, std::size_t plain_size) {
  const std::size_t count = padded_size(plain_size) - plain_size;
  text.append(count, static_cast<char>(count));
}

void append_decimal(std::string& out, std::uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

enum class Direction : int { decrypt = 0, encrypt = 1 };

// One AES context of one thread, keyed with whatever session used it last.
class CbcContext {
 public:
  explicit CbcContext(Direction direction) : ctx_(EVP_CIPHER_CTX_new()) {
    JD_ASSERT(ctx_ != nullptr);
    JD_ASSERT(aes_128_cbc() != nullptr);
    JD_ASSERT(EVP_CipherInit_ex(ctx_.get(), aes_128_cbc(), nullptr, nullptr, nullptr,
                                static_cast<int>(direction)) == 1);
    // Encryption feeds whole blocks and never finishes, so OpenSSL's padding does not come into
    // play and switching it off would only add a parameter call to every re-key. Decryption would
    // hold back the last block.
    if (direction == Direction::decrypt) {
      JD_ASSERT(EVP_CIPHER_CTX_set_padding(ctx_.get(), 0) == 1);
    }
  }

  // `in` holds whole blocks; `out` has room for as many bytes. -1: keep the direction.
  void run(const SessionCipher& cipher, std::string_view in, unsigned char* out) {
    JD_ASSERT(in.size() % kBlockBytes == 0);
    JD_ASSERT(in.size() <= INT_MAX);
    const bool same_key = keyed_ && cipher.key() == key_;
    JD_ASSERT(EVP_CipherInit_ex(ctx_.get(), nullptr, nullptr,
                                same_key ? nullptr : cipher.key().data(), cipher.iv().data(),
                                -1) == 1);
    key_ = cipher.key();
    keyed_ = true;
    int written = 0;
    JD_ASSERT(EVP_CipherUpdate(ctx_.get(), out, &written, bytes_of(in),
                               static_cast<int>(in.size())) == 1);
    JD_ASSERT(static_cast<std::size_t>(written) == in.size());
  }

 private:
  CipherCtxPtr ctx_;
  std::array<unsigned char, SessionCipher::kKeyBytes> key_{};
  bool keyed_ = false;
};

// What one thread reuses from call to call.
struct ThreadState {
  CbcContext encryption{Direction::encrypt};
  CbcContext decryption{Direction::decrypt};
  DigestCtxPtr digest{EVP_MD_CTX_new()};
  std::string sign;        // text to be signed, with padding
  std::string ciphertext;  // raw blocks
  std::string base64;

  ThreadState() {
    JD_ASSERT(digest != nullptr);
    JD_ASSERT(md5() != nullptr);
    JD_ASSERT(EVP_DigestInit_ex(digest.get(), md5(), nullptr) == 1);
  }

  void trim() {
    for (std::string* scratch : {&sign, &ciphertext, &base64}) {
      if (scratch->capacity() > kScratchKeptBytes) {
        scratch->clear();
        scratch->shrink_to_fit();
      }
    }
  }
};

ThreadState& thread_state() {
  thread_local ThreadState state;
  return state;
}

void md5_hex(ThreadState& state, std::string_view text, char* out) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  JD_ASSERT(EVP_DigestInit_ex(state.digest.get(), nullptr, nullptr) == 1);
  JD_ASSERT(EVP_DigestUpdate(state.digest.get(), text.data(), text.size()) == 1);
  unsigned int size = 0;
  JD_ASSERT(EVP_DigestFinal_ex(state.digest.get(), digest, &size) == 1);
  JD_ASSERT(size == kMd5Bytes);
  constexpr char kDigits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < kMd5Bytes; ++i) {
    *out++ = kDigits[digest[i] >> 4];
    *out++ = kDigits[digest[i] & 15];
  }
}

// Writes the base64 text of the encrypted `padded`; `out` has room for it.
void encrypt_padded(ThreadState& state, const SessionCipher& cipher, std::string_view padded,
                    char* out) {
  if (state.ciphertext.size() < padded.size()) state.ciphertext.resize(padded.size());
  auto* raw_bytes = reinterpret_cast<unsigned char*>(state.ciphertext.data());
  state.encryption.run(cipher, padded, raw_bytes);
  base64_encode_to(out, std::string_view(state.ciphertext.data(), padded.size()));
}

// The message key of the text in state.sign (without padding yet).
void sign(ThreadState& state, const SessionCipher& cipher, char* out) {
  append_padding(state.sign, state.sign.size());
  const std::size_t text_size = base64_encoded_size(state.sign.size());
  if (state.base64.size() < text_size) state.base64.resize(text_size);
  encrypt_padded(state, cipher, state.sign, state.base64.data());
  md5_hex(state, std::string_view(state.base64.data(), text_size), out);
}

void append_sign_start(std::string& out, const Recv& frame) {
  append_decimal(out, raw(frame.message_id));
  append_decimal(out, frame.message_seq);
  out.append(frame.client_msg_no);
  // Before 1970 does not happen; the cast prints what JavaScript prints.
  append_decimal(out, static_cast<std::uint32_t>(frame.timestamp));
  out.append(frame.from_uid);
  out.append(frame.channel_id);
  append_decimal(out, raw(frame.channel_type));
}

bool same_key(const MsgKey& expected, std::string_view given) {
  return given.size() == expected.size() &&
         CRYPTO_memcmp(expected.data(), given.data(), expected.size()) == 0;
}

std::optional<X25519Key> decode_key(std::string_view base64) {
  // 44 characters for 32 bytes; folded lines are not expected here but cost nothing.
  std::string bytes;
  if (base64.size() > 64 || !base64_decode(base64, bytes) || bytes.size() != kX25519Bytes) {
    return std::nullopt;
  }
  X25519Key key;
  std::memcpy(key.data(), bytes.data(), key.size());
  return key;
}

std::string encode_key(const X25519Key& key) {
  std::string text;
  base64_append(text, {reinterpret_cast<const char*>(key.data()), key.size()});
  return text;
}

PkeyPtr private_pkey(const X25519Key& key) {
  return PkeyPtr(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, key.data(), key.size()));
}

}  // namespace

Result<KeyPair> key_pair_from_private(const X25519Key& private_key) {
  const PkeyPtr key = private_pkey(private_key);
  KeyPair pair;
  pair.private_key = private_key;
  std::size_t size = pair.public_key.size();
  if (key == nullptr ||
      EVP_PKEY_get_raw_public_key(key.get(), pair.public_key.data(), &size) != 1 ||
      size != pair.public_key.size()) {
    return Error(Errc::internal, "X25519 public key computation failed");
  }
  return pair;
}

Result<KeyPair> generate_key_pair(Random& random) {
  X25519Key private_key;
  random.fill(private_key);
  return key_pair_from_private(private_key);
}

Result<X25519Key> shared_secret(const X25519Key& private_key, const X25519Key& peer_public_key) {
  const PkeyPtr own = private_pkey(private_key);
  const PkeyPtr peer(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, peer_public_key.data(),
                                                 peer_public_key.size()));
  if (own == nullptr || peer == nullptr) return Error(Errc::internal, "X25519 key set-up failed");
  const PkeyCtxPtr ctx(EVP_PKEY_CTX_new(own.get(), nullptr));
  if (ctx == nullptr || EVP_PKEY_derive_init(ctx.get()) != 1) {
    return Error(Errc::internal, "X25519 key set-up failed");
  }
  X25519Key secret{};
  std::size_t size = secret.size();
  // Setting the peer or deriving fails for points of small order; what is left of an all-zero
  // secret is caught here so that the rule does not depend on the library's version.
  if (EVP_PKEY_derive_set_peer(ctx.get(), peer.get()) != 1 ||
      EVP_PKEY_derive(ctx.get(), secret.data(), &size) != 1 || size != secret.size() ||
      secret == X25519Key{}) {
    return Error(Errc::invalid, "the client key gives no shared secret");
  }
  return secret;
}

std::string make_salt(Random& random) {
  constexpr std::string_view kCharacters =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  // 248 = 4 * 62: larger bytes would favour the first characters and are thrown away.
  constexpr unsigned kFairBelow = 248;
  std::string salt;
  std::array<unsigned char, 2 * SessionCipher::kSaltBytes> bytes;
  while (salt.size() < SessionCipher::kSaltBytes) {
    random.fill(bytes);
    for (const unsigned char byte : bytes) {
      if (byte < kFairBelow && salt.size() < SessionCipher::kSaltBytes) {
        salt.push_back(kCharacters[byte % kCharacters.size()]);
      }
    }
  }
  return salt;
}

SessionCipher::SessionCipher(const X25519Key& secret, std::string_view salt) {
  JD_ASSERT(salt.size() == kSaltBytes);
  MsgKey digest;
  md5_hex(thread_state(), encode_key(secret), digest.data());
  // The first 16 characters of the hex text are the key; they are not turned into bytes.
  std::memcpy(key_.data(), digest.data(), key_.size());
  std::memcpy(iv_.data(), salt.data(), iv_.size());
}

void SessionCipher::encrypt_payload(std::string_view plain, std::string& out) const {
  ThreadState& state = thread_state();
  state.sign.assign(plain);
  append_padding(state.sign, plain.size());
  const std::size_t before = out.size();
  out.resize(before + base64_encoded_size(state.sign.size()));
  encrypt_padded(state, *this, state.sign, out.data() + before);
  state.trim();
}

bool SessionCipher::decrypt_payload(std::string_view wire, std::string& plain) const {
  plain.clear();
  ThreadState& state = thread_state();
  const bool decoded = base64_decode(wire, state.ciphertext);
  const std::size_t size = state.ciphertext.size();
  if (!decoded || size == 0 || size % kBlockBytes != 0) {
    state.trim();
    return false;
  }
  plain.resize(size);
  state.decryption.run(*this, state.ciphertext, reinterpret_cast<unsigned char*>(plain.data()));
  state.trim();
  const auto padding = static_cast<unsigned char>(plain.back());
  bool valid = padding >= 1 && padding <= kBlockBytes;
  for (std::size_t i = 1; valid && i <= padding; ++i) {
    valid = static_cast<unsigned char>(plain[size - i]) == padding;
  }
  plain.resize(valid ? size - padding : 0);
  return valid;
}

MsgKey SessionCipher::msg_key_for_send(const Send& frame) const {
  ThreadState& state = thread_state();
  state.sign.clear();
  append_decimal(state.sign, frame.client_seq);
  state.sign.append(frame.client_msg_no);
  state.sign.append(frame.channel_id);
  append_decimal(state.sign, raw(frame.channel_type));
  state.sign.append(frame.payload);
  MsgKey key;
  sign(state, *this, key.data());
  state.trim();
  return key;
}

MsgKey SessionCipher::msg_key_for_recv(const Recv& frame) const {
  ThreadState& state = thread_state();
  state.sign.clear();
  append_sign_start(state.sign, frame);
  state.sign.append(frame.payload);
  MsgKey key;
  sign(state, *this, key.data());
  state.trim();
  return key;
}

bool SessionCipher::verify(const Send& frame) const {
  return frame.msg_key.size() == MsgKey{}.size() &&
         same_key(msg_key_for_send(frame), frame.msg_key);
}

bool SessionCipher::verify(const Recv& frame) const {
  return frame.msg_key.size() == MsgKey{}.size() &&
         same_key(msg_key_for_recv(frame), frame.msg_key);
}

bool SessionCipher::open(const Send& frame, std::string& plain) const {
  plain.clear();
  if (verify(frame)) return decrypt_payload(frame.payload, plain);
  if ((frame.setting & kSettingNoEncrypt) == 0 || !frame.msg_key.empty()) return false;
  plain.assign(frame.payload);
  return true;
}

bool SessionCipher::open(const Recv& frame, std::string& plain) const {
  plain.clear();
  return verify(frame) && decrypt_payload(frame.payload, plain);
}

Result<ServerHandshake> server_handshake(std::string_view client_key, Random& random) {
  const auto peer = decode_key(client_key);
  if (!peer) return Error(Errc::invalid, "the client key is not base64 of 32 bytes");
  JD_TRY(const auto own, generate_key_pair(random));
  JD_TRY(const auto secret, shared_secret(own.private_key, *peer));
  ServerHandshake handshake;
  handshake.server_key = encode_key(own.public_key);
  handshake.salt = make_salt(random);
  handshake.cipher = SessionCipher(secret, handshake.salt);
  return handshake;
}

Result<SessionCipher> client_handshake(const X25519Key& private_key, std::string_view server_key,
                                       std::string_view salt) {
  const auto peer = decode_key(server_key);
  if (!peer) return Error(Errc::invalid, "the server key is not base64 of 32 bytes");
  if (salt.size() != SessionCipher::kSaltBytes) {
    return Error(Errc::invalid, "the salt does not have 16 characters");
  }
  JD_TRY(const auto secret, shared_secret(private_key, *peer));
  return SessionCipher(secret, salt);
}

Result<void> check_crypto() {
  if (aes_128_cbc() == nullptr || md5() == nullptr) {
    return Error(Errc::unavailable,
                 "this OpenSSL configuration offers no AES-128-CBC or no MD5, which WKProto needs");
  }
  X25519Key one{};
  X25519Key two{};
  one[0] = 1;
  two[0] = 2;
  JD_TRY(const auto first, key_pair_from_private(one));
  JD_TRY(const auto second, key_pair_from_private(two));
  JD_TRY(const auto secret, shared_secret(one, second.public_key));
  JD_TRY(const auto mirrored, shared_secret(two, first.public_key));
  const SessionCipher cipher(secret, "0123456789ABCDEF");
  std::string wire;
  std::string plain;
  cipher.encrypt_payload("self test", wire);
  if (secret != mirrored || !cipher.decrypt_payload(wire, plain) || plain != "self test") {
    return Error(Errc::unavailable, "the self test of the cryptographic library failed");
  }
  return {};
}

namespace {
// The half of message_seq that versions before 6 do not have.
constexpr std::size_t kSeqCut = 4;

// Whether that is one whole RECV for a client of the version, with so many bytes of payload.
bool reads_as_recv(std::string_view bytes, std::uint8_t version, std::size_t payload_bytes) {
  const ParseOutcome outcome = parse_frame(bytes);
  if (outcome.state != ParseOutcome::State::frame) return false;
  if (outcome.frame.type != FrameType::recv || outcome.frame.consumed != bytes.size()) return false;
  const auto recv = decode_recv(outcome.frame, version);
  return recv && recv->payload.size() == payload_bytes;
}
}  // namespace

Result<RecvTemplate> RecvTemplate::make(const Recv& plain) {
  for (const auto text : {plain.from_uid, plain.channel_id, plain.client_msg_no, plain.topic}) {
    if (text.size() > kStringBytesMax) {
      return Error(Errc::too_large, "a string of a RECV is longer than 32767 bytes");
    }
  }
  RecvTemplate made;
  const auto put = [&made](std::string_view text) {
    append_be(made.fields_, static_cast<std::uint16_t>(text.size()));
    made.fields_.append(text);
  };
  made.flags_ = plain.flags & (kFlagNoPersist | kFlagSyncOnce | kFlagRedDot);
  made.setting_ = plain.setting;
  put(plain.from_uid);
  put(plain.channel_id);
  append_be(made.fields_, raw(plain.channel_type));
  made.expire_at_ = made.fields_.size();
  append_be(made.fields_, plain.expire);
  put(plain.client_msg_no);
  append_be(made.fields_, raw(plain.message_id));
  made.seq_at_ = made.fields_.size();
  append_be(made.fields_, plain.message_seq);
  append_be(made.fields_, static_cast<std::uint32_t>(plain.timestamp));
  if ((plain.setting & kSettingTopic) != 0) put(plain.topic);
  append_sign_start(made.sign_start_, plain);
  if (plain.message_seq > std::numeric_limits<std::uint32_t>::max()) {
    Recv cut = plain;
    cut.message_seq = static_cast<std::uint32_t>(plain.message_seq);
    append_sign_start(made.sign_start_cut_, cut);
  }
  made.padded_.reserve(padded_size(plain.payload.size()));
  made.padded_.append(plain.payload);
  made.plain_bytes_ = plain.payload.size();
  append_padding(made.padded_, plain.payload.size());
  if (made.body_bytes(kVersionMax) > kRemainingBytesMax) {
    return Error(Errc::too_large, "a RECV is longer than 1048576 bytes");
  }
  return made;
}

std::size_t RecvTemplate::fields_bytes(std::uint8_t version) const {
  const std::size_t expire = version >= 3 ? 0 : sizeof(Recv::expire);
  const std::size_t seq = version >= kVersionWideSeq ? 0 : kSeqCut;
  return fields_.size() - expire - seq;
}

void RecvTemplate::append_fields(std::string& out, std::uint8_t version) const {
  const std::size_t after_expire = expire_at_ + (version >= 3 ? 0 : sizeof(Recv::expire));
  out.append(fields_, 0, expire_at_);
  out.append(fields_, after_expire, seq_at_ - after_expire);
  out.append(fields_, seq_at_ + (version >= kVersionWideSeq ? 0 : kSeqCut));
}

std::uint8_t RecvTemplate::flags_for(Receiver receiver) const {
  return receiver == Receiver::author ? static_cast<std::uint8_t>(flags_ & ~kFlagRedDot) : flags_;
}

std::size_t RecvTemplate::body_bytes(std::uint8_t version) const {
  return 1 + 2 + MsgKey{}.size() + fields_bytes(version) + base64_encoded_size(padded_.size());
}

void RecvTemplate::append_plain_to(std::string& out, std::uint8_t version,
                                   Receiver receiver) const {
  const std::size_t begin = out.size();
  append_frame_header(out, FrameType::recv, flags_for(receiver),
                      1 + 2 + fields_bytes(version) + plain_bytes_);
  out.push_back(static_cast<char>(recv_setting(setting_, version)));
  append_be(out, std::uint16_t{0});
  append_fields(out, version);
  out.append(padded_, 0, plain_bytes_);
  JD_ASSERT_SLOW(reads_as_recv(std::string_view(out).substr(begin), version, plain_bytes_));
}

std::size_t RecvTemplate::frame_bytes(std::uint8_t version) const {
  const std::size_t body = body_bytes(version);
  std::size_t length_bytes = 1;
  for (std::size_t rest = body >> 7; rest != 0; rest >>= 7) ++length_bytes;
  return 1 + length_bytes + body;
}

void RecvTemplate::append_to(std::string& out, const SessionCipher& cipher, std::uint8_t version,
                             Receiver receiver) const {
  ThreadState& state = thread_state();
  const std::size_t begin = out.size();
  append_frame_header(out, FrameType::recv, flags_for(receiver), body_bytes(version));
  out.push_back(static_cast<char>(recv_setting(setting_, version)));
  append_be(out, static_cast<std::uint16_t>(MsgKey{}.size()));
  const std::size_t key_at = out.size();
  out.append(MsgKey{}.size(), '\0');
  append_fields(out, version);
  const std::size_t payload_at = out.size();
  const std::size_t payload_size = base64_encoded_size(padded_.size());
  out.resize(payload_at + payload_size);
  encrypt_padded(state, cipher, padded_, out.data() + payload_at);
  const bool cut = version < kVersionWideSeq && !sign_start_cut_.empty();
  state.sign.assign(cut ? sign_start_cut_ : sign_start_);
  state.sign.append(out, payload_at, payload_size);
  sign(state, cipher, out.data() + key_at);
  state.trim();
  // Else the client takes the next frame for the rest of this one.
  JD_ASSERT(out.size() - begin == frame_bytes(version));
  JD_ASSERT_SLOW(reads_as_recv(std::string_view(out).substr(begin), version, payload_size));
}

Recv recv_fields(const Message& message, std::string_view from_uid, std::string_view channel_id,
                 ChannelType channel_type) {
  Recv recv;
  recv.flags = bits_from_flags(message.flags);
  recv.setting = message.setting;
  recv.from_uid = from_uid;
  recv.channel_id = channel_id;
  recv.channel_type = channel_type;
  recv.expire = message.expire;
  recv.client_msg_no = message.client_msg_no;
  recv.message_id = message.id;
  recv.message_seq = raw(message.seq);
  recv.timestamp = static_cast<std::int32_t>(message.timestamp);
  recv.topic = message.topic;
  recv.payload = message.payload;
  return recv;
}

}  // namespace jindou::codec
