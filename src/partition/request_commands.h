// Requests that may be repeated (the header Idempotency-Key): who executes one, and what it was
// answered. A command names the partition, which follows from the request's key.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "model/ids.h"

namespace jindou::partition {

// Takes a request for whoever calls, unless it is finished, or somebody else has it at `now_ms`.
// Durable when it succeeds. Errors: conflict; the stored record says which of the two it is, that
// `fingerprint` is that of another request, or that it has other `numbers`
// (RecordReader::load_request).
struct ClaimRequest {
  PartitionId partition{};
  std::string key;             // 32 bytes, a hash of what the caller named
  std::string fingerprint;     // 32 bytes, a hash of what is asked for
  std::uint64_t claim = 0;     // random; names who has it
  std::int64_t now_ms = 0;     // wall clock
  std::int64_t until_ms = 0;   // by then it is answered, or whoever had it is gone
  std::int64_t expires_s = 0;  // wall clock; forgotten some time after it
  // What the numbers of its messages follow from: random, or that of the record, where there is one
  // that is not over. So whoever carries it out again finds what was stored, and a later request
  // with the same key does not.
  std::uint64_t numbers = 0;
};

// A claim that has longer than the longest one, by more than this, is of a clock that was set back.
inline constexpr std::int64_t kClaimSkewMaxMs = 60'000;

// Keeps the answer. Errors: conflict when the claim is not the one in force.
struct FinishRequest {
  PartitionId partition{};
  std::string key;
  std::uint64_t claim = 0;
  std::uint16_t status = 0;  // of HTTP
  std::string headers;       // complete lines, each ending in CRLF
  std::string answer;
};

// Lets go of a request that was not carried out to its end: a repeat of it is executed at once.
// Another request does not get its key. Nothing happens when the claim is not the one in force.
struct ReleaseRequest {
  PartitionId partition{};
  std::string key;
  std::uint64_t claim = 0;
};

// Forgets requests whose time is over at `now_s`. `keys` are those of store::request_expiry_key;
// one that is not over, or no longer that of its request, does no harm.
struct ReclaimRequests {
  PartitionId partition{};
  std::vector<std::string> keys;
  std::int64_t now_s = 0;
};

using RequestCommand = std::variant<ClaimRequest, FinishRequest, ReleaseRequest, ReclaimRequests>;

}  // namespace jindou::partition
