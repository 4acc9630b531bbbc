// How far each partition's messages have been told, kept durably: after a crash the webhook goes on
// there and tells at most the last second again.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "store/reader.h"
#include "webhook/core_link.h"
#include "webhook/options.h"

namespace jindou::webhook {

// Shared by the streams of msg.notify and msg.offline, each of which may have two (one for agent
// channels): the position of an event is that of its slowest stream. Thread-safe; only the sending
// threads call it.
class CursorKeeper {
 public:
  // Borrows all.
  CursorKeeper(const store::Reader& reader, CoreLink& core, const Clock& clock,
               std::uint16_t partitions);

  // Reads the positions. Partitions without one start at the present, which is made durable before
  // this returns. Blocks; nothing happens when it has succeeded before. Errors: storage,
  // overloaded, unavailable, deadline; to be repeated.
  Result<void> open();

  // A stream of the event comes; returns its number.
  std::size_t add_stream(Event event);
  // Which streams the settings want, by number: those that do not run yet hold their event's
  // position until they do. To be told before any of them starts.
  void set_wanted(const std::vector<bool>& wanted);
  // The stream starts (again) at the position of its event, which is filled in by partition; its
  // progress counts from now on. Precondition: open() has succeeded.
  std::vector<std::uint64_t> activate(std::size_t stream);
  // Its progress counts no more. It holds the position when it is to start again.
  void deactivate(std::size_t stream, bool wanted);
  void advance(std::size_t stream, PartitionId partition, std::uint64_t done_to);

  // Makes progress durable: about once a second, or now when `force`. Does not wait.
  void flush(bool force);
  // Waits until what was flushed is durable, or `time` is over.
  void wait_flushed(std::chrono::milliseconds time);

 private:
  struct Stream {
    Event event{};
    bool wanted = false;
    bool active = false;
    std::vector<std::uint64_t> done_to;  // by partition, while active
  };
  struct Positions {
    std::uint64_t notified_to = 0;
    std::uint64_t offline_to = 0;
    bool operator==(const Positions&) const = default;
  };
  // Touched by threads of the core when a change is durable.
  struct Written {
    std::atomic<bool> in_flight{false};
    std::atomic<bool> failed{false};
  };

  bool any_wanted(Event event) const JD_REQUIRES(mutex_);
  std::uint64_t slowest(Event event, std::size_t partition, std::uint64_t now_at) const
      JD_REQUIRES(mutex_);
  Positions current(std::size_t partition) const JD_REQUIRES(mutex_);

  const store::Reader& reader_;
  CoreLink& core_;
  const Clock& clock_;

  mutable Mutex mutex_;
  bool opened_ JD_GUARDED_BY(mutex_) = false;
  std::vector<Stream> streams_ JD_GUARDED_BY(mutex_);
  std::vector<Positions> positions_ JD_GUARDED_BY(mutex_);  // by partition; never go back
  std::vector<Positions> posted_ JD_GUARDED_BY(mutex_);     // of the last change posted
  std::vector<std::shared_ptr<Written>> written_ JD_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point next_flush_ JD_GUARDED_BY(mutex_){};
};

}  // namespace jindou::webhook
