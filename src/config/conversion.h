// Configuration files of WuKongIM 2 turned into ones for this server.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace jindou::config {

struct Conversion {
  // A YAML file: one line for each key of the given one, in its order. What is not taken over stays
  // as a comment with the reason.
  std::string text;
  // Why the file is not accepted as it is; empty: it is.
  std::string problem;
};

// `name` is what messages call the text. Errors: invalid (not YAML, not a map of keys, too large).
Result<Conversion> convert_wukongim(std::string_view yaml, std::string_view name);

}  // namespace jindou::config
