// Where all partitions are owned by the workers of this node.
#pragma once

#include <vector>

#include "model/ids.h"
#include "partition/partition_worker.h"
#include "partition/placement.h"

namespace jindou::partition {

// The workers have them in turn.
class LocalPlacement final : public Placement {
 public:
  // Borrows the workers, of which there is one at least.
  explicit LocalPlacement(std::vector<PartitionWorker*> workers);

  PartitionWorker& worker_of(PartitionId partition) const {
    return *workers_[raw(partition) % workers_.size()];
  }
  PartitionOwner* owner_of(PartitionId partition) const override;

 private:
  std::vector<PartitionWorker*> workers_;
};

}  // namespace jindou::partition
