#include "gateway/ack_queue.h"

#include <utility>

#include "base/free_memory.h"

namespace jindou::gateway {

namespace {
constexpr std::size_t kFirstRing = 4;
// About 600 bytes stay with a session that has sent before.
constexpr std::size_t kKeptRing = 8;
}  // namespace

std::uint64_t AckQueue::push(Entry entry) {
  if (count_ == ring_.size()) {
    std::vector<Entry> bigger(ring_.empty() ? kFirstRing : ring_.size() * 2);
    for (std::uint32_t i = 0; i < count_; ++i) bigger[i] = std::move(at(i));
    ring_ = std::move(bigger);
    head_ = 0;
  }
  at(count_) = std::move(entry);
  ++count_;
  return first_ + count_ - 1;
}

void AckQueue::pop() {
  free_memory(numbered(first_).id);
  head_ = static_cast<std::uint32_t>((head_ + 1) & (ring_.size() - 1));
  --count_;
  ++first_;
  if (count_ == 0) {
    head_ = 0;
    if (ring_.size() > kKeptRing) free_memory(ring_);
  }
}

}  // namespace jindou::gateway
