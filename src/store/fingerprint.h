// The hash under which an idempotency key is indexed.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/channel.h"

namespace jindou::store {

// 128 bits: `number` from (log, client_msg_no), `sender` from those and from_uid. Two halves, so
// that a look-up by client_msg_no without its sender is a prefix scan. Seeded with a secret of the
// store, so that nobody can craft two keys that collide; by accident, a trillion keys in one
// partition collide with a chance below 2e-15.
struct Fingerprint {
  std::uint64_t number = 0;
  std::uint64_t sender = 0;
  bool operator==(const Fingerprint&) const = default;
  auto operator<=>(const Fingerprint&) const = default;
};

struct FingerprintHash {
  using is_avalanching = void;  // the bits are already well mixed
  std::size_t operator()(const Fingerprint& fingerprint) const noexcept {
    return fingerprint.sender;
  }
};

std::uint64_t number_hash(std::uint64_t seed, const ChannelKey& log,
                          std::string_view client_msg_no);
Fingerprint fingerprint_of(std::uint64_t seed, const ChannelKey& log, std::string_view from_uid,
                           std::string_view client_msg_no);

// What "the same payload" is decided by.
std::uint64_t payload_hash(std::string_view payload);

}  // namespace jindou::store
