// Whose a partition is. The router asks, and hands the commands of a partition to whoever that is.
#pragma once

#include "model/ids.h"
#include "partition/partition_owner.h"

namespace jindou::partition {

class Placement {
 public:
  virtual ~Placement() = default;

  // Null when nobody is known to own it: it is on its way from one to another, or lost its node.
  // What it returns outlives this. Thread-safe, cheap, does not block; the answer may be out of
  // date a moment later, see PartitionOwner.
  virtual PartitionOwner* owner_of(PartitionId partition) const = 0;
};

}  // namespace jindou::partition
