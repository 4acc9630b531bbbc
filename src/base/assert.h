// Assertions about our own bugs, never about input: a server that has lost its invariants must stop
// before it acknowledges something it cannot keep. What a client, an operator or a disk can bring
// about is an error (base/result.h), however unlikely it is.
//
// Where data cross a border (memory to a record, a command to its commit, a commit to those who are
// told of it) both sides assert, each by what it knows itself. Which of the two macros:
//
//   JD_ASSERT       on in every build. Compares what is at hand, in a few instructions beside the
//                   work around it. A false one takes a server down, so the code around it shows
//                   that it holds, whatever is stored and whatever fails.
//   JD_ASSERT_SLOW  for what decodes again, walks through or remembers. On in builds without NDEBUG
//                   (dev, those with sanitizers, fuzz targets) and in simulations of every build,
//                   off in the server that is deployed: there it costs a load and a branch.
//
// The condition of JD_ASSERT_SLOW changes nothing: where that is off it is not evaluated.
#pragma once

#include <atomic>

namespace jindou {

// Prints the failed condition with its place to standard error and aborts. Thread-safe.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

// Turns JD_ASSERT_SLOW on or off for all threads, as long as it lives; one at a time, or nested.
class SlowAssertions {
 public:
  explicit SlowAssertions(bool on) : before_(enabled.exchange(on, std::memory_order_relaxed)) {}
  ~SlowAssertions() { enabled.store(before_, std::memory_order_relaxed); }
  SlowAssertions(const SlowAssertions&) = delete;
  SlowAssertions& operator=(const SlowAssertions&) = delete;

  // Any thread.
  static bool on() { return enabled.load(std::memory_order_relaxed); }

 private:
  static std::atomic<bool> enabled;
  const bool before_;
};

}  // namespace jindou

#define JD_ASSERT(condition)              \
  (static_cast<bool>(condition) ? void(0) \
                                : ::jindou::assertion_failed(#condition, __FILE__, __LINE__))

#define JD_ASSERT_SLOW(condition)                                    \
  ((!::jindou::SlowAssertions::on() || static_cast<bool>(condition)) \
       ? void(0)                                                     \
       : ::jindou::assertion_failed(#condition, __FILE__, __LINE__))
