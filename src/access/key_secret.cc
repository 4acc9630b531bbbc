#include "access/key_secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace jindou::access {

namespace {

constexpr std::size_t kRandomBytes = 32;

}  // namespace

std::string make_key_secret(Random& random) { return "jdk_" + random.hex(kRandomBytes); }

std::optional<config::KeyHash> hash_of_secret(std::string_view secret) {
  config::KeyHash hash{};
  unsigned size = 0;
  const int done =
      EVP_Digest(secret.data(), secret.size(), hash.data(), &size, EVP_sha256(), nullptr);
  if (done != 1 || size != hash.size()) return std::nullopt;
  return hash;
}

std::string key_hash_text(const config::KeyHash& hash) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : hash) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

bool equal_hashes(const config::KeyHash& a, const config::KeyHash& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace jindou::access
