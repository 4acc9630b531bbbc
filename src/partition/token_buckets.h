// Token buckets of many holders: so many tokens at most (burst), so many more each second. In a
// table of a fixed size, which is all the memory that they take.
//
// A bucket is one number: the time at which it is full again. One that is full needs no place, so
// places are taken from those; when all in reach are in use, the one that is full soonest gives way
// and its holder is let off the rest, which is counted.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "model/rate.h"

namespace jindou::partition {

// Thread-safe. Of two calls for one bucket one comes first; times that go back a little between
// threads do no harm.
class TokenBuckets {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Wait = std::chrono::nanoseconds;

  // 128 bits of a hash: no two holders share a bucket. Seeded, so that nobody finds two that would.
  struct Id {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    bool operator==(const Id&) const = default;
  };

  // Takes at most so many bytes, and 12 KiB at least; with its first bucket.
  TokenBuckets(std::size_t bytes_max, std::uint64_t seed);
  TokenBuckets(const TokenBuckets&) = delete;
  TokenBuckets& operator=(const TokenBuckets&) = delete;

  // `space`: names of one do not meet those of another.
  Id id_of(std::uint32_t space, std::string_view name) const;

  // Everywhere below the rate is on. What of a bucket was taken at another rate counts by the time
  // that it takes to come back.

  // Zero: so many were taken. Otherwise none was, and that is how long it takes until they are
  // there, if nobody takes others; also when there never are so many.
  Wait take(Id id, const Rate& rate, std::uint64_t tokens, TimePoint now);
  // As many as there are, up to so many.
  std::uint64_t take_up_to(Id id, const Rate& rate, std::uint64_t tokens, TimePoint now);
  // Of what was taken.
  void give_back(Id id, const Rate& rate, std::uint64_t tokens, TimePoint now);

  struct Level {
    std::uint64_t tokens = 0;
    Wait until_full{0};
  };
  Level level(Id id, const Rate& rate, TimePoint now) const;
  // How long until so many are there; zero: they are.
  Wait wait_for(Id id, const Rate& rate, std::uint64_t tokens, TimePoint now) const;

  std::size_t bytes_max() const;
  // Buckets that were given up while they were not full.
  std::uint64_t given_up() const { return given_up_.load(std::memory_order_relaxed); }

 private:
  using Ns = std::int64_t;
  struct Bucket {
    Id id;
    Ns full_at = 0;  // by the steady clock
  };
  static constexpr std::size_t kWays = 8;
  static constexpr std::size_t kShards = 64;
  using Set = std::array<Bucket, kWays>;
  struct alignas(64) Shard {
    mutable Mutex mutex;
    std::vector<Set> sets JD_GUARDED_BY(mutex);  // empty: none was needed
  };

  Shard& shard_of(Id id) const { return shards_[id.high % kShards]; }
  // How far the bucket is from full, as a time; what the rate allows at most.
  Ns debt_of(Id id, const Rate& rate, TimePoint now) const;
  static Ns debt_of(Ns full_at, const Rate& rate, Ns now);
  // Calls `change(debt)`, which returns the debt afterwards. It may be what was.
  template <class Change>
  void with_bucket(Id id, const Rate& rate, TimePoint now, const Change& change);

  const std::uint64_t seed_;
  const std::size_t sets_per_shard_;
  mutable std::array<Shard, kShards> shards_;
  std::atomic<std::uint64_t> given_up_{0};
};

}  // namespace jindou::partition
