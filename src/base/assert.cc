#include "base/assert.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "base/assertion_writer.h"

namespace jindou {
namespace {

std::atomic<AssertionWriter> assertion_writer{nullptr};

}  // namespace

#ifdef NDEBUG
std::atomic<bool> SlowAssertions::enabled{false};
#else
std::atomic<bool> SlowAssertions::enabled{true};
#endif

void set_assertion_writer(AssertionWriter writer) { assertion_writer.store(writer); }

void assertion_failed(const char* condition, const char* file, int line) {
  char text[512];
  std::snprintf(text, sizeof text, "assertion failed: %s at %s:%d", condition, file, line);
  if (const AssertionWriter writer = assertion_writer.load()) {
    writer(text);
  } else {
    std::fprintf(stderr, "%s\n", text);
  }
  std::abort();
}

}  // namespace jindou
