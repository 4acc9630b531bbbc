#include "bench/http_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "bench/response_scan.h"

namespace jindou::bench {

namespace {

constexpr std::chrono::seconds kLimit{10};

bool wait_for(int fd, short events, TimePoint deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                        deadline - std::chrono::steady_clock::now())
                        .count();
  if (left <= 0) return false;
  pollfd wait{fd, events, 0};
  return ::poll(&wait, 1, static_cast<int>(left)) > 0;
}

}  // namespace

Result<std::string> HttpClient::post(std::string_view path, std::string_view json) {
  if (!fd_.valid()) {
    JD_TRY(fd_, connect_within(endpoint_, std::chrono::seconds(5)));
  }
  std::string request =
      "POST " + std::string(path) + " HTTP/1.1\r\nHost: " + endpoint_.text +
      "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(json.size()) +
      "\r\n\r\n";
  request.append(json);
  const TimePoint deadline = std::chrono::steady_clock::now() + kLimit;
  Outbox out;
  Io io = out.send(fd_.get(), request);
  while (io == Io::would_block) {
    if (!wait_for(fd_.get(), POLLOUT, deadline)) return Error(Errc::deadline, "post: send");
    io = out.flush(fd_.get());
  }
  if (io == Io::closed) return Error(Errc::closed, "post " + std::string(path) + ": send failed");
  std::string in;
  while (true) {
    const ScannedResponse response = scan_response(in);
    if (response.state == ScannedResponse::State::broken) {
      return Error(Errc::invalid, std::string("unreadable answer: ") + response.problem);
    }
    if (response.state == ScannedResponse::State::complete) {
      std::string body(response.body);
      if (!response.keep_alive) fd_.reset();
      if (response.status != 200) {
        return Error(Errc::invalid, "POST " + std::string(path) + " answered " +
                                        std::to_string(response.status) + ": " +
                                        body.substr(0, 300));
      }
      return body;
    }
    if (!wait_for(fd_.get(), POLLIN, deadline)) {
      return Error(Errc::deadline, "no answer to POST " + std::string(path));
    }
    char chunk[16 * 1024];
    const ssize_t n = ::recv(fd_.get(), chunk, sizeof chunk, 0);
    if (n > 0) {
      in.append(chunk, static_cast<std::size_t>(n));
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
      fd_.reset();
      return Error(Errc::closed, "connection closed during POST " + std::string(path));
    }
  }
}

}  // namespace jindou::bench
