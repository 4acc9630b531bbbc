// How far the commits of a partition are: told by the log on its thread, asked on the partition's.
#pragma once

#include <atomic>
#include <cstdint>

#include "partition/release_order.h"

namespace jindou::partition {

// One commit syncing and one queued behind it keep the disk busy; more would only make the
// gathering ones smaller.
constexpr std::uint32_t kCommitsInFlightMax = 2;

struct Flight {
  // Where the partition was when it was read.
  Flight(std::uint64_t position, std::uint64_t ids_to)
      : durable(position), order(position, ids_to) {}

  std::atomic<std::uint32_t> commits{0};  // handed to the log and not decided
  std::atomic<std::uint64_t> durable;     // the position up to which they are
  std::atomic<bool> failed{false};
  std::atomic<bool> lost{false};  // one failed because another node has the partition
  ReleaseOrder order;             // of the log's thread; until one failed
};

}  // namespace jindou::partition
