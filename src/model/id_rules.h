// Which strings are uids and channel ids. One rule for every edge.
#pragma once

#include <string_view>

namespace jindou {

// Bytes, not characters.
inline constexpr std::size_t kIdBytesMax = 256;
inline constexpr std::size_t kClientMsgNoBytesMax = 256;
inline constexpr std::size_t kTokenBytesMax = 1024;

// Why `id` cannot be a uid or a plain channel id; empty when it can. Refused: empty or blank,
// longer than kIdBytesMax, invalid UTF-8, control characters, '@' '#' '&' (they
// separate the halves of internal ids), and the reserved command suffix. The text starts with a
// verb: "must not contain '@', '#' or '&'".
std::string_view id_problem(std::string_view id);

// The same for an id that may also be an internal pair "a@b" of two plain ids.
std::string_view internal_id_problem(std::string_view id);

// Of ASCII (NUL among them) or of Latin-1's second half, U+0080 to U+009F: both change what a
// terminal or a log viewer shows. `text` is UTF-8.
bool has_control_characters(std::string_view text);
bool is_valid_utf8(std::string_view bytes);
// Only spaces, tabs and line ends, or nothing at all.
bool is_blank(std::string_view text);

}  // namespace jindou
