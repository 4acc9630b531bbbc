// Names a session in the fan-out index of its shard.
#pragma once

#include <cstdint>

namespace jindou::delivery {

// A handle of a session that has left is stale and harmless: its slot's generation has moved on.
struct SinkHandle {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;  // 0: not in the index
  bool operator==(const SinkHandle&) const = default;
};

}  // namespace jindou::delivery
