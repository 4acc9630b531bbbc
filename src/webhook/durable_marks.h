// Up to where each partition's messages are known to be durable, as far as their commits have
// passed by. Lock-free, because it is written on the commit threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "model/ids.h"

namespace jindou::webhook {

// Thread-safe; one writer at a time per partition.
class DurableMarks {
 public:
  explicit DurableMarks(std::uint16_t partitions) : marks_(partitions) {}

  // The commit that holds the message is durable, and with it all before.
  void note(MessageId id) {
    marks_[raw(partition_of(id))].store(counter_of(id), std::memory_order_release);
  }
  // False also for a durable one whose commit had nobody to be delivered to.
  bool covers(MessageId id) const {
    return counter_of(id) <= marks_[raw(partition_of(id))].load(std::memory_order_acquire);
  }

 private:
  std::vector<std::atomic<std::uint64_t>> marks_;
};

}  // namespace jindou::webhook
