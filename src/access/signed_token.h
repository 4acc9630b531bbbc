// What all tokens of this server have in common: JSON Web Tokens (RFC 7519) signed with
// HMAC-SHA256, and nothing else. Pure. For the sources of this folder, which alone know the
// library.
#pragma once

#include <jwt.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace jindou::access {

struct FreeJwt {
  void operator()(jwt_t* token) const { jwt_free(token); }
};
using JwtPtr = std::unique_ptr<jwt_t, FreeJwt>;

// With the claims iss, iat and exp; times are seconds since the epoch. Null: memory is out.
JwtPtr new_token(const std::string& issuer, std::int64_t issued_at, std::int64_t expires_at);

// False: memory is out, or `value` is not UTF-8.
bool add_claim(jwt_t& token, const char* name, const std::string& value);

// Empty when memory is out. `secret` must not be empty.
std::string sign_token(jwt_t& token, std::string_view secret);

// A token that `secret` has signed with HS256 for `issuer`, whatever its time; null for any other
// text.
JwtPtr read_signed_token(std::string_view text, std::string_view secret, const std::string& issuer);

// What a text that has the form of a token says, whoever wrote it; null: it has not.
JwtPtr read_unverified_token(std::string_view text);

// Whether its time is over at `now`; that of one without exp is.
bool is_over(jwt_t& token, std::int64_t now);

// A claim that is text; empty for any other, and when there is none.
std::string claim_of(jwt_t& token, const char* name);

}  // namespace jindou::access
