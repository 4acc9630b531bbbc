// Finding keys of the table by the names that people write: other case, documented other names,
// keys without effect, and the nearest one to a typing error. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "config/settings.h"

namespace jindou::config {

inline constexpr std::string_view kEnvPrefix = "WK_";

// By its name or a documented other one; null when there is none.
const Setting* find_setting(std::string_view key);
// Null when the key has an effect, or is unknown.
const IgnoredKey* find_ignored(std::string_view key);
// A whole group ("api: 5") where only keys below it exist.
bool is_group(std::string_view key);

// "WK_API_MAXBATCH" for "api.maxBatch".
std::string env_of(std::string_view key);

// Names the nearest known key, if one is near. Its code is invalid.
Error unknown_key(std::string_view key);

}  // namespace jindou::config
