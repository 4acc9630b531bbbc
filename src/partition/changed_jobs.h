// Tells which jobs have changed, whoever has changed them: those who run jobs need not look again
// and again.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "model/ids.h"

namespace jindou::partition {

// Thread-safe.
class ChangedJobs {
 public:
  // Called on a thread of the log when a commit that has changed the record of a job, or removed
  // it, can be read in the store of this node, and before whoever asked for the change is told. For
  // one partition in the order of its commits. Must not block. It hears of what comes after this.
  // Not told is what a partition brings along when this node becomes its owner (OwnedPartitions,
  // JobReader::load_unfinished), and a commit that failed and turns out to be stored after all:
  // look at the jobs that one runs now and then.
  using Listener = std::function<void(PartitionId partition, std::string_view job)>;
  void add_listener(Listener listener);

  void tell(PartitionId partition, std::string_view job) const;

 private:
  mutable Mutex mutex_;
  std::vector<Listener> listeners_ JD_GUARDED_BY(mutex_);
};

}  // namespace jindou::partition
