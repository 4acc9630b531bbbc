#include "api/job_upload.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <chrono>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "api/answers.h"
#include "api/core_calls.h"
#include "api/repeatable.h"
#include "api/send_command.h"
#include "api/send_query.h"
#include "base/ascii.h"
#include "base/assert.h"
#include "base/byte_budget.h"
#include "base/time_zone.h"
#include "codec/json_writer.h"
#include "codec/send_members.h"
#include "model/id_rules.h"

namespace jindou::api {
namespace {

namespace asio = boost::asio;

// Ids that are tried until one is found whose partition has room for a job.
constexpr int kIdsTried = 8;
// Between two tries of what there is no room for.
constexpr std::chrono::milliseconds kUploadPauseMin{5};
constexpr std::chrono::milliseconds kUploadPauseMax{100};
constexpr std::chrono::seconds kFlushInterval{10};

constexpr double kMillion = 1e6;

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, number);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return number;
}

// RFC 7240: preferences are separated by commas, their parameters by semicolons.
bool prefers_async(const Request& request) {
  const std::string all = request.header_list("Prefer");
  std::string_view rest = all;
  while (!rest.empty()) {
    std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    one = one.substr(0, one.find(';'));
    while (!one.empty() && (one.front() == ' ' || one.front() == '\t')) one.remove_prefix(1);
    while (!one.empty() && (one.back() == ' ' || one.back() == '\t')) one.remove_suffix(1);
    if (ascii_iequals(one, "respond-async")) return true;
  }
  return false;
}

// "09:30" as minutes of the day; none: it is none.
std::optional<std::uint32_t> minute_of_day(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hours = parse_number<std::uint32_t>(text.substr(0, 2));
  const auto minutes = parse_number<std::uint32_t>(text.substr(3));
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return *hours * 60 + *minutes;
}

// "UTC", "Z", or how far a clock is ahead of UTC: "+08:00".
std::optional<std::int32_t> offset_of_zone(std::string_view text) {
  if (text.empty() || text == "UTC" || text == "Z") return 0;
  // A plus that was not escaped is a blank.
  const bool ahead = text.front() == '+' || text.front() == ' ';
  const auto minutes = minute_of_day(text.substr(1));
  if ((!ahead && text.front() != '-') || !minutes) return std::nullopt;
  return static_cast<std::int32_t>(*minutes) * (ahead ? 1 : -1);
}

Result<void> read_window(const Request& request, DailyWindow& window) {
  const std::string text = choice_value(request, "window");
  const std::string zone = choice_value(request, "time_zone");
  if (text.empty()) {
    if (zone.empty()) return {};
    return Error(Errc::invalid, "the query parameter time_zone goes with window");
  }
  const std::size_t dash = text.find('-');
  const auto from = minute_of_day(text.substr(0, dash));
  const auto to = minute_of_day(dash == std::string::npos ? "" : text.substr(dash + 1));
  if (!from || !to || *from == *to) return wrong_choice(request, "window");
  const auto offset = offset_of_zone(zone);
  window = {*from, *to, offset.value_or(0)};
  if (offset) return {};
  const auto known = check_time_zone(zone);
  if (!known && known.error().code() == Errc::invalid) {
    return Error(Errc::invalid,
                 "the query parameter time_zone takes UTC, a name such as Asia/Shanghai, or how "
                 "far the clock of the window is ahead of UTC, such as +08:00 (escaped: "
                 "%2B08:00); " +
                     known.error().detail());
  }
  if (known) window.zone = zone;
  return known;
}

// "50", or "5%" of the items there will be.
Result<void> read_canary(const Request& request, JobWish& wish) {
  std::string text = choice_value(request, "canary");
  if (text.empty()) return {};
  if (text.back() != '%') {
    const auto items = parse_number<std::uint64_t>(text);
    if (!items || *items > bodies::find_send_choice("canary")->most) {
      return wrong_choice(request, "canary");
    }
    wish.options.canary_items = *items;
    return {};
  }
  text.pop_back();
  const auto percent = parse_number<double>(text);
  if (!percent || !(*percent > 0) || *percent > 100) return wrong_choice(request, "canary");
  wish.canary_ppm =
      std::max<std::uint32_t>(1, static_cast<std::uint32_t>(*percent / 100 * kMillion));
  return {};
}

Result<void> read_options(const Request& request, JobOptions& options) {
  options.name = choice_value(request, "name");
  JD_TRY(options.rate, number_choice(request, "rate"));
  JD_TRY(const std::uint64_t not_before, number_choice(request, "not_before"));
  options.not_before_ms = static_cast<std::int64_t>(not_before) * 1000;
  JD_RETURN_IF_ERROR(read_window(request, options.window));
  const std::string ratio_text = choice_value(request, "max_refused");
  if (!ratio_text.empty()) {
    const auto ratio = parse_number<double>(ratio_text);
    if (!ratio || !(*ratio > 0) || *ratio > 1) return wrong_choice(request, "max_refused");
    options.refused_ppm_max =
        std::max<std::uint32_t>(1, static_cast<std::uint32_t>(*ratio * kMillion));
  }
  options.stops_on_refusal = choice_value(request, "on_error") == "stop";
  return {};
}

// Of a query that was checked.
Result<void> read_job_options(const Request& request, JobWish& wish) {
  JD_RETURN_IF_ERROR(read_options(request, wish.options));
  JD_RETURN_IF_ERROR(read_canary(request, wish));
  wish.options.caller_kind = request.caller_kind;
  wish.options.caller_name = request.user.substr(0, kJobNameBytesMax);
  return {};
}

}  // namespace

bool asks_for_job(const Request& request) {
  const auto hold_ms = number_choice(request, "hold_ms");
  const auto async = flag_choice(request, "async");
  if (!hold_ms || !async) return false;
  if (*hold_ms > 0 || *async) return true;
  return choice_value(request, "async").empty() && prefers_async(request);
}

Result<JobWish> wanted_revision(const Request& request) {
  JobWish wish;
  JD_RETURN_IF_ERROR(check_send_query(request, bodies::SendForm::revision, true));
  JD_RETURN_IF_ERROR(read_job_options(request, wish));
  return wish;
}

Result<JobWish> wanted_job(const Request& request, bodies::SendForm form, std::int64_t now_ms) {
  JobWish wish;
  JD_TRY(const std::uint64_t hold_ms, number_choice(request, "hold_ms"));
  JD_TRY(const bool async, flag_choice(request, "async"));
  wish.held = hold_ms > 0;
  // Of a single message nothing else makes one; what was only preferred may be left out.
  if (wish.held || form != bodies::SendForm::message) {
    wish.by_preference = choice_value(request, "async").empty() && prefers_async(request);
    wish.wanted = wish.held || async || wish.by_preference;
  }
  JD_RETURN_IF_ERROR(check_send_query(request, form, wish.wanted));
  if (!wish.wanted) return wish;
  JD_RETURN_IF_ERROR(read_job_options(request, wish));
  if (!wish.held) return wish;
  if (wish.options.not_before_ms != 0) {
    return Error(Errc::invalid, "hold_ms and not_before exclude each other");
  }
  wish.options.not_before_ms = now_ms + static_cast<std::int64_t>(hold_ms);
  return wish;
}

JobUpload::JobUpload(Services& services, Request& request, JobWish wish)
    : services_(services), request_(request), wish_(std::move(wish)) {}

Task<Result<void>> JobUpload::begin() {
  if (!is_kept_) co_return Result<void>();
  for (int tried = 1;; ++tried) {
    partition::BeginJob begun;
    begun.now_ms = services_.deps.clock.wall_ms();
    begun.job = id_ = make_job_id(begun.now_ms, services_.deps.random);
    begun.options = wish_.options;
    partition::Change command = std::move(begun);
    auto done = co_await change(services_, request_, std::move(command));
    flushed_ = services_.deps.clock.steady();
    const bool again = !done && done.error().code() == Errc::overloaded && tried < kIdsTried;
    if (!again) co_return done;
  }
}

bool JobUpload::refuse(Errc code, std::string_view why) {
  if (!input_.refuse(code, why)) return false;
  ++refused_;
  return true;
}

bool JobUpload::add_sent(const SendCommand& message, const SendResult& result) {
  if (!input_.add(message)) return false;
  results_.push_back(job_result_of(result));
  return true;
}

bool JobUpload::refuse_sent(Errc code, std::string_view why) {
  if (!refuse(code, why)) return false;
  // Its place; what it says does not count.
  results_.emplace_back();
  return true;
}

Task<Result<void>> JobUpload::flush_sent(bool last, std::string reason) {
  partition::KeepSent kept;
  kept.job = id_;
  kept.first = items_;
  kept.input = input_.take();
  kept.results = std::exchange(results_, {});
  kept.last = last;
  kept.reason = std::move(reason);
  kept.now_ms = services_.deps.clock.wall_ms();
  const std::uint64_t count = kept.input.items;
  partition::Change command = std::move(kept);
  auto done = co_await persist(std::move(command));
  if (done) items_ += count;
  co_return done;
}

bool JobUpload::is_wanted() const {
  if (request_.stream == nullptr || request_.stream->is_open()) return true;
  return wish_.options.kind == JobKind::batch && services_.deps.accepting();
}

Task<Result<void>> JobUpload::persist(partition::Change change_wanted) {
  const auto until = services_.deps.clock.steady() + services_.options.http.stream_timeout;
  std::chrono::milliseconds wait = kUploadPauseMin;
  for (;;) {
    partition::Change command = change_wanted;
    auto done = co_await change(services_, request_, std::move(command));
    if (done || !errc_retriable(done.error().code())) co_return done;
    if (!is_wanted() || services_.deps.clock.steady() >= until) co_return done;
    asio::steady_timer pause(co_await asio::this_coro::executor, wait);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    wait = std::min(2 * wait, kUploadPauseMax);
  }
}

Task<Result<void>> JobUpload::flush() {
  if (input_.empty()) co_return Result<void>();
  if (!is_kept_) {
    items_ += input_.take().items;
    co_return Result<void>();
  }
  if (wish_.options.kind == JobKind::batch) {
    std::string none;
    co_return co_await flush_sent(false, std::move(none));
  }
  partition::AppendJobInput chunk;
  chunk.job = id_;
  chunk.first = items_;
  chunk.input = input_.take();
  chunk.now_ms = services_.deps.clock.wall_ms();
  const std::uint64_t count = chunk.input.items;
  partition::Change command = std::move(chunk);
  auto done = co_await persist(std::move(command));
  if (done) {
    items_ += count;
    flushed_ = services_.deps.clock.steady();
  }
  co_return done;
}

Task<Result<void>> JobUpload::flush_if_due() {
  if (services_.deps.clock.steady() < flushed_ + kFlushInterval) co_return Result<void>();
  co_return co_await flush();
}

partition::Change JobUpload::seal_change() const {
  partition::SealJob sealed;
  sealed.job = id_;
  sealed.items = items_;
  sealed.canary_ppm = wish_.canary_ppm;
  sealed.now_ms = services_.deps.clock.wall_ms();
  return sealed;
}

Task<Result<void>> JobUpload::seal() {
  auto flushed = co_await flush();
  if (!flushed) co_return flushed;
  partition::Change command = seal_change();
  co_return co_await persist(std::move(command));
}

Task<void> JobUpload::give_up(std::string reason) {
  if (!is_kept_) co_return;
  partition::ChangeJob failed;
  failed.job = id_;
  failed.action = JobAction::fail;
  failed.reason = std::move(reason);
  failed.now_ms = services_.deps.clock.wall_ms();
  partition::Change command = std::move(failed);
  const auto done = co_await change(services_, request_, std::move(command));
  done.ignore("an upload that stands still fails after jobs.uploadIdle");
}

Task<void> JobUpload::drop() {
  if (!is_kept_) co_return;
  std::string reason = "nothing of it was sent";
  co_await give_up(std::move(reason));
  partition::Change command = partition::DeleteJob{id_};
  const auto done = co_await change(services_, request_, std::move(command));
  done.ignore("one that was given up is forgotten after jobs.keep");
}

void JobUpload::answer(Response& response) const {
  response.status = 202;
  response.extra_headers += "Location: /jobs/" + id_ + "\r\n";
  if (wish_.by_preference) response.extra_headers += "Preference-Applied: respond-async\r\n";
  add_applied_choices(request_, {}, response);
  codec::JsonWriter json(response.body);
  json.begin_object();
  json.string("id", id_);
  const JobOptions& options = wish_.options;
  json.string("batch_id", options.kind == JobKind::send ? id_ : options.source);
  json.string("state", job_state_name(items_ == 0 ? JobState::done : JobState::ready));
  json.number("items", items_);
  json.number("refused", refused_);
  if (wish_.held) json.number("held_until_ms", options.not_before_ms);
  json.end_object();
}

void JobUpload::answer_failure(Response& response, const Error& error) const {
  const std::string& why = error.detail();
  const std::string text =
      "the job was not started: " + (why.empty() ? std::string(errc_name(error.code())) : why);
  unsigned status = status_of(error.code());
  // It was cancelled, or taken for one that nobody uploads any more.
  if (error.code() == Errc::conflict || error.code() == Errc::not_found) status = 409;
  if (error.code() == Errc::too_large) status = 413;
  answer_error(response, status, errc_name(error.code()), text);
}

SendCommand unnumbered(SendCommand message) {
  if (!message.idempotent) message.client_msg_no.clear();
  return message;
}

namespace {

// What is in memory until the last of it is stored: `held`, and of what it is stored as, in all
// `stored`, a chunk and the copy that is made durable.
std::size_t bytes_held(std::size_t held, std::size_t stored) {
  return held + 2 * std::min(stored, kJobChunkBytesMax);
}

// Of items, and of the messages that they become. Payloads that they share are there once.
std::size_t bytes_held(const std::vector<codec::BatchItem>& items) {
  std::size_t held = 0;
  std::size_t stored = 0;
  std::set<const char*> payloads;
  for (const codec::BatchItem& item : items) {
    const std::string_view payload = item.payload;
    const std::size_t bytes =
        sizeof(codec::BatchItem) + sizeof(SendCommand) + codec::memory_of(item.subscribers);
    held += bytes;
    stored += bytes + payload.size();
    if (payloads.insert(payload.data()).second) held += payload.size();
  }
  return bytes_held(held, stored);
}

std::size_t bytes_held(const codec::LegacyBatch& batch) {
  const std::size_t payload = batch.message.payload.size();
  const std::size_t uids = codec::memory_of(batch.subscribers);
  const std::size_t messages = batch.subscribers.size() * (sizeof(SendCommand) + payload);
  return bytes_held(uids + payload, uids + messages);
}

// False: `response` is the answer.
bool take_room(const Services& services, const Request& request, std::size_t bytes,
               BudgetShare& share, Response& response) {
  if (share.resize(bytes)) return true;
  const std::size_t most = services.options.http.body_budget->bytes_max();
  // What they were read from counts beside them as long as the request lasts.
  const std::size_t body = request.body.capacity();
  if (bytes + body <= most) {
    answer_overloaded(response);
    return false;
  }
  // Not even alone.
  answer_error(response, 413, errc_name(Errc::too_large),
               "the job was not started: its items take " + std::to_string(bytes) +
                   " bytes of memory beside the " + std::to_string(body) +
                   " of the body, and there are " + std::to_string(most) +
                   " (api.bodyBytesInFlight); give them as lines, or in several requests");
  return false;
}

// Begins it and gives it all of them.
Task<Result<void>> upload_all(JobUpload& upload, std::vector<SendCommand>& messages) {
  auto begun = co_await upload.begin();
  if (!begun) co_return begun;
  for (const SendCommand& message : messages) {
    if (upload.add(message)) continue;
    auto flushed = co_await upload.flush();
    if (!flushed) co_return flushed;
    const bool added = upload.add(message);
    JD_ASSERT(added);
  }
  co_return Result<void>();
}

// Answers for one to which all was given, or as much as `given` says.
Task<void> end_upload_of_batch(JobUpload& upload, Repeatable& repeatable, Response& response,
                               Result<void> given) {
  if (given && repeatable.has_key()) {
    co_await seal_with_answer(upload, repeatable, response);
    co_return;
  }
  if (given) given = co_await upload.seal();
  (void)co_await upload.finish(response, given);
  co_await repeatable.end(false);
}

}  // namespace

Task<void> seal_with_answer(JobUpload& upload, Repeatable& repeatable, Response& response) {
  auto done = co_await upload.flush();
  if (done) {
    const std::string headers_before = response.extra_headers;
    upload.answer(response);
    partition::Change seal = upload.seal_change();
    done = co_await repeatable.end_with(std::move(seal));
    if (done) co_return;
    response.status = 200;
    response.body.clear();
    response.extra_headers = headers_before;
    if (done.error().code() == Errc::unknown_outcome) {
      // If it has not begun it never will: it fails after jobs.uploadIdle.
      answer_error(response, done.error());
      co_return;
    }
    if (done.error().code() == Errc::conflict) {
      const bool taken = co_await repeatable.was_taken();
      if (taken) {
        co_await upload.drop();
        co_return;
      }
    }
  }
  (void)co_await upload.finish(response, done);
  co_await repeatable.end(false);
}

Task<bool> JobUpload::finish(Response& response, const Result<void>& done) {
  if (done) {
    answer(response);
    co_return true;
  }
  answer_failure(response, done.error());
  std::string reason = "its input could not be stored: " + done.error().text();
  co_await give_up(std::move(reason));
  co_return false;
}

Task<void> post_items_as_job(Services& services, Request& request, Response& response, JobWish wish,
                             std::vector<codec::BatchItem> items) {
  BudgetShare share(services.options.http.body_budget);
  if (!take_room(services, request, bytes_held(items), share, response)) co_return;
  Repeatable repeatable(services, request, response);
  if (!co_await repeatable.begin()) co_return;
  std::vector<SendCommand> messages;
  messages.reserve(items.size());
  for (codec::BatchItem& item : items) {
    messages.push_back(unnumbered(make_command(std::move(item), services.deps.random)));
  }
  items.clear();
  // One message under its key has one number, whether it is sent at once or by a job.
  repeatable.number(messages, 0);
  JobUpload upload(services, request, std::move(wish));
  auto given = co_await upload_all(upload, messages);
  co_await end_upload_of_batch(upload, repeatable, response, std::move(given));
}

Task<void> post_legacy_as_job(Services& services, Request& request, Response& response,
                              JobWish wish, codec::LegacyBatch batch) {
  BudgetShare share(services.options.http.body_budget);
  if (!take_room(services, request, bytes_held(batch), share, response)) co_return;
  Repeatable repeatable(services, request, response);
  if (!co_await repeatable.begin()) co_return;
  JobUpload upload(services, request, std::move(wish));
  Result<void> done = co_await upload.begin();
  std::size_t place = 0;
  for (std::size_t i = 0; i < batch.subscribers.size() && done; ++i) {
    const std::string& uid = batch.subscribers[i];
    const std::string_view why = id_problem(uid);
    std::vector<SendCommand> message;
    if (why.empty()) {
      message.push_back(unnumbered(make_legacy_command(batch, uid, services.deps.random)));
      // As in a request that is no job: the place among those who receive it.
      repeatable.number(message, place++);
    }
    const std::string text = bad_receiver_text(uid, why);
    const auto add = [&] {
      return message.empty() ? upload.refuse(Errc::invalid, text) : upload.add(message.front());
    };
    if (add()) continue;
    done = co_await upload.flush();
    if (!done) break;
    const bool added = add();
    JD_ASSERT(added);
  }
  co_await end_upload_of_batch(upload, repeatable, response, std::move(done));
}

}  // namespace jindou::api
