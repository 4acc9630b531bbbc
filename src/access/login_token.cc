#include "access/login_token.h"

#include "access/signed_token.h"

namespace jindou::access {

std::string make_login_token(const std::string& name, std::string_view secret,
                             const std::string& issuer, std::int64_t issued_at,
                             std::int64_t expires_at) {
  const JwtPtr token = new_token(issuer, issued_at, expires_at);
  if (token == nullptr || !add_claim(*token, "username", name)) return {};
  return sign_token(*token, secret);
}

std::optional<std::string> verify_login_token(std::string_view token, std::string_view secret,
                                              const std::string& issuer, std::int64_t now) {
  const JwtPtr read = read_signed_token(token, secret, issuer);
  if (read == nullptr || is_over(*read, now)) return std::nullopt;
  // One for somebody else, such as a read token.
  if (!claim_of(*read, "aud").empty()) return std::nullopt;
  std::string name = claim_of(*read, "username");
  if (name.empty()) return std::nullopt;
  return name;
}

}  // namespace jindou::access
