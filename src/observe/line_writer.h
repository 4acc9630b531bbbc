// Writes lines to a file descriptor on a thread of its own, so that no reader can hold up the
// server.
//
// Standard error of a service is a pipe or a socket, and whoever reads it may hang. Lines wait in a
// queue that is bounded in bytes; what does not fit is dropped and counted, and the next line that
// gets out is preceded by one that says how many were dropped there.
// Thread-safe. Ownership: borrows the descriptor.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "base/mutex.h"

namespace jindou::observe {

// Writes `text` and waits at most `patience` for the reader; true when everything was written. For
// the few words that are worth a wait. Never blocks longer on a pipe or a terminal.
bool write_within(int fd, std::string_view text, std::chrono::milliseconds patience);

class LineWriter {
 public:
  // Makes the line that tells of `lines` dropped ones, with its line feed.
  using Notice = std::function<std::string(std::uint64_t lines)>;

  LineWriter(int fd, std::size_t bytes_max, Notice notice);
  // Gives up what still waits.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  // Queues one line, which ends in a line feed, or drops it and returns false. Never blocks.
  bool write(std::string_view line);

  // Waits until everything queued has been written; false when `patience` was over before. In a
  // child made by fork, which has no such thread, it returns false at once.
  bool drain(std::chrono::milliseconds patience);

  void set_bytes_max(std::size_t bytes_max);
  // Lines dropped since the start, because the queue was full or writing failed.
  std::uint64_t dropped() const;
  std::size_t queued_bytes() const;

 private:
  void start();
  void run();
  bool write_out(const std::string& text, std::size_t& done);
  void drop(std::uint64_t lines) JD_REQUIRES(mutex_);

  const int fd_;
  const Notice notice_;
  const pid_t owner_;
  mutable Mutex mutex_;
  Condition wake_;
  Condition drained_;
  std::size_t bytes_max_ JD_GUARDED_BY(mutex_);
  std::string pending_ JD_GUARDED_BY(mutex_);
  // Dropped lines that notices inside pending_ tell of.
  std::uint64_t pending_told_ JD_GUARDED_BY(mutex_) = 0;
  std::size_t writing_bytes_ JD_GUARDED_BY(mutex_) = 0;  // what the thread is writing
  std::uint64_t missed_ JD_GUARDED_BY(mutex_) = 0;       // dropped and not told of yet
  std::uint64_t dropped_ JD_GUARDED_BY(mutex_) = 0;
  // The last write failed: a notice waits for the next line.
  bool failing_ JD_GUARDED_BY(mutex_) = false;
  bool stopping_ JD_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: uses the members above; none when the system gave no thread
};

}  // namespace jindou::observe
