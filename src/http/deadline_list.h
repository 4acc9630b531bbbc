// Deadlines of one shard without a timer per request: entries are linked into a list that the shard
// looks through periodically, so that moving a deadline costs a store instead of timer operations.
#pragma once

#include <chrono>

namespace jindou::http {

// Not thread-safe: belongs to one shard. Entries are borrowed; an entry unlinks itself when it
// dies.
class DeadlineList {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr TimePoint kNever = TimePoint::max();

  class Entry {
   public:
    Entry() = default;
    virtual ~Entry() { unlink(); }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    void link(DeadlineList& list) {
      unlink();
      list_ = &list;
      next_ = list.head_;
      if (next_ != nullptr) next_->previous_ = this;
      list.head_ = this;
    }
    void unlink() {
      if (list_ == nullptr) return;
      if (list_->cursor_ == this) list_->cursor_ = next_;
      if (previous_ != nullptr) previous_->next_ = next_;
      if (next_ != nullptr) next_->previous_ = previous_;
      if (list_->head_ == this) list_->head_ = next_;
      list_ = nullptr;
      previous_ = next_ = nullptr;
    }

    void set_deadline(TimePoint when) { deadline_ = when; }

   protected:
    // Called once when the deadline has passed; it is kNever again by then. May link, unlink and
    // destroy entries, this one included.
    virtual void on_deadline() = 0;

   private:
    friend class DeadlineList;
    DeadlineList* list_ = nullptr;
    Entry* previous_ = nullptr;
    Entry* next_ = nullptr;
    TimePoint deadline_ = kNever;
  };

  DeadlineList() = default;
  ~DeadlineList() {
    while (head_ != nullptr) head_->unlink();
  }
  DeadlineList(const DeadlineList&) = delete;
  DeadlineList& operator=(const DeadlineList&) = delete;

  // Fires everything due at `now`. O(entries). Not reentrant.
  void expire(TimePoint now) {
    cursor_ = head_;
    while (cursor_ != nullptr) {
      Entry* entry = cursor_;
      cursor_ = entry->next_;
      if (entry->deadline_ > now) continue;
      entry->deadline_ = kNever;
      entry->on_deadline();
    }
  }

 private:
  Entry* head_ = nullptr;
  Entry* cursor_ = nullptr;  // the next entry of a running expire()
};

}  // namespace jindou::http
