#pragma once

#include <string_view>

namespace jindou::codec {

// What Windows programs put before UTF-8 (RFC 3629, section 6). A text to be read may begin with
// it.
inline constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace jindou::codec
