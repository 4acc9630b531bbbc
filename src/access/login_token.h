// Tokens of logins: JSON Web Tokens (RFC 7519) signed with HMAC-SHA256, and nothing else. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace jindou::access {

// With the claims iss, iat, exp and username. Times are seconds since the epoch. Empty when memory
// is out or `name` is not UTF-8. `secret` must not be empty.
std::string make_login_token(const std::string& name, std::string_view secret,
                             const std::string& issuer, std::int64_t issued_at,
                             std::int64_t expires_at);

// The username of a token that `secret` has signed with HS256 for `issuer` and that has not expired
// by `now`; nothing for any other text.
std::optional<std::string> verify_login_token(std::string_view token, std::string_view secret,
                                              const std::string& issuer, std::int64_t now);

}  // namespace jindou::access
