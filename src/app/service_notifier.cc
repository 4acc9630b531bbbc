#include "app/service_notifier.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

#include "observe/log.h"

namespace jindou::app {
namespace {

// A service manager that does not read holds up a message for so long.
constexpr timeval kPatience{1, 0};
// Longest wait of a watchdog that is believed; it keeps the arithmetic of clocks from overflowing.
constexpr std::int64_t kWatchdogMax = std::int64_t{365} * 24 * 3600 * 1'000'000;

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

// 0 when it is no positive number.
std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::max<std::int64_t>(value, 0)
                                                                  : 0;
}

std::chrono::microseconds watchdog_of_environment() {
  const std::string_view pid = variable("WATCHDOG_PID");
  if (!pid.empty() && number(pid) != ::getpid()) return {};
  return std::chrono::microseconds(std::min(number(variable("WATCHDOG_USEC")), kWatchdogMax));
}

Error failed(std::string_view what) {
  return Error(Errc::unavailable, fmt::format("{}: {}", what, std::strerror(errno)));
}

}  // namespace

ServiceNotifier::ServiceNotifier(std::string socket, std::chrono::microseconds watchdog)
    : socket_(std::move(socket)), watchdog_(watchdog) {}

ServiceNotifier ServiceNotifier::from_environment() {
  std::string socket(variable("NOTIFY_SOCKET"));
  const auto watchdog = socket.empty() ? std::chrono::microseconds{} : watchdog_of_environment();
  return {std::move(socket), watchdog};
}

Result<void> ServiceNotifier::send(std::string_view text) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if ((socket_.front() != '/' && socket_.front() != '@') || socket_.size() < 2 ||
      socket_.size() >= sizeof address.sun_path) {
    return Error(Errc::invalid, "neither a path nor an abstract name of a socket");
  }
  std::copy(socket_.begin(), socket_.end(), address.sun_path);
  // An abstract name begins with a zero and has no end but its length.
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return failed("no socket");
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  Result<void> sent;
  if (::sendto(descriptor, text.data(), text.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), length) < 0) {
    sent = failed("nothing was sent");
  }
  ::close(descriptor);
  return sent;
}

void ServiceNotifier::tell(std::string_view text) const {
  if (socket_.empty()) return;
  if (const auto sent = send(text); !sent) {
    observe::log_warn("app", "the service manager was not told {} (NOTIFY_SOCKET {}): {}",
                      text.substr(0, text.find('\n')), socket_, sent.error().detail());
  }
}

void ServiceNotifier::ready(std::string_view status) const {
  tell(fmt::format("READY=1\nSTATUS={}\n", status));
}

void ServiceNotifier::reloading() const {
  // When it began: notify-reload tells by it which reload a later READY=1 ends.
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t micros = std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
  tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\n", micros));
}

void ServiceNotifier::stopping() const { tell("STOPPING=1\n"); }

void ServiceNotifier::keep_alive() const { tell("WATCHDOG=1\n"); }

}  // namespace jindou::app
