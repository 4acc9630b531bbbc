// One coroutine of a shard waits for what another one of the same shard does.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <utility>

#include "runtime/await_callback.h"

namespace jindou::runtime {

// Not thread-safe: belongs to one shard. One coroutine waits at a time.
class Wakeup {
 public:
  Wakeup() = default;
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  // Returns once notify() was called since the last wait() returned, at once if it was already.
  boost::asio::awaitable<void> wait() {
    if (!notified_) {
      auto begin = [this](std::function<void(bool)> resume) { resume_ = std::move(resume); };
      co_await await_callback<bool>(begin);
    }
    notified_ = false;
  }
  // Several before a wait count once. The other one runs later, not inside this call.
  void notify() {
    notified_ = true;
    if (resume_) std::exchange(resume_, nullptr)(true);
  }

 private:
  bool notified_ = false;
  std::function<void(bool)> resume_;
};

}  // namespace jindou::runtime
