// A request that its caller may repeat (docs/decisions/0027-repeats-of-a-request.md): what is to be
// done with it, by what is stored under its key, and what is stored of it. Values, without a clock
// or a way to the store: whoever carries the request out reads, posts and answers.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "model/ids.h"
#include "model/message.h"
#include "partition/request_commands.h"
#include "store/records.h"

struct evp_md_ctx_st;

namespace jindou::partition {

// SHA-256 of bytes that come one after the other.
class BytesDigest {
 public:
  BytesDigest();
  void add(std::string_view bytes);
  // Of all that were added: kRequestKeyBytes. Call once, and add nothing then.
  std::string finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

// SHA-256 of all parts, each with its length before it: kRequestKeyBytes.
std::string digest_of_parts(std::initializer_list<std::string_view> parts);

struct RequestTimes {
  // Whoever has claimed a request has answered by then, or is gone.
  std::chrono::milliseconds claim{};
  // A key is known for so long.
  std::chrono::milliseconds window{};
};

// One try to carry it out.
class KeyedRequest {
 public:
  // Both digests: of who asks under which key, and of what is asked for. `claim`: random.
  KeyedRequest(std::string key, std::string fingerprint, std::uint64_t claim)
      : key_(std::move(key)), fingerprint_(std::move(fingerprint)), claim_(claim) {}

  const std::string& key() const { return key_; }

  enum class Finding : std::uint8_t {
    free,      // claim it and carry it out
    other,     // the key is that of another request
    answered,  // the record has the answer
    busy,      // somebody else carries it out
  };
  using Record = std::optional<store::RequestRecord>;
  // `now_ms`: wall clock.
  Finding look(const Record& record, std::int64_t now_ms, const RequestTimes& times) const;

  // Of one that is free, as the record says; its messages are numbered by that. When it is refused
  // with a conflict, the record is to be looked at again.
  ClaimRequest claim(PartitionId partition, const Record& record, std::int64_t now_ms,
                     const RequestTimes& times);
  // After a claim: gives those of the messages a number that have none of the caller's. `first`:
  // their place among all messages of the request.
  void number(std::span<SendCommand> commands, std::size_t first) const;

  // With an answer that no repeat could change, or without one.
  FinishRequest finish(PartitionId partition, std::uint16_t status, std::string headers,
                       std::string answer) const;
  ReleaseRequest release(PartitionId partition) const { return {partition, key_, claim_}; }

  // Whether it is this try that has, or has finished, what the record tells of.
  bool is_own(const Record& record) const { return record && record->claim == claim_; }

 private:
  static bool is_over(const store::RequestRecord& record, std::int64_t now_ms) {
    return record.expires_s <= now_ms / 1000;
  }

  std::string key_;
  std::string fingerprint_;
  std::uint64_t claim_;
  std::uint64_t numbers_ = 0;
};

// Whether no repeat of the request could still change one of its results: none is unknown or
// failed for a reason that passes.
bool is_settled(std::span<const SendResult> results);

}  // namespace jindou::partition
