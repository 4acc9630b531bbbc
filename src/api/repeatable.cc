#include "api/repeatable.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/core_calls.h"
#include "api/send_query.h"

namespace jindou::api {

using partition::KeyedRequest;

namespace {

constexpr std::string_view kHeader = "Idempotency-Key";
constexpr std::size_t kKeyBytesMax = 255;
// A longer answer is not kept: a repeat is carried out and finds what was stored.
constexpr std::size_t kAnswerBytesMax = std::size_t{4} << 20;
// On top of the time a request has: until then it has answered, or its process is gone.
constexpr std::chrono::milliseconds kClaimGrace{1'000};
// A claim and its record may pass each other this often: the record is reclaimed in between.
constexpr int kTries = 3;
// Between two tries of what there is no room for.
constexpr std::chrono::milliseconds kEndPauseMin{5};
constexpr std::chrono::milliseconds kEndPauseMax{100};

// The draft has a string in quotes (RFC 8941); most callers send it bare.
std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  return text;
}

bool is_key(std::string_view text) {
  return !text.empty() && text.size() <= kKeyBytesMax &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~' && c != '"'; });
}

bool is_finished(const KeyedRequest::Record& record) { return record && record->finished; }

}  // namespace

// Of each caller: what one of them chose says nothing to another.
std::string Repeatable::stored_key(std::string_view user, std::string_view key) {
  return partition::digest_of_parts({user, key});
}

partition::RequestTimes Repeatable::times() const {
  return {services_.options.request_timeout + kClaimGrace,
          services_.options.idempotency_key_window};
}

KeyedRequest::Finding Repeatable::look(const KeyedRequest::Record& record) const {
  return keyed_->look(record, services_.deps.clock.wall_ms(), times());
}

Task<Result<void>> Repeatable::claim(const KeyedRequest::Record& record) {
  auto wanted = keyed_->claim(home(), record, services_.deps.clock.wall_ms(), times());
  co_return co_await change(services_, request_, std::move(wanted));
}

bool Repeatable::has_key() const { return !request_.header(kHeader).empty(); }

bool Repeatable::check_key() {
  if (!has_key() || is_key(unquoted(request_.header(kHeader)))) return true;
  answer_invalid(response_,
                 "the header Idempotency-Key takes 1 to 255 printable ASCII characters without "
                 "blanks and quotes");
  return false;
}

bool Repeatable::take_key() {
  if (!has_key() || !check_key()) return false;
  const std::string_view name = unquoted(request_.header(kHeader));
  const std::string choices = choices_of_fields(request_);
  const std::string_view path = request_.path();
  const std::string_view query = request_.query();
  std::string digest;
  if (body_digest_) {
    digest = partition::digest_of_parts({path, query, *body_digest_, choices});
  } else if (choices.empty()) {
    digest = partition::digest_of_parts({path, query, request_.body});
  } else {
    digest = partition::digest_of_parts({path, query, request_.body, choices});
  }
  keyed_.emplace(stored_key(request_.user, name), digest, services_.deps.random.next_u64());
  return true;
}

Task<Result<KeyedRequest::Record>> Repeatable::load() {
  const partition::RecordReader& records = services_.deps.records;
  auto work = [&records, key = keyed_->key()] { return records.load_request(key); };
  co_return co_await services_.deps.blocking.run(std::move(work));
}

Task<bool> Repeatable::is_answered() {
  if (!take_key()) co_return response_.status != 200;
  const auto record = co_await load();
  // What cannot be read now is asked again by begin().
  if (!record) co_return false;
  const KeyedRequest::Finding found = look(*record);
  const bool stays =
      found == KeyedRequest::Finding::answered || found == KeyedRequest::Finding::other;
  co_return stays&& answer_found(found, *record);
}

Task<bool> Repeatable::is_known() {
  // What the request is to be compared with is not known yet.
  body_digest_.emplace();
  if (!take_key()) co_return false;
  const auto record = co_await load();
  co_return record&& is_finished(*record) && look(*record) != KeyedRequest::Finding::free;
}

Task<bool> Repeatable::begin(std::string digest) {
  body_digest_ = std::move(digest);
  co_return co_await begin();
}

Task<bool> Repeatable::begin() {
  if (!take_key()) co_return response_.status == 200;
  for (int tries = 0; tries < kTries; ++tries) {
    // Looked at on the pool first: an answer has up to 4 MiB, which no partition should read.
    const auto record = co_await load();
    if (!record) {
      answer_error(response_, record.error());
      co_return false;
    }
    if (answer_found(look(*record), *record)) co_return false;
    const Result<void> claimed = co_await claim(*record);
    if (claimed) {
      services_.deps.metrics.keyed_requests.with("first").Increment();
      co_return true;
    }
    if (claimed.error().code() != Errc::conflict) {
      answer_error(response_, claimed.error());
      co_return false;
    }
  }
  answer_error(response_, 409, errc_name(Errc::conflict),
               "requests with this Idempotency-Key come and go; repeat it later");
  co_return false;
}

bool Repeatable::answer_found(KeyedRequest::Finding finding, const KeyedRequest::Record& record) {
  switch (finding) {
    case KeyedRequest::Finding::free: return false;
    case KeyedRequest::Finding::other:
      answer_error(response_, 422, errc_name(Errc::conflict),
                   "this Idempotency-Key was used for another request: repeat that one unchanged, "
                   "or take a new key");
      services_.deps.metrics.keyed_requests.with("other_request").Increment();
      return true;
    case KeyedRequest::Finding::answered:
      response_.status = record->status;
      response_.extra_headers = record->headers + "Idempotency-Replay: true\r\n";
      response_.body = record->answer;
      services_.deps.metrics.keyed_requests.with("replayed").Increment();
      return true;
    case KeyedRequest::Finding::busy: break;
  }
  // The time may have come since it was looked at.
  const std::int64_t left_ms =
      std::max<std::int64_t>(1, record->until_ms - services_.deps.clock.wall_ms());
  response_.extra_headers = "Retry-After: " + std::to_string((left_ms + 999) / 1000) + "\r\n";
  answer_error(response_, 409, errc_name(Errc::conflict),
               "the first request with this Idempotency-Key is being carried out; repeat it later");
  services_.deps.metrics.keyed_requests.with("running").Increment();
  return true;
}

void Repeatable::number(std::span<SendCommand> commands, std::size_t first) const {
  if (keyed_) keyed_->number(commands, first);
}

Task<void> Repeatable::end(bool settled) {
  if (!keyed_) co_return;
  if (settled && response_.body.size() <= kAnswerBytesMax) {
    auto finished = keyed_->finish(home(), static_cast<std::uint16_t>(response_.status),
                                   response_.extra_headers, response_.body);
    const auto done = co_await change(services_, request_, std::move(finished));
    done.ignore("the claim runs out, and a repeat finds what was stored");
  } else {
    // A variable, because g++ 12 destroys a temporary in an awaited call twice.
    auto released = keyed_->release(home());
    const auto done = co_await change(services_, request_, std::move(released));
    done.ignore("the claim runs out, and a repeat finds what was stored");
  }
}

Task<Result<void>> Repeatable::end_with(partition::Change wanted) {
  const auto until = services_.deps.clock.steady() + services_.options.http.stream_timeout;
  std::chrono::milliseconds wait = kEndPauseMin;
  bool in_doubt = false;  // one of the tries may have done it
  for (;;) {
    std::vector<partition::Change> both;
    both.push_back(wanted);
    both.emplace_back(keyed_->finish(home(), static_cast<std::uint16_t>(response_.status),
                                     response_.extra_headers, response_.body));
    auto done = co_await change_together(services_, request_, std::move(both));
    if (done) co_return done;
    const Errc code = done.error().code();
    in_doubt = in_doubt || code == Errc::unknown_outcome || code == Errc::deadline;
    if (in_doubt && code == Errc::conflict) {
      const auto record = co_await load();
      if (record && keyed_->is_own(*record) && is_finished(*record)) co_return Result<void>();
      // Whoever has it now leaves no room for this one.
      if (record && *record && !keyed_->is_own(*record)) co_return done;
    }
    const bool is_wanted =
        request_.stream != nullptr ? request_.stream->is_open() : services_.deps.accepting();
    if (errc_retriable(code) && is_wanted && services_.deps.clock.steady() < until) {
      boost::asio::steady_timer pause(co_await boost::asio::this_coro::executor, wait);
      co_await pause.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
      wait = std::min(2 * wait, kEndPauseMax);
      continue;
    }
    if (!in_doubt) co_return done;
    co_return Result<void>(Error(Errc::unknown_outcome,
                                 "not confirmed in time; repeat the request "
                                 "with the same Idempotency-Key"));
  }
}

Task<bool> Repeatable::was_taken() {
  const auto record = co_await load();
  if (!record || keyed_->is_own(*record)) co_return false;
  co_return answer_found(look(*record), *record);
}

}  // namespace jindou::api
