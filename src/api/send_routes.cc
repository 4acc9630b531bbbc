#include "api/send_routes.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "api/answers.h"
#include "api/channel_ids.h"
#include "api/core_calls.h"
#include "api/csv_rows.h"
#include "api/item_counts.h"
#include "api/job_upload.h"
#include "api/kept_batch.h"
#include "api/rate_limit_fields.h"
#include "api/rehearsal.h"
#include "api/repeatable.h"
#include "api/send_command.h"
#include "api/send_query.h"
#include "api/send_stream.h"
#include "api/streamed_upload.h"
#include "api/template_routes.h"
#include "api/whole_lines.h"
#include "base/assert.h"
#include "model/id_rules.h"
#include "observe/request_trace.h"

namespace jindou::api {
namespace {

// Bodies are parsed where they were read to.
static_assert(http::kBodyPadding >= simdjson::SIMDJSON_PADDING);

using Results = std::vector<SendResult>;
using bodies::SendForm;

// The object form goes to the core in portions of this size: each receiver's message counts with
// its payload while it is in flight.
constexpr std::size_t kLegacyPortionItems = 1000;
constexpr std::size_t kLegacyPortionBytes = std::size_t{8} << 20;
constexpr const char* kNotInTime = "not sent: the time for the request was over";

// About how many items a batch has, at the cost of looking for braces: objects that are in no
// other, or where the batch is an object itself, in no other one. Braces in texts lead it astray;
// what is parsed is counted again.
std::size_t count_objects(std::string_view text) {
  std::size_t count = 0;
  std::size_t depth = 0;
  const std::size_t first = text.find_first_of("[{");
  const std::size_t level = first != std::string_view::npos && text[first] == '{' ? 1 : 0;
  std::size_t open = text.find('{');
  std::size_t close = text.find('}');
  while (open != std::string_view::npos) {
    if (close < open) {
      if (depth > 0) --depth;
      close = text.find('}', close + 1);
    } else {
      if (depth == level) ++count;
      ++depth;
      open = text.find('{', open + 1);
    }
  }
  return std::max<std::size_t>(count, 1);
}

// The same of lines.
std::size_t count_lines(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
}

// jindou_batch_items_total. Refers to metrics, which outlive the core.
class ItemCounters {
 public:
  explicit ItemCounters(Services& services)
      : counters_{&services.items_accepted, &services.items_duplicate, &services.items_refused,
                  &services.items_unknown} {}

  void count(const Results& results) const {
    std::array<std::size_t, 4> count{};
    for (const SendResult& result : results) ++count[static_cast<std::size_t>(result.state)];
    for (std::size_t i = 0; i < count.size(); ++i) {
      if (count[i] > 0) counters_[i]->Increment(static_cast<double>(count[i]));
    }
  }

 private:
  std::array<observe::Counter*, 4> counters_;
};

void count_items(Services& services, const Request& request, const Results& results) {
  ItemCounters(services).count(results);
  if (!request.trace) return;
  ItemCounts counts;
  counts.add(results);
  counts.trace(request);
}

SendForm form_of(const Request& request) {
  if (is_csv(request)) return SendForm::rows;
  return is_item_stream(request) ? SendForm::lines : SendForm::batch;
}

// In the form of the request. `kept` has ended.
void answer_items(const Request& request, Response& response, const Results& results,
                  const std::vector<std::string>& client_msg_nos, const KeptBatch& kept) {
  if (form_of(request) == SendForm::batch) return answer_batch(response, results, client_msg_nos);
  const bool named = kept.wanted() && !kept.failure();
  answer_lines(response, results, client_msg_nos, named ? kept.id() : std::string_view());
}

Results results_of(const partition::TransactionResult& result) {
  Results results;
  for (const auto& outcome : result.commands) {
    results.push_back(outcome ? std::get<SendResult>(*outcome) : result_of(outcome.error()));
  }
  return results;
}

// Behind Repeatable::end(): what is stored under a key does not have it, and each repeat adds it.
void tell_applied(const Request& request, Response& response) {
  if (response.status < 300) add_applied_choices(request, level_reached(request), response);
}

// With the status of a malformed body, also when that names a template that there is not: what the
// path names is there.
void answer_bad_body(Response& response, const Error& error) {
  if (error.code() != Errc::not_found) return answer_error(response, error);
  answer_error(response, 400, errc_name(error.code()), error.detail());
}

template <class Body>
using ParseBody = Body (*)(const codec::JsonText& text, const codec::SendLimits& limits,
                           const codec::TemplateSet* templates);

// Reads a body that names stored templates again, with those; again and again while there are
// others that it names. False: `response` is the answer.
template <class Body>
Task<bool> read_with_templates(Services& services, Request& request, Response& response,
                               ParseBody<Body> parse, Body& body) {
  // A template may be another one by now, or gone; the answer is the first one all the same.
  Repeatable repeatable(services, request, response);
  if (co_await repeatable.is_answered()) co_return false;
  const codec::SendLimits limits = send_limits(services.options.send, request);
  codec::TemplateSet templates;
  // A reading that ends at too many problems has not seen all templates, and with those it wanted
  // the next one may get further. Each wants others, so this ends.
  while (const auto* wanted = std::get_if<codec::TemplatesWanted>(&body)) {
    std::vector<codec::TemplateRef> refs = wanted->refs;
    const auto fetched = co_await fetch_templates(services, std::move(refs), templates);
    if (!fetched) {
      answer_error(response, fetched.error());
      co_return false;
    }
    co_await request.turns->wait();
    body = parse(request.body, limits, &templates);
  }
  co_return true;
}

// Of a message that was read: whose limits are told of beside those of the caller.
struct Limited {
  std::string from_uid;  // empty: nothing was read, or there are no limits
  ChannelKey channel;
};

Task<void> send_one(Services& services, Request& request, Response& response, Limited& limited) {
  auto wish = wanted_job(request, SendForm::message, services.deps.clock.wall_ms());
  if (!wish) {
    answer_error(response, wish.error());
    co_return;
  }
  codec::SendBody body =
      codec::parse_send(request.body, send_limits(services.options.send, request));
  if (std::holds_alternative<codec::TemplatesWanted>(body)) {
    const ParseBody<codec::SendBody> parse = codec::parse_send;
    if (!co_await read_with_templates(services, request, response, parse, body)) {
      // What is stored of a job has them.
      if (!wish->wanted) tell_applied(request, response);
      co_return;
    }
  }
  if (const auto* error = std::get_if<Error>(&body)) {
    answer_bad_body(response, *error);
    co_return;
  }
  auto* const parsed = std::get_if<codec::BatchItem>(&body);
  JD_ASSERT(parsed != nullptr);
  if (wish->wanted) {
    std::vector<codec::BatchItem> items;
    items.push_back(std::move(*parsed));
    co_await post_items_as_job(services, request, response, std::move(*wish), std::move(items));
    co_return;
  }
  std::vector<SendCommand> commands;
  commands.push_back(make_command(std::move(*parsed), services.deps.random));
  if (has_rate_limits(services)) {
    limited.from_uid = commands.front().from_uid;
    limited.channel = commands.front().channel;
  }
  Repeatable repeatable(services, request, response);
  if (!co_await repeatable.begin()) {
    tell_applied(request, response);
    co_return;
  }
  repeatable.number(commands, 0);
  const std::string client_msg_no = commands.front().client_msg_no;
  const auto deadline = request_deadline(services);
  auto results = co_await send_commands(services, request, std::move(commands), deadline);
  if (!results) {
    answer_error(response, results.error());
    co_await repeatable.end(false);
    co_return;
  }
  count_items(services, request, *results);
  answer_send(response, results->front(), client_msg_no, services.options.status_style,
              services.options.refusal_style);
  co_await repeatable.end(is_settled(*results));
  tell_applied(request, response);
}

// Behind it: what is stored under a key does not have the limits, and each repeat tells them.
Task<void> post_send(Services& services, Request& request, Response& response) {
  Limited limited;
  co_await send_one(services, request, response, limited);
  if (limited.from_uid.empty()) {
    add_rate_limit_fields(services, request, response);
  } else {
    add_rate_limit_fields(services, request, response, limited.from_uid, limited.channel);
  }
}

struct Outgoing {
  std::vector<SendCommand> commands;
  std::vector<std::string> client_msg_nos;  // aligned with them
};

// All messages of the request.
Outgoing outgoing(Services& services, const Repeatable& repeatable,
                  std::vector<codec::BatchItem> items) {
  Outgoing all;
  all.commands.reserve(items.size());
  all.client_msg_nos.reserve(items.size());
  for (codec::BatchItem& item : items) {
    all.commands.push_back(make_command(std::move(item), services.deps.random));
  }
  repeatable.number(all.commands, 0);
  for (const SendCommand& command : all.commands) {
    all.client_msg_nos.push_back(command.client_msg_no);
  }
  return all;
}

Task<void> send_items(Services& services, Request& request, Response& response,
                      std::vector<codec::BatchItem> items, bool keep, ReservationPtr reservation) {
  Repeatable repeatable(services, request, response);
  if (!co_await repeatable.begin()) co_return;
  auto [commands, client_msg_nos] = outgoing(services, repeatable, std::move(items));
  KeptBatch kept(services, request, keep);
  if (!co_await kept.begin(response)) {
    co_await repeatable.end(false);
    co_return;
  }
  kept.note(commands);
  const auto deadline = request_deadline(services);
  auto results = co_await send_commands(services, request, std::move(commands), deadline,
                                        std::move(reservation));
  if (!results) {
    co_await kept.fail(response, results.error());
    answer_error(response, results.error());
    co_await repeatable.end(false);
    co_return;
  }
  co_await request.turns->wait();
  count_items(services, request, *results);
  co_await kept.add(*results);
  co_await kept.end(response);
  answer_items(request, response, *results, client_msg_nos, kept);
  co_await repeatable.end(is_settled(*results));
}

// The first of the commands, as many as none of fails, as a whole; and what became of all. Errors:
// as send_together(): nothing was done, or it is not known.
Task<Result<Results>> send_until_failure(Services& services, Request& request,
                                         std::vector<SendCommand> commands) {
  const std::size_t count = commands.size();
  std::optional<SendResult> failure;
  if (has_rate_limits(services)) {
    const auto over = services.deps.limits->charge_together(
        *caller_of(request), commands, partition::RateLimits::Binding::up_to_first);
    if (over) {
      failure = over->second;
      commands.resize(over->first);
    }
  }
  while (!commands.empty()) {
    std::vector<SendCommand> tried = commands;
    auto sent = co_await send_together(services, request, std::move(tried));
    if (!sent) co_return Result<Results>(std::move(sent).error());
    if (sent->made()) {
      Results results;
      for (const auto& outcome : sent->commands) results.push_back(std::get<SendResult>(*outcome));
      commands.clear();
      if (results.size() < count) results.push_back(*failure);
      results.resize(count, SendResult::refuse(Reason::system_error, Errc::skipped));
      co_return Result<Results>(std::move(results));
    }
    const Error error = sent->error();
    if (!sent->failed || error.code() == Errc::unknown_outcome) co_return Result<Results>(error);
    failure = result_of_failed(*sent);
    commands.resize(*sent->failed);
  }
  Results results = {*failure};
  results.resize(count, SendResult::refuse(Reason::system_error, Errc::skipped));
  co_return Result<Results>(std::move(results));
}

// Whether the rate limits can ever let all of them pass at once. False: `response` says so.
bool can_pass_together(Services& services, const Request& request,
                       const std::vector<SendCommand>& commands, Response& response) {
  if (!has_rate_limits(services)) return true;
  const auto checked = services.deps.limits->check_together(*caller_of(request), commands);
  if (!checked) answer_error(response, checked.error());
  return checked.has_value();
}

// `places`: of the items in the list of the caller; empty: it was a list of items.
Task<void> send_bound(Services& services, Request& request, Response& response,
                      std::vector<codec::BatchItem> items, std::vector<std::size_t> places,
                      Choices choices, ReservationPtr reservation) {
  Repeatable repeatable(services, request, response);
  if (!co_await repeatable.begin()) co_return;
  auto [commands, client_msg_nos] = outgoing(services, repeatable, std::move(items));
  reservation.reset();  // the core admits it as a whole
  if (choices.on_failure == OnFailure::all_none &&
      !can_pass_together(services, request, commands, response)) {
    services.items_refused.Increment(static_cast<double>(commands.size()));
    // Under another configuration it may be sent.
    co_await repeatable.end(false);
    co_return;
  }
  KeptBatch kept(services, request, choices.keep);
  if (!co_await kept.begin(response)) {
    co_await repeatable.end(false);
    co_return;
  }
  kept.note(commands);
  // By all that was asked for, also when less of it is sent.
  const bool is_bulk = commands.size() > services.deps.router.bulk_batch_items();
  for (SendCommand& command : commands) command.bulk = is_bulk;
  if (choices.on_failure == OnFailure::stop) {
    const auto results = co_await send_until_failure(services, request, std::move(commands));
    if (!results) {
      co_await kept.fail(response, results.error());
      answer_error(response, results.error());
      co_await repeatable.end(false);
      co_return;
    }
    count_items(services, request, *results);
    co_await kept.add(*results);
    co_await kept.end(response);
    answer_items(request, response, *results, client_msg_nos, kept);
    co_await repeatable.end(is_settled(*results));
    co_return;
  }
  if (has_rate_limits(services)) {
    const auto over = services.deps.limits->charge_together(
        *caller_of(request), commands, partition::RateLimits::Binding::all_or_none);
    if (over) {
      const Error error = error_of(over->second);
      co_await kept.fail(response, error);
      services.items_refused.Increment(static_cast<double>(commands.size()));
      answer_nothing_sent(response, places.empty() ? over->first : places[over->first],
                          over->second, send_failure_text(over->second),
                          client_msg_nos[over->first]);
      co_await repeatable.end(false);
      co_return;
    }
  }
  const auto result = co_await send_together(services, request, std::move(commands));
  if (!result) {
    co_await kept.fail(response, result.error());
    answer_error(response, result.error());
    co_await repeatable.end(false);
    co_return;
  }
  const Results sent = results_of(*result);
  count_items(services, request, sent);
  if (result->made()) {
    co_await kept.add(sent);
    co_await kept.end(response);
    answer_items(request, response, sent, client_msg_nos, kept);
  } else {
    co_await kept.fail(response, result->error());
    answer_together(response, *result, client_msg_nos, places);
  }
  co_await repeatable.end(result->made() || !errc_retriable(result->error().code()));
}

Task<void> rehearse_items(Services& services, Request& request, Response& response,
                          std::vector<codec::BatchItem> items, const Choices& choices,
                          ReservationPtr reservation) {
  std::vector<SendCommand> commands;
  std::vector<std::string> client_msg_nos;
  for (codec::BatchItem& item : items) {
    commands.push_back(make_command(std::move(item), services.deps.random));
    // One that would be made up tells nothing.
    client_msg_nos.push_back(commands.back().idempotent ? commands.back().client_msg_no : "");
  }
  items.clear();
  reservation.reset();  // the core admits it by itself
  if (choices.on_failure == OnFailure::all_none &&
      !can_pass_together(services, request, commands, response)) {
    co_return;
  }
  co_await rehearse(services, request, response, std::move(commands), std::move(client_msg_nos));
}

// What becomes of the items nobody is told; it is counted.
void take_items(Services& services, Request& request, Response& response,
                std::vector<codec::BatchItem> items, ReservationPtr reservation) {
  const Repeatable unnamed(services, request, response);
  auto [commands, client_msg_nos] = outgoing(services, unnamed, std::move(items));
  const auto posted = post_commands(
      services, request, std::move(commands),
      [counters = ItemCounters(services)](const Results& results) { counters.count(results); },
      std::move(reservation));
  if (!posted) {
    answer_error(response, posted.error());
    return;
  }
  answer_received(response, client_msg_nos);
}

Task<void> send_chosen(Services& services, Request& request, Response& response,
                       std::vector<codec::BatchItem> items, std::vector<std::size_t> places,
                       Choices choices, ReservationPtr reservation) {
  if (choices.dry_run) {
    co_await rehearse_items(services, request, response, std::move(items), choices,
                            std::move(reservation));
  } else {
    co_await send_bound(services, request, response, std::move(items), std::move(places), choices,
                        std::move(reservation));
  }
}

// With what a result has in a member of its own.
std::string legacy_reason(const SendResult& result) {
  std::string text(send_failure_text(result));
  if (result.reason == Reason::last_seq_differs) {
    text += " (last_seq: " + std::to_string(result.last_seq) + ")";
  }
  return text;
}

Task<void> send_legacy(Services& services, Request& request, Response& response,
                       codec::LegacyBatch batch, bool keep, ReservationPtr reservation) {
  Repeatable repeatable(services, request, response);
  if (!co_await repeatable.begin()) co_return;
  KeptBatch kept(services, request, keep);
  if (!co_await kept.begin(response)) {
    co_await repeatable.end(false);
    co_return;
  }
  bool settled = true;
  LegacyAnswer answer;
  std::vector<std::string> receivers;
  for (std::string& uid : batch.subscribers) {
    if (const auto why = id_problem(uid); why.empty()) {
      receivers.push_back(std::move(uid));
    } else {
      answer.add(uid, "the uid " + std::string(why));
      std::string text = bad_receiver_text(uid, why);
      co_await kept.refuse(Errc::invalid, std::move(text));
    }
  }
  const std::size_t portion = std::clamp<std::size_t>(
      kLegacyPortionBytes / batch.message.payload.size(), 1, kLegacyPortionItems);
  const auto deadline = request_deadline(services);
  for (std::size_t begin = 0; begin < receivers.size(); begin += portion) {
    const std::size_t end = std::min(receivers.size(), begin + portion);
    const bool is_late = services.deps.clock.steady() >= deadline;
    if (is_late) {
      for (std::size_t i = begin; i < end; ++i) answer.add(receivers[i], kNotInTime);
      settled = false;
      if (!kept.wanted()) continue;
    }
    std::vector<SendCommand> commands;
    commands.reserve(end - begin);
    for (std::size_t i = begin; i < end; ++i) {
      commands.push_back(make_legacy_command(batch, receivers[i], services.deps.random));
      // As a whole, though it goes in portions.
      commands.back().bulk = receivers.size() > services.deps.router.bulk_batch_items();
    }
    repeatable.number(commands, begin);
    kept.note(commands);
    if (is_late) {
      // Who was not tried has a place among the others, as what the core has not begun in time.
      const Results none(end - begin, SendResult::refuse(Reason::system_error, Errc::overloaded));
      co_await kept.add(none);
      continue;
    }
    const auto results =
        co_await send_commands(services, request, std::move(commands), deadline, reservation);
    if (results) count_items(services, request, *results);
    const Results became = results ? *results : Results(end - begin, result_of(results.error()));
    co_await kept.add(became);
    settled = settled && results && is_settled(*results);
    for (std::size_t i = begin; i < end; ++i) {
      if (!results) {
        answer.add(receivers[i], results.error().text());
      } else if (const SendResult& result = (*results)[i - begin]; !result.ok()) {
        answer.add(receivers[i], legacy_reason(result));
      }
    }
  }
  co_await kept.end(response);
  answer.write(response.body);
  co_await repeatable.end(settled);
}

std::size_t content_bytes(const std::vector<codec::BatchItem>& items) {
  std::size_t bytes = 0;
  for (const codec::BatchItem& item : items) {
    bytes += item.payload.size() + codec::memory_of(item.subscribers);
  }
  return bytes;
}

// Reads a batch; again and again while it names stored templates that are not known. None:
// `response` is the answer.
Task<std::optional<codec::BatchBody>> read_batch(Services& services, Request& request,
                                                 Response& response) {
  const observe::TracedPart part(request.trace.get(), "parse");
  if (form_of(request) != SendForm::batch) {
    auto lines = co_await read_whole_lines(services, request, response);
    co_return lines;
  }
  co_await request.turns->wait();
  codec::BatchBody body =
      codec::parse_batch(request.body, send_limits(services.options.send, request));
  if (std::holds_alternative<codec::TemplatesWanted>(body)) {
    const ParseBody<codec::BatchBody> parse = codec::parse_batch;
    if (!co_await read_with_templates(services, request, response, parse, body)) {
      co_return std::nullopt;
    }
  }
  if (const auto* error = std::get_if<Error>(&body)) {
    answer_bad_body(response, *error);
    co_return std::nullopt;
  }
  if (const auto* problems = std::get_if<std::vector<codec::ItemProblem>>(&body)) {
    answer_problems(response, *problems);
    co_return std::nullopt;
  }
  co_return std::move(body);
}

// The object form as the array of its messages, for what binds or tells of each of them. None:
// `response` is the answer.
std::optional<std::vector<codec::BatchItem>> items_of(std::size_t most, codec::LegacyBatch batch,
                                                      Response& response) {
  if (batch.subscribers.size() > most) {
    answer_error(
        response,
        Error(Errc::too_large, "with atomic, on_error=stop, dry_run or ack=received there may be " +
                                   std::to_string(most) + " subscribers (api.maxBatch)"));
    return std::nullopt;
  }
  std::vector<codec::BatchItem> items;
  std::vector<codec::ItemProblem> problems;
  items.reserve(batch.subscribers.size());
  for (std::size_t i = 0; i < batch.subscribers.size(); ++i) {
    std::string& uid = batch.subscribers[i];
    if (const std::string_view why = id_problem(uid); !why.empty()) {
      codec::ItemProblem& problem = problems.emplace_back();
      problem.index = batch.places[i];
      problem.field = "subscribers";
      problem.client_msg_no = batch.message.client_msg_no;
      problem.text = bad_receiver_text(uid, why);
      continue;
    }
    codec::BatchItem& item = items.emplace_back(batch.message);
    item.channel_id = std::move(uid);
  }
  if (problems.empty()) return items;
  answer_problems(response, problems);
  return std::nullopt;
}

Task<void> post_job(Services& services, Request& request, Response& response, JobWish wish) {
  // The core gets no message of it now.
  request.announced.reset();
  auto body = co_await read_batch(services, request, response);
  if (!body) co_return;
  if (auto* items = std::get_if<std::vector<codec::BatchItem>>(&*body)) {
    co_await post_items_as_job(services, request, response, std::move(wish), std::move(*items));
  } else if (auto* legacy = std::get_if<codec::LegacyBatch>(&*body)) {
    co_await post_legacy_as_job(services, request, response, std::move(wish), std::move(*legacy));
  }
}

Task<void> post_batch(Services& services, Request& request, Response& response) {
  const Result<Choices> choices = wanted_choices(request);
  if (!choices) {
    answer_error(response, choices.error());
    co_return;
  }
  // Before the body is parsed, which costs more than all the rest of a refusal.
  const std::size_t items_about =
      std::min(services.options.send.items_max, form_of(request) == SendForm::batch
                                                    ? count_objects(request.body)
                                                    : count_lines(request.body));
  request.announced.reset();
  ReservationPtr reservation = services.deps.router.reserve(items_about, request.body.size());
  if (!reservation) {
    answer_overloaded(response);
    co_return;
  }
  auto body = co_await read_batch(services, request, response);
  if (!body) co_return;
  std::vector<std::size_t> places;
  if (auto* legacy = std::get_if<codec::LegacyBatch>(&*body); legacy != nullptr && choices->any()) {
    places = legacy->places;
    auto items = items_of(services.options.send.items_max, std::move(*legacy), response);
    if (!items) co_return;
    body = codec::BatchBody(std::move(*items));
  }
  if (auto* items = std::get_if<std::vector<codec::BatchItem>>(&*body)) {
    // Filled in, a batch may be many times its body, and the claim of a key takes its time.
    if (!services.deps.router.extend(*reservation, items->size(), content_bytes(*items))) {
      answer_overloaded(response);
    } else if (choices->received) {
      take_items(services, request, response, std::move(*items), std::move(reservation));
    } else if (choices->any()) {
      co_await send_chosen(services, request, response, std::move(*items), std::move(places),
                           *choices, std::move(reservation));
    } else {
      co_await send_items(services, request, response, std::move(*items), choices->keep,
                          std::move(reservation));
    }
  } else if (auto* legacy = std::get_if<codec::LegacyBatch>(&*body)) {
    co_await send_legacy(services, request, response, std::move(*legacy), choices->keep,
                         std::move(reservation));
  }
}

// What the caller is to know of load and limits, as they are behind it.
Task<void> post_advised_batch(Services& services, Request& request, Response& response) {
  co_await post_batch(services, request, response);
  // Also of one that was stored.
  if (response.status == 200 && form_of(request) != SendForm::batch) {
    response.content_type = "application/x-ndjson";
  }
  add_rate_limit_fields(services, request, response);
  add_batch_advice(services, request, response);
  tell_applied(request, response);
}

Task<void> refuse_wish(Services& services, Request& request, Response& response, Error error) {
  answer_error(response, error);
  add_rate_limit_fields(services, request, response);
  co_return;
}

// A job keeps to the limits by itself, and no batch of its caller is to be advised.
Task<void> post_told_job(Services& services, Request& request, Response& response, JobWish wish) {
  const SendForm form = form_of(request);
  if (form == SendForm::batch || request.stream == nullptr) {
    co_await post_job(services, request, response, std::move(wish));
  } else if (form == SendForm::rows) {
    co_await post_csv_as_job(services, request, response, std::move(wish));
  } else {
    co_await post_lines_as_job(services, request, response, std::move(wish));
  }
  add_rate_limit_fields(services, request, response);
}

bool comes_in_pieces(const Request& request) {
  return form_of(request) != SendForm::batch && !is_whole_lines(request);
}

// As they are before a stream: the header is sent first.
void add_fields_ahead(Services& services, Request& request, Response& response) {
  add_rate_limit_fields(services, request, response);
  add_batch_advice(services, request, response);
}

// Not a coroutine of its own: one of them is handed on.
Task<void> post_sendbatch(Services& services, Request& request, Response& response) {
  const SendForm form = form_of(request);
  Result<JobWish> wish = wanted_job(request, form, services.deps.clock.wall_ms());
  if (!wish) return refuse_wish(services, request, response, std::move(wish).error());
  if (wish->wanted) return post_told_job(services, request, response, std::move(*wish));
  if (form == SendForm::batch || request.stream == nullptr) {
    return post_advised_batch(services, request, response);
  }
  add_fields_ahead(services, request, response);
  if (form == SendForm::rows) return post_csv_stream(services, request, response);
  return post_item_stream(services, request, response);
}

}  // namespace

std::span<const Route> send_routes() {
  static constexpr std::array<Route, 2> routes = {{
      {.method = Verb::post,
       .path = "/message/send",
       .handler = post_send,
       .auth = Auth::send,
       .summary = "Sends one message",
       .sends = Sends::message},
      {.method = Verb::post,
       .path = "/message/sendbatch",
       .handler = post_sendbatch,
       .auth = Auth::send,
       .summary = "Sends several messages",
       .ports = Ports::both,
       .sends = Sends::batch,
       .streams = comes_in_pieces},
  }};
  return routes;
}

}  // namespace jindou::api
