#include "gateway/admission.h"

#include <algorithm>
#include <boost/container_hash/hash.hpp>

#include "base/bytes.h"

namespace jindou::gateway {

namespace {
constexpr std::int64_t kSecond = 1'000'000'000;
}  // namespace

std::string_view refusal_label(Refusal refusal) {
  switch (refusal) {
    case Refusal::none: return "none";
    case Refusal::max_connections: return "max_connections";
    case Refusal::address_connections: return "address_connections";
    case Refusal::address_rate: return "address_rate";
    case Refusal::rate: return "rate";
  }
  return "none";
}

bool Pace::take(std::int64_t& paid_until, std::int64_t now, std::size_t rate) {
  const std::int64_t cost = kSecond / static_cast<std::int64_t>(rate);
  const std::int64_t next = std::max(paid_until, now) + cost;
  if (next - now > kSecond) return false;
  paid_until = next;
  return true;
}

void AdmissionPlace::release() {
  if (Admission* admission = std::exchange(admission_, nullptr)) admission->leave(key_);
}

std::size_t Admission::KeyHash::operator()(const runtime::AddressKey& key) const noexcept {
  return boost::hash_range(key.bytes.begin(), key.bytes.end());
}

std::int64_t Admission::now() const {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(clock_.steady().time_since_epoch())
      .count();
}

bool Admission::take_common(std::atomic<std::int64_t>& paid_until_of_all, std::int64_t now,
                            std::size_t rate) {
  if (rate == 0) return true;
  std::int64_t seen = paid_until_of_all.load(std::memory_order_relaxed);
  for (;;) {
    std::int64_t next = seen;
    if (!Pace::take(next, now, rate)) return false;
    if (paid_until_of_all.compare_exchange_weak(seen, next, std::memory_order_relaxed)) return true;
  }
}

Refusal Admission::admit(const runtime::IpAddress& address, AdmissionPlace& place) {
  const runtime::AddressKey key = runtime::address_key(address);
  const std::int64_t time = now();
  const std::size_t connections_max = limits_.connections_per_address;
  const std::size_t address_rate = limits_.handshakes_per_address_per_second;

  Table& table = table_of(key);
  const MutexLock lock(table.mutex);
  Entry entry;
  const auto found = table.entries.find(key);
  if (found != table.entries.end()) entry = found->second;
  if (connections_max > 0 && entry.connections >= connections_max) {
    return Refusal::address_connections;
  }
  // One address that floods must not use up what all share: it is asked first.
  if (address_rate > 0 && !Pace::take(entry.paid_until, time, address_rate)) {
    return Refusal::address_rate;
  }
  if (!take_common(paid_until_, time, limits_.handshakes_per_second)) return Refusal::rate;
  ++entry.connections;
  if (found != table.entries.end()) {
    found->second = entry;
  } else {
    if (table.entries.size() >= table.sweep_at) sweep(table, time);
    table.entries.emplace(key, entry);
  }
  place = AdmissionPlace(*this, key);
  return Refusal::none;
}

void Admission::sweep(Table& table, std::int64_t now) {
  erase_if(table.entries, [now](const auto& item) { return item.second.is_unused(now); });
  table.sweep_at = std::max(kSweepMin, table.entries.size() * 2);
}

void Admission::leave(const runtime::AddressKey& key) {
  const std::int64_t time = now();
  Table& table = table_of(key);
  const MutexLock lock(table.mutex);
  const auto found = table.entries.find(key);
  if (found == table.entries.end()) return;
  --found->second.connections;
  if (found->second.is_unused(time)) table.entries.erase(found);
}

std::size_t Admission::entry_count() {
  std::size_t count = 0;
  for (Table& table : tables_) {
    const MutexLock lock(table.mutex);
    sweep(table, now());
    count += table.entries.size();
  }
  return count;
}

}  // namespace jindou::gateway
