// A mutex whose rules the compiler knows: which members it guards, which functions need it held.
// clang checks them (-Wthread-safety, part of `make check` and of the fuzz build); for g++ the
// annotations are nothing. std::mutex has none in libstdc++, so src/ uses these instead.
//
//   Mutex mutex_;
//   std::deque<Task> queue_ JD_GUARDED_BY(mutex_);
//   void take_all() JD_REQUIRES(mutex_);
//
// A lambda is a function of its own: a predicate of Condition::wait says JD_REQUIRES too. Locks of
// two mutexes at once, and locks that a function hands to its caller, are rare and explained where
// they are. No lock is held over a co_await.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define JD_THREAD_ANNOTATION(annotation) __attribute__((annotation))
#else
#define JD_THREAD_ANNOTATION(annotation)
#endif

// Of a member: read and written with the mutex held only.
#define JD_GUARDED_BY(mutex) JD_THREAD_ANNOTATION(guarded_by(mutex))
// Of a pointer: what it points to is.
#define JD_PT_GUARDED_BY(mutex) JD_THREAD_ANNOTATION(pt_guarded_by(mutex))
// Of a function: the caller holds the mutex.
#define JD_REQUIRES(...) JD_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
// Of a function: the caller does not hold the mutex, because the function locks it.
#define JD_EXCLUDES(...) JD_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define JD_ACQUIRE(...) JD_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define JD_RELEASE(...) JD_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define JD_TRY_ACQUIRE(...) JD_THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
// Of a function that gives its caller a mutex to lock.
#define JD_RETURNS(mutex) JD_THREAD_ANNOTATION(lock_returned(mutex))
// Of a function that does what the analysis cannot follow; a comment says what.
#define JD_UNCHECKED_LOCKS JD_THREAD_ANNOTATION(no_thread_safety_analysis)

namespace jindou {

class JD_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() JD_ACQUIRE() { mutex_.lock(); }
  void unlock() JD_RELEASE() { mutex_.unlock(); }
  bool try_lock() JD_TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  friend class MutexLock;
  std::mutex mutex_;
};

// Holds a mutex until the end of its block, or until unlock().
class JD_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) JD_ACQUIRE(mutex) : lock_(mutex.mutex_) {}
  ~MutexLock() JD_RELEASE() {}
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void unlock() JD_RELEASE() { lock_.unlock(); }
  void lock() JD_ACQUIRE() { lock_.lock(); }

 private:
  friend class Condition;
  std::unique_lock<std::mutex> lock_;
};

// std::condition_variable for MutexLock. All waits give the mutex up meanwhile and hold it when
// they return; predicates are called with it held.
class Condition {
 public:
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

  void wait(MutexLock& lock) { condition_.wait(lock.lock_); }
  template <class Predicate>
  void wait(MutexLock& lock, Predicate done) {
    condition_.wait(lock.lock_, done);
  }
  // What the predicate says at the end.
  template <class Rep, class Period, class Predicate>
  bool wait_for(MutexLock& lock, std::chrono::duration<Rep, Period> time, Predicate done) {
    return condition_.wait_for(lock.lock_, time, done);
  }
  template <class Clock, class Duration, class Predicate>
  bool wait_until(MutexLock& lock, std::chrono::time_point<Clock, Duration> time, Predicate done) {
    return condition_.wait_until(lock.lock_, time, done);
  }

 private:
  std::condition_variable condition_;
};

}  // namespace jindou
