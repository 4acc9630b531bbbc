#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// Letters and digits of ASCII, whatever the locale of the process: what protocols and settings are
// written in. Text of people is UTF-8 and no matter of this file (moderation/text_case.h).

namespace jindou {

constexpr bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_ascii_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_ascii_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_ascii_letter(char c) { return is_ascii_lower(c) || is_ascii_upper(c); }

constexpr char ascii_lower(char c) {
  return is_ascii_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

// Other bytes stay as they are, those of UTF-8 too.
inline std::string ascii_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = ascii_lower(c);
  return out;
}

// Whether both are the same but for the case of letters: names of HTTP, which come from anybody.
// Not Boost's iequals(), which reads a byte behind texts that differ in case alone (1.81, 1.83).
constexpr bool ascii_iequals(std::string_view left, std::string_view right) {
  if (left.size() != right.size()) return false;
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (ascii_lower(left[i]) != ascii_lower(right[i])) return false;
  }
  return true;
}

}  // namespace jindou
