#include "partition/owned_partitions.h"

#include <utility>

#include "base/assert.h"

namespace jindou::partition {

OwnedPartitions::OwnedPartitions(std::uint16_t partitions) : terms_(partitions) {}

std::vector<PartitionId> OwnedPartitions::list() const {
  std::vector<PartitionId> owned;
  for (std::uint16_t i = 0; i < partitions(); ++i) {
    const auto partition = static_cast<PartitionId>(i);
    if (owns(partition)) owned.push_back(partition);
  }
  return owned;
}

void OwnedPartitions::add_listener(Listener listener) {
  const MutexLock lock(mutex_);
  listeners_.push_back(std::move(listener));
}

void OwnedPartitions::begin(PartitionId partition) {
  JD_ASSERT(!owns(partition));
  terms_[raw(partition)].store(last_term_.fetch_add(1) + 1, std::memory_order_release);
  tell(partition, true);
}

void OwnedPartitions::end(PartitionId partition) {
  JD_ASSERT(owns(partition));
  terms_[raw(partition)].store(0, std::memory_order_release);
  tell(partition, false);
}

void OwnedPartitions::tell(PartitionId partition, bool owned) const {
  std::vector<Listener> listeners;
  {
    const MutexLock lock(mutex_);
    listeners = listeners_;
  }
  for (const Listener& listener : listeners) listener(partition, owned);
}

}  // namespace jindou::partition
