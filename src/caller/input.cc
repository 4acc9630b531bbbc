#include "caller/input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace jindou::caller {

namespace {

constexpr std::size_t kPieceBytes = std::size_t{256} << 10;

}  // namespace

Result<Input> Input::open(const std::string& path) {
  if (path == "-") return Input(STDIN_FILENO, "standard input");
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) {
    return Error(Errc::invalid, path + " cannot be read: " + std::strerror(errno));
  }
  Input input(descriptor, path);
  input.owned_ = true;
  struct stat status {};
  if (::fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode)) {
    return Error(Errc::invalid, path + " is a directory");
  }
  return input;
}

Input::Input(int descriptor, std::string name)
    : descriptor_(descriptor), name_(std::move(name)), buffer_(kPieceBytes) {
  struct stat status {};
  const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  waits_ = !regular;
  if (regular) size_ = static_cast<std::uint64_t>(status.st_size);
}

Input::Input(Input&& other) noexcept
    : descriptor_(other.descriptor_),
      owned_(std::exchange(other.owned_, false)),
      waits_(other.waits_),
      name_(std::move(other.name_)),
      size_(other.size_),
      buffer_(std::move(other.buffer_)) {}

Input::~Input() {
  if (owned_) ::close(descriptor_);
}

Result<Input::Read> Input::read(std::string_view& piece) {
  if (waits_) {
    // The descriptor may be shared with other programs, so it is not made to return at once.
    pollfd ready{descriptor_, POLLIN, 0};
    if (::poll(&ready, 1, 0) <= 0) return Read::later;
  }
  const ssize_t got = ::read(descriptor_, buffer_.data(), buffer_.size());
  if (got < 0) {
    if (errno == EINTR || errno == EAGAIN) return Read::later;
    return Error(Errc::storage, name_ + " cannot be read: " + std::strerror(errno));
  }
  if (got == 0) return Read::end;
  piece = {buffer_.data(), static_cast<std::size_t>(got)};
  return Read::piece;
}

void Input::wait() const {
  if (!waits_) return;
  pollfd ready{descriptor_, POLLIN, 0};
  ::poll(&ready, 1, -1);
}

}  // namespace jindou::caller
