#include "moderation/text_case.h"

#include <array>
#include <cstddef>

namespace jindou::moderation {

namespace {

constexpr unsigned char kContinuation = 0x80;
constexpr unsigned kContinuationBits = 6;
constexpr unsigned char kContinuationValue = 0x3f;

constexpr bool between(char32_t character, char32_t first, char32_t last) {
  return character >= first && character <= last;
}

// How many bytes a character has by its first one; 0: that is none.
std::size_t length_of(unsigned char first) {
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 3;
  return first < 0xf5 ? 4 : 0;
}

struct Decoded {
  char32_t character = 0;
  std::size_t bytes = 0;  // 0: no UTF-8
};

Decoded decode(std::string_view text) {
  if (text.empty()) return {};
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t bytes = length_of(first);
  if (bytes == 0 || bytes > text.size()) return {};
  if (bytes == 1) return {first, 1};
  char32_t character = first & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!is_continuation(text[i])) return {};
    character = (character << kContinuationBits) |
                (static_cast<unsigned char>(text[i]) & kContinuationValue);
  }
  return {character, bytes};
}

// The capitals of these blocks stand before their small letters, one after the other.
constexpr bool is_capital_of_pair(char32_t c) {
  const bool even = (c & 1U) == 0;
  if (between(c, 0x100, 0x12f) || between(c, 0x132, 0x137) || between(c, 0x14a, 0x177)) return even;
  if (between(c, 0x139, 0x148) || between(c, 0x179, 0x17e)) return !even;
  if (between(c, 0x460, 0x481) || between(c, 0x48a, 0x4bf) || between(c, 0x4d0, 0x52f)) return even;
  if (between(c, 0x1e00, 0x1e95) || between(c, 0x1ea0, 0x1eff)) return even;
  return false;
}

// The small letter, if it has as many bytes.
constexpr char32_t lower_of(char32_t c) {
  if (between(c, 0xc0, 0xde)) return c == 0xd7 ? c : c + 0x20;
  if (c == 0x178) return 0xff;
  if (c == 0x386) return 0x3ac;
  if (between(c, 0x388, 0x38a)) return c + 37;
  if (c == 0x38c) return 0x3cc;
  if (c == 0x38e || c == 0x38f) return c + 63;
  if (between(c, 0x391, 0x3ab)) return c == 0x3a2 ? c : c + 0x20;
  if (c == 0x3c2) return 0x3c3;  // a sigma at the end of a word
  if (between(c, 0x400, 0x40f)) return c + 0x50;
  if (between(c, 0x410, 0x42f)) return c + 0x20;
  if (between(c, 0xff21, 0xff3a)) return c + 0x20;  // full width
  return is_capital_of_pair(c) ? c + 1 : c;
}

// The bytes with which a capital begins: A to Z, and the first ones of the blocks above. Nearly all
// that is looked at is something else: small letters, Chinese.
constexpr auto kBeginsCapital = [] {
  std::array<bool, 256> begins{};
  for (std::size_t byte = 0; byte < begins.size(); ++byte) {
    begins[byte] = (byte >= 'A' && byte <= 'Z') || (byte >= 0xc3 && byte <= 0xd4) || byte == 0xe1 ||
                   byte == 0xef;
  }
  return begins;
}();

}  // namespace

void append_lower(std::string& out, std::string_view text) {
  const std::size_t start = out.size();
  out.append(text);
  for (std::size_t i = start; i < out.size();) {
    const auto byte = static_cast<unsigned char>(out[i]);
    if (!kBeginsCapital[byte]) {
      ++i;
      continue;
    }
    if (byte < 0x80) {
      out[i] = static_cast<char>(byte + ('a' - 'A'));
      ++i;
      continue;
    }
    const Decoded decoded = decode(std::string_view(out).substr(i));
    if (decoded.bytes == 0) {
      ++i;
      continue;
    }
    char32_t lower = lower_of(decoded.character);
    if (lower != decoded.character) {
      for (std::size_t at = decoded.bytes - 1; at > 0; --at) {
        out[i + at] = static_cast<char>(kContinuation | (lower & kContinuationValue));
        lower >>= kContinuationBits;
      }
      const unsigned head = decoded.bytes == 2 ? 0xc0U : 0xe0U;
      out[i] = static_cast<char>(head | lower);
    }
    i += decoded.bytes;
  }
}

bool is_of_spaced_word(char32_t c) {
  if (c < 0x80) {
    return between(c, 'a', 'z') || between(c, 'A', 'Z') || between(c, '0', '9') || c == '_';
  }
  if (between(c, 0xc0, 0x2af)) return c != 0xd7 && c != 0xf7;
  if (c == 0xaa || c == 0xb5 || c == 0xba) return true;
  // Accents that follow their letter; Greek; Cyrillic.
  if (between(c, 0x300, 0x3ff) || between(c, 0x400, 0x52f)) return c != 0x37e && c != 0x387;
  if (between(c, 0x1e00, 0x1fff)) return true;
  return between(c, 0xff10, 0xff19) || between(c, 0xff21, 0xff3a) || between(c, 0xff41, 0xff5a);
}

char32_t first_character(std::string_view text) { return decode(text).character; }

char32_t last_character(std::string_view text) {
  constexpr std::size_t kBytesMax = 4;
  for (std::size_t bytes = 1; bytes <= kBytesMax && bytes <= text.size(); ++bytes) {
    if (is_continuation(text[text.size() - bytes])) continue;
    const Decoded decoded = decode(text.substr(text.size() - bytes));
    return decoded.bytes == bytes ? decoded.character : 0;
  }
  return 0;
}

}  // namespace jindou::moderation
