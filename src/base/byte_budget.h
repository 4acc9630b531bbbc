// Memory that peers may make the process hold, counted over all of them.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "base/assert.h"

namespace jindou {

// Thread-safe.
class ByteBudget {
 public:
  explicit ByteBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  // Each share has the budget: when it goes, all of them have gone and given back what they held.
  ~ByteBudget() { JD_ASSERT(used() == 0); }
  ByteBudget(const ByteBudget&) = delete;
  ByteBudget& operator=(const ByteBudget&) = delete;

  std::size_t bytes_max() const { return bytes_max_; }
  std::size_t used() const { return used_.load(std::memory_order_relaxed); }
  // Whether so many more would fit now.
  bool has_room(std::size_t bytes) const {
    const std::size_t used_now = used();
    return used_now <= bytes_max_ && bytes <= bytes_max_ - used_now;
  }
  // Whether less than a quarter is in use: then a holder may keep what it could give back.
  bool is_mostly_free() const { return used() < bytes_max_ / 4; }

 private:
  friend class BudgetShare;
  const std::size_t bytes_max_;
  std::atomic<std::size_t> used_{0};
};

// What one holder has taken of a budget; gives it back when destroyed. Not thread-safe.
class BudgetShare {
 public:
  // Null: nothing is counted.
  explicit BudgetShare(std::shared_ptr<ByteBudget> budget) : budget_(std::move(budget)) {}
  ~BudgetShare() { release(); }
  BudgetShare(const BudgetShare&) = delete;
  BudgetShare& operator=(const BudgetShare&) = delete;

  std::size_t held() const { return held_; }

  // Holds `bytes` in all afterwards, if they fit. False: nothing has changed. Less always fits.
  bool resize(std::size_t bytes) {
    if (bytes == held_) return true;
    if (budget_ == nullptr) return true;
    if (bytes > held_) {
      const std::size_t more = bytes - held_;
      const std::size_t before = budget_->used_.fetch_add(more, std::memory_order_relaxed);
      if (before + more > budget_->bytes_max_) {
        give_back(more);
        return false;
      }
    } else {
      give_back(held_ - bytes);
    }
    held_ = bytes;
    return true;
  }
  void release() { (void)resize(0); }

 private:
  void give_back(std::size_t bytes) {
    const std::size_t before = budget_->used_.fetch_sub(bytes, std::memory_order_relaxed);
    // Below zero it would be the largest number there is, and nobody would be let in again.
    JD_ASSERT(before >= bytes);
  }

  std::shared_ptr<ByteBudget> budget_;
  std::size_t held_ = 0;
};

}  // namespace jindou
