// The audit log: who did what to what, one line of JSON for each act of somebody who administers
// the server, and for each one who was refused.
//
// Lines go to a file of their own or among those of the log (log.h). They are queued as those are:
// no reader and no disk holds up the server, and what does not fit is dropped and counted. The last
// ones can be read back from memory. They hold names, ids, addresses and numbers; never payloads,
// tokens or passwords: what callers put in is chosen member by member (api/audit.h). Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"
#include "observe/audit_event.h"
#include "observe/audit_ring.h"
#include "observe/line_rate.h"

namespace jindou::observe {

struct AuditOptions {
  bool on = true;
  std::string file;  // empty: among the lines of the log
  std::size_t queue_bytes = std::size_t{1} << 20;
  // Lines about callers who were refused; 0: any number. Strangers cause these, others are caused
  // by those who may do what they do.
  std::size_t refusals_per_second = 100;
  // What the last lines may take in memory, for recent(); 0: none are kept there.
  std::size_t recent_bytes = std::size_t{1} << 20;
};

class AuditLog {
 public:
  // Until open() nothing is written.
  AuditLog();
  // Waits half a second for what is queued.
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // Opens the file, which is made with mode 0600 when it is missing, and goes on there: the one of
  // before, which may have been renamed, is written to its end and closed. One thread at a time.
  // Errors: storage (names the file and why; all is as before).
  Result<void> open(const AuditOptions& options);
  // Whether `file` could be opened, for `config --validate`; makes nothing. Errors: storage.
  static Result<void> check(const std::string& file);

  bool on() const { return on_.load(std::memory_order_relaxed); }

  // Writes `members` (JSON without braces, beginning with a member, at most some KiB) behind the
  // time and the event, or drops them. Never blocks.
  void write(AuditEvent event, std::string_view members);

  // Of the last lines since the start of the process, also those that found no room on their way to
  // the file. Their `members` begin with the time and the event.
  AuditRing::Page recent(const AuditRing::Query& query) const { return recent_.read(query); }

  // Appends jindou_audit_lines_total and jindou_audit_lines_dropped_total.
  void append_metrics(std::string& out) const;

 private:
  class File;

  std::atomic<bool> on_{false};
  std::atomic<std::size_t> refusals_per_second_{0};
  LineRate refusals_;
  std::array<std::atomic<std::uint64_t>, kAuditEvents> written_{};
  std::atomic<std::uint64_t> dropped_{0};
  AuditRing recent_;
  mutable Mutex mutex_;
  std::shared_ptr<File> file_ JD_GUARDED_BY(mutex_);  // null: to the log
};

}  // namespace jindou::observe
