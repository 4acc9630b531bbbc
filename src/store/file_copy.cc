#include "store/file_copy.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

#include "base/owned_descriptor.h"
#include "store/crc32c.h"

namespace jindou::store {

namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

Error file_error(Errc code, const char* what, const std::string& path, int why) {
  return Error(code, fmt::format("cannot {} {}: {}", what, path, std::strerror(why)));
}

// Less than asked for only at the end of the file.
Result<std::size_t> read_piece(int file, const std::string& path, char* to, std::size_t bytes) {
  std::size_t got = 0;
  while (got < bytes) {
    const ssize_t some = ::read(file, to + got, bytes - got);
    if (some < 0 && errno == EINTR) continue;
    if (some < 0) return file_error(Errc::storage, "read", path, errno);
    if (some == 0) break;
    got += static_cast<std::size_t>(some);
  }
  return got;
}

Result<void> write_piece(int file, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t some = ::write(file, bytes.data(), bytes.size());
    if (some < 0 && errno == EINTR) continue;
    if (some < 0) return file_error(Errc::storage, "write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(some));
  }
  return {};
}

int open_new(const std::string& path) {
  return ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
}

Result<void> sync_file(int file, const std::string& path) {
  if (::fsync(file) != 0) return file_error(Errc::storage, "sync", path, errno);
  return {};
}

struct FileOwner {
  uid_t user = 0;
  gid_t group = 0;
};

// None where files need not be given: whoever makes them owns them, or root owns the directory.
std::optional<FileOwner> owner_to_serve(const std::string& directory) {
  struct stat status {};
  if (::geteuid() != 0 || ::stat(directory.c_str(), &status) != 0 || status.st_uid == 0) {
    return std::nullopt;
  }
  return FileOwner{status.st_uid, status.st_gid};
}

Result<void> give_file(const std::string& path, const FileOwner& owner) {
  if (::lchown(path.c_str(), owner.user, owner.group) == 0) return {};
  return Error(Errc::storage, fmt::format("cannot give {} to the owner of the directory: {}", path,
                                          std::strerror(errno)));
}

Result<void> give_what_is_in(const std::string& directory, const FileOwner& owner) {
  std::error_code error;
  std::filesystem::directory_iterator it(directory, error);
  const std::filesystem::directory_iterator end;
  for (; !error && it != end; it.increment(error)) {
    JD_RETURN_IF_ERROR(give_file(it->path().string(), owner));
  }
  if (error) return Error(Errc::storage, "cannot look into " + directory + ": " + error.message());
  return {};
}

Error given_up() { return Error(Errc::unavailable, "it was given up: the server stops"); }

}  // namespace

Result<std::uint32_t> copy_file_beginning(const std::string& from, const std::string& to,
                                          std::uint64_t bytes, const KeepOn& keep_on) {
  const OwnedDescriptor source(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!source.open()) return file_error(Errc::storage, "open", from, errno);
  const OwnedDescriptor target(open_new(to));
  if (!target.open()) return file_error(Errc::storage, "create", to, errno);
  const auto piece = std::make_unique<char[]>(kPieceBytes);
  std::uint32_t sum = 0;
  for (std::uint64_t done = 0; done < bytes;) {
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, bytes - done));
    JD_TRY(const std::size_t got, read_piece(source.get(), from, piece.get(), wanted));
    if (got < wanted) {
      return Error(Errc::storage,
                   fmt::format("{} has {} bytes instead of {}", from, done + got, bytes));
    }
    JD_RETURN_IF_ERROR(write_piece(target.get(), to, {piece.get(), got}));
    sum = crc32c({piece.get(), got}, sum);
    done += got;
    if (keep_on && !keep_on(got)) return given_up();
  }
  JD_RETURN_IF_ERROR(sync_file(target.get(), to));
  return sum;
}

Result<FileSum> sum_file(const std::string& path, const KeepOn& keep_on) {
  const OwnedDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) {
    return file_error(errno == ENOENT ? Errc::not_found : Errc::storage, "open", path, errno);
  }
  const auto piece = std::make_unique<char[]>(kPieceBytes);
  FileSum sum;
  for (std::size_t got = kPieceBytes; got == kPieceBytes;) {
    JD_TRY(got, read_piece(file.get(), path, piece.get(), kPieceBytes));
    sum.crc32c = crc32c({piece.get(), got}, sum.crc32c);
    sum.bytes += got;
    if (keep_on && !keep_on(got)) return given_up();
  }
  return sum;
}

Result<void> write_new_file(const std::string& path, std::string_view bytes) {
  const OwnedDescriptor file(open_new(path));
  if (!file.open()) return file_error(Errc::storage, "create", path, errno);
  JD_RETURN_IF_ERROR(write_piece(file.get(), path, bytes));
  return sync_file(file.get(), path);
}

Result<void> sync_path(const std::string& path) {
  const OwnedDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) return file_error(Errc::storage, "open", path, errno);
  return sync_file(file.get(), path);
}

Result<void> give_to_owner(const std::string& directory) {
  const auto owner = owner_to_serve(directory);
  if (!owner) return {};
  return give_what_is_in(directory, *owner);
}

Result<void> give_to_owner(const std::string& home, const std::string& directory) {
  const auto owner = owner_to_serve(home);
  if (!owner) return {};
  JD_RETURN_IF_ERROR(give_file(directory, *owner));
  return give_what_is_in(directory, *owner);
}

}  // namespace jindou::store
