#include "access/signed_token.h"

#include <cstddef>
#include <cstdlib>
#include <utility>

namespace jindou::access {
namespace {

// A token of ours with the longest allowed names is far shorter.
constexpr std::size_t kSignedBytesMax = 4096;

struct FreeText {
  void operator()(char* text) const { std::free(text); }  // NOLINT(cppcoreguidelines-no-malloc)
};

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

JwtPtr decode(std::string_view token, const unsigned char* key, int key_size) {
  if (token.empty() || token.size() > kSignedBytesMax) return nullptr;
  const std::string text(token);
  jwt_t* raw = nullptr;
  const int decoded = jwt_decode(&raw, text.c_str(), key, key_size);
  JwtPtr owned(raw);
  return decoded == 0 ? std::move(owned) : nullptr;
}

}  // namespace

JwtPtr new_token(const std::string& issuer, std::int64_t issued_at, std::int64_t expires_at) {
  jwt_t* raw = nullptr;
  if (jwt_new(&raw) != 0) return nullptr;
  JwtPtr token(raw);
  const bool filled = jwt_add_grant(raw, "iss", issuer.c_str()) == 0 &&
                      jwt_add_grant_int(raw, "iat", issued_at) == 0 &&
                      jwt_add_grant_int(raw, "exp", expires_at) == 0;
  return filled ? std::move(token) : nullptr;
}

bool add_claim(jwt_t& token, const char* name, const std::string& value) {
  return jwt_add_grant(&token, name, value.c_str()) == 0;
}

std::string sign_token(jwt_t& token, std::string_view secret) {
  if (jwt_set_alg(&token, JWT_ALG_HS256, bytes(secret), static_cast<int>(secret.size())) != 0) {
    return {};
  }
  const std::unique_ptr<char, FreeText> text(jwt_encode_str(&token));
  return text ? std::string(text.get()) : std::string();
}

JwtPtr read_signed_token(std::string_view text, std::string_view secret,
                         const std::string& issuer) {
  if (secret.empty()) return nullptr;
  JwtPtr token = decode(text, bytes(secret), static_cast<int>(secret.size()));
  if (token == nullptr) return nullptr;
  // The header names the algorithm, and whoever sends the token wrote the header: the library has
  // checked the signature by that name, so any but ours is refused here.
  if (jwt_get_alg(token.get()) != JWT_ALG_HS256) return nullptr;
  const char* iss = jwt_get_grant(token.get(), "iss");
  if (iss == nullptr || issuer != iss) return nullptr;
  return token;
}

JwtPtr read_unverified_token(std::string_view text) { return decode(text, nullptr, 0); }

bool is_over(jwt_t& token, std::int64_t now) {
  // 0 when there is none, which is long ago.
  return jwt_get_grant_int(&token, "exp") <= now;
}

std::string claim_of(jwt_t& token, const char* name) {
  const char* value = jwt_get_grant(&token, name);
  return value != nullptr ? std::string(value) : std::string();
}

}  // namespace jindou::access
