#include "codec/base64.h"

#include <endian.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace jindou::codec {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Two characters for every 12 bits: half the look-ups of a character table, and 8 KiB still leaves
// most of a 32 KiB first-level cache to the caller.
struct PairTable {
  std::array<std::array<char, 2>, 4096> pairs;
  constexpr PairTable() : pairs() {
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      pairs[i][0] = kAlphabet[i >> 6];
      pairs[i][1] = kAlphabet[i & 63];
    }
  }
};
constexpr PairTable kPairs;

// 0..63, or kBad. kBad survives every shift below as a bit outside the 24 bits of a quad.
constexpr std::uint32_t kBad = 0x01000000;
struct DecodeTable {
  // Shifted for the first to the fourth character of a quad.
  std::array<std::array<std::uint32_t, 256>, 4> value;
  constexpr DecodeTable() : value() {
    for (auto& column : value) column.fill(kBad);
    for (std::uint32_t i = 0; i < 64; ++i) {
      const auto c = static_cast<unsigned char>(kAlphabet[i]);
      for (std::size_t column = 0; column < 4; ++column) {
        value[column][c] = i << (18 - 6 * column);
      }
    }
  }
};
constexpr DecodeTable kValues;

inline std::uint32_t quad(const unsigned char* in) {
  return kValues.value[0][in[0]] | kValues.value[1][in[1]] | kValues.value[2][in[2]] |
         kValues.value[3][in[3]];
}

inline void put_pair(char* out, std::uint64_t twelve_bits) {
  std::memcpy(out, kPairs.pairs[static_cast<std::size_t>(twelve_bits & 0xfff)].data(), 2);
}

// `in` holds whole quads and no line ends.
bool decode_quads(std::string_view in, std::string& out) {
  out.clear();
  if (in.empty()) return true;
  if (in.size() % 4 != 0) return false;
  const auto* source = reinterpret_cast<const unsigned char*>(in.data());
  const std::size_t quads = in.size() / 4;
  // Two quads give 6 bytes, stored as 8: the last two are overwritten by the next store, or cut
  // off.
  out.resize(quads * 3 + 2);
  char* target = out.data();
  std::uint32_t seen = 0;
  std::size_t left = quads - 1;  // the last quad may hold padding and is decoded on its own
  for (; left >= 2; left -= 2) {
    const std::uint32_t first = quad(source);
    const std::uint32_t second = quad(source + 4);
    seen |= first | second;
    const std::uint64_t word =
        htobe64(static_cast<std::uint64_t>(first) << 40 | static_cast<std::uint64_t>(second) << 16);
    std::memcpy(target, &word, sizeof word);
    source += 8;
    target += 6;
  }
  const auto put_three = [&target](std::uint32_t bits) {
    *target++ = static_cast<char>(bits >> 16 & 0xff);
    *target++ = static_cast<char>(bits >> 8 & 0xff);
    *target++ = static_cast<char>(bits & 0xff);
  };
  if (left == 1) {
    const std::uint32_t bits = quad(source);
    seen |= bits;
    put_three(bits);
    source += 4;
  }
  std::size_t padding = 0;
  unsigned char last[4];
  std::memcpy(last, source, 4);
  if (last[3] == '=') {
    padding = last[2] == '=' ? 2 : 1;
    last[3] = 'A';
    if (padding == 2) last[2] = 'A';
  }
  const std::uint32_t bits = quad(last);
  seen |= bits;
  put_three(bits);
  // The bits that padding cuts off must be zero.
  const bool canonical = padding == 0 || (bits & (padding == 1 ? 0xffU : 0xffffU)) == 0;
  if ((seen & kBad) != 0 || !canonical) {
    out.clear();
    return false;
  }
  out.resize(quads * 3 - padding);
  return true;
}

}  // namespace

void base64_encode_to(char* out, std::string_view bytes) {
  const char* source = bytes.data();
  std::size_t left = bytes.size();
  // Reads 8 bytes, uses 6.
  for (; left >= 8; left -= 6) {
    std::uint64_t word;
    std::memcpy(&word, source, sizeof word);
    word = be64toh(word);
    put_pair(out, word >> 52);
    put_pair(out + 2, word >> 40);
    put_pair(out + 4, word >> 28);
    put_pair(out + 6, word >> 16);
    source += 6;
    out += 8;
  }
  const auto at = [source](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(source[i]));
  };
  std::size_t i = 0;
  for (; left - i >= 3; i += 3) {
    const std::uint32_t bits = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    put_pair(out, bits >> 12);
    put_pair(out + 2, bits);
    out += 4;
  }
  if (left - i == 0) return;
  const bool two = left - i == 2;
  const std::uint32_t bits = at(i) << 16 | (two ? at(i + 1) << 8 : 0U);
  put_pair(out, bits >> 12);
  put_pair(out + 2, bits);
  out[3] = '=';
  if (!two) out[2] = '=';
}

void base64_append(std::string& out, std::string_view bytes) {
  const std::size_t before = out.size();
  out.resize(before + base64_encoded_size(bytes.size()));
  base64_encode_to(out.data() + before, bytes);
}

bool base64_decode(std::string_view in, std::string& out) {
  if (decode_quads(in, out)) return true;
  // Line ends are rare: only a refused text is searched for them.
  if (in.find_first_of("\r\n") == std::string_view::npos) return false;
  std::string unfolded;
  unfolded.reserve(in.size());
  for (const char c : in) {
    if (c != '\r' && c != '\n') unfolded.push_back(c);
  }
  return decode_quads(unfolded, out);
}

}  // namespace jindou::codec
