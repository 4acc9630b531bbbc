#include "model/id_rules.h"

#include <simdjson.h>

#include "model/channel.h"

namespace jindou {

bool is_valid_utf8(std::string_view bytes) {
  return simdjson::validate_utf8(bytes.data(), bytes.size());
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos;
}

bool has_control_characters(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    // U+0080 to U+009F are written c2 80 to c2 9f.
    if (byte != 0xc2 || i + 1 == text.size()) continue;
    const auto next = static_cast<unsigned char>(text[i + 1]);
    if (next >= 0x80 && next <= 0x9f) return true;
  }
  return false;
}

std::string_view id_problem(std::string_view id) {
  if (is_blank(id)) return "must not be empty";
  if (id.size() > kIdBytesMax) return "must not be longer than 256 bytes";
  if (has_control_characters(id)) return "must not contain control characters";
  if (id.find_first_of("@#&") != std::string_view::npos) {
    return "must not contain '@', '#' or '&'";
  }
  if (!is_valid_utf8(id)) return "must be valid UTF-8";
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
