#include "config/trace_headers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "base/ascii.h"

namespace jindou::config {
namespace {

// What the call itself says.
constexpr std::array<std::string_view, 8> kOwnHeaders{
    "connection", "content-encoding", "content-length", "content-type", "expect", "host",
    "te",         "transfer-encoding"};

// A token of RFC 9110, section 5.6.2.
bool is_header_name(std::string_view name) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

std::optional<int> hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

// Without its escapes; none: one of them is broken, or what comes out fits into no header.
std::optional<std::string> header_value(std::string_view escaped) {
  std::string value;
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    char c = escaped[i];
    if (c == '%') {
      if (i + 2 >= escaped.size()) return std::nullopt;
      const auto high = hex_value(escaped[i + 1]);
      const auto low = hex_value(escaped[i + 2]);
      if (!high || !low) return std::nullopt;
      c = static_cast<char>(*high * 16 + *low);
      i += 2;
    }
    if (c < ' ' || c > '~') return std::nullopt;
    value += c;
  }
  return value;
}

Result<std::string> trace_header(std::string_view entry, std::size_t position) {
  const auto equals = entry.find('=');
  const std::string_view name = entry.substr(0, equals);
  const auto bad = [&](std::string_view why) {
    // Without a name the entry may be a credential.
    const bool named = equals != std::string_view::npos && is_header_name(name);
    return Error(Errc::invalid,
                 fmt::format("tracing.headers: entry {}{}: {}", position + 1,
                             named ? fmt::format(" ({})", name.substr(0, 64)) : "", why));
  };
  if (equals == std::string_view::npos || !is_header_name(name)) {
    return bad("write name=value, with %20 for a blank in the value");
  }
  const std::string lower = ascii_lower(name);
  if (std::ranges::find(kOwnHeaders, lower) != kOwnHeaders.end()) {
    return bad("this header is the call's own");
  }
  const auto value = header_value(entry.substr(equals + 1));
  if (!value) {
    return bad(
        "the value must be printable ASCII, with %20 for a blank and %25 for a percent sign");
  }
  // libcurl would take it as one that is not to be sent.
  if (value->empty()) return bad("a header needs a value");
  return fmt::format("{}: {}", name, *value);
}

}  // namespace

Result<std::vector<std::string>> parse_trace_headers(const std::vector<std::string>& entries) {
  std::vector<std::string> headers;
  headers.reserve(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    JD_TRY(std::string header, trace_header(entries[i], i));
    headers.push_back(std::move(header));
  }
  return headers;
}

}  // namespace jindou::config
