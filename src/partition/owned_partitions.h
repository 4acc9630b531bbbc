// Which partitions this node owns at present. Whoever does work for partitions, beyond evaluating
// commands, asks here: sweeps, webhook streams, reserved time.
//
// Ownership comes and goes while the node runs. A term is one time of ownership: whoever remembers
// something of a partition remembers in which term, and reads the store anew in another one. Work
// that was begun before the end of a term may still try to change the partition; it is refused with
// not_owner, so asking needs no lock that is held over the work.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/mutex.h"
#include "model/ids.h"

namespace jindou::partition {

// Thread-safe.
class OwnedPartitions {
 public:
  // Owns none.
  explicit OwnedPartitions(std::uint16_t partitions);
  OwnedPartitions(const OwnedPartitions&) = delete;
  OwnedPartitions& operator=(const OwnedPartitions&) = delete;

  // 0: not owned. Another number each time the partition is owned again. Lock-free.
  std::uint64_t term(PartitionId partition) const {
    return terms_[raw(partition)].load(std::memory_order_acquire);
  }
  bool owns(PartitionId partition) const { return term(partition) != 0; }
  // Ascending.
  std::vector<PartitionId> list() const;
  // Of the store, owned or not.
  std::uint16_t partitions() const { return static_cast<std::uint16_t>(terms_.size()); }

  // Called on the thread that runs the partition: when it is owned, before its first command is
  // evaluated, and when it takes no more commands. Must not block for long. It hears of what
  // comes after this; all are called in the order in which they were added.
  using Listener = std::function<void(PartitionId partition, bool owned)>;
  void add_listener(Listener listener);

  // By whoever runs the partition.
  void begin(PartitionId partition);
  void end(PartitionId partition);

 private:
  void tell(PartitionId partition, bool owned) const;

  std::vector<std::atomic<std::uint64_t>> terms_;
  std::atomic<std::uint64_t> last_term_{0};
  mutable Mutex mutex_;
  std::vector<Listener> listeners_ JD_GUARDED_BY(mutex_);
};

}  // namespace jindou::partition
