// Assertions about our own bugs, never about input. They stay on in release builds: a server that
// has lost its invariants must stop before it acknowledges something it cannot keep.
#pragma once

namespace jindou {

// Prints the failed condition with its place to standard error and aborts. Thread-safe.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace jindou

#define JD_ASSERT(condition)              \
  (static_cast<bool>(condition) ? void(0) \
                                : ::jindou::assertion_failed(#condition, __FILE__, __LINE__))
