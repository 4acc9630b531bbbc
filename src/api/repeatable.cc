#include "api/repeatable.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <initializer_list>
#include <memory>
#include <optional>
#include <utility>

#include "api/answers.h"
#include "api/core_calls.h"
#include "api/send_query.h"
#include "base/assert.h"

namespace jindou::api {

namespace {

constexpr std::string_view kHeader = "Idempotency-Key";
constexpr std::size_t kKeyBytesMax = 255;
// A longer answer is not kept: a repeat is carried out and finds what was stored.
constexpr std::size_t kAnswerBytesMax = std::size_t{4} << 20;
// On top of the time a request has: until then it has answered, or its process is gone.
constexpr std::chrono::milliseconds kClaimGrace{1'000};
// A claim and its record may pass each other this often: the record is reclaimed in between.
constexpr int kTries = 3;

// SHA-256 of all parts, each with its length before it.
std::string hash_of(std::initializer_list<std::string_view> parts) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  JD_ASSERT(context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1);
  for (const std::string_view part : parts) {
    const std::uint64_t size = part.size();
    EVP_DigestUpdate(context.get(), &size, sizeof(size));
    EVP_DigestUpdate(context.get(), part.data(), part.size());
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_DigestFinal_ex(context.get(), digest.data(), &size);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(kDigits[byte >> 4U]);
    out.push_back(kDigits[byte & 15U]);
  }
  return out;
}

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

bool is_settled(std::span<const SendResult> results) {
  return std::ranges::none_of(results, [](const SendResult& result) {
    return !result.ok() &&
           (result.state == SendResult::State::unknown || errc_retriable(result.code));
  });
}

// Of each caller: what one of them chose says nothing to another.
std::string Repeatable::stored_key(std::string_view user, std::string_view key) {
  return hash_of({user, key});
}

Task<Result<void>> Repeatable::claim() {
  partition::ClaimRequest wanted;
  wanted.partition = services_.deps.records.partition_of_request(key_);
  wanted.key = key_;
  wanted.fingerprint = fingerprint_;
  wanted.claim = claim_;
  wanted.numbers = numbers_;
  wanted.now_ms = services_.deps.clock.wall_ms();
  const auto& options = services_.options;
  wanted.until_ms = wanted.now_ms + (options.request_timeout + kClaimGrace).count();
  wanted.expires_s = (wanted.now_ms + options.idempotency_key_window.count()) / 1000;
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
  key_ = stored_key(request_.user, name);
  const std::string choices = choices_of_fields(request_);
  fingerprint_ = choices.empty()
                     ? hash_of({request_.path(), request_.query(), request_.body})
                     : hash_of({request_.path(), request_.query(), request_.body, choices});
  return true;
}

Task<Result<std::optional<store::RequestRecord>>> Repeatable::load() {
  const partition::RecordReader& records = services_.deps.records;
  auto work = [&records, key = key_] { return records.load_request(key); };
  co_return co_await services_.deps.blocking.run(std::move(work));
}

Task<bool> Repeatable::is_answered() {
  if (!take_key()) co_return response_.status != 200;
  const auto record = co_await load();
  // What cannot be read now is asked again by begin().
  if (!record || !*record) co_return false;
  const bool other = (*record)->fingerprint != fingerprint_;
  co_return ((*record)->finished || other) && answer_known(**record);
}

Task<bool> Repeatable::begin() {
  if (!take_key()) co_return response_.status == 200;
  claim_ = services_.deps.random.next_u64();
  for (int tries = 0; tries < kTries; ++tries) {
    // Looked at on the pool first: an answer has up to 4 MiB, which no partition should read.
    const auto record = co_await load();
    if (!record) {
      answer_error(response_, record.error());
      co_return false;
    }
    if (*record && answer_known(**record)) co_return false;
    const bool goes_on = *record && !is_over(**record);
    numbers_ = goes_on ? (*record)->numbers : claim_;
    const Result<void> claimed = co_await claim();
    if (claimed) co_return true;
    if (claimed.error().code() != Errc::conflict) {
      answer_error(response_, claimed.error());
      co_return false;
    }
  }
  answer_error(response_, 409, errc_name(Errc::conflict),
               "requests with this Idempotency-Key come and go; repeat it later");
  co_return false;
}

bool Repeatable::is_over(const store::RequestRecord& record) const {
  return record.expires_s <= services_.deps.clock.wall_ms() / 1000;
}

bool Repeatable::answer_known(const store::RequestRecord& record) {
  const std::int64_t now_ms = services_.deps.clock.wall_ms();
  if (is_over(record)) return false;
  if (record.fingerprint != fingerprint_) {
    answer_error(response_, 422, errc_name(Errc::conflict),
                 "this Idempotency-Key was used for another request: repeat that one unchanged, or "
                 "take a new key");
    return true;
  }
  if (record.finished) {
    response_.status = record.status;
    response_.extra_headers = record.headers + "Idempotency-Replay: true\r\n";
    response_.body = record.answer;
    return true;
  }
  const std::int64_t left_ms = record.until_ms - now_ms;
  const std::int64_t longest_ms = (services_.options.request_timeout + kClaimGrace).count();
  if (left_ms <= 0 || left_ms > longest_ms + partition::kClaimSkewMaxMs) return false;
  response_.extra_headers = "Retry-After: " + std::to_string((left_ms + 999) / 1000) + "\r\n";
  answer_error(response_, 409, errc_name(Errc::conflict),
               "the first request with this Idempotency-Key is being carried out; repeat it later");
  return true;
}

void Repeatable::number(std::span<SendCommand> commands, std::size_t first) const {
  if (key_.empty()) return;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    SendCommand& command = commands[i];
    if (command.idempotent) continue;
    // The form of those that the server makes up: 32 digits and a "0".
    const std::string place = std::to_string(first + i);
    const std::string hash =
        numbers_ == 0 ? hash_of({key_, place}) : hash_of({key_, std::to_string(numbers_), place});
    command.client_msg_no = hex(hash.substr(0, 16)) + '0';
    command.idempotent = true;
  }
}

Task<void> Repeatable::end(bool settled) {
  if (key_.empty()) co_return;
  const PartitionId partition = services_.deps.records.partition_of_request(key_);
  if (settled && response_.body.size() <= kAnswerBytesMax) {
    partition::FinishRequest finished;
    finished.partition = partition;
    finished.key = key_;
    finished.claim = claim_;
    finished.status = static_cast<std::uint16_t>(response_.status);
    finished.headers = response_.extra_headers;
    finished.answer = response_.body;
    const auto done = co_await change(services_, request_, std::move(finished));
    done.ignore("the claim runs out, and a repeat finds what was stored");
  } else {
    // A variable, because g++ 12 destroys a temporary in an awaited call twice.
    partition::ReleaseRequest released{partition, key_, claim_};
    const auto done = co_await change(services_, request_, std::move(released));
    done.ignore("the claim runs out, and a repeat finds what was stored");
  }
}

}  // namespace jindou::api
