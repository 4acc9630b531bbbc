#include "api/cursor_text.h"

#include <algorithm>

#include "codec/base64.h"

namespace jindou::api {

std::string cursor_text(std::string_view bytes) {
  std::string text;
  codec::base64_append(text, bytes);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  text.erase(text.find_last_not_of('=') + 1);
  return text;
}

std::optional<std::string> cursor_bytes(std::string_view text) {
  // Of the other alphabet or with line ends it would be another text for the same cursor.
  if (text.find_first_of("+/=\r\n") != std::string_view::npos) return std::nullopt;
  std::string standard(text);
  std::replace(standard.begin(), standard.end(), '-', '+');
  std::replace(standard.begin(), standard.end(), '_', '/');
  standard.append((4 - standard.size() % 4) % 4, '=');
  std::string bytes;
  if (!codec::base64_decode(standard, bytes)) return std::nullopt;
  return bytes;
}

}  // namespace jindou::api
