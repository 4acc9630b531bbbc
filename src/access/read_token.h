// Read tokens: what a client shows to read what is its user's own. Signed with the key of logins
// and for an audience of their own, so that neither counts as the other. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/reader.h"

namespace jindou::access {

// With the claims iss, iat, exp, aud and sub, and those that say what it ends with. Times are
// seconds since the epoch. Empty when memory is out or a name is not UTF-8. `secret` must not be
// empty.
std::string make_read_token(const Reader& reader, std::string_view secret,
                            const std::string& issuer, std::int64_t issued_at,
                            std::int64_t expires_at);

struct ShownReadToken {
  enum class Is : std::uint8_t {
    something_else,  // nothing that says it is a read token
    good,
    over,   // it was one of ours
    wrong,  // it says it is one, and is none of ours
  };
  Is is = Is::something_else;
  ReaderPtr reader;  // only of a good one
};

// What a caller has shown. What says that it is a read token is judged as one, so that nobody who
// shows a bad one is taken for somebody without.
ShownReadToken judge_read_token(std::string_view token, std::string_view secret,
                                const std::string& issuer, std::int64_t now);

}  // namespace jindou::access
