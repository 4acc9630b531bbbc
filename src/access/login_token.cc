#include "access/login_token.h"

#include <jwt.h>

#include <cstdlib>
#include <memory>

namespace jindou::access {
namespace {

// A token of ours with the longest allowed name is far shorter.
constexpr std::size_t kTokenBytesMax = 4096;

struct FreeToken {
  void operator()(jwt_t* token) const { jwt_free(token); }
};
using TokenPtr = std::unique_ptr<jwt_t, FreeToken>;

struct FreeText {
  void operator()(char* text) const { std::free(text); }  // NOLINT(cppcoreguidelines-no-malloc)
};

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string make_login_token(const std::string& name, std::string_view secret,
                             const std::string& issuer, std::int64_t issued_at,
                             std::int64_t expires_at) {
  jwt_t* raw = nullptr;
  if (jwt_new(&raw) != 0) return {};
  const TokenPtr token(raw);
  const bool filled =
      jwt_add_grant(raw, "iss", issuer.c_str()) == 0 &&
      jwt_add_grant_int(raw, "iat", issued_at) == 0 &&
      jwt_add_grant_int(raw, "exp", expires_at) == 0 &&
      jwt_add_grant(raw, "username", name.c_str()) == 0 &&
      jwt_set_alg(raw, JWT_ALG_HS256, bytes(secret), static_cast<int>(secret.size())) == 0;
  if (!filled) return {};
  const std::unique_ptr<char, FreeText> text(jwt_encode_str(raw));
  return text ? std::string(text.get()) : std::string();
}

std::optional<std::string> verify_login_token(std::string_view token, std::string_view secret,
                                              const std::string& issuer, std::int64_t now) {
  if (token.empty() || token.size() > kTokenBytesMax || secret.empty()) return std::nullopt;
  const std::string text(token);
  jwt_t* raw = nullptr;
  const int decoded =
      jwt_decode(&raw, text.c_str(), bytes(secret), static_cast<int>(secret.size()));
  const TokenPtr owned(raw);
  if (decoded != 0 || raw == nullptr) return std::nullopt;
  // The header names the algorithm, and whoever sends the token wrote the header: the library has
  // checked the signature by that name, so any but ours is refused here.
  if (jwt_get_alg(raw) != JWT_ALG_HS256) return std::nullopt;
  const char* iss = jwt_get_grant(raw, "iss");
  if (iss == nullptr || issuer != iss) return std::nullopt;
  // 0 when there is none, which is long ago.
  if (jwt_get_grant_int(raw, "exp") <= now) return std::nullopt;
  const char* name = jwt_get_grant(raw, "username");
  if (name == nullptr || *name == '\0') return std::nullopt;
  return std::string(name);
}

}  // namespace jindou::access
