// Lets many threads use one thing that may be taken away and brought back.
//
// Whoever holds a Pass may use the thing; the one who takes it away shuts the gate, waits until
// nobody is inside, and opens it again when the thing is back. Entering costs two atomic additions
// and never waits.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <utility>

#include "base/mutex.h"

namespace jindou::store {

// Thread-safe, except that one thread at a time may call shut(), wait_until_empty() and open().
class StoreGate {
 public:
  // Proof that its holder is inside. Empty when the gate was shut.
  class Pass {
   public:
    Pass() = default;
    explicit Pass(const StoreGate* gate) : gate_(gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }
    explicit operator bool() const { return gate_ != nullptr; }

   private:
    const StoreGate* gate_ = nullptr;
  };

  // A new gate is shut.
  StoreGate() = default;
  StoreGate(const StoreGate&) = delete;
  StoreGate& operator=(const StoreGate&) = delete;

  // Never waits. The pass must not outlive the gate.
  Pass enter() const {
    if ((state_.fetch_add(1, std::memory_order_acquire) & kShut) == 0) return Pass(this);
    leave();
    return {};
  }

  // Whoever stays inside for long looks at this and leaves when it is true.
  bool is_shut() const { return (state_.load(std::memory_order_relaxed) & kShut) != 0; }

  // From now on nobody gets in. Idempotent.
  void shut() { state_.fetch_or(kShut, std::memory_order_acq_rel); }

  // After shut(). False: somebody is still inside after `patience`.
  bool wait_until_empty(std::chrono::milliseconds patience) {
    MutexLock lock(mutex_);
    return left_.wait_for(lock, patience,
                          [this] { return state_.load(std::memory_order_acquire) == kShut; });
  }

  // After wait_until_empty() was true.
  void open() { state_.fetch_and(~kShut, std::memory_order_acq_rel); }

 private:
  static constexpr std::uint64_t kShut = std::uint64_t{1} << 63;

  void leave() const {
    if (state_.fetch_sub(1, std::memory_order_acq_rel) != (kShut | 1)) return;
    const MutexLock lock(mutex_);
    left_.notify_all();
  }

  // How many are inside, and kShut.
  mutable std::atomic<std::uint64_t> state_{kShut};
  mutable Mutex mutex_;
  mutable Condition left_;
};

}  // namespace jindou::store
