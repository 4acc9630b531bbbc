// Gives memory that is not used any more back to the system.
//
// Large buffers go back when they are freed (serve.cc). Small ones stay with the allocator, and so
// does what lies between others that are in use: of 2000 unfinished bodies of 100 KB each, 260 MiB
// stayed for good. Trimming walks through all that is free and holds the allocator's locks
// meanwhile, so it waits for a calm moment and for a reason.
#pragma once

#include <cstdint>
#include <functional>
#include <thread>

#include "base/mutex.h"

namespace jindou::app {

// When to trim. Pure; one thread.
class TrimRule {
 public:
  struct Look {
    std::uint64_t held = 0;      // bytes held for peers: bodies, answers, frames, messages
    std::uint64_t resident = 0;  // of the process
    double cpu_percent = 0;      // of one processor, since the look before
  };

  // Busier than `calm_percent` of one processor is not calm.
  explicit TrimRule(double calm_percent) : calm_percent_(calm_percent) {}

  // Much less is held than at some look since the last trim, or the process has grown much.
  bool is_due(const Look& look);
  // `resident` as it is after a trim.
  void trimmed(std::uint64_t resident);

 private:
  double calm_percent_;
  std::uint64_t held_most_ = 0;
  std::uint64_t held_ = 0;
  std::uint64_t resident_least_ = UINT64_MAX;
};

// A thread that looks every second and trims when it is due.
class MemoryReturn {
 public:
  using Held = std::function<std::uint64_t()>;

  // `held` is called on its thread and outlives it.
  explicit MemoryReturn(Held held);
  ~MemoryReturn();
  MemoryReturn(const MemoryReturn&) = delete;
  MemoryReturn& operator=(const MemoryReturn&) = delete;

 private:
  void run();
  // False: it is over.
  bool wait();

  Held held_;
  Mutex mutex_;
  Condition changed_;
  bool stopping_ JD_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the members above
};

}  // namespace jindou::app
