#include "app/memory_return.h"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "api/process_meter.h"
#include "base/machine_share.h"
#include "observe/log.h"
#include "runtime/thread_identity.h"

namespace jindou::app {

namespace {

constexpr std::chrono::seconds kLookInterval{1};
// Less is not worth a walk through the allocator.
constexpr std::uint64_t kFreedMin = std::uint64_t{16} << 20;
// Growth that no count of what is held explains: buffers that came and went between two looks.
constexpr std::uint64_t kGrownMin = std::uint64_t{32} << 20;
constexpr double kCalmPercentPerProcessor = 50;

}  // namespace

bool TrimRule::is_due(const Look& look) {
  held_ = look.held;
  held_most_ = std::max(held_most_, look.held);
  resident_least_ = std::min(resident_least_, look.resident);
  const bool due =
      held_most_ - look.held >= kFreedMin || look.resident - resident_least_ >= kGrownMin;
  return due && look.cpu_percent < calm_percent_;
}

void TrimRule::trimmed(std::uint64_t resident) {
  held_most_ = held_;
  resident_least_ = resident;
}

MemoryReturn::MemoryReturn(Held held) : held_(std::move(held)), thread_([this] { run(); }) {}

MemoryReturn::~MemoryReturn() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool MemoryReturn::wait() {
  MutexLock lock(mutex_);
  return !changed_.wait_for(lock, kLookInterval,
                            [this]() JD_REQUIRES(mutex_) { return stopping_; });
}

void MemoryReturn::run() {
  runtime::name_this_thread("memory-return");
  api::ProcessMeter meter;
  TrimRule rule(kCalmPercentPerProcessor * usable_processors());
  do {
    const auto before = meter.sample();
    if (!rule.is_due({held_(), before.resident_bytes, before.cpu_percent})) continue;
    ::malloc_trim(0);
    const auto after = meter.sample();
    rule.trimmed(after.resident_bytes);
    const std::uint64_t freed =
        before.resident_bytes - std::min(before.resident_bytes, after.resident_bytes);
    observe::log_debug("app", "{} MiB went back to the system", freed >> 20);
  } while (wait());
}

}  // namespace jindou::app
