#include "observe/line_writer.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

namespace jindou::observe {
namespace {

using Clock = std::chrono::steady_clock;

// A pipe that poll() calls writable takes this much at once without blocking (PIPE_BUF).
constexpr std::size_t kPieceBytes = 4096;
// How often a thread whose reader hangs looks whether it is to stop.
constexpr std::chrono::milliseconds kStopCheck{200};
// More than a notice needs.
constexpr std::size_t kNoticeBytes = 512;
// Memory kept for the next lines after a burst.
constexpr std::size_t kKeptBytes = std::size_t{64} << 10;

bool wait_writable(int fd, std::chrono::milliseconds patience) {
  pollfd poll_fd{fd, POLLOUT, 0};
  // A hang-up or an error counts too: write() then says which.
  return ::poll(&poll_fd, 1, static_cast<int>(std::max<long long>(patience.count(), 0))) > 0;
}

enum class Wrote : std::uint8_t { some, nothing, failed };

// After wait_writable().
Wrote write_piece(int fd, std::string_view text, std::size_t& done) {
  const std::string_view piece = text.substr(done, kPieceBytes);
  const ssize_t written = ::write(fd, piece.data(), piece.size());
  if (written < 0) return errno == EINTR || errno == EAGAIN ? Wrote::nothing : Wrote::failed;
  done += static_cast<std::size_t>(written);
  return Wrote::some;
}

}  // namespace

bool write_within(int fd, std::string_view text, std::chrono::milliseconds patience) {
  const auto end = Clock::now() + patience;
  std::size_t done = 0;
  while (done < text.size()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    if (!wait_writable(fd, left)) {
      if (left.count() <= 0) return false;
      continue;
    }
    const Wrote wrote = write_piece(fd, text, done);
    if (wrote == Wrote::failed) return false;
    if (wrote == Wrote::nothing && left.count() <= 0) return false;
  }
  return true;
}

LineWriter::LineWriter(int fd, std::size_t bytes_max, Notice notice)
    : fd_(fd), notice_(std::move(notice)), owner_(::getpid()), bytes_max_(bytes_max) {
  start();
}

LineWriter::~LineWriter() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void LineWriter::start() {
  // Signals are for the other threads; and a reader that went away must be an error, not an end.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { run(); });
    ::pthread_setname_np(thread_.native_handle(), "log");
  } catch (const std::system_error&) {
    // Without a thread lines are written where they arise, if the reader is ready: see write().
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void LineWriter::drop(std::uint64_t lines) {
  missed_ += lines;
  dropped_ += lines;
}

bool LineWriter::write(std::string_view line) {
  const MutexLock lock(mutex_);
  if (!thread_.joinable()) {
    const bool written = write_within(fd_, line, std::chrono::milliseconds(0));
    if (!written) drop(1);
    return written;
  }
  const std::size_t notice = missed_ > 0 ? kNoticeBytes : 0;
  if (pending_.size() + writing_bytes_ + notice + line.size() > bytes_max_) {
    drop(1);
    return false;
  }
  if (missed_ > 0) {
    pending_ += notice_(missed_);
    pending_told_ += std::exchange(missed_, 0);
  }
  pending_ += line;
  wake_.notify_one();
  return true;
}

void LineWriter::run() {
  std::string writing;
  MutexLock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&]() JD_REQUIRES(mutex_) {
      return stopping_ || !pending_.empty() || (missed_ > 0 && !failing_);
    });
    if (stopping_) return;
    if (pending_.empty()) {
      pending_ = notice_(missed_);
      pending_told_ = std::exchange(missed_, 0);
    }
    std::swap(writing, pending_);
    const std::uint64_t told = std::exchange(pending_told_, 0);
    writing_bytes_ = writing.size();
    lock.unlock();
    std::size_t done = 0;
    const bool written = write_out(writing, done);
    lock.lock();
    failing_ = !written;
    if (!written) {
      drop(static_cast<std::uint64_t>(
          std::count(writing.begin() + static_cast<std::ptrdiff_t>(done), writing.end(), '\n')));
      missed_ += told;  // rather told of twice than never
    }
    writing.clear();
    if (writing.capacity() > kKeptBytes) writing.shrink_to_fit();
    writing_bytes_ = 0;
    drained_.notify_all();
  }
}

// False when writing failed, or when the writer is to stop.
bool LineWriter::write_out(const std::string& text, std::size_t& done) {
  while (done < text.size()) {
    if (!wait_writable(fd_, kStopCheck)) {
      const MutexLock lock(mutex_);
      if (stopping_) return false;
      continue;
    }
    if (write_piece(fd_, text, done) == Wrote::failed) return false;
  }
  return true;
}

bool LineWriter::drain(std::chrono::milliseconds patience) {
  if (::getpid() != owner_) return false;
  MutexLock lock(mutex_);
  return drained_.wait_for(lock, patience, [&]() JD_REQUIRES(mutex_) {
    return pending_.empty() && writing_bytes_ == 0 && (missed_ == 0 || failing_);
  });
}

void LineWriter::set_bytes_max(std::size_t bytes_max) {
  const MutexLock lock(mutex_);
  bytes_max_ = bytes_max;
}

std::uint64_t LineWriter::dropped() const {
  const MutexLock lock(mutex_);
  return dropped_;
}

std::size_t LineWriter::queued_bytes() const {
  const MutexLock lock(mutex_);
  return pending_.size() + writing_bytes_;
}

}  // namespace jindou::observe
