// Sockets of the load generator: plain non-blocking system calls and one epoll instance, because
// the generator shares the machine with the server and every cycle it saves is measured elsewhere.
// One thread; nothing here is thread-safe.
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace jindou::bench {

using TimePoint = std::chrono::steady_clock::time_point;

// Owns one file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

// A resolved address.
struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
  std::string text;  // host:port, as given without a scheme; the Host header

  bool is_loopback() const;
};

// Reads "host:port", with or without "http://" or "ws://" in front and "/" behind. Names other than
// "localhost" are looked up only with `allow_names`. Errors: invalid.
Result<Endpoint> parse_endpoint(std::string_view text, bool allow_names);

// Starts a non-blocking connection with TCP_NODELAY. For loopback IPv4 targets `source` picks the
// local address 127.0.0.(1 + source), so that more connections fit than one address has ports.
// Errors: closed. The result may still be connecting: wait for writability, then call connected().
Result<Fd> start_connect(const Endpoint& endpoint, unsigned source = 0);
// The outcome of a connection that became writable. Errors: closed.
Result<void> connected(const Fd& fd);
// Both of the above with a bounded wait.
Result<Fd> connect_within(const Endpoint& endpoint, std::chrono::milliseconds limit);

// Lifts the limit of open files, for this process and those it starts, as far as the system lets us
// (the hard limit, for root the kernel's, but no more than 262,144); returns the limit now in
// force.
std::uint64_t raise_open_files();

// HTTP connections that the server of a benchmark lets in: enough for each row.
inline constexpr std::size_t kServerHttpConnections = 512;

// How many sessions at a time such a server takes that may have so many files open, and this
// process beside it: what the server keeps for its store and for HTTP (docs/operations.md) is
// taken off, and some air. At least 1.
std::size_t sessions_within(std::uint64_t files);

// Outcome of one read or write on a non-blocking socket.
enum class Io : std::uint8_t { progress, would_block, closed };

// Bytes waiting to be sent on one socket.
class Outbox {
 public:
  // Sends what the kernel takes at once and keeps the rest. `bytes` need not outlive the call.
  Io send(int fd, std::string_view bytes);
  // Continues after the socket became writable.
  Io flush(int fd);
  bool empty() const { return sent_ == pending_.size(); }
  std::size_t size() const { return pending_.size() - sent_; }

 private:
  std::string pending_;
  std::size_t sent_ = 0;
};

// Asks the kernel to note when what the socket receives arrives. False: it does not.
bool note_arrivals(int fd);
// As recv(); `arrived` becomes when the last of the bytes reached this machine's socket, which does
// not depend on when this process gets to read them; the time of reading when the kernel did not
// note it.
ssize_t receive(int fd, char* into, std::size_t size,
                std::chrono::system_clock::time_point& arrived);

// Level-triggered epoll. The 32-bit key given to add() comes back with each event.
class Poller {
 public:
  Poller();
  bool valid() const { return fd_.valid(); }
  Result<void> add(int fd, std::uint32_t key, bool writable = false);
  // Whether writability is watched besides readability.
  void watch_writable(int fd, std::uint32_t key, bool on);
  void remove(int fd);

  struct Event {
    std::uint32_t key = 0;
    bool readable = false;
    bool writable = false;
  };
  // Waits until `deadline` at the latest. The result is valid until the next call.
  const std::vector<Event>& wait(TimePoint deadline);

 private:
  Fd fd_;
  std::vector<epoll_event> raw_;
  std::vector<Event> events_;
};

}  // namespace jindou::bench
