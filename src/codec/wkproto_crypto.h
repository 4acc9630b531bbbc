// The cryptography of WKProto (docs/wkproto.md, "keys and encryption"): X25519 key agreement, the
// session key derived from it, AES-128-CBC payloads as base64 text, and the MD5 message keys; and
// the encrypted RECV frame, which is the hot path of fan-out.
//
// Thread-safety: everything here may be called from any thread. OpenSSL contexts and scratch
// buffers are kept per thread, so that a call allocates nothing once a thread has warmed up.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "codec/wkproto.h"
#include "model/message.h"

namespace jindou::codec {

// ---- key agreement --------------------------------------------------------------------------

inline constexpr std::size_t kX25519Bytes = 32;
using X25519Key = std::array<unsigned char, kX25519Bytes>;

struct KeyPair {
  X25519Key private_key{};  // before clamping; OpenSSL clamps on use
  X25519Key public_key{};
};

// The pair that belongs to a private key. Errc::internal only if OpenSSL fails.
Result<KeyPair> key_pair_from_private(const X25519Key& private_key);
// A fresh pair; one per connection. About 40 microseconds.
Result<KeyPair> generate_key_pair(Random& random);
// Errc::invalid when the peer's key is a point of small order (the secret would be all zero).
Result<X25519Key> shared_secret(const X25519Key& private_key, const X25519Key& peer_public_key);

// 16 characters out of [0-9A-Za-z], each equally likely.
std::string make_salt(Random& random);

// ---- sessions -------------------------------------------------------------------------------

// 32 lower-case hex digits.
using MsgKey = std::array<char, 32>;
inline std::string_view view_of(const MsgKey& key) { return {key.data(), key.size()}; }

// The keys of one session: AES-128 key and IV, the same for both directions. 32 bytes and no other
// state, so an idle session costs nothing more; a copy is as good as the original.
class SessionCipher {
 public:
  static constexpr std::size_t kKeyBytes = 16;
  static constexpr std::size_t kSaltBytes = 16;

  // Unusable keys (all zero), for members that get theirs at the handshake.
  SessionCipher() = default;
  // Derives the AES key from a shared secret. `salt` has kSaltBytes characters.
  SessionCipher(const X25519Key& secret, std::string_view salt);

  // Appends base64(AES-128-CBC(PKCS#7(plain))).
  void encrypt_payload(std::string_view plain, std::string& out) const;

  // Replaces `plain`; false (and `plain` empty) unless `wire` is canonical base64 of one or more
  // whole blocks whose padding is consistent. Check the message key first: decryption alone proves
  // little.
  [[nodiscard]] bool decrypt_payload(std::string_view wire, std::string& plain) const;

  // Message keys over the fields as they stand in this very frame; `payload` is the base64 text.
  MsgKey msg_key_for_send(const Send& frame) const;
  MsgKey msg_key_for_recv(const Recv& frame) const;
  // Whether frame.msg_key is the right one. Constant time in the key.
  [[nodiscard]] bool verify(const Send& frame) const;
  [[nodiscard]] bool verify(const Recv& frame) const;

  // What the server does with a SEND: verifies, then decrypts into `plain`. A frame that asks for
  // no encryption (setting bit noEncrypt) and has no message key is taken as plain text. False:
  // answer with Reason::payload_decode_error and keep the connection.
  [[nodiscard]] bool open(const Send& frame, std::string& plain) const;
  // What a client does with a RECV: always verifies and decrypts.
  [[nodiscard]] bool open(const Recv& frame, std::string& plain) const;

  const std::array<unsigned char, kKeyBytes>& key() const { return key_; }
  const std::array<unsigned char, kSaltBytes>& iv() const { return iv_; }

 private:
  std::array<unsigned char, kKeyBytes> key_{};
  std::array<unsigned char, kSaltBytes> iv_{};
};
static_assert(sizeof(SessionCipher) == 32);

// The server's half of a handshake: what goes into the CONNACK, and the session's keys.
struct ServerHandshake {
  std::string server_key;  // base64 of the server's public key
  std::string salt;
  SessionCipher cipher;
};
// Errc::invalid when `client_key` is not base64 of 32 bytes or gives no secret: refuse the CONNECT
// with Reason::auth_fail (and an empty key with Reason::client_key_is_empty). About 80
// microseconds.
Result<ServerHandshake> server_handshake(std::string_view client_key, Random& random);

// The client's half: its own private key and the answer of the server.
Result<SessionCipher> client_handshake(const X25519Key& private_key, std::string_view server_key,
                                       std::string_view salt);

// Runs key agreement, encryption and a message key once against known values. Call it at start-up:
// it fails with Errc::unavailable on a system whose OpenSSL policy forbids MD5 or X25519.
Result<void> check_crypto();

// ---- RECV -----------------------------------------------------------------------------------

// Who gets a RECV. Nobody's own message counts as unread: redDot is off for the author's devices.
enum class Receiver : bool { other, author };

// One message as shown to a group of receivers who see the same from_uid and channel_id (all
// members of a group; for a person channel one template per side). Holds everything that does not
// depend on the session: the fields already laid out, the start of the text the message key is made
// of, and the padded payload. Immutable after make(): share it between threads, one append_to per
// session.
class RecvTemplate {
 public:
  // `plain.payload` is plain text; `plain.msg_key` is not used. Copies everything. Errc::too_large
  // when a string passes kStringBytesMax or the frame would pass kRemainingBytesMax.
  static Result<RecvTemplate> make(const Recv& plain);

  // Appends the complete encrypted frame for a session with these keys and this effective version.
  // Cost for 200 bytes of payload: 1.5 to 2 microseconds, more than half of it MD5.
  void append_to(std::string& out, const SessionCipher& cipher, std::uint8_t version,
                 Receiver receiver) const;

  // For a client without keys: the payload as it is, and no message key.
  void append_plain_to(std::string& out, std::uint8_t version, Receiver receiver) const;

  // Exactly what append_to appends.
  std::size_t frame_bytes(std::uint8_t version) const;

 private:
  RecvTemplate() = default;
  std::size_t body_bytes(std::uint8_t version) const;
  std::size_t fields_bytes(std::uint8_t version) const;
  std::uint8_t flags_for(Receiver receiver) const;
  void append_fields(std::string& out, std::uint8_t version) const;

  std::string fields_;      // from_uid to topic, with expire
  std::string sign_start_;  // the signed text up to the payload
  // The same with message_seq as older versions have it, where that differs.
  std::string sign_start_cut_;
  std::string padded_;           // plain payload with its PKCS#7 padding
  std::size_t plain_bytes_ = 0;  // of padded_
  std::size_t expire_at_ = 0;
  std::size_t seq_at_ = 0;  // 64 bits; the second half is what older versions have
  std::uint8_t flags_ = 0;
  std::uint8_t setting_ = 0;
};

// The fields of `message` as a receiver is shown them. `from_uid` is empty for the system account;
// `channel` is the receiver's view (person: the peer's uid; commands: without suffix). The views
// borrow from `message` and the arguments.
Recv recv_fields(const Message& message, std::string_view from_uid, std::string_view channel_id,
                 ChannelType channel_type);

}  // namespace jindou::codec
