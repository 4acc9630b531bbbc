// Which messages the sessions of one shard were handed lately, and which receipts have come: what
// GET /message/trace tells (docs/decisions/0040-pushes-that-are-remembered.md).
//
// A ring of notes of 24 bytes in memory. A note writes over the oldest one and costs nothing else,
// so what is remembered has a beginning, and that is told. Memory is taken as it is first used.
//
// Lives on its shard; not thread-safe.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/device.h"
#include "model/ids.h"
#include "presence/push_report.h"

namespace jindou::gateway {

struct SessionIdHash {
  // Ids count up, and shards take them in turn: spread them.
  std::size_t operator()(SessionId id) const noexcept {
    return static_cast<std::size_t>(raw(id) * 0x9e3779b97f4a7c15ULL);
  }
};

class PushRecord {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // Whose a session was that has ended.
  struct Ended {
    std::string uid;
    std::string device_id;
    DeviceFlag device_flag = DeviceFlag::app;
  };

  // `bytes` is what all of it takes at most; a fifth of that is for sessions that have ended. With
  // less than a few hundred it remembers nothing. Borrows the clock.
  PushRecord(std::size_t bytes, const Clock& clock);
  PushRecord(const PushRecord&) = delete;
  PushRecord& operator=(const PushRecord&) = delete;

  // False: nothing is noted, and there is nothing to be told.
  bool on() const { return size_ > 0; }

  // `now` is what the clock says.
  void note_push(MessageId message, SessionId session, TimePoint now) {
    note(message, session, now, Kind::push);
  }
  void note_repeat(MessageId message, SessionId session, TimePoint now) {
    note(message, session, now, Kind::repeat);
  }
  void note_receipt(MessageId message, SessionId session, TimePoint now) {
    note(message, session, now, Kind::receipt);
  }
  // A session that notes are of has ended. O(1) amortised.
  void note_end(SessionId session, Ended ended);

  // Null: it has not ended, or there was no room to remember it.
  const Ended* find_ended(SessionId session) const;
  // All notes since then, in milliseconds since 1970, are there.
  std::int64_t since_ms() const { return since_ms_; }

 private:
  friend class PushSearch;

  enum class Kind : std::uint8_t { push, repeat, receipt };
  struct Note {
    MessageId message;
    SessionId session;
    std::uint64_t time_and_kind;  // milliseconds since 1970 << kKindBits | Kind

    std::int64_t at_ms() const { return static_cast<std::int64_t>(time_and_kind >> kKindBits); }
    Kind kind() const { return static_cast<Kind>(time_and_kind & ((1U << kKindBits) - 1)); }
  };
  static constexpr unsigned kKindBits = 2;
  struct Departure {
    SessionId session{};
    std::uint64_t notes = 0;  // its notes are before this one
  };

  void note(MessageId message, SessionId session, TimePoint now, Kind kind);
  // The wall clock is read once a second: it is what a note would cost most.
  std::int64_t wall_ms(TimePoint now);
  // The oldest note that is there.
  std::uint64_t oldest() const { return written_ > size_ ? written_ - size_ : 0; }
  void forget_oldest_ended();

  const Clock& clock_;
  std::size_t size_;  // in notes
  std::unique_ptr<Note[]> notes_;
  std::uint64_t written_ = 0;  // notes so far; the next one is written at this modulo size_
  std::size_t place_ = 0;      // that modulo
  std::int64_t since_ms_;
  std::chrono::nanoseconds wall_ahead_{};
  TimePoint wall_read_at_{};
  TimePoint wall_valid_to_{};

  std::size_t ended_bytes_max_;
  std::size_t ended_bytes_ = 0;
  boost::unordered_flat_map<SessionId, Ended, SessionIdHash> ended_;
  std::deque<Departure> departures_;  // oldest first
};

// Looks for the notes of one message, the newest first, a part at a time. Borrows the record, which
// may be written to in between: what comes while it is under way is not found, and what was written
// over is not either.
class PushSearch {
 public:
  // Notes from before the message was committed (seconds since 1970) are not looked at.
  PushSearch(const PushRecord& record, MessageId message, std::int64_t committed_at);

  // Looks at `notes` more, at most. False when there are no more to look at.
  bool advance(std::size_t notes);
  // What was found, without names; ascending by time and session.
  std::vector<presence::PushedDevice> take();

 private:
  const PushRecord& record_;
  MessageId message_;
  std::int64_t oldest_ms_;
  std::uint64_t next_;  // the notes before this one are to be looked at
  boost::unordered_flat_map<SessionId, presence::PushedDevice, SessionIdHash> found_;
};

}  // namespace jindou::gateway
