#include "codec/json_rpc.h"

#include <charconv>
#include <concepts>
#include <limits>
#include <string>
#include <utility>

#include "codec/base64.h"
#include "codec/json_numbers.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "codec/send_fields.h"

namespace jindou::codec::json_rpc {
namespace {

namespace dom = simdjson::dom;

// Settings that clients name; noEncrypt is not among them, because nothing is encrypted here.
struct SettingName {
  std::uint8_t bit;
  std::string_view name;
};
constexpr SettingName kSettings[] = {{kSettingReceipt, "receipt"},
                                     {kSettingSignal, "signal"},
                                     {kSettingStream, "stream"},
                                     {kSettingTopic, "topic"}};

constexpr SettingName kFlags[] = {{kFlagNoPersist, "noPersist"},
                                  {kFlagRedDot, "redDot"},
                                  {kFlagSyncOnce, "syncOnce"},
                                  {kFlagDup, "dup"}};

bool is_blank_byte(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Whether `key` is `camel` or its form in snake_case: "channelId", "channel_id".
bool names(std::string_view key, std::string_view camel) {
  std::size_t at = 0;
  for (const char c : camel) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (at == key.size()) return false;
    if (upper && key[at] == '_') {
      if (++at == key.size() || key[at] != static_cast<char>(c - 'A' + 'a')) return false;
    } else if (key[at] != c) {
      return false;
    }
    ++at;
  }
  return at == key.size();
}

// Reads the members of one object of parameters. The first that is wrong is kept; later reads give
// nothing.
class Params {
 public:
  // `exact`: the object is what the client wrote; else numbers beyond 64 bits were replaced.
  explicit Params(const dom::object& object, bool exact = true) : object_(object), exact_(exact) {}

  const std::string& problem() const { return problem_; }
  bool ok() const { return problem_.empty(); }
  bool exact() const { return exact_; }
  void fail(std::string_view name, std::string_view text) {
    if (!ok()) return;
    problem_ = name;
    problem_ += ' ';
    problem_ += text;
  }

  // The last member of that name; false when there is none or it is null.
  bool find(std::string_view name, dom::element& out) const {
    bool found = false;
    for (const auto& [key, value] : object_) {
      if (!names(key, name)) continue;
      out = value;
      found = !value.is_null();
    }
    return found;
  }
  std::string_view text(std::string_view name) {
    dom::element value;
    if (!find(name, value)) return {};
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS) fail(name, "is not a string");
    return text;
  }
  template <std::integral Integer>
  Integer number(std::string_view name) {
    dom::element value;
    if (!find(name, value)) return 0;
    if constexpr (std::signed_integral<Integer>) {
      std::int64_t number = 0;
      if (value.get_int64().get(number) == simdjson::SUCCESS) return Integer{number};
    } else {
      std::uint64_t number = 0;
      if (value.get_uint64().get(number) == simdjson::SUCCESS &&
          number <= std::numeric_limits<Integer>::max()) {
        return static_cast<Integer>(number);
      }
    }
    fail(name, "is not an integer in its range");
    return 0;
  }
  void require(std::string_view name) {
    dom::element value;
    if (!find(name, value)) fail(name, "is missing");
  }
  // The bits of an object of booleans.
  template <std::size_t count>
  std::uint8_t bits(std::string_view name, const SettingName (&known)[count]) {
    dom::element value;
    if (!find(name, value)) return 0;
    dom::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) {
      fail(name, "is not an object");
      return 0;
    }
    const Params members(object);
    std::uint8_t bits = 0;
    for (const SettingName& setting : known) {
      if (!members.find(setting.name, value)) continue;
      bool on = false;
      if (value.get_bool().get(on) != simdjson::SUCCESS) fail(name, "has a member that is no bool");
      if (on) bits |= setting.bit;
    }
    return bits;
  }

 private:
  dom::object object_;
  bool exact_;
  std::string problem_;
};

ChannelType channel_type(Params& params) {
  params.require("channelType");
  return static_cast<ChannelType>(params.number<std::uint8_t>("channelType"));
}

Connect read_connect(Params& params) {
  Connect connect;
  connect.uid = params.text("uid");
  connect.token = params.text("token");
  connect.device_id = params.text("deviceId");
  connect.device_flag = params.number<std::uint8_t>("deviceFlag");
  connect.client_timestamp = params.number<std::int64_t>("clientTimestamp");
  connect.version = params.number<std::uint8_t>("version");
  if (connect.version == 0) connect.version = kVersionUsual;
  return connect;
}

// Base64, or an object or array whose compact text is the payload.
void read_payload(Params& params, std::string& payload) {
  dom::element value;
  if (!params.find("payload", value)) {
    params.fail("payload", "is missing");
    return;
  }
  std::string_view text;
  if (value.get_string().get(text) == simdjson::SUCCESS) {
    if (!base64_decode(text, payload)) params.fail("payload", "is not base64");
  } else if ((value.is_object() || value.is_array()) && !params.exact()) {
    params.fail("payload",
                "cannot be read exactly beside numbers beyond 64 bits; write it as base64");
  } else if (value.is_object() || value.is_array()) {
    payload = simdjson::minify(value);
  } else {
    params.fail("payload", "is neither a string of base64 nor an object nor an array");
  }
}

Send read_send(Params& params, std::string& payload) {
  Send send;
  params.require("channelId");
  send.channel_id = params.text("channelId");
  send.channel_type = channel_type(params);
  send.client_msg_no = params.text("clientMsgNo");
  send.flags = params.bits("header", kFlags);
  send.setting = params.bits("setting", kSettings);
  const std::string_view topic = params.text("topic");
  if ((send.setting & kSettingTopic) != 0) send.topic = topic;
  const auto expire = params.number<std::uint64_t>("expire");
  if (expire > kExpireSecondsMax) {
    params.fail("expire", "is a number of seconds from now, at most " +
                              std::to_string(kExpireSecondsMax) +
                              " (ten years); a Unix time is none");
  } else {
    send.expire = static_cast<std::uint32_t>(expire);
  }
  read_payload(params, payload);
  return send;
}

RecvAck read_recvack(Params& params) {
  RecvAck ack;
  ack.flags = params.bits("header", kFlags);
  ack.message_seq = params.number<std::uint64_t>("messageSeq");
  params.require("messageId");
  dom::element value;
  std::string_view text;
  if (params.find("messageId", value) && value.get_string().get(text) == simdjson::SUCCESS) {
    std::uint64_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc() || end != text.data() + text.size()) {
      params.fail("messageId", "is not a decimal number");
    }
    ack.message_id = static_cast<MessageId>(id);
  } else {
    ack.message_id = static_cast<MessageId>(params.number<std::uint64_t>("messageId"));
  }
  return ack;
}

Disconnect read_disconnect(Params& params) {
  Disconnect disconnect;
  disconnect.reason = static_cast<Reason>(params.number<std::uint8_t>("reasonCode"));
  disconnect.text = params.text("reason");
  return disconnect;
}

Sub read_sub(Params& params, SubAction action) {
  Sub sub;
  sub.action = action;
  sub.sub_no = params.text("subNo");
  params.require("channelId");
  sub.channel_id = params.text("channelId");
  sub.channel_type = channel_type(params);
  sub.param = params.text("param");
  return sub;
}

// The id's JSON text; false when it is something no request may have.
bool read_id(const dom::element& value, std::string& out) {
  std::string_view text;
  if (value.get_string().get(text) == simdjson::SUCCESS) {
    if (text.size() > kRequestIdBytesMax) return false;
    json_append_string(out, text);
    return true;
  }
  JsonWriter json(out);
  if (std::int64_t number = 0; value.get_int64().get(number) == simdjson::SUCCESS) {
    json.number(number);
    return true;
  }
  if (std::uint64_t number = 0; value.get_uint64().get(number) == simdjson::SUCCESS) {
    json.number(number);
    return true;
  }
  return false;
}

struct Problem {
  int code = 0;
  std::string text;
};

bool is_method(std::string_view name) {
  return name == "connect" || name == "send" || name == "recvack" || name == "ping" ||
         name == "disconnect" || name == "subscribe" || name == "unsubscribe";
}

Problem read_params(std::string_view method, const dom::element* given, bool exact, Call& call) {
  if (!is_method(method)) {
    if (call.id.empty()) return {};
    return {kMethodNotFound, "there is no such method"};
  }
  dom::object object;
  const bool has_params = given != nullptr && !given->is_null();
  if (has_params && given->get_object().get(object) != simdjson::SUCCESS) {
    return {kInvalidParams, "params is not an object"};
  }
  if (method == "ping") {
    call.params = Ping();
    return {};
  }
  if (method == "disconnect" && !has_params) {
    call.params = Disconnect();
    return {};
  }
  if (!has_params) return {kInvalidParams, "params is missing"};
  Params params(object, exact);
  if (method == "connect") {
    call.params = read_connect(params);
  } else if (method == "send") {
    call.params = read_send(params, call.payload);
  } else if (method == "recvack") {
    call.params = read_recvack(params);
  } else if (method == "disconnect") {
    call.params = read_disconnect(params);
  } else {
    call.params =
        read_sub(params, method == "subscribe" ? SubAction::subscribe : SubAction::unsubscribe);
  }
  if (!params.ok()) return {kInvalidParams, params.problem()};
  return {};
}

Problem read_call(const dom::element& document, bool exact, Call& call) {
  dom::object object;
  if (document.get_object().get(object) != simdjson::SUCCESS) {
    return {kInvalidRequest, "a request is an object"};
  }
  const dom::element* params = nullptr;
  dom::element params_value;
  std::string_view method;
  bool has_method = false;
  Problem problem;
  const auto invalid = [&problem](const char* text) {
    if (problem.code == 0) problem = {kInvalidRequest, text};
  };
  for (const auto& [key, value] : object) {
    if (key == "id") {
      call.id.clear();
      if (!read_id(value, call.id))
        invalid("id is not a string of at most 256 bytes or an integer");
    } else if (key == "method") {
      has_method = value.get_string().get(method) == simdjson::SUCCESS;
    } else if (key == "params") {
      params_value = value;
      params = &params_value;
    } else if (key == "jsonrpc") {
      std::string_view version;
      if (value.get_string().get(version) != simdjson::SUCCESS || version != "2.0") {
        invalid("jsonrpc is not \"2.0\"");
      }
    }
  }
  if (!has_method) invalid("method is missing or not a string");
  if (problem.code != 0) return problem;
  return read_params(method, params, exact, call);
}

template <std::size_t count>
void write_bits(JsonWriter& json, std::string_view name, std::uint8_t bits,
                const SettingName (&known)[count]) {
  json.begin_object(name);
  for (const SettingName& setting : known) {
    if ((bits & setting.bit) != 0) json.boolean(setting.name, true);
  }
  json.end_object();
}

void begin_answer(JsonWriter& json, std::string_view id) {
  json.begin_object();
  json.string("jsonrpc", "2.0");
  if (id.empty()) return;
  json.key("id");
  json.raw(id);
}

void begin_notification(JsonWriter& json, std::string_view method) {
  json.begin_object();
  json.string("jsonrpc", "2.0");
  json.string("method", method);
  json.begin_object("params");
}

void end_both(JsonWriter& json) {
  json.end_object();
  json.end_object();
}

}  // namespace

std::size_t ObjectScanner::find_end(std::string_view text) {
  for (; at_ < text.size(); ++at_) {
    const char c = text[at_];
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
      }
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (depth_ == 0) {
      if (!is_blank_byte(c)) return text.size();
    } else if (c == '"') {
      in_string_ = true;
    } else if ((c == '}' || c == ']') && --depth_ == 0) {
      return ++at_;
    }
  }
  return 0;
}

TakeOutcome take_call(std::string_view text, Call& call) {
  call.id.clear();
  call.params = std::monostate();
  call.payload.clear();
  TakeOutcome outcome;
  const auto fail = [&](int code, std::string problem) {
    outcome.state = TakeOutcome::State::error;
    outcome.code = code;
    outcome.problem = std::move(problem);
    if (code == kParseError) outcome.consumed = text.size();
    return outcome;
  };
  std::size_t start = 0;
  while (start < text.size() && is_blank_byte(text[start])) ++start;
  outcome.consumed = start;
  if (start == text.size()) return outcome;
  const bool is_batch = text[start] == '[';
  if (text[start] != '{' && !is_batch) return fail(kParseError, "an object was expected");
  const std::size_t bytes = ObjectScanner().find_end(text.substr(start));
  if (bytes == 0) {
    return fail(kParseError,
                is_batch ? "the message ends within a batch" : "the message ends within an object");
  }
  auto document = parse_json(text.substr(start, bytes));
  bool exact = true;
  if (!document) {
    std::string readable(text.substr(start, bytes));
    exact = !replace_huge_numbers(readable);
    if (!exact) document = parse_json(readable);
  }
  if (!document) return fail(kParseError, std::string(document.error().detail()));
  outcome.consumed = start + bytes;
  if (is_batch) return fail(kInvalidRequest, "batches are not served");
  Problem problem = read_call(*document, exact, call);
  if (problem.code != 0) return fail(problem.code, std::move(problem.text));
  outcome.state = TakeOutcome::State::call;
  return outcome;
}

void append_error(std::string& out, std::string_view id, int code, std::string_view problem) {
  JsonWriter json(out);
  begin_answer(json, id);
  json.begin_object("error");
  json.number("code", code);
  json.string("message", problem);
  end_both(json);
}

void append_connect_answer(std::string& out, std::string_view id, const ConnAck& ack) {
  if (ack.reason != Reason::success) {
    append_error(out, id, raw(ack.reason), reason_name(ack.reason));
    return;
  }
  JsonWriter json(out);
  begin_answer(json, id);
  json.begin_object("result");
  json.number("serverVersion", kVersionUsual);
  json.number("timeDiff", ack.time_diff);
  json.number("reasonCode", raw(ack.reason));
  json.number("nodeId", ack.node_id);
  end_both(json);
}

void append_send_result(std::string& out, std::string_view id, const SendAck& ack) {
  JsonWriter json(out);
  begin_answer(json, id);
  json.begin_object("result");
  write_bits(json, "header", ack.flags, kFlags);
  json.number_string("messageId", raw(ack.message_id));
  json.number("messageSeq", ack.message_seq);
  json.number("reasonCode", raw(ack.reason));
  // The Android client reads these two.
  json.number_string("message_id", raw(ack.message_id));
  json.number("message_seq", ack.message_seq);
  end_both(json);
}

void append_sub_result(std::string& out, std::string_view id, const SubAck& ack) {
  JsonWriter json(out);
  begin_answer(json, id);
  json.begin_object("result");
  json.string("subNo", ack.sub_no);
  json.string("channelId", ack.channel_id);
  json.number("channelType", raw(ack.channel_type));
  json.number("action", static_cast<int>(ack.action));
  json.number("reasonCode", raw(ack.reason));
  end_both(json);
}

void append_empty_result(std::string& out, std::string_view id) {
  JsonWriter json(out);
  begin_answer(json, id);
  json.begin_object("result");
  end_both(json);
}

void append_recv(std::string& out, const Recv& plain) {
  JsonWriter json(out);
  begin_notification(json, "recv");
  write_bits(json, "header", plain.flags, kFlags);
  const std::uint8_t setting = recv_setting(plain.setting, kVersionUsual);
  if (setting != 0) write_bits(json, "setting", setting, kSettings);
  if (plain.expire != 0) json.number("expire", plain.expire);
  json.number_string("messageId", raw(plain.message_id));
  json.number("messageSeq", plain.message_seq);
  if (!plain.client_msg_no.empty()) json.string("clientMsgNo", plain.client_msg_no);
  json.number("timestamp", plain.timestamp);
  json.string("channelId", plain.channel_id);
  json.number("channelType", raw(plain.channel_type));
  if (!plain.topic.empty()) json.string("topic", plain.topic);
  json.string("fromUid", plain.from_uid);
  json.base64("payload", plain.payload);
  end_both(json);
}

void append_event(std::string& out, const Event& event) {
  JsonWriter json(out);
  begin_notification(json, "event");
  json.string("id", event.id);
  json.string("type", event.type);
  json.number("timestamp", event.timestamp);
  json.string("data", event.data);
  end_both(json);
}

void append_disconnect(std::string& out, const Disconnect& disconnect) {
  JsonWriter json(out);
  begin_notification(json, "disconnect");
  json.number("reasonCode", raw(disconnect.reason));
  json.string("reason", disconnect.text);
  end_both(json);
}

std::string_view reason_name(Reason reason) {
  switch (reason) {
    case Reason::unknown: return "ReasonUnknown";
    case Reason::success: return "ReasonSuccess";
    case Reason::auth_fail: return "ReasonAuthFail";
    case Reason::subscriber_not_exist: return "ReasonSubscriberNotExist";
    case Reason::in_denylist: return "ReasonInBlacklist";
    case Reason::channel_not_exist: return "ReasonChannelNotExist";
    case Reason::payload_decode_error: return "ReasonPayloadDecodeError";
    case Reason::not_allow_send: return "ReasonNotAllowSend";
    case Reason::connect_kick: return "ReasonConnectKick";
    case Reason::not_in_allowlist: return "ReasonNotInWhitelist";
    case Reason::system_error: return "ReasonSystemError";
    case Reason::channel_id_error: return "ReasonChannelIDError";
    case Reason::ban: return "ReasonBan";
    case Reason::client_key_is_empty: return "ReasonClientKeyIsEmpty";
    case Reason::rate_limit: return "ReasonRateLimit";
    case Reason::not_support_channel_type: return "ReasonNotSupportChannelType";
    case Reason::disband: return "ReasonDisband";
    case Reason::send_ban: return "ReasonSendBan";
    case Reason::moderated: return "ReasonModerated";
    case Reason::last_seq_differs: return "ReasonLastSeqDiffers";
    case Reason::receiver_cap: return "ReasonReceiverCap";
  }
  return "ReasonUnknown";
}

}  // namespace jindou::codec::json_rpc
