#include "model/template_name.h"

#include <algorithm>

namespace jindou {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

std::string_view template_name_problem(std::string_view name) {
  if (name.empty()) return "must not be empty";
  if (name.size() > kTemplateNameBytesMax) return "must not be longer than 64 bytes";
  if (!is_letter_or_digit(name.front())) return "must begin with a letter or digit";
  const bool allowed = std::all_of(name.begin(), name.end(), [](char c) {
    return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
  });
  return allowed ? "" : "must have only letters, digits, '.', '_' and '-'";
}

}  // namespace jindou
