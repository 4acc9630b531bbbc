#include "observe/audit_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>

#include "observe/line_writer.h"
#include "observe/log.h"
#include "observe/metrics.h"

namespace jindou::observe {

namespace {

constexpr std::chrono::milliseconds kAuditPatience{500};
// Beyond it a line is cut to what it is about: the callers bound what they put in.
constexpr std::size_t kMembersBytesMax = std::size_t{8} << 10;

// `members` behind the time that it is now.
std::string stamped(std::string_view members) {
  return fmt::format("\"time\":\"{}\",{}", log_time(), members);
}

std::string audit_line(std::string_view stamped_members) {
  return fmt::format("{{{}}}\n", stamped_members);
}

// No line of this start has the number of one of an earlier start.
std::uint64_t first_number() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

Error file_error(const std::string& file, int number) {
  return Error(Errc::storage,
               fmt::format("audit.file: cannot write to {}: {}", file, std::strerror(number)));
}

// Errors: as AuditLog::open().
Result<int> open_audit_file(const std::string& file) {
  // Without waiting for the reader of a named pipe.
  const int fd =
      ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
  if (fd < 0) return file_error(file, errno);
  return fd;
}

}  // namespace

// An open file and the thread that writes to it.
class AuditLog::File {
 public:
  // Takes the descriptor.
  File(int fd, std::size_t queue_bytes)
      : fd_(fd), writer_(std::in_place, fd, queue_bytes, [](std::uint64_t lines) {
          return audit_line(stamped(fmt::format("\"event\":\"dropped\",\"lines\":{}", lines)));
        }) {}
  ~File() {
    writer_->drain(kAuditPatience);
    writer_.reset();
    ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  LineWriter& writer() { return *writer_; }

 private:
  const int fd_;
  std::optional<LineWriter> writer_;
};

AuditLog::AuditLog() : recent_(first_number()) {}

AuditLog::~AuditLog() = default;

Result<void> AuditLog::open(const AuditOptions& options) {
  std::shared_ptr<File> next;
  if (options.on && !options.file.empty()) {
    JD_TRY(const int fd, open_audit_file(options.file));
    next = std::make_shared<File>(fd, options.queue_bytes);
  }
  on_.store(options.on);
  refusals_per_second_.store(options.refusals_per_second);
  recent_.set_bytes_max(options.recent_bytes);
  std::shared_ptr<File> before;
  {
    const MutexLock lock(mutex_);
    before = std::exchange(file_, std::move(next));
    if (before) dropped_.fetch_add(before->writer().dropped());
  }
  if (!before) return {};
  // Whoever writes a line just now holds it for as long as that takes.
  while (before.use_count() > 1) std::this_thread::yield();
  const std::uint64_t counted = before->writer().dropped();
  before->writer().drain(kAuditPatience);
  dropped_.fetch_add(before->writer().dropped() - counted);
  return {};
}

Result<void> AuditLog::check(const std::string& file) {
  if (file.empty()) return {};
  struct stat found {};
  if (::stat(file.c_str(), &found) == 0) {
    if (S_ISDIR(found.st_mode)) return file_error(file, EISDIR);
    return ::access(file.c_str(), W_OK) == 0 ? Result<void>() : file_error(file, errno);
  }
  if (errno != ENOENT) return file_error(file, errno);
  const std::filesystem::path parent = std::filesystem::path(file).parent_path();
  const std::string directory = parent.empty() ? "." : parent.string();
  if (::access(directory.c_str(), W_OK | X_OK) != 0) return file_error(file, errno);
  return {};
}

void AuditLog::write(AuditEvent event, std::string_view members) {
  if (!on()) return;
  const bool refused = event == AuditEvent::login_failed || event == AuditEvent::unauthorized ||
                       event == AuditEvent::denied;
  if (refused && !refusals_.take(std::chrono::steady_clock::now(), refusals_per_second_.load())) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  std::string text = fmt::format("\"event\":\"{}\"", audit_event_name(event));
  // What was left out in the second before is told with the next line.
  if (const std::uint64_t left_out = refused ? refusals_.take_left_out() : 0; left_out > 0) {
    fmt::format_to(std::back_inserter(text), ",\"left_out\":{}", left_out);
  }
  if (members.size() > kMembersBytesMax) {
    fmt::format_to(std::back_inserter(text), ",\"cut\":{}", members.size());
  } else if (!members.empty()) {
    text += ',';
    text += members;
  }
  std::shared_ptr<File> file;
  {
    const MutexLock lock(mutex_);
    file = file_;
  }
  const std::string line = stamped(text);
  // First: whoever has seen it in the file finds it there, too.
  recent_.add(event, line);
  const bool taken = file ? file->writer().write(audit_line(line)) : log_record("audit", text);
  if (taken) {
    written_.at(static_cast<std::size_t>(event)).fetch_add(1, std::memory_order_relaxed);
  } else if (!file) {
    // Those of a file are counted by its writer.
    dropped_.fetch_add(1, std::memory_order_relaxed);
  }
}

void AuditLog::append_metrics(std::string& out) const {
  out +=
      "# HELP jindou_audit_lines_total Lines of the audit log, by event.\n"
      "# TYPE jindou_audit_lines_total counter\n";
  for (std::size_t i = 0; i < kAuditEvents; ++i) {
    fmt::format_to(std::back_inserter(out), "jindou_audit_lines_total{{event=\"{}\"}} {}\n",
                   kAuditEventNames.at(i), written_.at(i).load());
  }
  std::uint64_t dropped = 0;
  {
    const MutexLock lock(mutex_);
    dropped = dropped_.load() + (file_ ? file_->writer().dropped() : 0);
  }
  append_sample(out, "jindou_audit_lines_dropped_total", "counter",
                "Lines of the audit log dropped because there was no room for them, writing them "
                "failed, or too many callers were refused.",
                static_cast<double>(dropped));
}

}  // namespace jindou::observe
