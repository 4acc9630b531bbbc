// What has passed over all connections of one io shard (GET /varz).
//
// Written by the shard's thread alone, so an addition is a plain load and store; read by any
// thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace jindou::gateway {

struct ShardTraffic {
  std::atomic<std::uint64_t> in_msgs{0};
  std::atomic<std::uint64_t> out_msgs{0};
  std::atomic<std::uint64_t> in_bytes{0};
  std::atomic<std::uint64_t> out_bytes{0};
  // Messages in the unacknowledged windows of its sessions.
  std::atomic<std::uint64_t> unacked{0};

  // `count` may be a difference below zero, as a wrapped number.
  static void add(std::atomic<std::uint64_t>& sum, std::uint64_t count) {
    sum.store(sum.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
};

}  // namespace jindou::gateway
