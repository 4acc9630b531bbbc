// Base64 with the standard alphabet and padding (RFC 4648 section 4), the form of payloads in the
// HTTP API and of ciphertext in WKProto. Pure and thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace jindou::codec {

// Characters that encode `bytes` bytes.
constexpr std::size_t base64_encoded_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

// Writes exactly base64_encoded_size(bytes.size()) characters to `out`, no terminator. `out` must
// not overlap `bytes`.
void base64_encode_to(char* out, std::string_view bytes);

// Appends the encoding of `bytes`.
void base64_append(std::string& out, std::string_view bytes);

// Replaces `out` with the bytes that `in` encodes; false (and `out` empty) if `in` is not
// canonical. Strict: refuses the URL-safe alphabet, missing or surplus padding, any other
// character, and non-zero bits after the last byte, so that one byte string has one encoding. CR
// and LF are skipped wherever they stand, because some encoders fold lines. `out` must not hold
// `in`.
bool base64_decode(std::string_view in, std::string& out);

}  // namespace jindou::codec
