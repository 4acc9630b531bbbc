// Writes the format that LogFileReader reads, for tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "store/crc32c.h"
#include "store/log_file.h"

namespace jindou::store {

class LogTestWriter {
 public:
  const std::string& bytes() const { return bytes_; }

  void add(std::string_view record) {
    bool first = true;
    do {
      std::size_t room = kLogBlockBytes - bytes_.size() % kLogBlockBytes;
      if (room < kHeader) {
        bytes_.append(room, '\0');
        room = kLogBlockBytes;
      }
      const std::string_view part = record.substr(0, std::min(record.size(), room - kHeader));
      record.remove_prefix(part.size());
      const bool last = record.empty();
      add_fragment(first ? (last ? '\1' : '\2') : (last ? '\4' : '\3'), part);
      first = false;
    } while (!record.empty());
  }

  void add_fragment(char type, std::string_view part) {
    const std::string checked = type + std::string(part);
    const std::uint32_t crc = crc32c(checked);
    append(((crc >> 15) | (crc << 17)) + 0xa282ead8U, 4);
    append(static_cast<std::uint32_t>(part.size()), 2);
    bytes_ += checked;
  }

 private:
  static constexpr std::size_t kHeader = 7;

  void append(std::uint32_t value, int count) {
    for (int i = 0; i < count; ++i) {
      bytes_.push_back(static_cast<char>(static_cast<unsigned char>(value >> (8 * i))));
    }
  }

  std::string bytes_;
};

}  // namespace jindou::store
