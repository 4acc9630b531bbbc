#include "api/directory_cursor.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "api/cursor_text.h"

namespace jindou::api {

namespace {

using conversation::DirectoryCursor;

// format:u8 coverage:u64 newest_active:u64 active_at:u64 type:u8 id, big-endian.
constexpr char kFormat = 1;
constexpr std::size_t kHeaderBytes = 26;

void append_u64(std::string& out, std::int64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> shift));
  }
}

std::int64_t read_u64(std::string_view bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (const char byte : bytes.substr(at, 8)) value = value << 8 | static_cast<unsigned char>(byte);
  return static_cast<std::int64_t>(value);
}

}  // namespace

std::string encode_cursor(const DirectoryCursor& cursor) {
  std::string bytes(1, kFormat);
  append_u64(bytes, cursor.coverage_ns);
  append_u64(bytes, cursor.newest_active_ns);
  append_u64(bytes, cursor.active_at_ns);
  bytes.push_back(static_cast<char>(raw(cursor.channel.type)));
  bytes += cursor.channel.id;
  return cursor_text(bytes);
}

Result<DirectoryCursor> decode_cursor(std::string_view text) {
  const Error malformed(Errc::invalid,
                        "cursor is none that this server gave out; leave it out to begin anew");
  const auto decoded = cursor_bytes(text);
  if (!decoded) return malformed;
  const std::string& bytes = *decoded;
  if (bytes.size() <= kHeaderBytes || bytes[0] != kFormat) return malformed;
  DirectoryCursor cursor;
  cursor.coverage_ns = read_u64(bytes, 1);
  cursor.newest_active_ns = read_u64(bytes, 9);
  cursor.active_at_ns = read_u64(bytes, 17);
  cursor.channel =
      ChannelKey(bytes.substr(kHeaderBytes), static_cast<ChannelType>(bytes[kHeaderBytes - 1]));
  if (cursor.coverage_ns < 0 || cursor.newest_active_ns < 0 || cursor.active_at_ns < 0) {
    return malformed;
  }
  return cursor;
}

}  // namespace jindou::api
