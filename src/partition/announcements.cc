#include "partition/announcements.h"

#include <algorithm>

namespace jindou::partition {

namespace {

struct Slot {
  std::uint32_t period = 0;
  std::uint32_t items = 0;
};

Slot unpack(std::uint64_t packed) {
  return {static_cast<std::uint32_t>(packed >> 32), static_cast<std::uint32_t>(packed)};
}

std::uint64_t pack(Slot slot) { return (std::uint64_t{slot.period} << 32) | slot.items; }

}  // namespace

std::uint32_t Announcements::period_of(TimePoint now) {
  return static_cast<std::uint32_t>(now.time_since_epoch() / kPeriod);
}

Announcements::Mark Announcements::add(std::size_t items, TimePoint now) {
  const std::uint32_t period = period_of(now);
  std::atomic<std::uint64_t>& slot = slots_[period % kSlots];
  std::uint64_t seen = slot.load(std::memory_order_relaxed);
  for (;;) {
    const Slot old = unpack(seen);
    const std::uint32_t before = old.period == period ? old.items : 0;
    // What would not fit into the counter is not counted, here and in withdraw().
    const auto added =
        static_cast<std::uint32_t>(std::min<std::size_t>(items, UINT32_MAX - before));
    if (slot.compare_exchange_weak(seen, pack({period, before + added}),
                                   std::memory_order_relaxed)) {
      return {period, added};
    }
  }
}

void Announcements::withdraw(Mark mark) {
  std::atomic<std::uint64_t>& slot = slots_[mark.period % kSlots];
  std::uint64_t seen = slot.load(std::memory_order_relaxed);
  for (;;) {
    const Slot old = unpack(seen);
    if (old.period != mark.period) return;
    if (slot.compare_exchange_weak(seen, pack({old.period, old.items - mark.items}),
                                   std::memory_order_relaxed)) {
      return;
    }
  }
}

std::size_t Announcements::count(TimePoint now) const {
  const std::uint32_t period = period_of(now);
  std::size_t items = 0;
  for (const auto& slot : slots_) {
    const Slot seen = unpack(slot.load(std::memory_order_relaxed));
    if (period - seen.period < kSlots) items += seen.items;
  }
  return items;
}

}  // namespace jindou::partition
