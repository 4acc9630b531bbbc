// SENDACKs of one session in the order of its SENDs, whatever the order in which results arrive.
//
// A ring like UnackedWindow's: grows with need, owns nothing when empty for a while. Bounded by the
// session, which stops reading at its limit. Lives on the session's shard; not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "codec/wkproto.h"

namespace jindou::gateway {

class AckQueue {
 public:
  enum class State : std::uint8_t {
    waiting,  // for the core's result
    ready,
    unknown,  // may or may not be stored: there is no SENDACK that says so
  };

  struct Entry {
    codec::SendAck ack;
    std::string id;  // Request::id
    State state = State::waiting;
    bool wanted = true;  // false: the client has asked for no answer
  };

  // Adds a SEND's answer at the end, with a result (ready) or without (waiting). Returns its
  // number; numbers count up by one.
  std::uint64_t push(Entry entry);

  // The answer with this number; it is still in the queue.
  codec::SendAck& ack(std::uint64_t number) { return numbered(number).ack; }
  State state(std::uint64_t number) { return numbered(number).state; }
  void set_state(std::uint64_t number, State state) { numbered(number).state = state; }

  // The front of the queue; only when not empty.
  const Entry& front() { return numbered(first_); }
  void pop();

  bool empty() const { return count_ == 0; }
  std::size_t size() const { return count_; }
  std::uint64_t next_number() const { return first_ + count_; }

 private:
  // Of another number it would be the answer to another SEND.
  Entry& numbered(std::uint64_t number) {
    JD_ASSERT(number >= first_);
    JD_ASSERT(number - first_ < count_);
    return at(number - first_);
  }
  Entry& at(std::uint64_t index) {
    return ring_[static_cast<std::size_t>(head_ + index) & (ring_.size() - 1)];
  }

  std::vector<Entry> ring_;  // size 0 or a power of two
  std::uint64_t first_ = 1;  // number of the front
  std::uint32_t head_ = 0;
  std::uint32_t count_ = 0;
};

}  // namespace jindou::gateway
