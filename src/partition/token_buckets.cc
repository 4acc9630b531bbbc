#include "partition/token_buckets.h"

#include <xxhash.h>

namespace jindou::partition {

namespace {

std::int64_t ns_of(std::chrono::steady_clock::time_point at) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
}

// What the holder of a bucket owes when so many tokens are gone.
std::int64_t time_of(const Rate& rate, std::uint64_t tokens) {
  // Nobody waits for more than there ever are; and no product of these is too large.
  const std::uint64_t most = std::min<std::uint64_t>(tokens, kRateBurstMax);
  return static_cast<std::int64_t>(most) * rate.interval_ns();
}

}  // namespace

TokenBuckets::TokenBuckets(std::size_t bytes_max, std::uint64_t seed)
    : seed_(seed), sets_per_shard_(std::max<std::size_t>(1, bytes_max / sizeof(Set) / kShards)) {}

std::size_t TokenBuckets::bytes_max() const { return kShards * sets_per_shard_ * sizeof(Set); }

TokenBuckets::Id TokenBuckets::id_of(std::uint32_t space, std::string_view name) const {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(
      name.data(), name.size(), seed_ ^ (std::uint64_t{space} * 0x9E3779B97F4A7C15ULL));
  return {hash.high64, hash.low64};
}

TokenBuckets::Ns TokenBuckets::debt_of(Ns full_at, const Rate& rate, Ns now) {
  return std::clamp<Ns>(full_at - now, 0, time_of(rate, rate.burst));
}

TokenBuckets::Ns TokenBuckets::debt_of(Id id, const Rate& rate, TimePoint now) const {
  const Shard& shard = shard_of(id);
  const MutexLock lock(shard.mutex);
  if (shard.sets.empty()) return 0;
  for (const Bucket& bucket : shard.sets[id.low % shard.sets.size()]) {
    if (bucket.id == id) return debt_of(bucket.full_at, rate, ns_of(now));
  }
  return 0;
}

template <class Change>
void TokenBuckets::with_bucket(Id id, const Rate& rate, TimePoint now, const Change& change) {
  const Ns at = ns_of(now);
  Shard& shard = shard_of(id);
  const MutexLock lock(shard.mutex);
  if (shard.sets.empty()) shard.sets.resize(sets_per_shard_);
  Set& set = shard.sets[id.low % shard.sets.size()];
  Bucket* place = nullptr;
  for (Bucket& bucket : set) {
    if (bucket.id == id) {
      bucket.full_at = at + change(debt_of(bucket.full_at, rate, at));
      return;
    }
    if (place == nullptr || bucket.full_at < place->full_at) place = &bucket;
  }
  const Ns debt = change(0);
  if (debt == 0) return;
  if (place->full_at > at) given_up_.fetch_add(1, std::memory_order_relaxed);
  place->id = id;
  place->full_at = at + debt;
}

TokenBuckets::Wait TokenBuckets::take(Id id, const Rate& rate, std::uint64_t tokens,
                                      TimePoint now) {
  Ns wait = 0;
  with_bucket(id, rate, now, [&](Ns debt) {
    const Ns wanted = debt + time_of(rate, tokens);
    wait = std::max<Ns>(0, wanted - time_of(rate, rate.burst));
    return wait == 0 ? wanted : debt;
  });
  return Wait(wait);
}

std::uint64_t TokenBuckets::take_up_to(Id id, const Rate& rate, std::uint64_t tokens,
                                       TimePoint now) {
  std::uint64_t taken = 0;
  with_bucket(id, rate, now, [&](Ns debt) {
    const Ns room = time_of(rate, rate.burst) - debt;
    taken = std::min(tokens, static_cast<std::uint64_t>(room / rate.interval_ns()));
    return debt + time_of(rate, taken);
  });
  return taken;
}

void TokenBuckets::give_back(Id id, const Rate& rate, std::uint64_t tokens, TimePoint now) {
  if (tokens == 0) return;
  with_bucket(id, rate, now,
              [&](Ns debt) { return std::max<Ns>(0, debt - time_of(rate, tokens)); });
}

TokenBuckets::Level TokenBuckets::level(Id id, const Rate& rate, TimePoint now) const {
  const Ns debt = debt_of(id, rate, now);
  const Ns room = time_of(rate, rate.burst) - debt;
  return {static_cast<std::uint64_t>(room / rate.interval_ns()), Wait(debt)};
}

TokenBuckets::Wait TokenBuckets::wait_for(Id id, const Rate& rate, std::uint64_t tokens,
                                          TimePoint now) const {
  const Ns wanted = debt_of(id, rate, now) + time_of(rate, tokens);
  return Wait(std::max<Ns>(0, wanted - time_of(rate, rate.burst)));
}

}  // namespace jindou::partition
