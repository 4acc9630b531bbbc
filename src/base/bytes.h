// Big-endian integers in byte strings: the order of the wire (WKProto) and of the store's keys.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace jindou {

template <class Unsigned>
void append_be(std::string& out, Unsigned value) {
  for (int shift = static_cast<int>(sizeof(Unsigned)) * 8 - 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(static_cast<unsigned char>(value >> shift)));
  }
}

// Reads sizeof(Unsigned) bytes at `offset`; the caller has checked that they are there.
template <class Unsigned>
Unsigned read_be(std::string_view bytes, std::size_t offset) {
  Unsigned value = 0;
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) {
    value = static_cast<Unsigned>(value << 8) |
            static_cast<Unsigned>(static_cast<unsigned char>(bytes[offset + i]));
  }
  return value;
}

}  // namespace jindou
