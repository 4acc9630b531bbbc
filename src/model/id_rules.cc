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

std::string_view id_problem(std::string_view id) {
  if (is_blank(id)) return "must not be empty";
  if (id.size() > kIdBytesMax) return "must not be longer than 256 bytes";
  for (const char c : id) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return "must not contain control characters";
    if (c == '@' || c == '#' || c == '&') return "must not contain '@', '#' or '&'";
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
