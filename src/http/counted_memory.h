// Memory that a library of C takes for one coder, counted against a budget of many.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <utility>

#include "base/byte_budget.h"

namespace jindou::http {

// Not thread-safe. Outlives what was allocated, which is given back to it.
class CountedMemory {
 public:
  // Null: nothing is counted.
  explicit CountedMemory(std::shared_ptr<ByteBudget> budget) : share_(std::move(budget)) {}
  CountedMemory(const CountedMemory&) = delete;
  CountedMemory& operator=(const CountedMemory&) = delete;

  // Aligned for anything. Null: the budget, or the system, has no room.
  void* allocate(std::size_t bytes) noexcept {
    if (bytes > kBytesMax || !share_.resize(share_.held() + kHead + bytes)) return nullptr;
    auto* block = static_cast<std::byte*>(std::malloc(kHead + bytes));
    if (block == nullptr) {
      (void)share_.resize(share_.held() - kHead - bytes);
      return nullptr;
    }
    *reinterpret_cast<std::size_t*>(block) = kHead + bytes;
    return block + kHead;
  }
  void free(void* memory) noexcept {
    if (memory == nullptr) return;
    std::byte* block = static_cast<std::byte*>(memory) - kHead;
    const std::size_t bytes = *reinterpret_cast<std::size_t*>(block);
    std::free(block);
    (void)share_.resize(share_.held() - bytes);
  }

  // For libraries that ask with a pointer to this object.
  static void* allocate_for(void* self, std::size_t bytes) {
    return static_cast<CountedMemory*>(self)->allocate(bytes);
  }
  static void* allocate_items_for(void* self, unsigned items, unsigned bytes) {
    return static_cast<CountedMemory*>(self)->allocate(std::size_t{items} * bytes);
  }
  static void free_for(void* self, void* memory) {
    static_cast<CountedMemory*>(self)->free(memory);
  }

 private:
  // Before each block stands its size.
  static constexpr std::size_t kHead = alignof(std::max_align_t);
  static constexpr std::size_t kBytesMax = std::size_t{1} << 30;
  static_assert(kHead >= sizeof(std::size_t));

  BudgetShare share_;
};

}  // namespace jindou::http
