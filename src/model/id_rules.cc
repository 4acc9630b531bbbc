#include "model/id_rules.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "model/channel.h"

namespace jindou {

namespace {

// What a byte of an id may be. One walk tells of all of them.
constexpr unsigned char kControl = 1;
constexpr unsigned char kReserved = 2;   // composes ids
constexpr unsigned char kMultibyte = 4;  // part of a character that is not ASCII

struct ByteKinds {
  std::array<unsigned char, 256> of{};
  constexpr ByteKinds() {
    for (std::size_t i = 0; i < of.size(); ++i) {
      if (i < 0x20 || i == 0x7f) of[i] = kControl;
      if (i == '@' || i == '#' || i == '&') of[i] = kReserved;
      if (i >= 0x80) of[i] = kMultibyte;
    }
  }
};
constexpr ByteKinds kKinds;

// Of all bytes together.
unsigned kinds_in(std::string_view text) {
  unsigned kinds = 0;
  for (const char c : text) kinds |= kKinds.of[static_cast<unsigned char>(c)];
  return kinds;
}

// U+0080 to U+009F are written c2 80 to c2 9f.
bool has_wide_control_characters(std::string_view text) {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) != 0xc2) continue;
    const auto next = static_cast<unsigned char>(text[i + 1]);
    if (next >= 0x80 && next <= 0x9f) return true;
  }
  return false;
}

bool has_control_characters(std::string_view text, unsigned kinds) {
  if ((kinds & kControl) != 0) return true;
  return (kinds & kMultibyte) != 0 && has_wide_control_characters(text);
}

}  // namespace

bool is_valid_utf8(std::string_view bytes) {
  // Most of what is asked about is an id, for which simdjson would be called in vain.
  constexpr std::size_t kShort = 64;
  if (bytes.size() <= kShort && (kinds_in(bytes) & kMultibyte) == 0) return true;
  return simdjson::validate_utf8(bytes.data(), bytes.size());
}

bool is_blank(std::string_view text) {
  // \t \n \v \f \r follow each other.
  return std::ranges::all_of(text, [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); });
}

bool has_control_characters(std::string_view text) {
  return has_control_characters(text, kinds_in(text));
}

std::string_view id_problem(std::string_view id) {
  if (is_blank(id)) return "must not be empty";
  if (id.size() > kIdBytesMax) return "must not be longer than 256 bytes";
  const unsigned kinds = kinds_in(id);
  if (has_control_characters(id, kinds)) return "must not contain control characters";
  if ((kinds & kReserved) != 0) return "must not contain '@', '#' or '&'";
  if ((kinds & kMultibyte) != 0 && !is_valid_utf8(id)) return "must be valid UTF-8";
  if (id.ends_with(kCommandSuffix)) return "must not end in the reserved suffix ____cmd";
  return {};
}

std::string_view internal_id_problem(std::string_view id) {
  const auto [first, second] = split_pair_id(id);
  if (first.empty() && second.empty()) return id_problem(id);
  if (const auto problem = id_problem(first); !problem.empty()) return problem;
  return id_problem(second);
}

}  // namespace jindou
