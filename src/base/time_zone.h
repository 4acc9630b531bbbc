// Time zones by their names in the database of the IANA, such as "Asia/Shanghai": the one of the
// system (Debian's tzdata), read once, a zone when it is asked for. Thread-safe; the first call
// takes some 20 ms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace jindou {

// What the names have at most; the longest one there is has 32 bytes.
inline constexpr std::size_t kTimeZoneNameBytesMax = 64;

// Errors: invalid, with a sentence that may name what was meant, when there is no such zone of a
// place ("localtime" is none); unavailable, when there is no database.
Result<void> check_time_zone(std::string_view name);

// How the clock of a zone goes at a moment, and until when it goes so.
struct ZoneOffset {
  std::int64_t ahead_ms = 0;  // of UTC; negative: behind
  std::int64_t until_ms = 0;  // wall clock; far away where it never changes
};
// `wall_ms`: wall clock, milliseconds. Errors: as above.
Result<ZoneOffset> zone_offset(std::string_view name, std::int64_t wall_ms);

}  // namespace jindou
