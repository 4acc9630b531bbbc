// Wakes a sleeping thread without a mutex (see mailbox.h).
#pragma once

#include <atomic>
#include <chrono>

namespace jindou::webhook {

// One thread waits, any thread notifies.
class WakeSignal {
 public:
  // Errors: none; running out of descriptors at start ends the process, as for any other thread.
  WakeSignal();
  ~WakeSignal();
  WakeSignal(const WakeSignal&) = delete;
  WakeSignal& operator=(const WakeSignal&) = delete;

  // Ends the wait that is under way, or the next one. One system call when somebody waits, none
  // otherwise. Thread-safe, never blocks.
  void notify();
  // Returns when notified or after `time`.
  void wait_for(std::chrono::milliseconds time);

 private:
  int fd_;
  std::atomic<bool> notified_{false};
  std::atomic<bool> waiting_{false};
};

}  // namespace jindou::webhook
