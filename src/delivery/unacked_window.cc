#include "delivery/unacked_window.h"

#include <utility>

#include "base/free_memory.h"

namespace jindou::delivery {

namespace {
constexpr std::size_t kFirstRing = 4;
// A ring of this size stays with its session between messages: it is about 500 bytes.
constexpr std::size_t kKeptRing = 16;
}  // namespace

void UnackedWindow::push(std::shared_ptr<const Message> message, TimePoint due,
                         const Limits& limits) {
  const std::size_t bytes = message->payload.size();
  while (count_ > 0 &&
         (count_ >= limits.messages || payload_bytes_ + bytes > limits.payload_bytes)) {
    // Between calls the front is never a forgotten one.
    forget(at(0));
    trim();
  }
  payload_bytes_ += bytes;
  if (count_ == ring_.size()) grow();
  Entry& entry = at(count_);
  entry.id = message->id;
  entry.message = std::move(message);
  entry.due = due;
  entry.tries = 0;
  ++count_;
  ++waiting_;
}

std::shared_ptr<const Message> UnackedWindow::acknowledge(MessageId id) {
  for (std::size_t i = 0; i < count_; ++i) {
    Entry& entry = at(i);
    if (entry.id != id || entry.message == nullptr) continue;
    std::shared_ptr<const Message> message = entry.message;
    forget(entry);
    if (i == 0) trim();
    return message;
  }
  return nullptr;
}

void UnackedWindow::clear() {
  free_memory(ring_);
  head_ = 0;
  count_ = 0;
  waiting_ = 0;
  payload_bytes_ = 0;
}

void UnackedWindow::grow() {
  std::vector<Entry> bigger(ring_.empty() ? kFirstRing : ring_.size() * 2);
  for (std::size_t i = 0; i < count_; ++i) bigger[i] = std::move(at(i));
  ring_ = std::move(bigger);
  head_ = 0;
}

void UnackedWindow::trim() {
  while (count_ > 0 && at(0).message == nullptr) {
    head_ = static_cast<std::uint32_t>((head_ + 1) & (ring_.size() - 1));
    --count_;
  }
  if (count_ > 0) return;
  JD_ASSERT(waiting_ == 0);
  JD_ASSERT(payload_bytes_ == 0);
  if (ring_.size() > kKeptRing) clear();
}

}  // namespace jindou::delivery
