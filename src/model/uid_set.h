// A set of uids, and what looks them up by a view without making a string of it.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace jindou {

struct UidHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view uid) const noexcept {
    return std::hash<std::string_view>{}(uid);
  }
};
struct UidEqual {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const noexcept { return a == b; }
};
using UidSet = boost::unordered_flat_set<std::string, UidHash, UidEqual>;

}  // namespace jindou
