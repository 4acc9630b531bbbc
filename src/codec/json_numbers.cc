#include "codec/json_numbers.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

#include "base/ascii.h"

namespace jindou::codec {
namespace {

constexpr std::string_view kInstead = "0.5";

bool is_part_of_number(char c) {
  return is_ascii_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

// Whether all of it is one number of that type, but too large.
template <class Number>
bool is_out_of_range(std::string_view token) {
  Number number{};
  const char* const end = token.data() + token.size();
  const auto result = std::from_chars(token.data(), end, number);
  return result.ec == std::errc::result_out_of_range && result.ptr == end;
}

bool is_huge(std::string_view token) {
  const std::string_view digits = token.substr(token[0] == '-' ? 1 : 0);
  // What JSON forbids and from_chars() does not.
  if (digits.size() > 1 && digits[0] == '0' && is_ascii_digit(digits[1])) return false;
  if (digits.empty() || !is_ascii_digit(digits[0])) return false;
  const auto point = digits.find('.');
  if (point != std::string_view::npos) {
    if (point + 1 == digits.size() || !is_ascii_digit(digits[point + 1])) return false;
  }
  if (digits.find_first_of(".eE") != std::string_view::npos) return is_out_of_range<double>(token);
  return token[0] == '-' ? is_out_of_range<std::int64_t>(token)
                         : is_out_of_range<std::uint64_t>(token);
}

// The place behind the string that begins at `at`.
std::size_t skip_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at + 1;
}

}  // namespace

bool replace_huge_numbers(std::string& text) {
  bool any = false;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '"') {
      at = skip_string(text, at);
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && is_part_of_number(text[end])) ++end;
    // The shortest that is huge has more characters than what is written over it.
    if (end - at > kInstead.size() && is_huge(std::string_view(text).substr(at, end - at))) {
      text.replace(at, kInstead.size(), kInstead);
      std::fill(text.begin() + static_cast<std::ptrdiff_t>(at + kInstead.size()),
                text.begin() + static_cast<std::ptrdiff_t>(end), ' ');
      any = true;
    }
    at = end > at ? end : at + 1;
  }
  return any;
}

}  // namespace jindou::codec
