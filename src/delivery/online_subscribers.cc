#include "delivery/online_subscribers.h"

#include <utility>

namespace jindou::delivery {

OnlineSubscribers::Entry* OnlineSubscribers::entry_of(const std::shared_ptr<const UidSet>& set) {
  for (Entry& entry : entries_) {
    if (entry.set == set.get()) return entry.alive.expired() ? nullptr : &entry;
  }
  return nullptr;
}

std::optional<std::size_t> OnlineSubscribers::count(
    const std::shared_ptr<const UidSet>& set) const {
  for (const Entry& entry : entries_) {
    if (entry.set != set.get()) continue;
    if (entry.alive.expired()) return std::nullopt;
    return entry.handles.size();
  }
  return std::nullopt;
}

void OnlineSubscribers::keep(const std::shared_ptr<const UidSet>& set, Handles handles) {
  auto entry = std::find_if(entries_.begin(), entries_.end(),
                            [&set](const Entry& known) { return known.set == set.get(); });
  if (entry == entries_.end()) entry = entries_.emplace(entries_.end());
  entry->set = set.get();
  entry->alive = set;
  entry->stale_from = stale_from(handles.size());
  entry->handles = std::move(handles);
  entry->last_used = ++uses_;
  trim();
}

void OnlineSubscribers::add_session(std::string_view uid, SinkHandle handle) {
  for (std::size_t i = 0; i < entries_.size();) {
    Entry& entry = entries_[i];
    const auto set = entry.alive.lock();
    if (set != nullptr && entry.handles.size() < entry.stale_from) {
      if (set->contains(uid)) entry.handles.push_back(handle);
      ++i;
      continue;
    }
    if (i + 1 < entries_.size()) entry = std::move(entries_.back());
    entries_.pop_back();
  }
}

std::size_t OnlineSubscribers::handles() const {
  std::size_t count = 0;
  for (const Entry& entry : entries_) count += entry.handles.size();
  return count;
}

void OnlineSubscribers::trim() {
  entries_.erase(std::remove_if(entries_.begin(), entries_.end(),
                                [](const Entry& entry) { return entry.alive.expired(); }),
                 entries_.end());
  std::size_t kept = handles();
  while (entries_.size() > 1 && (entries_.size() > limits_.sets || kept > limits_.handles)) {
    const auto oldest =
        std::min_element(entries_.begin(), entries_.end(),
                         [](const Entry& a, const Entry& b) { return a.last_used < b.last_used; });
    kept -= oldest->handles.size();
    entries_.erase(oldest);
  }
}

}  // namespace jindou::delivery
