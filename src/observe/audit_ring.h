// The last lines of the audit log, in memory, for whoever asks the server instead of reading its
// file.
//
// Bounded in bytes: the oldest lines go. Nothing of it outlives the process. Thread-safe; adding
// takes a lock for the time of a move.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "observe/audit_event.h"

namespace jindou::observe {

class AuditRing {
 public:
  struct Line {
    std::uint64_t number = 0;  // ascending
    AuditEvent event{};
    std::string members;  // JSON without braces
  };
  struct Query {
    std::uint64_t before = 0;         // only lines with smaller numbers; 0: all
    std::optional<AuditEvent> event;  // none: of all
    std::size_t count = 0;
  };
  struct Page {
    std::vector<Line> lines;  // the newest first
    bool more = false;
  };

  // `first` is the number of the first line. Whoever begins with the time in microseconds has no
  // number twice, whatever earlier processes gave out.
  explicit AuditRing(std::uint64_t first) : next_(first) {}
  AuditRing(const AuditRing&) = delete;
  AuditRing& operator=(const AuditRing&) = delete;

  // What the lines may take, with what is around them. 0: none are kept.
  void set_bytes_max(std::size_t bytes_max);
  void add(AuditEvent event, std::string members);
  Page read(const Query& query) const;

 private:
  void drop_oldest() JD_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::deque<Line> lines_ JD_GUARDED_BY(mutex_);  // without gaps in their numbers
  std::size_t bytes_ JD_GUARDED_BY(mutex_) = 0;
  std::size_t bytes_max_ JD_GUARDED_BY(mutex_) = 0;
  std::uint64_t next_ JD_GUARDED_BY(mutex_);  // the number of the next line
};

}  // namespace jindou::observe
