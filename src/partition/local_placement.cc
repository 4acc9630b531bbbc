#include "partition/local_placement.h"

#include <utility>

#include "base/assert.h"

namespace jindou::partition {

LocalPlacement::LocalPlacement(std::vector<PartitionWorker*> workers)
    : workers_(std::move(workers)) {
  JD_ASSERT(!workers_.empty());
}

PartitionOwner* LocalPlacement::owner_of(PartitionId partition) const {
  return &worker_of(partition);
}

}  // namespace jindou::partition
