// The event types of the older stream endpoint (POST /event), as its callers send and clients are
// shown them. All other types that it takes are only passed on.
#pragma once

#include <string_view>

namespace jindou::codec {

inline constexpr std::string_view kTextStart = "___TextMessageStart";
inline constexpr std::string_view kTextContent = "___TextMessageContent";
// Also what clients are shown when a stream ends because nothing came for too long.
inline constexpr std::string_view kTextEnd = "___TextMessageEnd";

}  // namespace jindou::codec
