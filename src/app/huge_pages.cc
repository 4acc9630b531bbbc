#include "app/huge_pages.h"

#include <jemalloc/jemalloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>

// Not there where the program is linked without it.
#pragma weak mallctl

namespace jindou::app {

namespace {

constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

// Those of jemalloc; set before the first arena with ours is made.
const extent_hooks_t* defaults = nullptr;

// The signature is jemalloc's: extent_alloc_t.
void* allocate_extent(extent_hooks_t* hooks, void* wanted, std::size_t bytes, std::size_t alignment,
                      bool* zero, bool* commit, unsigned arena) {
  void* const extent = defaults->alloc(hooks, wanted, bytes, std::max(alignment, kHugePageBytes),
                                       zero, commit, arena);
  // Advice: where it is not taken, the pages are small as ever.
  if (extent != nullptr) static_cast<void>(::madvise(extent, bytes, MADV_HUGEPAGE));
  return extent;
}

// Null when jemalloc does not tell.
extent_hooks_t* hooks_for_huge_pages() {
  static extent_hooks_t hooks = [] {
    extent_hooks_t* found = nullptr;
    std::size_t size = sizeof(found);
    extent_hooks_t ours{};
    if (mallctl("arena.0.extent_hooks", &found, &size, nullptr, 0) != 0) return ours;
    defaults = found;
    ours = *found;
    ours.alloc = &allocate_extent;
    return ours;
  }();
  return defaults != nullptr ? &hooks : nullptr;
}

}  // namespace

void use_huge_pages_on_this_thread() {
  if (mallctl == nullptr) return;
  extent_hooks_t* hooks = hooks_for_huge_pages();
  if (hooks == nullptr) return;
  unsigned arena = 0;
  std::size_t size = sizeof(arena);
  if (mallctl("arenas.create", &arena, &size, &hooks, sizeof(hooks)) != 0) return;
  static_cast<void>(mallctl("thread.arena", nullptr, nullptr, &arena, sizeof(arena)));
}

}  // namespace jindou::app
