#include "app/private_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/owned_descriptor.h"
#include "observe/log.h"

namespace jindou::app {
namespace {

// 256 bits, as RFC 7518 section 3.2 asks for HS256.
constexpr std::size_t kSecretBytes = 32;
// As hex digits.
constexpr std::size_t kSecretLength = 2 * kSecretBytes;
constexpr mode_t kForOthers = S_IRWXG | S_IRWXO;

std::string last_error() { return std::strerror(errno); }

// The whole key or an empty text; `found` tells whether there is a file at all.
Result<std::string> read_secret(const std::string& path, bool& found) {
  const OwnedDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  found = file.open() || (errno != ENOENT && errno != ENOTDIR);
  if (!found) return std::string();
  const auto fail = [&] { return Error(Errc::storage, path + ": " + last_error()); };
  if (!file.open()) return fail();
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail();
  if ((status.st_mode & kForOthers) != 0) {
    observe::log_warn("app", "{} could be read by other users; its mode is now 600", path);
    if (::fchmod(file.get(), S_IRUSR | S_IWUSR) != 0) return fail();
  }
  std::array<char, kSecretLength + 1> buffer{};
  const ssize_t bytes = ::read(file.get(), buffer.data(), buffer.size());
  if (bytes < 0) return fail();
  if (static_cast<std::size_t>(bytes) != kSecretLength) return std::string();
  return std::string(buffer.data(), kSecretLength);
}

// Under another name first: there is either no key or a whole one.
bool write_secret(const std::string& directory, const std::string& path,
                  const std::string& secret) {
  std::error_code failed;
  if (!std::filesystem::exists(directory, failed) &&
      (!std::filesystem::create_directories(directory, failed) ||
       ::chmod(directory.c_str(), S_IRWXU) != 0)) {
    return false;
  }
  const std::string draft = path + ".new";
  ::unlink(draft.c_str());  // of a start that was interrupted
  const OwnedDescriptor file(
      ::open(draft.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file.open()) return false;
  const bool written =
      ::write(file.get(), secret.data(), secret.size()) == static_cast<ssize_t>(secret.size()) &&
      ::fsync(file.get()) == 0 && ::rename(draft.c_str(), path.c_str()) == 0;
  if (!written) {
    const int why = errno;
    ::unlink(draft.c_str());
    errno = why;
    return false;
  }
  // Losing the name in a power cut costs the logins, nothing else.
  const OwnedDescriptor folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.open()) ::fsync(folder.get());
  return true;
}

std::string secret_path(const std::string& directory) {
  return (std::filesystem::path(directory) / kSecretFileName).lexically_normal().string();
}

// The key goes on to `path`, and away from `earlier` once it is safe there.
std::string moved(const std::string& directory, const std::string& path, const std::string& earlier,
                  std::string secret) {
  if (!write_secret(directory, path, secret)) {
    observe::log_warn("app", "cannot write {} ({}): the key stays in {}", path, last_error(),
                      earlier);
  } else if (::unlink(earlier.c_str()) != 0) {
    observe::log_warn("app", "{} has moved to {}, but cannot be deleted: {}", earlier, path,
                      last_error());
  } else {
    observe::log_info("app", "{} has moved to {}", earlier, path);
  }
  return secret;
}

}  // namespace

Result<std::string> load_or_make_secret(const std::string& directory,
                                        const std::string& earlier_directory, Random& random) {
  const std::string path = secret_path(directory);
  bool found = false;
  JD_TRY(std::string secret, read_secret(path, found));
  if (!secret.empty()) return secret;
  if (found) observe::log_warn("app", "{} is damaged: a new key is made", path);
  const std::string earlier = secret_path(earlier_directory);
  bool found_earlier = false;
  if (!found && earlier != path) {
    JD_TRY(secret, read_secret(earlier, found_earlier));
  }
  if (!secret.empty()) return moved(directory, path, earlier, std::move(secret));
  if (found_earlier) observe::log_warn("app", "{} is damaged: a new key is made", earlier);
  secret = random.hex(kSecretBytes);
  if (!write_secret(directory, path, secret)) {
    observe::log_warn("app", "cannot write {} ({}): logins end when the server stops", path,
                      last_error());
  }
  return secret;
}

void warn_if_open(const std::string& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0 || (status.st_mode & kForOthers) == 0) return;
  observe::log_warn("app", "other users of this machine may look into {} (mode {:o})", directory,
                    status.st_mode & 07777);
}

void warn_if_of_another(const std::string& directory) {
  if (::geteuid() != 0) return;
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(directory, error);
  struct stat status {};
  while (::stat(path.c_str(), &status) != 0) {
    if (path == path.parent_path()) return;
    path = path.parent_path();
  }
  if (status.st_uid == 0) return;
  observe::log_warn("app",
                    "root runs the server, and {} belongs to user {}, whose server cannot open "
                    "what is made now",
                    path.string(), status.st_uid);
}

}  // namespace jindou::app
