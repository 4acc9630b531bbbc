#include "webhook/wake_signal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/assert.h"

namespace jindou::webhook {

WakeSignal::WakeSignal() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { JD_ASSERT(fd_ >= 0); }

WakeSignal::~WakeSignal() { ::close(fd_); }

void WakeSignal::notify() {
  // Sequentially consistent on both sides: either this sees the waiter or the waiter sees this.
  notified_.store(true);
  if (!waiting_.exchange(false)) return;
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the waiter wakes anyway.
  [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);
}

void WakeSignal::wait_for(std::chrono::milliseconds time) {
  waiting_.store(true);
  if (!notified_.exchange(false)) {
    constexpr std::int64_t kLongest = std::numeric_limits<int>::max();
    pollfd descriptor{fd_, POLLIN, 0};
    ::poll(&descriptor, 1, static_cast<int>(std::clamp<std::int64_t>(time.count(), 0, kLongest)));
    notified_.store(false);
  }
  waiting_.store(false);
  std::uint64_t count = 0;
  [[maybe_unused]] const auto taken = ::read(fd_, &count, sizeof count);
}

}  // namespace jindou::webhook
