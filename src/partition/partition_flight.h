// How far the commits of a partition are. Shared by the files that implement Partition, and by
// nobody else.
#pragma once

#include <atomic>
#include <cstdint>

#include "partition/partition.h"

namespace jindou::partition {

// One commit syncing and one queued behind it keep the disk busy; more would only make the
// gathering ones smaller.
constexpr std::uint32_t kCommitsInFlightMax = 2;

struct Partition::Flight {
  std::atomic<std::uint32_t> commits{0};
  std::atomic<std::uint64_t> durable{0};
  std::atomic<bool> failed{false};
};

}  // namespace jindou::partition
