// What a partition is told about time.
#pragma once

#include <cstdint>
#include <variant>

#include "model/ids.h"

namespace jindou::partition {

// Times up to there may be named to readers: whoever opens the partition next stamps its changes
// with later ones.
struct ReserveTime {
  PartitionId partition{};
  std::int64_t until_ns = 0;
};

using TimeCommand = std::variant<ReserveTime>;

}  // namespace jindou::partition
