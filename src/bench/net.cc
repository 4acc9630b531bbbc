#include "bench/net.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace jindou::bench {

namespace {

Error closed_error(const char* what) {
  return Error(Errc::closed, std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

void Fd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

bool Endpoint::is_loopback() const {
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
  }
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) != 0;
  }
  return false;
}

Result<Endpoint> parse_endpoint(std::string_view text, bool allow_names) {
  std::string_view rest = text;
  for (const std::string_view scheme : {"http://", "ws://", "tcp://"}) {
    if (rest.starts_with(scheme)) {
      rest.remove_prefix(scheme.size());
      break;
    }
  }
  if (rest.find("://") != std::string_view::npos) {
    return Error(Errc::invalid,
                 "only http://, ws:// and host:port are understood: " + std::string(text));
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == rest.size() ||
      rest.find('/') != std::string_view::npos) {
    return Error(Errc::invalid, "expected host:port, got '" + std::string(text) + "'");
  }
  std::string host(rest.substr(0, colon));
  const std::string port(rest.substr(colon + 1));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  const std::string lookup = host == "localhost" ? "127.0.0.1" : host;
  if (!allow_names) hints.ai_flags |= AI_NUMERICHOST;
  addrinfo* found = nullptr;
  const int status = ::getaddrinfo(lookup.c_str(), port.c_str(), &hints, &found);
  if (status != 0 || found == nullptr) {
    return Error(Errc::invalid,
                 "cannot resolve '" + std::string(text) + "': " + ::gai_strerror(status));
  }
  Endpoint endpoint;
  endpoint.size = static_cast<socklen_t>(found->ai_addrlen);
  std::memcpy(&endpoint.address, found->ai_addr, found->ai_addrlen);
  endpoint.text = std::string(rest);
  ::freeaddrinfo(found);
  return endpoint;
}

Result<Fd> start_connect(const Endpoint& endpoint, unsigned source) {
  Fd fd(::socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return closed_error("socket");
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (source != 0 && endpoint.address.ss_family == AF_INET && endpoint.is_loopback()) {
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
    // Picks the port at connect(), when the whole tuple is known, instead of reserving it here.
    ::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0) {
      return closed_error("bind");
    }
  }
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&endpoint.address), endpoint.size) !=
          0 &&
      errno != EINPROGRESS) {
    return closed_error("connect");
  }
  return fd;
}

Result<void> connected(const Fd& fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
    return closed_error("getsockopt");
  }
  if (error != 0) {
    errno = error;
    return closed_error("connect");
  }
  return {};
}

Result<Fd> connect_within(const Endpoint& endpoint, std::chrono::milliseconds limit) {
  JD_TRY(Fd fd, start_connect(endpoint));
  pollfd wait{fd.get(), POLLOUT, 0};
  const int ready = ::poll(&wait, 1, static_cast<int>(limit.count()));
  if (ready <= 0) return Error(Errc::deadline, "connect to " + endpoint.text + " took too long");
  JD_RETURN_IF_ERROR(connected(fd));
  return fd;
}

std::uint64_t raise_open_files() {
  constexpr rlim_t kWanted = 262'144;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur >= kWanted) return limit.rlim_cur;
  rlimit raised = limit;
  raised.rlim_cur = kWanted;
  raised.rlim_max = std::max(limit.rlim_max, kWanted);
  // Lifting the hard limit takes a privilege; the soft one may always be lifted to it.
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return raised.rlim_cur;
  raised.rlim_cur = raised.rlim_max = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

std::size_t sessions_within(std::uint64_t files) {
  constexpr std::uint64_t kAir = 250;
  const std::uint64_t for_store = std::clamp<std::uint64_t>(files / 4, 64, 2048);
  const std::uint64_t for_refusals = std::clamp<std::uint64_t>(files / 64, 1, 256);
  const std::uint64_t room = files - std::min(files, for_store);
  // API, manager and chat page have limits of their own, and each tells those it refuses.
  const std::uint64_t for_http =
      std::min(kServerHttpConnections + kServerHttpConnections / 4 + 3 * for_refusals, room / 4);
  const std::uint64_t taken = for_http + for_refusals + kAir;
  return room > taken ? static_cast<std::size_t>(room - taken) : 1;
}

Io Outbox::send(int fd, std::string_view bytes) {
  if (!empty()) {
    pending_.append(bytes);
    return Io::would_block;
  }
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      pending_.assign(bytes);
      sent_ = 0;
      return Io::would_block;
    }
    return Io::closed;
  }
  return Io::progress;
}

Io Outbox::flush(int fd) {
  while (!empty()) {
    const ssize_t n = ::send(fd, pending_.data() + sent_, pending_.size() - sent_, MSG_NOSIGNAL);
    if (n > 0) {
      sent_ += static_cast<std::size_t>(n);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Io::would_block;
    return Io::closed;
  }
  pending_.clear();
  sent_ = 0;
  return Io::progress;
}

bool note_arrivals(int fd) {
  const int on = 1;
  return ::setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) == 0;
}

ssize_t receive(int fd, char* into, std::size_t size,
                std::chrono::system_clock::time_point& arrived) {
  iovec piece{into, size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(timespec))];
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t n = ::recvmsg(fd, &message, 0);
  if (n <= 0) return n;
  // The kernel begins to take notes a moment after the first socket has asked for them.
  arrived = std::chrono::system_clock::now();
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec at{};
    std::memcpy(&at, CMSG_DATA(part), sizeof at);
    arrived = std::chrono::system_clock::time_point(std::chrono::seconds(at.tv_sec) +
                                                    std::chrono::nanoseconds(at.tv_nsec));
  }
  return n;
}

Poller::Poller() : fd_(::epoll_create1(EPOLL_CLOEXEC)), raw_(256) {}

Result<void> Poller::add(int fd, std::uint32_t key, bool writable) {
  epoll_event event{};
  event.events = writable ? (EPOLLIN | EPOLLOUT) : EPOLLIN;
  event.data.u32 = key;
  if (::epoll_ctl(fd_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return closed_error("epoll_ctl");
  return {};
}

void Poller::watch_writable(int fd, std::uint32_t key, bool on) {
  epoll_event event{};
  event.events = on ? (EPOLLIN | EPOLLOUT) : EPOLLIN;
  event.data.u32 = key;
  ::epoll_ctl(fd_.get(), EPOLL_CTL_MOD, fd, &event);
}

void Poller::remove(int fd) { ::epoll_ctl(fd_.get(), EPOLL_CTL_DEL, fd, nullptr); }

const std::vector<Poller::Event>& Poller::wait(TimePoint deadline) {
  events_.clear();
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t left = std::chrono::duration_cast<std::chrono::nanoseconds>(
                                deadline - std::chrono::steady_clock::now())
                                .count();
  // Not milliseconds: what is sent at a rate has to be sent in time.
  timespec limit{};
  limit.tv_nsec = std::clamp<std::int64_t>(left, 0, kSecond - 1);
  const int count =
      ::epoll_pwait2(fd_.get(), raw_.data(), static_cast<int>(raw_.size()), &limit, nullptr);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = raw_[static_cast<std::size_t>(i)];
    Event out;
    out.key = event.data.u32;
    out.readable = (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0;
    out.writable = (event.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
    events_.push_back(out);
  }
  return events_;
}

}  // namespace jindou::bench
