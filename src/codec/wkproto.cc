#include "codec/wkproto.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "base/assert.h"
#include "base/bytes.h"

namespace jindou::codec {
namespace {

constexpr std::uint8_t kConnAckHasVersion = 0x01;
constexpr std::uint8_t kSettingOldStream = 0x04;
constexpr int kLengthBytesMax = 4;

// Reads fields one after another; after the first one that does not fit everything reads as empty
// and ok() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <class Unsigned>
  Unsigned number() {
    if (rest_.size() < sizeof(Unsigned)) {
      fail();
      return 0;
    }
    const auto value = read_be<Unsigned>(rest_, 0);
    rest_.remove_prefix(sizeof(Unsigned));
    return value;
  }
  std::uint8_t u8() { return number<std::uint8_t>(); }
  std::uint32_t u32() { return number<std::uint32_t>(); }
  std::uint64_t u64() { return number<std::uint64_t>(); }

  std::string_view str() {
    const std::size_t size = number<std::uint16_t>();
    if (size > kStringBytesMax || size > rest_.size()) {
      fail();
      return {};
    }
    const auto text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  std::string_view rest() { return std::exchange(rest_, {}); }
  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

 private:
  void fail() {
    ok_ = false;
    rest_ = {};
  }

  std::string_view rest_;
  bool ok_ = true;
};

template <class T>
Result<T> finish(const Reader& reader, const T& value, const char* problem) {
  if (!reader.ok()) return Error(Errc::invalid, problem);
  return value;
}

bool looks_like_msg_key(std::string_view text) {
  return text.size() == 32 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

enum class StreamNo : bool { absent, present };

std::pair<Send, bool> read_send(const RawFrame& frame, std::uint8_t version, StreamNo stream) {
  Reader reader(frame.body);
  Send send;
  send.flags = frame.flags;
  send.setting = reader.u8();
  send.client_seq = reader.u32();
  send.client_msg_no = reader.str();
  if (stream == StreamNo::present) send.stream_no = reader.str();
  send.channel_id = reader.str();
  send.channel_type = static_cast<ChannelType>(reader.u8());
  if (version >= 3) send.expire = reader.u32();
  send.msg_key = reader.str();
  if ((send.setting & kSettingTopic) != 0) send.topic = reader.str();
  send.payload = reader.rest();
  return {send, reader.ok()};
}

bool has_stream_fields(std::uint8_t setting, std::uint8_t version) {
  return version >= 2 && version <= 4 && (setting & kSettingStream) != 0;
}

void put_str(std::string& out, std::string_view text) {
  append_be(out, static_cast<std::uint16_t>(text.size()));
  out.append(text);
}

// Checks the limits and sums up: `fixed` bytes of numbers, the strings with their lengths, the
// rest.
Result<std::size_t> body_bytes(std::size_t fixed, std::initializer_list<std::string_view> strings,
                               std::string_view rest = {}) {
  std::size_t bytes = fixed + rest.size();
  for (const auto text : strings) {
    if (text.size() > kStringBytesMax) {
      return Error(Errc::too_large, "a string of a frame is longer than 32767 bytes");
    }
    bytes += 2 + text.size();
  }
  if (bytes > kRemainingBytesMax) {
    return Error(Errc::too_large, "a frame is longer than 1048576 bytes");
  }
  return bytes;
}

}  // namespace

ParseOutcome parse_frame(std::string_view buffer, std::size_t remaining_bytes_max) {
  ParseOutcome outcome;
  if (buffer.empty()) return outcome;
  const auto fail = [&outcome](std::string_view problem) {
    outcome.state = ParseOutcome::State::error;
    outcome.problem = problem;
    return outcome;
  };
  const auto first = static_cast<unsigned char>(buffer[0]);
  const auto type = static_cast<std::uint8_t>(first >> 4);
  if (type == 0 || type > raw(FrameType::event)) return fail("unknown frame type");
  outcome.frame.type = static_cast<FrameType>(type);
  outcome.frame.flags = first & 0x0f;
  if (outcome.frame.type == FrameType::ping || outcome.frame.type == FrameType::pong) {
    outcome.state = ParseOutcome::State::frame;
    outcome.frame.consumed = 1;
    return outcome;
  }
  std::size_t remaining = 0;
  std::size_t at = 1;
  for (int shift = 0;; shift += 7) {
    if (shift == 7 * kLengthBytesMax) return fail("malformed remaining length");
    if (at == buffer.size()) {
      outcome.need_bytes = at + 1;
      return outcome;
    }
    const auto byte = static_cast<unsigned char>(buffer[at++]);
    remaining |= static_cast<std::size_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) break;
  }
  if (remaining > std::min(remaining_bytes_max, kRemainingBytesMax)) {
    outcome.too_long = true;
    return fail("remaining length over the limit");
  }
  if (buffer.size() - at < remaining) {
    outcome.need_bytes = at + remaining;
    return outcome;
  }
  outcome.state = ParseOutcome::State::frame;
  outcome.frame.body = buffer.substr(at, remaining);
  outcome.frame.consumed = at + remaining;
  return outcome;
}

namespace {

std::size_t seq_bytes(std::uint8_t version) { return version >= kVersionWideSeq ? 8 : 4; }

std::uint64_t read_seq(Reader& reader, std::uint8_t version) {
  return version >= kVersionWideSeq ? reader.u64() : reader.u32();
}

void put_seq(std::string& out, std::uint64_t seq, std::uint8_t version) {
  if (version >= kVersionWideSeq) {
    append_be(out, seq);
  } else {
    append_be(out, static_cast<std::uint32_t>(seq));
  }
}

// What a client of the version finds in frames of the server: what its layout leaves out is as if
// it had not been there.
ConnAck as_told(ConnAck ack, std::uint8_t version) {
  const bool tells_version = version >= 4;
  ack.server_version = tells_version ? version : std::uint8_t{0};
  if (!tells_version) ack.node_id = 0;
  return ack;
}

std::uint64_t seq_as_told(std::uint64_t seq, std::uint8_t version) {
  return version >= kVersionWideSeq ? seq : static_cast<std::uint32_t>(seq);
}

SendAck as_told(SendAck ack, std::uint8_t version) {
  ack.flags = static_cast<std::uint8_t>(ack.flags & 0x0f);
  ack.message_seq = seq_as_told(ack.message_seq, version);
  if (version < kVersionWideSeq) ack.client_msg_no = {};
  return ack;
}

Recv as_told(Recv recv, std::uint8_t version) {
  recv.flags = static_cast<std::uint8_t>(recv.flags & 0x0f);
  recv.setting = recv_setting(recv.setting, version);
  if (version < 3) recv.expire = 0;
  recv.message_seq = seq_as_told(recv.message_seq, version);
  if ((recv.setting & kSettingTopic) == 0) recv.topic = {};
  return recv;
}

// Whether that is one whole frame, in which a client of the version finds what was to be told.
bool reads_back(std::string_view bytes, const Frame& told, std::uint8_t version) {
  const ParseOutcome outcome = parse_frame(bytes);
  if (outcome.state != ParseOutcome::State::frame) return false;
  if (outcome.frame.consumed != bytes.size()) return false;
  const auto read = decode_frame(outcome.frame, version);
  return read && *read == told;
}

std::string_view frame_at(const std::string& out, std::size_t begin) {
  return std::string_view(out).substr(begin);
}

}  // namespace

Result<Connect> decode_connect(const RawFrame& frame) {
  Reader reader(frame.body);
  Connect connect;
  connect.version = reader.u8();
  connect.device_flag = reader.u8();
  connect.device_id = reader.str();
  connect.uid = reader.str();
  connect.token = reader.str();
  connect.client_timestamp = static_cast<std::int64_t>(reader.u64());
  connect.client_key = reader.str();
  return finish(reader, connect, "malformed CONNECT");
}

Result<ConnAck> decode_connack(const RawFrame& frame, std::uint8_t version) {
  Reader reader(frame.body);
  ConnAck ack;
  if ((frame.flags & kConnAckHasVersion) != 0) ack.server_version = reader.u8();
  ack.time_diff = static_cast<std::int64_t>(reader.u64());
  ack.reason = static_cast<Reason>(reader.u8());
  ack.server_key = reader.str();
  ack.salt = reader.str();
  if (version >= 4) ack.node_id = reader.u64();
  return finish(reader, ack, "malformed CONNACK");
}

Result<Send> decode_send(const RawFrame& frame, std::uint8_t version) {
  // Not even the setting byte: the layout cannot be chosen.
  if (frame.body.empty()) return Error(Errc::invalid, "malformed SEND");
  const auto setting = static_cast<std::uint8_t>(frame.body[0]);
  const auto layout = has_stream_fields(setting, version) ? StreamNo::present : StreamNo::absent;
  auto [send, ok] = read_send(frame, version, layout);
  if (version < 5 && layout == StreamNo::absent && (setting & kSettingOldStream) != 0 &&
      !(ok && looks_like_msg_key(send.msg_key))) {
    const auto [old, old_ok] = read_send(frame, version, StreamNo::present);
    if (old_ok && looks_like_msg_key(old.msg_key)) return old;
  }
  if (!ok) return Error(Errc::invalid, "malformed SEND");
  return send;
}

Result<SendAck> decode_sendack(const RawFrame& frame, std::uint8_t version) {
  Reader reader(frame.body);
  SendAck ack;
  ack.flags = frame.flags;
  ack.message_id = static_cast<MessageId>(reader.u64());
  ack.client_seq = reader.u32();
  ack.message_seq = read_seq(reader, version);
  ack.reason = static_cast<Reason>(reader.u8());
  if (version >= kVersionWideSeq && !reader.at_end()) ack.client_msg_no = reader.str();
  return finish(reader, ack, "malformed SENDACK");
}

Result<Recv> decode_recv(const RawFrame& frame, std::uint8_t version) {
  Reader reader(frame.body);
  Recv recv;
  recv.flags = frame.flags;
  recv.setting = reader.u8();
  recv.msg_key = reader.str();
  recv.from_uid = reader.str();
  recv.channel_id = reader.str();
  recv.channel_type = static_cast<ChannelType>(reader.u8());
  if (version >= 3) recv.expire = reader.u32();
  recv.client_msg_no = reader.str();
  if (has_stream_fields(recv.setting, version)) {
    reader.u8();
    reader.str();
    reader.u64();
  }
  recv.message_id = static_cast<MessageId>(reader.u64());
  recv.message_seq = read_seq(reader, version);
  recv.timestamp = static_cast<std::int32_t>(reader.u32());
  if ((recv.setting & kSettingTopic) != 0) recv.topic = reader.str();
  recv.payload = reader.rest();
  return finish(reader, recv, "malformed RECV");
}

Result<RecvAck> decode_recvack(const RawFrame& frame, std::uint8_t version) {
  Reader reader(frame.body);
  RecvAck ack;
  ack.flags = frame.flags;
  ack.message_id = static_cast<MessageId>(reader.u64());
  ack.message_seq = read_seq(reader, version);
  return finish(reader, ack, "malformed RECVACK");
}

Result<Disconnect> decode_disconnect(const RawFrame& frame) {
  Reader reader(frame.body);
  Disconnect disconnect;
  disconnect.reason = static_cast<Reason>(reader.u8());
  disconnect.text = reader.str();
  return finish(reader, disconnect, "malformed DISCONNECT");
}

Result<Sub> decode_sub(const RawFrame& frame) {
  Reader reader(frame.body);
  Sub sub;
  sub.setting = reader.u8();
  sub.sub_no = reader.str();
  sub.channel_id = reader.str();
  sub.channel_type = static_cast<ChannelType>(reader.u8());
  sub.action = static_cast<SubAction>(reader.u8());
  sub.param = reader.str();
  return finish(reader, sub, "malformed SUB");
}

Result<SubAck> decode_suback(const RawFrame& frame) {
  Reader reader(frame.body);
  SubAck ack;
  ack.sub_no = reader.str();
  ack.channel_id = reader.str();
  ack.channel_type = static_cast<ChannelType>(reader.u8());
  ack.action = static_cast<SubAction>(reader.u8());
  ack.reason = static_cast<Reason>(reader.u8());
  return finish(reader, ack, "malformed SUBACK");
}

Result<Event> decode_event(const RawFrame& frame) {
  Reader reader(frame.body);
  Event event;
  event.id = reader.str();
  event.type = reader.str();
  event.timestamp = static_cast<std::int64_t>(reader.u64());
  event.data = reader.rest();
  return finish(reader, event, "malformed EVENT");
}

Result<Frame> decode_frame(const RawFrame& frame, std::uint8_t version) {
  const auto widen = [](auto decoded) -> Result<Frame> {
    if (!decoded) return std::move(decoded).error();
    return Frame(*decoded);
  };
  switch (frame.type) {
    case FrameType::connect: return widen(decode_connect(frame));
    case FrameType::connack: return widen(decode_connack(frame, version));
    case FrameType::send: return widen(decode_send(frame, version));
    case FrameType::sendack: return widen(decode_sendack(frame, version));
    case FrameType::recv: return widen(decode_recv(frame, version));
    case FrameType::recvack: return widen(decode_recvack(frame, version));
    case FrameType::ping: return Frame(Ping{});
    case FrameType::pong: return Frame(Pong{});
    case FrameType::disconnect: return widen(decode_disconnect(frame));
    case FrameType::sub: return widen(decode_sub(frame));
    case FrameType::suback: return widen(decode_suback(frame));
    case FrameType::event: return widen(decode_event(frame));
  }
  return Error(Errc::invalid, "unknown frame type");
}

void append_frame_header(std::string& out, FrameType type, std::uint8_t flags,
                         std::size_t remaining) {
  JD_ASSERT(remaining > 0);
  JD_ASSERT(remaining < (std::size_t{1} << (7 * kLengthBytesMax)));
  out.push_back(static_cast<char>(raw(type) << 4 | (flags & 0x0f)));
  do {
    const std::size_t low = remaining & 0x7f;
    remaining >>= 7;
    out.push_back(static_cast<char>(low | (remaining != 0 ? 0x80 : 0)));
  } while (remaining != 0);
}

Result<void> encode(std::string& out, const Connect& frame) {
  JD_TRY(const auto bytes,
         body_bytes(1 + 1 + 8, {frame.device_id, frame.uid, frame.token, frame.client_key}));
  append_frame_header(out, FrameType::connect, 0, bytes);
  append_be(out, frame.version);
  append_be(out, frame.device_flag);
  put_str(out, frame.device_id);
  put_str(out, frame.uid);
  put_str(out, frame.token);
  append_be(out, static_cast<std::uint64_t>(frame.client_timestamp));
  put_str(out, frame.client_key);
  return {};
}

Result<void> encode(std::string& out, const ConnAck& frame, std::uint8_t version) {
  const bool tells_version = version >= 4;
  JD_TRY(const auto bytes,
         body_bytes(8 + 1 + (tells_version ? 1 + 8 : 0), {frame.server_key, frame.salt}));
  const std::size_t begin = out.size();
  append_frame_header(out, FrameType::connack, tells_version ? kConnAckHasVersion : 0, bytes);
  if (tells_version) append_be(out, version);
  append_be(out, static_cast<std::uint64_t>(frame.time_diff));
  append_be(out, raw(frame.reason));
  put_str(out, frame.server_key);
  put_str(out, frame.salt);
  if (tells_version) append_be(out, frame.node_id);
  JD_ASSERT_SLOW(reads_back(frame_at(out, begin), as_told(frame, version), version));
  return {};
}

Result<void> encode(std::string& out, const Send& frame, std::uint8_t version) {
  const bool with_expire = version >= 3;
  const bool with_stream = has_stream_fields(frame.setting, version);
  const bool with_topic = (frame.setting & kSettingTopic) != 0;
  // An optional string that is left out counts as empty; its 2 length bytes are taken off again.
  JD_TRY(
      const auto most,
      body_bytes(1 + 4 + 1 + (with_expire ? 4 : 0),
                 {frame.client_msg_no, with_stream ? frame.stream_no : std::string_view(),
                  frame.channel_id, frame.msg_key, with_topic ? frame.topic : std::string_view()},
                 frame.payload));
  const std::size_t bytes = most - (with_stream ? 0U : 2U) - (with_topic ? 0U : 2U);
  append_frame_header(out, FrameType::send, frame.flags, bytes);
  append_be(out, frame.setting);
  append_be(out, frame.client_seq);
  put_str(out, frame.client_msg_no);
  if (with_stream) put_str(out, frame.stream_no);
  put_str(out, frame.channel_id);
  append_be(out, raw(frame.channel_type));
  if (with_expire) append_be(out, frame.expire);
  put_str(out, frame.msg_key);
  if (with_topic) put_str(out, frame.topic);
  out.append(frame.payload);
  return {};
}

Result<void> encode(std::string& out, const SendAck& frame, std::uint8_t version) {
  const bool with_number = version >= kVersionWideSeq && !frame.client_msg_no.empty();
  const std::size_t fixed = 8 + 4 + seq_bytes(version) + 1;
  std::size_t bytes = fixed;
  if (with_number) {
    JD_TRY(bytes, body_bytes(fixed, {frame.client_msg_no}));
  }
  const std::size_t begin = out.size();
  append_frame_header(out, FrameType::sendack, frame.flags, bytes);
  append_be(out, raw(frame.message_id));
  append_be(out, frame.client_seq);
  put_seq(out, frame.message_seq, version);
  append_be(out, raw(frame.reason));
  if (with_number) put_str(out, frame.client_msg_no);
  JD_ASSERT_SLOW(reads_back(frame_at(out, begin), as_told(frame, version), version));
  return {};
}

Result<void> encode(std::string& out, const Recv& frame, std::uint8_t version) {
  const auto setting = recv_setting(frame.setting, version);
  const bool with_expire = version >= 3;
  const bool with_topic = (setting & kSettingTopic) != 0;
  JD_TRY(const auto most,
         body_bytes(1 + 1 + 8 + seq_bytes(version) + 4 + (with_expire ? 4 : 0),
                    {frame.msg_key, frame.from_uid, frame.channel_id, frame.client_msg_no,
                     with_topic ? frame.topic : std::string_view()},
                    frame.payload));
  const std::size_t begin = out.size();
  append_frame_header(out, FrameType::recv, frame.flags, most - (with_topic ? 0U : 2U));
  append_be(out, setting);
  put_str(out, frame.msg_key);
  put_str(out, frame.from_uid);
  put_str(out, frame.channel_id);
  append_be(out, raw(frame.channel_type));
  if (with_expire) append_be(out, frame.expire);
  put_str(out, frame.client_msg_no);
  append_be(out, raw(frame.message_id));
  put_seq(out, frame.message_seq, version);
  append_be(out, static_cast<std::uint32_t>(frame.timestamp));
  if (with_topic) put_str(out, frame.topic);
  out.append(frame.payload);
  JD_ASSERT_SLOW(reads_back(frame_at(out, begin), as_told(frame, version), version));
  return {};
}

void encode(std::string& out, const RecvAck& frame, std::uint8_t version) {
  append_frame_header(out, FrameType::recvack, frame.flags, 8 + seq_bytes(version));
  append_be(out, raw(frame.message_id));
  put_seq(out, frame.message_seq, version);
}

void encode(std::string& out, Ping) { out.push_back(static_cast<char>(raw(FrameType::ping) << 4)); }

void encode(std::string& out, Pong) { out.push_back(static_cast<char>(raw(FrameType::pong) << 4)); }

Result<void> encode(std::string& out, const Disconnect& frame) {
  JD_TRY(const auto bytes, body_bytes(1, {frame.text}));
  const std::size_t begin = out.size();
  append_frame_header(out, FrameType::disconnect, 0, bytes);
  append_be(out, raw(frame.reason));
  put_str(out, frame.text);
  JD_ASSERT_SLOW(reads_back(frame_at(out, begin), frame, kVersionUsual));
  return {};
}

Result<void> encode(std::string& out, const Sub& frame) {
  JD_TRY(const auto bytes, body_bytes(1 + 1 + 1, {frame.sub_no, frame.channel_id, frame.param}));
  append_frame_header(out, FrameType::sub, 0, bytes);
  append_be(out, frame.setting);
  put_str(out, frame.sub_no);
  put_str(out, frame.channel_id);
  append_be(out, raw(frame.channel_type));
  append_be(out, static_cast<std::uint8_t>(frame.action));
  put_str(out, frame.param);
  return {};
}

Result<void> encode(std::string& out, const SubAck& frame) {
  JD_TRY(const auto bytes, body_bytes(1 + 1 + 1, {frame.sub_no, frame.channel_id}));
  const std::size_t begin = out.size();
  append_frame_header(out, FrameType::suback, 0, bytes);
  put_str(out, frame.sub_no);
  put_str(out, frame.channel_id);
  append_be(out, raw(frame.channel_type));
  append_be(out, static_cast<std::uint8_t>(frame.action));
  append_be(out, raw(frame.reason));
  JD_ASSERT_SLOW(reads_back(frame_at(out, begin), frame, kVersionUsual));
  return {};
}

Result<void> encode(std::string& out, const Event& frame) {
  JD_TRY(const auto bytes, body_bytes(8, {frame.id, frame.type}, frame.data));
  const std::size_t begin = out.size();
  append_frame_header(out, FrameType::event, 0, bytes);
  put_str(out, frame.id);
  put_str(out, frame.type);
  append_be(out, static_cast<std::uint64_t>(frame.timestamp));
  out.append(frame.data);
  JD_ASSERT_SLOW(reads_back(frame_at(out, begin), frame, kVersionUsual));
  return {};
}

namespace {

// One call operator per frame type, so that a new type does not compile until it has one.
struct EncodeInto {
  std::string& out;
  std::uint8_t version;

  Result<void> operator()(const Connect& frame) const { return encode(out, frame); }
  Result<void> operator()(const ConnAck& frame) const { return encode(out, frame, version); }
  Result<void> operator()(const Send& frame) const { return encode(out, frame, version); }
  Result<void> operator()(const SendAck& frame) const { return encode(out, frame, version); }
  Result<void> operator()(const Recv& frame) const { return encode(out, frame, version); }
  Result<void> operator()(const RecvAck& frame) const {
    encode(out, frame, version);
    return {};
  }
  Result<void> operator()(Ping frame) const {
    encode(out, frame);
    return {};
  }
  Result<void> operator()(Pong frame) const {
    encode(out, frame);
    return {};
  }
  Result<void> operator()(const Disconnect& frame) const { return encode(out, frame); }
  Result<void> operator()(const Sub& frame) const { return encode(out, frame); }
  Result<void> operator()(const SubAck& frame) const { return encode(out, frame); }
  Result<void> operator()(const Event& frame) const { return encode(out, frame); }
};

}  // namespace

Result<void> encode_frame(std::string& out, const Frame& frame, std::uint8_t version) {
  return std::visit(EncodeInto{out, version}, frame);
}

}  // namespace jindou::codec
