#include "store/fingerprint.h"

#include <xxhash.h>

namespace jindou::store {

std::uint64_t number_hash(std::uint64_t seed, const ChannelKey& log,
                          std::string_view client_msg_no) {
  // Hashing in steps, each seeded with the one before, keeps ("ab", "c") apart from ("a", "bc").
  const std::uint64_t channel =
      XXH3_64bits_withSeed(log.id.data(), log.id.size(), seed + raw(log.type));
  return XXH3_64bits_withSeed(client_msg_no.data(), client_msg_no.size(), channel);
}

Fingerprint fingerprint_of(std::uint64_t seed, const ChannelKey& log, std::string_view from_uid,
                           std::string_view client_msg_no) {
  Fingerprint fingerprint;
  fingerprint.number = number_hash(seed, log, client_msg_no);
  // A second, independent hash of the number: with only `number` as its seed the 128 bits would
  // collide as soon as the first 64 do.
  const std::uint64_t second = number_hash(~seed, log, client_msg_no);
  fingerprint.sender = XXH3_64bits_withSeed(from_uid.data(), from_uid.size(), second);
  return fingerprint;
}

std::uint64_t payload_hash(std::string_view payload) {
  return XXH3_64bits(payload.data(), payload.size());
}

}  // namespace jindou::store
