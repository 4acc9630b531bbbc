// Our frame codec on a pipe, so that a test can hold it against another one.
//
//   frame_mirror decode                  reads "<version> <hex>" lines; for each prints
//                                        {"state","problem"?,"consumed","type","fields","hex"},
//                                        hex being the frame encoded again
//   frame_mirror generate <seed> <count> prints {"version","type","fields","hex"} lines: random
//                                        frames of every type and version
//
// Text fields are printed as JSON strings, payloads and event data as hex. The names of the fields
// are those that tests/clients/go/codec prints.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <iostream>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "codec/json_writer.h"
#include "codec/wkproto.h"

namespace {

using namespace jindou;
using namespace jindou::codec;

constexpr std::string_view kHexDigits = "0123456789abcdef";

std::string to_hex(std::string_view bytes) {
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(kHexDigits[byte >> 4]);
    out.push_back(kHexDigits[byte & 15]);
  }
  return out;
}

// False when the text is no hex.
bool from_hex(std::string_view text, std::string& out) {
  out.clear();
  if (text.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = kHexDigits.find(text[i]);
    const auto low = kHexDigits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    out.push_back(static_cast<char>(high << 4 | low));
  }
  return true;
}

// The fields of one frame as members of an object.
class FieldWriter {
 public:
  explicit FieldWriter(JsonWriter& json) : json_(json) {}

  void operator()(const Connect& frame) {
    json_.number("version", frame.version);
    json_.number("device_flag", frame.device_flag);
    json_.string("device_id", frame.device_id);
    json_.string("uid", frame.uid);
    json_.string("token", frame.token);
    json_.number("client_timestamp", frame.client_timestamp);
    json_.string("client_key", frame.client_key);
  }
  void operator()(const ConnAck& frame) {
    json_.number("server_version", frame.server_version);
    json_.number("time_diff", frame.time_diff);
    json_.number("reason", raw(frame.reason));
    json_.string("server_key", frame.server_key);
    json_.string("salt", frame.salt);
    json_.number("node_id", frame.node_id);
  }
  void operator()(const Send& frame) {
    json_.number("flags", frame.flags);
    json_.number("setting", frame.setting);
    json_.number("client_seq", frame.client_seq);
    json_.string("client_msg_no", frame.client_msg_no);
    json_.string("stream_no", frame.stream_no);
    json_.string("channel_id", frame.channel_id);
    json_.number("channel_type", raw(frame.channel_type));
    json_.number("expire", frame.expire);
    json_.string("msg_key", frame.msg_key);
    json_.string("topic", frame.topic);
    json_.string("payload", to_hex(frame.payload));
  }
  void operator()(const SendAck& frame) {
    json_.number("flags", frame.flags);
    json_.number("message_id", static_cast<std::int64_t>(raw(frame.message_id)));
    json_.number("client_seq", frame.client_seq);
    json_.number("message_seq", frame.message_seq);
    json_.number("reason", raw(frame.reason));
  }
  void operator()(const Recv& frame) {
    json_.number("flags", frame.flags);
    json_.number("setting", frame.setting);
    json_.string("msg_key", frame.msg_key);
    json_.string("from_uid", frame.from_uid);
    json_.string("channel_id", frame.channel_id);
    json_.number("channel_type", raw(frame.channel_type));
    json_.number("expire", frame.expire);
    json_.string("client_msg_no", frame.client_msg_no);
    json_.number("message_id", static_cast<std::int64_t>(raw(frame.message_id)));
    json_.number("message_seq", frame.message_seq);
    json_.number("timestamp", frame.timestamp);
    json_.string("topic", frame.topic);
    json_.string("payload", to_hex(frame.payload));
  }
  void operator()(const RecvAck& frame) {
    json_.number("flags", frame.flags);
    json_.number("message_id", static_cast<std::int64_t>(raw(frame.message_id)));
    json_.number("message_seq", frame.message_seq);
  }
  void operator()(const Ping&) {}
  void operator()(const Pong&) {}
  void operator()(const Disconnect& frame) {
    json_.number("reason", raw(frame.reason));
    json_.string("text", frame.text);
  }
  void operator()(const Sub& frame) {
    json_.number("setting", frame.setting);
    json_.string("sub_no", frame.sub_no);
    json_.string("channel_id", frame.channel_id);
    json_.number("channel_type", raw(frame.channel_type));
    json_.number("action", static_cast<std::uint8_t>(frame.action));
    json_.string("param", frame.param);
  }
  void operator()(const SubAck& frame) {
    json_.string("sub_no", frame.sub_no);
    json_.string("channel_id", frame.channel_id);
    json_.number("channel_type", raw(frame.channel_type));
    json_.number("action", static_cast<std::uint8_t>(frame.action));
    json_.number("reason", raw(frame.reason));
  }
  void operator()(const Event& frame) {
    json_.string("id", frame.id);
    json_.string("type", frame.type);
    json_.number("timestamp", frame.timestamp);
    json_.string("data", to_hex(frame.data));
  }

 private:
  JsonWriter& json_;
};

void write_fields(JsonWriter& json, const Frame& frame) {
  json.begin_object("fields");
  std::visit(FieldWriter(json), frame);
  json.end_object();
}

// ---- decode ---------------------------------------------------------------------------------

void decode_line(std::string_view line, std::string& out) {
  JsonWriter json(out);
  json.begin_object();
  const auto refuse = [&json](std::string_view state, std::string_view problem) {
    json.string("state", state);
    json.string("problem", problem);
    json.end_object();
  };
  std::string bytes;
  if (line.size() < 3 || line[0] < '1' || line[0] > '5' || !from_hex(line.substr(2), bytes)) {
    return refuse("error", "not a line of \"<version> <hex>\"");
  }
  const auto version = static_cast<std::uint8_t>(line[0] - '0');
  const auto outcome = parse_frame(bytes);
  if (outcome.state == ParseOutcome::State::need_more) {
    json.number("need_bytes", outcome.need_bytes);
    return refuse("need_more", "");
  }
  if (outcome.state == ParseOutcome::State::error) return refuse("error", outcome.problem);
  const auto frame = decode_frame(outcome.frame, version);
  if (!frame) return refuse("error", frame.error().text());
  std::string again;
  if (const auto encoded = encode_frame(again, *frame, version); !encoded) {
    return refuse("error", encoded.error().text());
  }
  json.string("state", "frame");
  json.number("consumed", outcome.frame.consumed);
  json.number("type", raw(outcome.frame.type));
  write_fields(json, *frame);
  json.string("hex", to_hex(again));
  json.end_object();
}

int decode() {
  std::string line;
  std::string out;
  while (std::getline(std::cin, line)) {
    out.clear();
    decode_line(line, out);
    out.push_back('\n');
    std::cout << out;
  }
  return 0;
}

// ---- generate -------------------------------------------------------------------------------

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : engine_(seed) {}

  // A frame of this type, with strings that live until the next call.
  Frame frame(FrameType type, std::uint8_t version) {
    strings_.clear();
    // Growing would move short strings, and with them what the frame points to.
    strings_.reserve(16);
    switch (type) {
      case FrameType::connect: {
        Connect connect;
        connect.version = version;
        connect.device_flag = number<std::uint8_t>();
        connect.device_id = text();
        connect.uid = text();
        connect.token = text();
        connect.client_timestamp = number<std::int64_t>();
        connect.client_key = text();
        return connect;
      }
      case FrameType::connack: {
        ConnAck ack;
        ack.time_diff = number<std::int64_t>();
        ack.reason = static_cast<Reason>(number<std::uint8_t>());
        ack.server_key = text();
        ack.salt = text();
        ack.server_version = version >= 4 ? version : std::uint8_t{0};
        if (version >= 4) ack.node_id = number<std::uint64_t>();
        return ack;
      }
      case FrameType::send: return send(version);
      case FrameType::sendack: {
        SendAck ack;
        ack.flags = flags();
        ack.message_id = static_cast<MessageId>(number<std::int64_t>());
        ack.client_seq = number<std::uint32_t>();
        ack.message_seq = number<std::uint32_t>();
        ack.reason = static_cast<Reason>(number<std::uint8_t>());
        return ack;
      }
      case FrameType::recv: return recv(version);
      case FrameType::recvack: {
        RecvAck ack;
        ack.flags = flags();
        ack.message_id = static_cast<MessageId>(number<std::int64_t>());
        ack.message_seq = number<std::uint32_t>();
        return ack;
      }
      case FrameType::ping: return Ping{};
      case FrameType::pong: return Pong{};
      case FrameType::disconnect: {
        Disconnect disconnect;
        disconnect.reason = static_cast<Reason>(number<std::uint8_t>());
        disconnect.text = text();
        return disconnect;
      }
      case FrameType::sub: {
        Sub sub;
        sub.setting = number<std::uint8_t>();
        sub.sub_no = text();
        sub.channel_id = text();
        sub.channel_type = static_cast<ChannelType>(number<std::uint8_t>());
        sub.action = static_cast<SubAction>(number<std::uint8_t>());
        sub.param = text();
        return sub;
      }
      case FrameType::suback: {
        SubAck ack;
        ack.sub_no = text();
        ack.channel_id = text();
        ack.channel_type = static_cast<ChannelType>(number<std::uint8_t>());
        ack.action = static_cast<SubAction>(number<std::uint8_t>());
        ack.reason = static_cast<Reason>(number<std::uint8_t>());
        return ack;
      }
      case FrameType::event: {
        Event event;
        event.id = text();
        event.type = text();
        event.timestamp = number<std::int64_t>();
        event.data = payload();
        return event;
      }
    }
    return Ping{};
  }

 private:
  Send send(std::uint8_t version) {
    Send send;
    send.flags = flags();
    // The other codec knows nothing of the old stream bit.
    send.setting = static_cast<std::uint8_t>(number<std::uint8_t>() & ~0x04U);
    send.client_seq = number<std::uint32_t>();
    send.client_msg_no = text();
    if (version >= 2 && version <= 4 && (send.setting & kSettingStream) != 0) {
      send.stream_no = text();
    }
    send.channel_id = text();
    send.channel_type = static_cast<ChannelType>(number<std::uint8_t>());
    if (version >= 3) send.expire = number<std::uint32_t>();
    send.msg_key = text();
    if ((send.setting & kSettingTopic) != 0) send.topic = text();
    send.payload = payload();
    return send;
  }

  Recv recv(std::uint8_t version) {
    Recv recv;
    recv.flags = flags();
    recv.setting = recv_setting(number<std::uint8_t>(), version);
    recv.msg_key = text();
    recv.from_uid = text();
    recv.channel_id = text();
    recv.channel_type = static_cast<ChannelType>(number<std::uint8_t>());
    if (version >= 3) recv.expire = number<std::uint32_t>();
    recv.client_msg_no = text();
    recv.message_id = static_cast<MessageId>(number<std::int64_t>());
    recv.message_seq = number<std::uint32_t>();
    recv.timestamp = number<std::int32_t>();
    if ((recv.setting & kSettingTopic) != 0) recv.topic = text();
    recv.payload = payload();
    return recv;
  }

  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(engine_() % bound); }
  std::uint8_t flags() { return static_cast<std::uint8_t>(below(16)); }

  // The ends of the range come up often.
  template <class Integer>
  Integer number() {
    switch (below(8)) {
      case 0: return std::numeric_limits<Integer>::min();
      case 1: return std::numeric_limits<Integer>::max();
      case 2: return Integer{1};
      default: return static_cast<Integer>(engine_());
    }
  }

  std::string_view text() {
    static constexpr std::array<std::string_view, 8> kPieces = {"a", "Z", "0",  "@",
                                                                "_", "é", "你", "🙂"};
    std::string& out = strings_.emplace_back();
    const auto choice = below(64);
    if (choice < 8) return out;
    if (choice == 8) {
      out.assign(kStringBytesMax, 'x');
      return out;
    }
    const std::size_t pieces = 1 + below(choice == 9 ? 200 : 24);
    for (std::size_t i = 0; i < pieces; ++i) out += kPieces[below(kPieces.size())];
    return out;
  }

  std::string_view payload() {
    std::string& out = strings_.emplace_back();
    const auto choice = below(64);
    const std::size_t bytes = choice < 6 ? 0 : choice == 6 ? kStringBytesMax : below(300);
    for (std::size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(engine_() & 0xff));
    return out;
  }

  std::mt19937_64 engine_;
  std::vector<std::string> strings_;
};

int generate(std::uint64_t seed, std::uint64_t count) {
  Generator generator(seed);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto version = static_cast<std::uint8_t>(1 + i % 5);
    const auto type = static_cast<FrameType>(1 + i / 5 % 12);
    const auto frame = generator.frame(type, version);
    std::string bytes;
    if (!encode_frame(bytes, frame, version)) {
      std::cerr << "frame " << i << " cannot be encoded\n";
      return 1;
    }
    std::string line;
    JsonWriter json(line);
    json.begin_object();
    json.number("version", version);
    json.number("type", raw(type));
    write_fields(json, frame);
    json.string("hex", to_hex(bytes));
    json.end_object();
    line.push_back('\n');
    std::cout << line;
  }
  return 0;
}

bool number_argument(std::string_view text, std::uint64_t& out) {
  const auto* end = text.data() + text.size();
  return std::from_chars(text.data(), end, out).ptr == end && !text.empty();
}

}  // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  std::uint64_t seed = 0;
  std::uint64_t count = 0;
  if (arguments.size() == 1 && arguments[0] == "decode") return decode();
  if (arguments.size() == 3 && arguments[0] == "generate" && number_argument(arguments[1], seed) &&
      number_argument(arguments[2], count)) {
    return generate(seed, count);
  }
  std::cerr << "usage: frame_mirror decode | generate <seed> <count>\n";
  return 2;
}
