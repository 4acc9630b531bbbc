#include "api/answers.h"

#include <fmt/compile.h>

#include <algorithm>
#include <array>

#include "codec/message_object.h"
#include "model/channel.h"

namespace jindou::api {
namespace {

using codec::JsonWriter;

// An element of the batch answer: id, seq, number, and about 60 bytes of member names.
constexpr std::size_t kBatchElementBytes = 160;

// The caller asked for something that stays wrong however often it is repeated.
bool is_caller_fault(const SendResult& result) {
  switch (result.code) {
    case Errc::invalid:
    case Errc::too_large:
    case Errc::not_found:
    case Errc::denied:
    case Errc::conflict: return result.state == SendResult::State::refused;
    default: return false;
  }
}

bool is_permission(const SendResult& result) {
  // A conflict carries reason 11 on the wire, which means "not allowed" otherwise.
  return result.state == SendResult::State::refused && result.code != Errc::conflict &&
         reason_is_permission(result.reason);
}

bool is_load(const SendResult& result) {
  return result.state == SendResult::State::refused &&
         (result.code == Errc::overloaded || result.code == Errc::rate_limited);
}

bool is_overload(const SendResult& result) {
  return result.state == SendResult::State::refused && result.code == Errc::overloaded;
}

bool is_unavailable(const SendResult& result) {
  return result.state == SendResult::State::refused &&
         (result.code == Errc::unavailable || result.code == Errc::not_owner);
}

bool is_unknown(const SendResult& result) { return result.state == SendResult::State::unknown; }

// `results`: what is to be sent again; the longest that one of them has to wait.
void set_retry_after(Response& response, std::span<const SendResult> results = {}) {
  if (response.status != 429 && response.status != 503) return;
  std::uint32_t wait_ms = 1;
  for (const SendResult& result : results) wait_ms = std::max(wait_ms, result.retry_after_ms);
  response.extra_headers += "Retry-After: " + std::to_string((wait_ms - 1) / 1000 + 1) + "\r\n";
}

void write_error_members(JsonWriter& json, unsigned status, std::string_view code,
                         std::string_view message) {
  json.number("status", status);
  json.string("msg", message);
  json.string("error", message);
  json.string("code", code);
}

void write_ids(JsonWriter& json, const SendResult& result, std::string_view client_msg_no) {
  const std::uint64_t id = result.ok() ? raw(result.message_id) : 0;
  const std::uint64_t seq = result.ok() ? raw(result.message_seq) : 0;
  // In one piece: an answer may have thousands of them.
  std::array<char, 128> ids;  // three numbers of 20 digits, and the names
  const auto* const end = fmt::format_to(
      ids.data(), FMT_COMPILE("\"message_id\":{0},\"message_idstr\":\"{0}\",\"message_seq\":{1}"),
      id, seq);
  json.raw({ids.data(), static_cast<std::size_t>(end - ids.data())});
  json.string("client_msg_no", client_msg_no);
}

void write_last_seq(JsonWriter& json, const SendResult& result) {
  if (result.reason == Reason::last_seq_differs) json.number("last_seq", result.last_seq);
}

}  // namespace

unsigned status_of(Errc code) {
  switch (code) {
    case Errc::invalid:
    case Errc::too_large:
    case Errc::conflict: return 400;
    case Errc::not_found: return 404;
    case Errc::denied: return 403;
    case Errc::overloaded:
    case Errc::rate_limited: return 429;
    case Errc::unavailable:
    case Errc::not_owner:
    case Errc::closed:
    case Errc::skipped: return 503;
    case Errc::storage:
    case Errc::unknown_outcome:
    case Errc::deadline:
    case Errc::internal: return 500;
  }
  return 500;
}

void answer_error(Response& response, unsigned status, std::string_view code,
                  std::string_view message) {
  response.status = status;
  // 503 is for connections that find no place, which have metrics of their own.
  if (status == 429 && code == errc_name(Errc::overloaded)) response.overloaded = true;
  set_retry_after(response);
  JsonWriter json(response.body);
  json.begin_object();
  write_error_members(json, status, code, message);
  json.end_object();
}

void answer_error(Response& response, const Error& error) {
  const std::string_view name = errc_name(error.code());
  const std::string_view text = error.detail().empty() ? name : error.detail();
  answer_error(response, status_of(error.code()), name, text);
}

void answer_overloaded(Response& response) {
  answer_error(response, 429, errc_name(Errc::overloaded),
               "too much is being worked on; nothing was done, retry later");
}

void answer_denied(Response& response, Reason reason, std::string_view message) {
  response.status = 403;
  JsonWriter json(response.body);
  json.begin_object();
  write_error_members(json, 403, errc_name(Errc::denied), message);
  json.number("reason", raw(reason));
  json.end_object();
}

void answer_invalid(Response& response, std::string_view message) {
  answer_error(response, 400, errc_name(Errc::invalid), message);
}

void write_status(JsonWriter& json, config::StatusStyle style) {
  if (style == config::StatusStyle::text) {
    json.string("status", "ok");
  } else {
    json.number("status", 200);
  }
}

void answer_ok(Response& response, config::StatusStyle style) {
  JsonWriter json(response.body);
  json.begin_object();
  write_status(json, style);
  json.end_object();
}

void answer_done(Response& response, const Result<void>& done, config::StatusStyle style) {
  if (done) {
    answer_ok(response, style);
  } else {
    answer_error(response, done.error());
  }
}

std::string_view send_failure_text(const SendResult& result) {
  if (result.state == SendResult::State::unknown) {
    return "outcome unknown: the message may have been stored; repeat it with the same "
           "client_msg_no to find out";
  }
  if (result.moderation && !result.moderation->reason.empty()) return result.moderation->reason;
  switch (result.cause) {
    case SendResult::Cause::other: break;
    case SendResult::Cause::key_sender: return "the API key may not send as this sender";
    case SendResult::Cause::key_channel: return "the API key may not send to this channel";
    case SendResult::Cause::key_rate: return "the rate limit of the API key is reached";
    case SendResult::Cause::sender_rate: return "the rate limit of the sender is reached";
    case SendResult::Cause::channel_rate: return "the rate limit of the channel is reached";
    case SendResult::Cause::total_rate: return "the rate limit of the server is reached";
    case SendResult::Cause::listed_outsider:
      return "subscribers may only name the two users of this channel";
  }
  switch (result.code) {
    case Errc::conflict:
      if (result.reason == Reason::last_seq_differs) return reason_text(result.reason);
      return "client_msg_no was used before for another payload; use a new client_msg_no";
    case Errc::unavailable: return "the server does not accept writes right now; retry later";
    case Errc::not_owner:
      return "not sent: the channel is moving to another server; retry in a moment";
    case Errc::overloaded: return "not sent: it waited too long in the queue; retry later";
    case Errc::too_large:
      if (result.reason != Reason::system_error) return reason_text(result.reason);
      return "not sent: more than one commit takes together with what stands before it; send it in "
             "a request of its own";
    case Errc::skipped: return "not sent: an item before it failed";
    case Errc::storage: return "the message could not be stored; retry with the same client_msg_no";
    default: return reason_text(result.reason);
  }
}

Error error_of(const SendResult& refusal) {
  return Error(refusal.code, std::string(send_failure_text(refusal)))
      .with_reason(raw(refusal.reason))
      .with_seq(refusal.last_seq);
}

SendResult result_of(const Error& error) {
  const auto reason = static_cast<Reason>(error.reason());
  SendResult result =
      SendResult::refuse(reason == Reason::unknown ? Reason::system_error : reason, error.code());
  result.last_seq = error.seq();
  return result;
}

SendResult result_of_failed(const partition::TransactionResult& result) {
  const SendResult* const refusal = result.find_refusal(*result.failed);
  return refusal != nullptr ? *refusal : result_of(result.error());
}

unsigned status_of_failures(std::span<const SendResult> results) {
  // What was skipped failed with what stood before it.
  if (results.back().code == Errc::skipped) return status_of_failures(results.first(1));
  const auto all = [results](auto predicate) { return std::ranges::all_of(results, predicate); };
  if (std::ranges::any_of(results, is_unknown)) return status_of(Errc::unknown_outcome);
  if (all(is_permission)) return 403;
  if (all(is_caller_fault)) return 400;
  const bool conflict = std::ranges::any_of(
      results, [](const SendResult& result) { return result.code == Errc::conflict; });
  const bool certain = all([](const SendResult& result) {
    return is_permission(result) || is_caller_fault(result) || is_load(result) ||
           is_unavailable(result);
  });
  if (conflict && certain) return 400;
  if (all(is_load)) return 429;
  if (all([](const SendResult& r) { return is_load(r) || is_unavailable(r); })) return 503;
  return 500;
}

void write_batch_members(JsonWriter& json, const SendResult& result,
                         std::string_view client_msg_no) {
  write_ids(json, result, client_msg_no);
  if (result.ok()) {
    json.number("reason", raw(Reason::success));
    if (result.state == SendResult::State::duplicate) json.boolean("duplicate", true);
  } else {
    json.number("reason", raw(result.reason));
    json.string("code", errc_name(result.code));
    json.string("msg", send_failure_text(result));
    json.boolean("retriable", errc_retriable(result.code));
    if (result.retry_after_ms > 0) json.number("retry_after_ms", result.retry_after_ms);
    if (result.state == SendResult::State::unknown) json.string("state", "unknown");
    write_last_seq(json, result);
  }
  codec::write_moderation(json, result.moderation.get());
}

namespace {

void write_batch_element(JsonWriter& json, const SendResult& result,
                         std::string_view client_msg_no) {
  json.begin_object();
  write_batch_members(json, result, client_msg_no);
  json.end_object();
}

}  // namespace

unsigned status_of_failure(const SendResult& result) {
  return status_of_failures(std::span<const SendResult>(&result, 1));
}

void answer_send(Response& response, const SendResult& result, std::string_view client_msg_no,
                 config::StatusStyle style, config::RefusalStyle refusals) {
  JsonWriter json(response.body);
  if (refusals == config::RefusalStyle::reason && is_permission(result)) {
    write_batch_element(json, result, client_msg_no);
    return;
  }
  json.begin_object();
  if (result.ok()) {
    write_status(json, style);
    write_ids(json, result, client_msg_no);
    json.number("reason", raw(Reason::success));
    if (result.state == SendResult::State::duplicate) json.boolean("duplicate", true);
    codec::write_moderation(json, result.moderation.get());
    json.begin_object("data");
    write_ids(json, result, client_msg_no);
    json.end_object();
  } else {
    response.status = status_of_failure(result);
    response.overloaded = is_overload(result);
    set_retry_after(response, {&result, 1});
    write_error_members(json, response.status, errc_name(result.code), send_failure_text(result));
    json.number("reason", raw(result.reason));
    json.boolean("retriable", errc_retriable(result.code));
    if (result.retry_after_ms > 0) json.number("retry_after_ms", result.retry_after_ms);
    json.string("client_msg_no", client_msg_no);
    if (result.state == SendResult::State::unknown) json.string("state", "unknown");
    write_last_seq(json, result);
    codec::write_moderation(json, result.moderation.get());
  }
  json.end_object();
}

namespace {

// The item whose code and text a batch of failures answers: one that may have been stored before
// all others, for the caller has to repeat it; then one that has the status of the batch by itself,
// then one that is worth repeating.
std::size_t telling_item(std::span<const SendResult> results, unsigned status) {
  const auto find = [results](auto predicate) {
    return static_cast<std::size_t>(std::ranges::find_if(results, predicate) - results.begin());
  };
  std::size_t item = find(is_unknown);
  if (item == results.size()) {
    item = find([status](const SendResult& r) { return status_of_failure(r) == status; });
  }
  if (item == results.size()) {
    item = find([](const SendResult& r) { return errc_retriable(r.code); });
  }
  return item == results.size() ? 0 : item;
}

}  // namespace

void answer_batch(Response& response, std::span<const SendResult> results,
                  std::span<const std::string> client_msg_nos) {
  response.body.reserve(response.body.size() + results.size() * kBatchElementBytes);
  const auto failed = static_cast<std::size_t>(
      std::ranges::count_if(results, [](const SendResult& result) { return !result.ok(); }));
  JsonWriter json(response.body);
  const auto write_elements = [&] {
    for (std::size_t i = 0; i < results.size(); ++i) {
      write_batch_element(json, results[i], client_msg_nos[i]);
    }
  };
  if (failed > 0) {
    response.overloaded = std::ranges::any_of(results, is_overload);
    response.extra_headers += "X-Batch-Failed: " + std::to_string(failed) + "\r\n";
  }
  if (failed < results.size()) {
    json.begin_array();
    write_elements();
    json.end_array();
    return;
  }
  response.status = status_of_failures(results);
  set_retry_after(response, results);
  const std::size_t item = telling_item(results, response.status);
  const SendResult& telling = results[item];
  const std::string text = results.size() == 1
                               ? std::string(send_failure_text(telling))
                               : "all " + std::to_string(results.size()) +
                                     " messages failed; item " + std::to_string(item) + ": " +
                                     std::string(send_failure_text(telling));
  json.begin_object();
  write_error_members(json, response.status, errc_name(telling.code), text);
  if (response.status == 403) json.number("reason", raw(telling.reason));
  json.begin_array("items");
  write_elements();
  json.end_array();
  json.end_object();
}

namespace {

std::string_view refusal_text(const Error& error) {
  if (!error.detail().empty()) return error.detail();
  return send_failure_text(result_of(error));
}

}  // namespace

void answer_together(Response& response, const partition::TransactionResult& result,
                     std::span<const std::string> client_msg_nos,
                     std::span<const std::size_t> places) {
  if (result.made()) {
    std::vector<SendResult> sent;
    sent.reserve(result.commands.size());
    for (const auto& outcome : result.commands) sent.push_back(std::get<SendResult>(*outcome));
    answer_batch(response, sent, client_msg_nos);
    return;
  }
  const Error& error = result.error();
  if (!result.failed || error.code() == Errc::unknown_outcome) return answer_error(response, error);
  const std::size_t item = *result.failed;
  const SendResult failed = result_of_failed(result);
  const bool has_own = result.find_refusal(item) != nullptr;
  answer_nothing_sent(response, places.empty() ? item : places[item], failed,
                      has_own ? send_failure_text(failed) : refusal_text(error),
                      client_msg_nos[item]);
}

void answer_nothing_sent(Response& response, std::size_t place, const SendResult& result,
                         std::string_view told, std::string_view client_msg_no) {
  response.status = status_of(result.code);
  response.overloaded = is_overload(result);
  set_retry_after(response, {&result, 1});
  JsonWriter json(response.body);
  json.begin_object();
  write_error_members(json, response.status, errc_name(result.code),
                      "nothing was sent; item " + std::to_string(place) + ": " + std::string(told));
  json.begin_array("items");
  json.begin_object();
  json.number("index", place);
  write_batch_members(json, result, client_msg_no);
  json.end_object();
  json.end_array();
  json.end_object();
}

namespace {

void write_received_members(JsonWriter& json, std::string_view client_msg_no) {
  json.string("client_msg_no", client_msg_no);
  json.string("state", "received");
}

}  // namespace

void answer_received(Response& response, std::span<const std::string> client_msg_nos) {
  response.status = 202;
  JsonWriter json(response.body);
  json.begin_array();
  for (const std::string& client_msg_no : client_msg_nos) {
    json.begin_object();
    write_received_members(json, client_msg_no);
    json.end_object();
  }
  json.end_array();
}

void append_result_line(std::string& out, std::uint64_t index, const SendResult& result,
                        std::string_view client_msg_no) {
  JsonWriter json(out);
  json.begin_object();
  json.number("index", index);
  write_batch_members(json, result, client_msg_no);
  json.end_object();
  out += '\n';
}

void append_received_line(std::string& out, std::uint64_t index, std::string_view client_msg_no) {
  JsonWriter json(out);
  json.begin_object();
  json.number("index", index);
  write_received_members(json, client_msg_no);
  json.end_object();
  out += '\n';
}

void append_problem_line(std::string& out, std::uint64_t index, const codec::ItemProblem& problem) {
  JsonWriter json(out);
  json.begin_object();
  json.number("index", index);
  write_ids(json, SendResult(), problem.client_msg_no);
  json.number("reason", raw(Reason::unknown));
  json.string("code", errc_name(problem.code));
  json.string("msg", problem.text);
  json.boolean("retriable", errc_retriable(problem.code));
  json.string("field", problem.field);
  json.end_object();
  out += '\n';
}

void answer_problems(Response& response, std::span<const codec::ItemProblem> problems) {
  const codec::ItemProblem& first = problems.front();
  response.status = 400;
  JsonWriter json(response.body);
  json.begin_object();
  const std::string text = "item " + std::to_string(first.index) + ": " + first.text;
  write_error_members(json, 400, errc_name(first.code), text);
  json.begin_array("items");
  for (const codec::ItemProblem& problem : problems) {
    json.begin_object();
    json.number("index", problem.index);
    json.string("field", problem.field);
    json.string("client_msg_no", problem.client_msg_no);
    json.string("code", errc_name(problem.code));
    json.string("msg", problem.text);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

std::string_view shown_channel_id(const Message& message, std::string_view viewer) {
  return codec::shown_channel_id(message, viewer);
}

void write_message(JsonWriter& json, const Message& message, std::string_view viewer) {
  json.begin_object();
  codec::write_message_members(json, message, viewer);
  json.end_object();
}

}  // namespace jindou::api
