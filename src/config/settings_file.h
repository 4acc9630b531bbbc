// The one YAML document in a configuration file. Only this folder may include
// this: yaml-cpp goes no further.
#pragma once

#include <yaml-cpp/yaml.h>

#include <string_view>

#include "base/result.h"

namespace jindou::config {

inline constexpr std::size_t kFileEntriesMax = 4096;
inline constexpr int kFileDepthMax = 8;

// A file may hold several documents, divided by "---". Settings in a second one would be ignored
// without a word, or win over the first: neither is what the first one's author expects. `name` is
// what messages call the text. Errors: invalid. Throws YAML::Exception for what is no YAML.
Result<YAML::Node> only_document(std::string_view text, std::string_view name);

}  // namespace jindou::config
