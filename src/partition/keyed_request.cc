#include "partition/keyed_request.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/result.h"

namespace jindou::partition {

namespace {

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(kDigits[byte >> 4U]);
    out.push_back(kDigits[byte & 15U]);
  }
  return out;
}

}  // namespace

void BytesDigest::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

BytesDigest::BytesDigest() : context_(EVP_MD_CTX_new()) {
  JD_ASSERT(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

void BytesDigest::add(std::string_view bytes) {
  EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}

std::string BytesDigest::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_DigestFinal_ex(context_.get(), digest.data(), &size);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string digest_of_parts(std::initializer_list<std::string_view> parts) {
  BytesDigest digest;
  for (const std::string_view part : parts) {
    const std::uint64_t size = part.size();
    digest.add({reinterpret_cast<const char*>(&size), sizeof(size)});
    digest.add(part);
  }
  return digest.finish();
}

KeyedRequest::Finding KeyedRequest::look(const Record& record, std::int64_t now_ms,
                                         const RequestTimes& times) const {
  if (!record || is_over(*record, now_ms)) return Finding::free;
  if (record->fingerprint != fingerprint_) return Finding::other;
  if (record->finished) return Finding::answered;
  const std::int64_t left_ms = record->until_ms - now_ms;
  if (left_ms <= 0 || left_ms > times.claim.count() + kClaimSkewMaxMs) return Finding::free;
  return Finding::busy;
}

ClaimRequest KeyedRequest::claim(PartitionId partition, const Record& record, std::int64_t now_ms,
                                 const RequestTimes& times) {
  const bool goes_on = record && !is_over(*record, now_ms);
  numbers_ = goes_on ? record->numbers : claim_;
  ClaimRequest wanted;
  wanted.partition = partition;
  wanted.key = key_;
  wanted.fingerprint = fingerprint_;
  wanted.claim = claim_;
  wanted.numbers = numbers_;
  wanted.now_ms = now_ms;
  wanted.until_ms = now_ms + times.claim.count();
  wanted.expires_s = (now_ms + times.window.count()) / 1000;
  return wanted;
}

void KeyedRequest::number(std::span<SendCommand> commands, std::size_t first) const {
  for (std::size_t i = 0; i < commands.size(); ++i) {
    SendCommand& command = commands[i];
    if (command.idempotent) continue;
    // The form of those that the server makes up: 32 digits and a "0".
    const std::string place = std::to_string(first + i);
    const std::string digest = numbers_ == 0
                                   ? digest_of_parts({key_, place})
                                   : digest_of_parts({key_, std::to_string(numbers_), place});
    command.client_msg_no = to_hex(digest.substr(0, 16)) + '0';
    command.idempotent = true;
  }
}

FinishRequest KeyedRequest::finish(PartitionId partition, std::uint16_t status, std::string headers,
                                   std::string answer) const {
  FinishRequest finished;
  finished.partition = partition;
  finished.key = key_;
  finished.claim = claim_;
  finished.status = status;
  finished.headers = std::move(headers);
  finished.answer = std::move(answer);
  return finished;
}

bool is_settled(std::span<const SendResult> results) {
  return std::ranges::none_of(results, [](const SendResult& result) {
    return !result.ok() &&
           (result.state == SendResult::State::unknown || errc_retriable(result.code));
  });
}

}  // namespace jindou::partition
