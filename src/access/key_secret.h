// Secrets of API keys. The configuration has only their hashes (config/api_keys.h). One round of
// SHA-256 is enough because nobody can guess 256 random bits; it is none for a password.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "config/api_keys.h"

namespace jindou::access {

// Shorter ones may be guessed by who has the hash.
inline constexpr std::size_t kKeySecretBytesMin = 32;

// A new one, of 256 random bits. It begins with "jdk_", so that it is recognised where it should
// not be.
std::string make_key_secret(Random& random);

// None: memory is out.
std::optional<config::KeyHash> hash_of_secret(std::string_view secret);

// As 64 hex digits.
std::string key_hash_text(const config::KeyHash& hash);

// Takes as long for any two.
bool equal_hashes(const config::KeyHash& a, const config::KeyHash& b);

}  // namespace jindou::access
