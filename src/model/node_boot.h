// Which process a session, or whatever else does not outlive one, belongs to.
#pragma once

#include <compare>
#include <cstdint>

namespace jindou {

// One start of a node. A session is of one: where rows outlive the process, or come from several
// nodes, it is told from others by this and its id.
struct NodeBoot {
  std::uint16_t node = 0;  // cluster.nodeId, 1 to 1023; 0: nobody has noted it
  std::uint64_t boot = 0;  // random
  auto operator<=>(const NodeBoot&) const = default;
};

}  // namespace jindou
