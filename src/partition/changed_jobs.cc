#include "partition/changed_jobs.h"

#include <utility>

namespace jindou::partition {

void ChangedJobs::add_listener(Listener listener) {
  const MutexLock lock(mutex_);
  listeners_.push_back(std::move(listener));
}

void ChangedJobs::tell(PartitionId partition, std::string_view job) const {
  const MutexLock lock(mutex_);
  for (const Listener& listener : listeners_) listener(partition, job);
}

}  // namespace jindou::partition
