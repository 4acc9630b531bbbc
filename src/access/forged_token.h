// Tokens as other programs would make them. For tests.
#pragma once

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace jindou::access {

inline std::string base64_url(const unsigned char* bytes, std::size_t size) {
  std::vector<unsigned char> out(4 * ((size + 2) / 3) + 1);
  const int length = EVP_EncodeBlock(out.data(), bytes, static_cast<int>(size));
  std::string text(reinterpret_cast<const char*>(out.data()), static_cast<std::size_t>(length));
  for (char& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  while (text.ends_with('=')) text.pop_back();
  return text;
}

inline std::string base64_url(const std::string& text) {
  return base64_url(reinterpret_cast<const unsigned char*>(text.data()), text.size());
}

// Any header, any claims, signed with `digest`; null: not signed.
inline std::string forge_token(const std::string& header, const std::string& claims,
                               const std::string& secret, const EVP_MD* digest = EVP_sha256()) {
  const std::string signed_part = base64_url(header) + '.' + base64_url(claims);
  if (digest == nullptr) return signed_part + '.';
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(digest, secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(signed_part.data()), signed_part.size(), mac.data(),
       &size);
  return signed_part + '.' + base64_url(mac.data(), size);
}

}  // namespace jindou::access
