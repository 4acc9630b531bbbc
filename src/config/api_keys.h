// The entries of apiKeys: named keys, with their secrets as hashes. Pure functions.
//
// An entry is a text of members, "name=orders;sha256=9f86…;scopes=send,read;channels=group:o-", or
// in a file a map of the same members, whose values may be lists.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/api_key.h"

namespace jindou::config {

// SHA-256 of the secret.
using KeyHash = std::array<unsigned char, 32>;

struct ConfiguredKey {
  ApiKeyPtr key;
  // Of the secrets that are good: while one is replaced, two.
  std::vector<KeyHash> hashes;
};

// A key in rotation has the old secret and the new one; a third is one that was forgotten.
inline constexpr std::size_t kKeyHashesMax = 2;

// Errors: invalid (names the position and the key, never a hash). Names and hashes are of one key
// each.
Result<std::vector<ConfiguredKey>> parse_api_keys(const std::vector<std::string>& entries);

// The text of an entry with these members, in this order; a member that is a list has several
// values. Errors: invalid, for what cannot stand in one.
using KeyMembers = std::vector<std::pair<std::string, std::vector<std::string>>>;
Result<std::string> api_key_entry(const KeyMembers& members);

}  // namespace jindou::config
