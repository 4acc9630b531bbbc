// The thread that an object lives on, where all of its calls must come from. Objects without locks
// keep one and ask it in every build: a call from another thread is a bug of ours that nothing else
// notices before data are wrong.
//
//   JD_ASSERT(owner_.is_this_thread());
#pragma once

#include <atomic>

namespace jindou::runtime {

// Costs one load and one compare. Thread-safe, of course.
class ThreadOwner {
 public:
  ThreadOwner() = default;
  ThreadOwner(const ThreadOwner&) = delete;
  ThreadOwner& operator=(const ThreadOwner&) = delete;

  // Whether the calling thread is the owner. The first thread that asks becomes it, for good.
  bool is_this_thread() const {
    const void* const owner = owner_.load(std::memory_order_relaxed);
    return owner == &mark || (owner == nullptr && become_owner());
  }

  // Nobody owns the object any more: the next thread that asks becomes the owner. For handing over
  // an object that was prepared elsewhere; what passes it on (the start of a thread, a queue) makes
  // its memory visible there. False, and without effect, on a thread that is not the owner.
  [[nodiscard]] bool let_go() {
    if (!is_this_thread()) return false;
    owner_.store(nullptr, std::memory_order_relaxed);
    return true;
  }

 private:
  bool become_owner() const {
    const void* nobody = nullptr;
    return owner_.compare_exchange_strong(nobody, &mark, std::memory_order_relaxed);
  }

  // Its address differs between threads that live at the same time. A thread that began after the
  // owner ended may get the owner's: then a fault goes unnoticed, but none is made up.
  static inline thread_local constinit char mark = 0;
  mutable std::atomic<const void*> owner_{nullptr};
};

}  // namespace jindou::runtime
