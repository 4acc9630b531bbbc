// Which messages receivers were told of lately, and which were given up: what GET /message/trace
// tells (docs/decisions/0038-pushes-that-are-remembered.md).
//
// A ring of notes of 24 bytes in memory, which writes over its oldest ones. Thread-safe; the
// threads that send letters write to it, when a letter is settled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "model/ids.h"
#include "webhook/options.h"

namespace jindou::webhook {

// How telling of a message ended.
enum class ToldOutcome : std::uint8_t {
  delivered,
  given_up,  // refused too often, or too old
  expired,   // the message was, before it could be told
  nobody,    // msg.offline: everybody was online
};

constexpr std::string_view outcome_name(ToldOutcome outcome) {
  switch (outcome) {
    case ToldOutcome::delivered: return "delivered";
    case ToldOutcome::given_up: return "given_up";
    case ToldOutcome::expired: return "expired";
    case ToldOutcome::nobody: return "nobody";
  }
  return "";
}

struct Told {
  Event event = Event::notify;
  ToldOutcome outcome = ToldOutcome::delivered;
  std::int64_t at_ms = 0;     // since 1970
  std::size_t receivers = 0;  // msg.offline: whom the letter named
};

class ToldRecord {
 public:
  // `bytes` is the memory it takes at most; with less than a note's nothing is remembered.
  // `now_ms` is the time of the wall clock.
  ToldRecord(std::size_t bytes, std::int64_t now_ms);
  ToldRecord(const ToldRecord&) = delete;
  ToldRecord& operator=(const ToldRecord&) = delete;

  bool on() const { return size_ > 0; }
  void note(std::span<const MessageId> messages, const Told& told);
  // Of one message, oldest first. Looks at every note: some milliseconds for the largest record.
  std::vector<Told> find(MessageId message) const;
  // All notes since then, in milliseconds since 1970, are there.
  std::int64_t since_ms() const;

 private:
  struct Note {
    MessageId message;
    std::int64_t at_ms;
    std::uint32_t receivers;
    Event event;
    ToldOutcome outcome;
  };

  const std::size_t size_;  // in notes
  mutable Mutex mutex_;
  std::unique_ptr<Note[]> notes_ JD_GUARDED_BY(mutex_);
  std::size_t place_ JD_GUARDED_BY(mutex_) = 0;  // of the next one
  std::size_t count_ JD_GUARDED_BY(mutex_) = 0;
  std::int64_t since_ms_ JD_GUARDED_BY(mutex_);
};

}  // namespace jindou::webhook
