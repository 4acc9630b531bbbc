// WKProto, the binary client protocol, versions 1 to 6: frames from bytes and to bytes, both ways
// (the server's side, and the client's side for tests and the load generator). docs/wkproto.md
// describes the protocol. Pure and thread-safe: no sockets, no state; encryption of payloads is in
// wkproto_crypto.h.
//
// Lifetime: every std::string_view of a decoded frame points into the bytes it was decoded from and
// is valid as long as those stay in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "model/channel.h"
#include "model/ids.h"
#include "model/message.h"
#include "model/reason.h"

namespace jindou::codec {

inline constexpr std::uint8_t kVersionMax = 6;
// What most clients speak at most; a JSON-RPC session stands at it.
inline constexpr std::uint8_t kVersionUsual = 5;
// The first one with message_seq in 64 bits and client_msg_no in a SENDACK.
inline constexpr std::uint8_t kVersionWideSeq = 6;

// The layout used for every frame of a connection, from the version in its CONNECT. A client of a
// later version is answered with the highest; 0 is nobody's version and is read as 1.
constexpr std::uint8_t effective_version(std::uint8_t client_version) {
  if (client_version == 0) return 1;
  return client_version < kVersionMax ? client_version : kVersionMax;
}

enum class FrameType : std::uint8_t {
  connect = 1,
  connack = 2,
  send = 3,
  sendack = 4,
  recv = 5,
  recvack = 6,
  ping = 7,
  pong = 8,
  disconnect = 9,
  sub = 10,
  suback = 11,
  event = 12,
};
constexpr std::uint8_t raw(FrameType type) { return static_cast<std::uint8_t>(type); }

// Header bits of SEND, SENDACK, RECV and RECVACK.
inline constexpr std::uint8_t kFlagNoPersist = 0x01;
inline constexpr std::uint8_t kFlagRedDot = 0x02;
inline constexpr std::uint8_t kFlagSyncOnce = 0x04;
inline constexpr std::uint8_t kFlagDup = 0x08;

constexpr MessageFlags flags_from_bits(std::uint8_t bits) {
  MessageFlags flags;
  flags.no_persist = (bits & kFlagNoPersist) != 0;
  flags.red_dot = (bits & kFlagRedDot) != 0;
  flags.sync_once = (bits & kFlagSyncOnce) != 0;
  return flags;
}
constexpr std::uint8_t bits_from_flags(const MessageFlags& flags) {
  return static_cast<std::uint8_t>((flags.no_persist ? kFlagNoPersist : 0) |
                                   (flags.red_dot ? kFlagRedDot : 0) |
                                   (flags.sync_once ? kFlagSyncOnce : 0));
}

// The codecs of all known clients refuse a longer body.
inline constexpr std::size_t kRemainingBytesMax = 1U << 20;
// Clients read a string's length as a signed 16-bit number.
inline constexpr std::size_t kStringBytesMax = 32767;

// ---- framing --------------------------------------------------------------------------------

// One frame cut out of a byte stream. `body` points into the caller's buffer.
struct RawFrame {
  FrameType type = FrameType::ping;
  std::uint8_t flags = 0;    // low nibble of the first byte
  std::string_view body;     // empty for PING and PONG
  std::size_t consumed = 0;  // bytes of the buffer this frame takes
};

struct ParseOutcome {
  enum class State : std::uint8_t {
    need_more,  // not a whole frame yet; `need_bytes` says how long the buffer must get
    frame,      // `frame` is set
    error,      // the stream is broken for ever: close; `problem` says why
  };
  State state = State::need_more;
  RawFrame frame;
  // At least this many bytes must be in the buffer before parsing again makes sense. Bounded by
  // the limit given to parse_frame + 5.
  std::size_t need_bytes = 1;
  std::string_view problem;  // static text
  bool too_long = false;     // error: the frame is over the limit
};

// Looks at the start of `buffer`. An oversized remaining length is an error as soon as the length
// is readable, before its body has arrived; `remaining_bytes_max` is normally smaller before a
// connection is authenticated, and never more than kRemainingBytesMax.
ParseOutcome parse_frame(std::string_view buffer,
                         std::size_t remaining_bytes_max = kRemainingBytesMax);

// ---- frames ---------------------------------------------------------------------------------

struct Connect {
  std::uint8_t version = kVersionUsual;
  std::uint8_t device_flag = 0;
  std::string_view device_id;
  std::string_view uid;
  std::string_view token;
  std::int64_t client_timestamp = 0;  // ms by most clients, seconds by some: informational
  std::string_view client_key;        // base64 of an X25519 public key
  bool operator==(const Connect&) const = default;
};

struct ConnAck {
  std::uint8_t server_version = 0;  // decoded only: the encoder writes V itself, iff V >= 4
  std::int64_t time_diff = 0;       // ms, server minus client
  Reason reason = Reason::success;
  std::string_view server_key;  // base64 of an X25519 public key; empty on failure
  std::string_view salt;        // 16 characters; empty on failure
  std::uint64_t node_id = 0;    // on the wire iff V >= 4
  bool operator==(const ConnAck&) const = default;
};

struct Send {
  std::uint8_t flags = 0;
  std::uint8_t setting = 0;
  std::uint32_t client_seq = 0;
  std::string_view client_msg_no;
  std::string_view stream_no;  // on the wire iff 2 <= V <= 4 and setting has kSettingStream
  std::string_view channel_id;
  ChannelType channel_type = ChannelType::none;
  std::uint32_t expire = 0;  // seconds; on the wire iff V >= 3
  std::string_view msg_key;
  std::string_view topic;    // on the wire iff setting has kSettingTopic
  std::string_view payload;  // as on the wire: base64 ciphertext
  bool operator==(const Send&) const = default;
};

struct SendAck {
  std::uint8_t flags = 0;  // the four bits of the SEND
  MessageId message_id{};
  std::uint32_t client_seq = 0;
  std::uint64_t message_seq = 0;  // the low 32 bits on the wire iff V < 6
  Reason reason = Reason::success;
  std::string_view client_msg_no = {};  // on the wire iff V >= 6 and not empty
  bool operator==(const SendAck&) const = default;
};

struct Recv {
  std::uint8_t flags = 0;
  std::uint8_t setting = 0;  // the encoder masks it, see recv_setting
  std::string_view msg_key;
  std::string_view from_uid;
  std::string_view channel_id;
  ChannelType channel_type = ChannelType::none;
  std::uint32_t expire = 0;  // on the wire iff V >= 3
  std::string_view client_msg_no;
  MessageId message_id{};
  std::uint64_t message_seq = 0;  // the low 32 bits on the wire iff V < 6
  std::int32_t timestamp = 0;     // seconds
  std::string_view topic;         // on the wire iff setting has kSettingTopic
  std::string_view payload;       // as on the wire: base64 ciphertext
  bool operator==(const Recv&) const = default;
};

struct RecvAck {
  std::uint8_t flags = 0;
  MessageId message_id{};
  std::uint64_t message_seq = 0;  // the low 32 bits on the wire iff V < 6
  bool operator==(const RecvAck&) const = default;
};

struct Ping {
  bool operator==(const Ping&) const = default;
};
struct Pong {
  bool operator==(const Pong&) const = default;
};

// "You were kicked, do not come back."
struct Disconnect {
  Reason reason = Reason::connect_kick;
  std::string_view text;
  bool operator==(const Disconnect&) const = default;
};

enum class SubAction : std::uint8_t { subscribe = 0, unsubscribe = 1 };

struct Sub {
  std::uint8_t setting = 0;
  std::string_view sub_no;
  std::string_view channel_id;
  ChannelType channel_type = ChannelType::none;
  SubAction action = SubAction::subscribe;
  std::string_view param;
  bool operator==(const Sub&) const = default;
};

struct SubAck {
  std::string_view sub_no;
  std::string_view channel_id;
  ChannelType channel_type = ChannelType::none;
  SubAction action = SubAction::subscribe;
  Reason reason = Reason::success;
  bool operator==(const SubAck&) const = default;
};

// Only for connections with V >= 5: others take it for a broken stream.
struct Event {
  std::string_view id;
  std::string_view type;
  std::int64_t timestamp = 0;  // ms
  std::string_view data;       // UTF-8 JSON
  bool operator==(const Event&) const = default;
};

using Frame = std::variant<Connect, ConnAck, Send, SendAck, Recv, RecvAck, Ping, Pong, Disconnect,
                           Sub, SubAck, Event>;

// The setting byte of a RECV for a client of version V. noEncrypt and the reserved bits are always
// cleared; the stream bit only says "has events" for V >= 5, and for older clients it would
// announce fields that no two of them lay out alike.
constexpr std::uint8_t recv_setting(std::uint8_t setting, std::uint8_t version) {
  return static_cast<std::uint8_t>(setting & (version >= 5 ? 0xaa : 0xa8));
}

// ---- decoding -------------------------------------------------------------------------------

// Bodies to values, for the layout of `version` (an effective version, 1..6). Errc::invalid when
// bytes are missing or a string's length is not allowed: close the connection. Bytes after the last
// known field are ignored, as every client does.
Result<Connect> decode_connect(const RawFrame& frame);
Result<ConnAck> decode_connack(const RawFrame& frame, std::uint8_t version);
// Old clients mark streams by setting bit 0x04 and some then add a stream number: for V < 5 with
// that bit, a frame whose message key does not look like one is read again with that field.
Result<Send> decode_send(const RawFrame& frame, std::uint8_t version);
Result<SendAck> decode_sendack(const RawFrame& frame, std::uint8_t version = kVersionUsual);
// Stream fields of versions 2..4 are skipped.
Result<Recv> decode_recv(const RawFrame& frame, std::uint8_t version);
Result<RecvAck> decode_recvack(const RawFrame& frame, std::uint8_t version = kVersionUsual);
Result<Disconnect> decode_disconnect(const RawFrame& frame);
Result<Sub> decode_sub(const RawFrame& frame);
Result<SubAck> decode_suback(const RawFrame& frame);
Result<Event> decode_event(const RawFrame& frame);

// Any of the above by frame.type.
Result<Frame> decode_frame(const RawFrame& frame, std::uint8_t version);

// ---- encoding -------------------------------------------------------------------------------

// Append one frame in the layout of `version`. Errc::too_large (and nothing appended) when a string
// passes kStringBytesMax or the body kRemainingBytesMax.
Result<void> encode(std::string& out, const Connect& frame);
// Header bit 0, serverVersion = V and nodeId iff V >= 4, on refusals as well.
Result<void> encode(std::string& out, const ConnAck& frame, std::uint8_t version);
Result<void> encode(std::string& out, const Send& frame, std::uint8_t version);
// Errc::too_large as above, for client_msg_no.
Result<void> encode(std::string& out, const SendAck& frame, std::uint8_t version);
// `frame.payload` and `frame.msg_key` as they go on the wire. The server's own way to a RECV is
// RecvTemplate (wkproto_crypto.h), which encrypts.
Result<void> encode(std::string& out, const Recv& frame, std::uint8_t version);
void encode(std::string& out, const RecvAck& frame, std::uint8_t version = kVersionUsual);
void encode(std::string& out, Ping);
void encode(std::string& out, Pong);
Result<void> encode(std::string& out, const Disconnect& frame);
Result<void> encode(std::string& out, const Sub& frame);
Result<void> encode(std::string& out, const SubAck& frame);
Result<void> encode(std::string& out, const Event& frame);

Result<void> encode_frame(std::string& out, const Frame& frame, std::uint8_t version);

// The first byte and the remaining length of a frame other than PING and PONG. `remaining` is at
// least 1 and fits four length bytes.
void append_frame_header(std::string& out, FrameType type, std::uint8_t flags,
                         std::size_t remaining);

}  // namespace jindou::codec
