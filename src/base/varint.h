// LEB128 integers and length-prefixed strings: the encoding of the values in the store.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace jindou {

inline void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(static_cast<unsigned char>(value | 0x80)));
    value >>= 7;
  }
  out.push_back(static_cast<char>(static_cast<unsigned char>(value)));
}

inline void append_string(std::string& out, std::string_view text) {
  append_varint(out, text.size());
  out.append(text);
}

// Reads a byte string front to back. After any failed read ok() is false and every further read
// answers zero or empty, so a decoder checks once, at the end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

  std::uint8_t read_u8() {
    const auto view = read_bytes(1);
    return view.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(view[0]);
  }
  std::uint64_t read_varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = read_u8();
      if (!ok_) return 0;
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      // The tenth byte has room for one bit only.
      if (shift == 63 && byte > 1) break;
      if ((byte & 0x80) == 0) return value;
    }
    ok_ = false;
    return 0;
  }
  std::string_view read_string() { return read_bytes(read_varint()); }
  std::string_view read_bytes(std::uint64_t count) {
    if (!ok_ || count > rest_.size()) {
      ok_ = false;
      return {};
    }
    const auto view = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return view;
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace jindou
