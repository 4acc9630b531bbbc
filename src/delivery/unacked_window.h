// The messages one session has been sent and has not acknowledged: what is sent again.
//
// A ring that grows with need and gives its memory back when it is empty, so that an idle session
// costs nothing. Lives on the session's shard; not thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/assert.h"
#include "model/ids.h"
#include "model/message.h"

namespace jindou::delivery {

class UnackedWindow {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Limits {
    std::size_t messages = 0;
    std::size_t payload_bytes = 0;
  };

  // Remembers a message sent just now, to be sent again at `due`. While one more would pass a
  // limit, the oldest is given up: its client has to fetch it. The newest is kept whatever its
  // size. O(1) amortised.
  void push(std::shared_ptr<const Message> message, TimePoint due, const Limits& limits);

  // Forgets a message and returns it. O(1) when acknowledgements come in the order of sending, else
  // O(size). Null if it is not in the window (late, repeated or invented receipt).
  std::shared_ptr<const Message> acknowledge(MessageId id);

  // Calls visit(message) for every message that resend_due() would send again at that time.
  template <class Visit>
  void for_each_due(TimePoint now, std::int64_t now_seconds, std::size_t tries_max,
                    Visit&& visit) const {
    for (std::size_t i = 0; i < count_; ++i) {
      const Entry& entry = at(i);
      if (entry.message == nullptr || entry.due > now || entry.tries >= tries_max) continue;
      if (!entry.message->expired_at(now_seconds)) visit(entry.message);
    }
  }

  // Calls resend(message) for every message that is due at `now`, in the order of first sending,
  // and plans the next try after `interval`. A message that has had `tries_max` tries, or has
  // expired at the wall-clock time `now_seconds`, is given up. Returns the number sent again.
  template <class Resend>
  std::size_t resend_due(TimePoint now, std::int64_t now_seconds,
                         std::chrono::milliseconds interval, std::size_t tries_max,
                         Resend&& resend) {
    std::size_t sent = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      Entry& entry = at(i);
      if (entry.message == nullptr || entry.due > now) continue;
      if (entry.tries >= tries_max || entry.message->expired_at(now_seconds)) {
        forget(entry);
        continue;
      }
      ++entry.tries;
      entry.due = now + interval;
      ++sent;
      // The callback may end the session, which clears this window.
      const std::shared_ptr<const Message> message = entry.message;
      resend(message);
    }
    trim();
    return sent;
  }

  void clear();
  bool empty() const { return count_ == 0; }
  // Includes acknowledged messages behind an unacknowledged one.
  std::size_t size() const { return count_; }
  std::size_t payload_bytes() const { return payload_bytes_; }
  // Messages that wait for their acknowledgement.
  std::size_t waiting() const { return waiting_; }

 private:
  struct Entry {
    std::shared_ptr<const Message> message;  // null once acknowledged or given up
    TimePoint due;
    MessageId id{};           // the message's, kept here because receipts are looked up by it
    std::uint32_t tries = 0;  // after the first sending
  };

  const Entry& at(std::size_t index) const { return ring_[(head_ + index) & (ring_.size() - 1)]; }
  Entry& at(std::size_t index) { return ring_[(head_ + index) & (ring_.size() - 1)]; }
  void forget(Entry& entry) {
    JD_ASSERT(payload_bytes_ >= entry.message->payload.size());
    JD_ASSERT(waiting_ > 0);
    payload_bytes_ -= entry.message->payload.size();
    --waiting_;
    entry.message.reset();
  }
  void grow();
  // Drops finished entries from the front; releases the ring when it is empty and not small.
  void trim();

  std::vector<Entry> ring_;  // size 0 or a power of two
  std::uint32_t head_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t waiting_ = 0;      // entries not forgotten
  std::size_t payload_bytes_ = 0;  // of the messages not forgotten
};

}  // namespace jindou::delivery
