#include "bench/interrupt.h"

#include <signal.h>

#include <atomic>

namespace jindou::bench {

namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler writes it");

void on_signal(int /*signal*/) { interrupted.store(true, std::memory_order_relaxed); }

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  // No SA_RESTART: a wait must end.
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

Result<void> check_interrupted() {
  if (interrupted.load(std::memory_order_relaxed)) return Error(Errc::closed, "interrupted");
  return {};
}

}  // namespace jindou::bench
