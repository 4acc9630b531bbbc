// The memory of modules as lines of text: two partitions that have the same lines go on alike. For
// tests and for a debugger; binary records are in them as they are encoded.
#pragma once

#include <concepts>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>

#include "model/channel.h"

namespace jindou::partition {

class StateLines {
 public:
  template <class... Parts>
  void add(const Parts&... parts) {
    std::string line;
    (append(line, parts), ...);
    lines_.insert(std::move(line));
  }
  const std::multiset<std::string>& lines() const { return lines_; }

 private:
  template <class Part>
  static void append(std::string& line, const Part& part) {
    if (!line.empty()) line += ' ';
    if constexpr (std::is_same_v<Part, ChannelKey>) {
      line += part.id + '/' + std::to_string(raw(part.type));
    } else if constexpr (std::is_arithmetic_v<Part>) {
      line += std::to_string(part);
    } else {
      line += std::string_view(part);
    }
  }

  std::multiset<std::string> lines_;
};

}  // namespace jindou::partition
