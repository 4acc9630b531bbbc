#include "base/read_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/owned_descriptor.h"

namespace jindou {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A program that prints settings into a pipe has as long as this for all of them.
constexpr milliseconds kPatience{10'000};

Error failure(const std::string& why) { return {Errc::not_found, why}; }
Error last_failure() { return failure(std::strerror(errno)); }

// Until there is something to read or the writer has gone. False: neither in time.
bool wait_for_input(int descriptor, steady_clock::time_point until) {
  pollfd wanted{descriptor, POLLIN, 0};
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - steady_clock::now());
    const int ready = ::poll(&wanted, 1, static_cast<int>(std::max(milliseconds(0), left).count()));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

Result<std::string> read_all(int descriptor, std::size_t bytes_max, bool is_pipe) {
  const auto until = steady_clock::now() + kPatience;
  std::string text;
  std::array<char, 16'384> piece{};
  // A named pipe without a writer yet looks as if it had ended.
  bool may_begin_late = is_pipe;
  for (;;) {
    const ssize_t got = ::read(descriptor, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    const bool wait = got < 0 ? errno == EAGAIN : got == 0 && may_begin_late;
    if (got < 0 && !wait) return last_failure();
    if (wait) {
      may_begin_late = false;
      if (!wait_for_input(descriptor, until)) return failure("nothing was written to it in time");
      continue;
    }
    if (got == 0) return text;
    may_begin_late = false;
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > bytes_max) return failure(std::strerror(EFBIG));
  }
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t bytes_max, FileKind kind) {
  const OwnedDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) return last_failure();
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return last_failure();
  if (S_ISDIR(status.st_mode)) return failure("it is a directory");
  if (kind == FileKind::regular && !S_ISREG(status.st_mode)) {
    return failure("it is not a regular file");
  }
  return read_all(file.get(), bytes_max, S_ISFIFO(status.st_mode));
}

}  // namespace jindou
