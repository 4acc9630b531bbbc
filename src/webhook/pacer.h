// Keeps a thread of low priority from costing the others more than a small share of the processors.
//
// Priority alone does not: a thread that always has work takes every moment in which the threads of
// the send path wait for the disk, and they find the processor taken when they come back (by about
// a tenth of the throughput on two cores). So when processors are contended, which a thread sees by
// its own waiting for them, it rests after each piece of work.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace jindou::webhook {

// What a thread has got of the processors so far.
struct ProcessorUse {
  std::chrono::nanoseconds running{};
  std::chrono::nanoseconds waiting{};  // ready to run, and others did
};

// Of the calling thread; all zero where the system does not tell (schedstat of proc(5)).
ProcessorUse this_threads_use();

// Lives on the thread it keeps in check.
class Pacer {
 public:
  using Source = std::function<ProcessorUse()>;

  // `share` is the part of one processor that the thread may use while others want it.
  explicit Pacer(double share, Source source = this_threads_use);

  // One fortieth of all usable processors: of two threads that have work at all times, 5 % of the
  // machine.
  static double default_share();

  // After a piece of work: how long to rest. Zero while nobody else wants the processors.
  std::chrono::milliseconds rest();

 private:
  double share_;
  Source source_;
  ProcessorUse last_{};
  bool started_ = false;
  // Of the last pieces of work; older ones count less and less.
  std::chrono::nanoseconds running_{};
  std::chrono::nanoseconds waiting_{};
  std::chrono::nanoseconds owed_{};
};

}  // namespace jindou::webhook
