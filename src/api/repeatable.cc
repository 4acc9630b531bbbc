#include "api/repeatable.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

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

bool Repeatable::take_key() {
  const std::string_view given = request_.header(kHeader);
  if (given.empty()) return false;
  const std::string_view name = unquoted(given);
  if (!is_key(name)) {
    answer_invalid(response_,
                   "the header Idempotency-Key takes 1 to 255 printable ASCII characters without "
                   "blanks and quotes");
    return false;
  }
  const std::string choices = choices_of_fields(request_);
  const std::string digest =
      choices.empty()
          ? partition::digest_of_parts({request_.path(), request_.query(), request_.body})
          : partition::digest_of_parts({request_.path(), request_.query(), request_.body, choices});
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

}  // namespace jindou::api
