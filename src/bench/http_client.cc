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

Result<void> HttpClient::open() {
  if (fd_.valid()) return {};
  JD_TRY(fd_, connect_within(endpoint_, std::chrono::seconds(5)));
  return {};
}

Result<void> HttpClient::send(const std::string& what, std::string_view bytes) {
  const TimePoint deadline = std::chrono::steady_clock::now() + kLimit;
  Outbox out;
  Io io = out.send(fd_.get(), bytes);
  while (io == Io::would_block) {
    if (!wait_for(fd_.get(), POLLOUT, deadline)) return Error(Errc::deadline, what + ": send");
    io = out.flush(fd_.get());
  }
  if (io == Io::closed) return Error(Errc::closed, what + ": send failed");
  return {};
}

Result<std::string> HttpClient::read_answer(const std::string& what, int status) {
  const TimePoint deadline = std::chrono::steady_clock::now() + kLimit;
  std::string in;
  while (true) {
    const ScannedResponse response = scan_response(in);
    if (response.state == ScannedResponse::State::broken) {
      return Error(Errc::invalid, std::string("unreadable answer: ") + response.problem);
    }
    if (response.state == ScannedResponse::State::complete) {
      std::string body(response.body);
      if (!response.keep_alive) fd_.reset();
      if (response.status != status) {
        return Error(Errc::invalid, what + " answered " + std::to_string(response.status) + ": " +
                                        body.substr(0, 300));
      }
      return body;
    }
    if (!wait_for(fd_.get(), POLLIN, deadline)) {
      return Error(Errc::deadline, "no answer to " + what);
    }
    char chunk[16 * 1024];
    const ssize_t n = ::recv(fd_.get(), chunk, sizeof chunk, 0);
    if (n > 0) {
      in.append(chunk, static_cast<std::size_t>(n));
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
      fd_.reset();
      return Error(Errc::closed, "connection closed during " + what);
    }
  }
}

Result<std::string> HttpClient::post(std::string_view path, std::string_view json) {
  JD_RETURN_IF_ERROR(open());
  const std::string what = "POST " + std::string(path);
  std::string request =
      what + " HTTP/1.1\r\nHost: " + endpoint_.text +
      "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(json.size()) +
      "\r\n\r\n";
  request.append(json);
  JD_RETURN_IF_ERROR(send(what, request));
  return read_answer(what, 200);
}

Result<std::string> HttpClient::get(std::string_view path) {
  JD_RETURN_IF_ERROR(open());
  const std::string what = "GET " + std::string(path);
  JD_RETURN_IF_ERROR(send(what, what + " HTTP/1.1\r\nHost: " + endpoint_.text + "\r\n\r\n"));
  return read_answer(what, 200);
}

Result<std::string> HttpClient::post_lines(std::string_view path,
                                           const std::function<std::string_view()>& next) {
  JD_RETURN_IF_ERROR(open());
  const std::string what = "POST " + std::string(path);
  JD_RETURN_IF_ERROR(send(what, what + " HTTP/1.1\r\nHost: " + endpoint_.text +
                                    "\r\nContent-Type: application/x-ndjson\r\n"
                                    "Transfer-Encoding: chunked\r\n\r\n"));
  for (std::string_view chunk = next(); !chunk.empty(); chunk = next()) {
    JD_RETURN_IF_ERROR(send(what, chunk));
  }
  JD_RETURN_IF_ERROR(send(what, "0\r\n\r\n"));
  return read_answer(what, 202);
}

}  // namespace jindou::bench
