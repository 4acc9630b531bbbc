// Which strings are names of stored templates. One rule for every edge.
#pragma once

#include <cstddef>
#include <string_view>

namespace jindou {

inline constexpr std::size_t kTemplateNameBytesMax = 64;

// Why `name` cannot be one, as the rest of a sentence; empty when it can: 1 to 64 letters and
// digits of ASCII, '.', '_' and '-', of which the first is a letter or digit. So it needs no escape
// in a path.
std::string_view template_name_problem(std::string_view name);

}  // namespace jindou
