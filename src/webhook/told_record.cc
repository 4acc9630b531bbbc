#include "webhook/told_record.h"

#include <algorithm>
#include <limits>

namespace jindou::webhook {

ToldRecord::ToldRecord(std::size_t bytes, std::int64_t now_ms)
    : size_(bytes / sizeof(Note)), since_ms_(now_ms) {
  // Not filled in: pages that nothing was written to take no memory.
  if (size_ > 0) notes_ = std::make_unique_for_overwrite<Note[]>(size_);
}

void ToldRecord::note(std::span<const MessageId> messages, const Told& told) {
  if (size_ == 0 || messages.empty()) return;
  constexpr std::size_t kMost = std::numeric_limits<std::uint32_t>::max();
  const auto receivers = static_cast<std::uint32_t>(std::min(told.receivers, kMost));
  const MutexLock lock(mutex_);
  for (const MessageId message : messages) {
    Note& note = notes_[place_];
    if (count_ == size_) {
      since_ms_ = std::max(since_ms_, note.at_ms + 1);
    } else {
      ++count_;
    }
    note = {message, told.at_ms, receivers, told.event, told.outcome};
    if (++place_ == size_) place_ = 0;
  }
}

std::vector<Told> ToldRecord::find(MessageId message) const {
  std::vector<Told> found;
  const MutexLock lock(mutex_);
  std::size_t place = count_ == size_ ? place_ : 0;
  for (std::size_t i = 0; i < count_; ++i) {
    const Note& note = notes_[place];
    if (++place == size_) place = 0;
    if (note.message != message) continue;
    found.push_back({note.event, note.outcome, note.at_ms, note.receivers});
  }
  return found;
}

std::int64_t ToldRecord::since_ms() const {
  const MutexLock lock(mutex_);
  return since_ms_;
}

}  // namespace jindou::webhook
