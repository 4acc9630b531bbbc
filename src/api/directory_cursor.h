// The cursor of POST /conversation/list as clients are given it: text that they return unchanged.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "conversation/directory.h"

namespace jindou::api {

// URL-safe base64 without padding.
std::string encode_cursor(const conversation::DirectoryCursor& cursor);

// Errors: invalid, for what encode_cursor() has not made.
Result<conversation::DirectoryCursor> decode_cursor(std::string_view text);

}  // namespace jindou::api
