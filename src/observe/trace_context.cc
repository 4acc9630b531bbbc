#include "observe/trace_context.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace jindou::observe {
namespace {

// "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
constexpr std::size_t kTraceAt = 3;
constexpr std::size_t kParentAt = 36;
constexpr std::size_t kFlagsAt = 53;
constexpr std::size_t kTraceparentBytes = 55;
constexpr unsigned char kSampledFlag = 1;
constexpr unsigned char kNoVersion = 0xff;

// Only lower case is a digit here.
std::optional<unsigned char> digit_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned char>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned char>(c - 'a' + 10);
  return std::nullopt;
}

// Fills `out` from the digits at the begin of `text`, which has enough characters. False: these are
// not all digits.
bool read_hex(std::string_view text, std::span<unsigned char> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto high = digit_value(text[2 * i]);
    const auto low = digit_value(text[2 * i + 1]);
    if (!high || !low) return false;
    out[i] = static_cast<unsigned char>(*high << 4 | *low);
  }
  return true;
}

bool is_none(std::span<const unsigned char> id) {
  return std::ranges::all_of(id, [](unsigned char byte) { return byte == 0; });
}

}  // namespace

std::string hex_of(std::span<const unsigned char> id) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * id.size());
  for (const unsigned char byte : id) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 0xf];
  }
  return out;
}

std::optional<TraceContext> parse_traceparent(std::string_view value) {
  if (value.size() < kTraceparentBytes) return std::nullopt;
  std::array<unsigned char, 1> version{};
  std::array<unsigned char, 1> flags{};
  TraceContext context;
  if (!read_hex(value, version) || version[0] == kNoVersion) return std::nullopt;
  // A later version may have more fields.
  if (value.size() > kTraceparentBytes && (version[0] == 0 || value[kTraceparentBytes] != '-')) {
    return std::nullopt;
  }
  for (const std::size_t at : {kTraceAt, kParentAt, kFlagsAt}) {
    if (value[at - 1] != '-') return std::nullopt;
  }
  if (!read_hex(value.substr(kTraceAt), context.trace) || is_none(context.trace)) {
    return std::nullopt;
  }
  if (!read_hex(value.substr(kParentAt), context.parent) || is_none(context.parent)) {
    return std::nullopt;
  }
  if (!read_hex(value.substr(kFlagsAt), flags)) return std::nullopt;
  context.sampled = (flags[0] & kSampledFlag) != 0;
  return context;
}

bool is_chosen(const TraceId& trace, double ratio) {
  constexpr std::size_t kRandomBytes = 7;
  constexpr auto kAll = static_cast<double>(std::uint64_t{1} << (8 * kRandomBytes));
  std::uint64_t random = 0;
  for (std::size_t i = trace.size() - kRandomBytes; i < trace.size(); ++i) {
    random = random << 8 | trace[i];
  }
  const double rejected = (1 - std::clamp(ratio, 0.0, 1.0)) * kAll;
  return random >= static_cast<std::uint64_t>(rejected);
}

}  // namespace jindou::observe
