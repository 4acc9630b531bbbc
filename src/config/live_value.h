// A setting that may change while the server runs.
//
// Copies share the value: an option struct is filled with one, whoever made it keeps another and
// sets it on a reload. Thread-safe; for a small trivial T reading it costs what reading a T does.
#pragma once

#include <atomic>
#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

#include "base/mutex.h"

namespace jindou::config {

template <class T>
class LiveValue {
 public:
  LiveValue() : LiveValue(T()) {}
  // Implicit both ways, so that an option reads like a plain T. Assigning one makes a new value:
  // only set() reaches the copies.
  template <class U>
  requires(std::convertible_to<U, T> && !std::same_as<std::remove_cvref_t<U>, LiveValue>)
      LiveValue(U&& initial)  // NOLINT
      : cell_(std::make_shared<Cell>(T(std::forward<U>(initial)))) {}

  operator T() const { return get(); }  // NOLINT
  T get() const { return cell_->get(); }
  // Seen by all copies.
  void set(T value) const { cell_->set(std::move(value)); }

 private:
  struct AtomicCell {
    explicit AtomicCell(T initial) : value(initial) {}
    T get() const { return value.load(std::memory_order_relaxed); }
    void set(T next) { value.store(next, std::memory_order_relaxed); }
    std::atomic<T> value;
  };
  struct LockedCell {
    explicit LockedCell(T initial) : value(std::move(initial)) {}
    T get() const {
      const MutexLock lock(mutex);
      return value;
    }
    void set(T next) {
      const MutexLock lock(mutex);
      value = std::move(next);
    }
    mutable Mutex mutex;
    T value JD_GUARDED_BY(mutex);
  };
  static constexpr bool kSmall = std::is_trivially_copyable_v<T> && sizeof(T) <= 8;
  // Lazily chosen: std::atomic<T> may not even be named for other types.
  template <bool small, class U>
  struct Choose {
    using type = LockedCell;
  };
  template <class U>
  struct Choose<true, U> {
    using type = AtomicCell;
  };
  using Cell = typename Choose<kSmall, T>::type;

  std::shared_ptr<Cell> cell_;
};

}  // namespace jindou::config
