// Bytes as the text of a cursor: URL-safe base64 without padding, one text for each string of
// bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace jindou::api {

std::string cursor_text(std::string_view bytes);
// Empty, for what cursor_text() has not made.
std::optional<std::string> cursor_bytes(std::string_view text);

}  // namespace jindou::api
