#include "gateway/json_dialect.h"

#include <algorithm>
#include <utility>

#include "codec/json_rpc.h"

namespace jindou::gateway {

namespace json_rpc = codec::json_rpc;

namespace {
constexpr std::string_view kTooLong = "a message is too long";

std::size_t message_bytes_max(const Input& input) {
  return input.phase == Phase::live ? input.limits.frame_bytes_max
                                    : input.limits.pre_auth_frame_bytes_max;
}
}  // namespace

Taken JsonDialect::take(const Input& input, Request& request) {
  if (borders_ == Borders::messages) return take_from(input, input.whole, request);
  // Blanks between objects belong to none of them.
  const std::size_t blanks = std::min(input.bytes.find_first_not_of(" \t\r\n"), input.bytes.size());
  Input rest = input;
  rest.bytes.remove_prefix(blanks);
  const std::size_t whole = scanner_.find_end(rest.bytes);
  if (whole > 0) scanner_.reset();
  Taken taken = take_from(rest, whole, request);
  taken.consumed += blanks;
  return taken;
}

Taken JsonDialect::take_from(const Input& input, std::size_t whole, Request& request) {
  if (whole > 0) return take_whole(input, whole, request);
  Taken taken;
  if (input.bytes.size() > message_bytes_max(input)) {
    taken.state = Taken::State::broken;
    taken.problem = kTooLong;
    taken.too_long = true;
  }
  return taken;
}

Taken JsonDialect::take_whole(const Input& input, std::size_t whole, Request& request) {
  Taken taken;
  const std::size_t bytes_max = message_bytes_max(input);
  json_rpc::Call call;
  const auto outcome = json_rpc::take_call(input.bytes.substr(0, whole), call);
  taken.consumed = outcome.consumed;
  if (outcome.state == json_rpc::TakeOutcome::State::end) return taken;
  if (outcome.consumed > bytes_max) {
    taken.state = Taken::State::broken;
    taken.problem = kTooLong;
    taken.too_long = true;
    return taken;
  }
  const auto refuse = [&](int code, std::string problem) {
    taken.state = code == json_rpc::kParseError ? Taken::State::broken : Taken::State::refused;
    // A notification has no answer, once the client is known.
    const bool is_answered = code != json_rpc::kInvalidParams || !call.id.empty() ||
                             input.phase == Phase::before_connect;
    if (is_answered) {
      json_rpc::append_error(taken.answer, call.id, code, problem);
      end_object(taken.answer);
    }
    taken.problem = std::move(problem);
    return taken;
  };
  if (outcome.state == json_rpc::TakeOutcome::State::error) {
    return refuse(outcome.code, outcome.problem);
  }
  const bool is_connect = std::holds_alternative<codec::Connect>(call.params);
  const bool is_ping = std::holds_alternative<codec::Ping>(call.params);
  if (input.phase == Phase::before_connect && is_connect && call.id.empty()) {
    return refuse(json_rpc::kInvalidRequest, "connect needs an id");
  }
  if (input.phase == Phase::before_connect && !is_connect && !call.id.empty()) {
    return refuse(json_rpc::kInvalidRequest, "the first request must be connect");
  }
  if (input.phase == Phase::logging_in && !is_ping && !call.id.empty()) {
    // These clients do not send again what has no answer, so silence would be a loss.
    return refuse(json_rpc::kInvalidRequest, "connect has not been answered yet");
  }
  if (input.phase == Phase::live && is_connect && !call.id.empty()) {
    return refuse(json_rpc::kInvalidRequest, "connected already");
  }
  if (input.phase == Phase::before_connect && is_connect) connect_id_ = call.id;
  taken.state = Taken::State::request;
  request.what = std::move(call.params);
  if (input.phase != Phase::before_connect && is_connect) request.what = std::monostate();
  request.wants_answer = !call.id.empty();
  request.id = std::move(call.id);
  request.payload = std::move(call.payload);
  return taken;
}

void JsonDialect::end_object(std::string& out) const {
  if (borders_ == Borders::objects) out += '\n';
}

bool JsonDialect::open(const codec::Send&, Request& request, std::string& plain) {
  plain = std::move(request.payload);
  return true;
}

void JsonDialect::append_connack(std::string& out, const codec::ConnAck& ack) {
  json_rpc::append_connect_answer(out, std::exchange(connect_id_, {}), ack);
  end_object(out);
}

void JsonDialect::append_pong(std::string& out, std::string_view id) {
  json_rpc::append_empty_result(out, id);
  end_object(out);
}

void JsonDialect::append_sendack(std::string& out, std::string_view id, const codec::SendAck& ack) {
  json_rpc::append_send_result(out, id, ack);
  end_object(out);
}

void JsonDialect::append_suback(std::string& out, std::string_view id, const codec::SubAck& ack) {
  json_rpc::append_sub_result(out, id, ack);
  end_object(out);
}

void JsonDialect::append_done(std::string& out, std::string_view id) {
  json_rpc::append_empty_result(out, id);
  end_object(out);
}

void JsonDialect::append_disconnect(std::string& out, const codec::Disconnect& disconnect) {
  json_rpc::append_disconnect(out, disconnect);
  end_object(out);
}

void JsonDialect::append_recv(std::string& out, delivery::MessageForms& forms,
                              codec::Receiver receiver) {
  const std::string_view text = forms.json(receiver);
  out += text;
  if (!text.empty()) end_object(out);
}

void JsonDialect::append_event(std::string& out, delivery::EventForms& forms) {
  out += forms.json();
  end_object(out);
}

}  // namespace jindou::gateway
