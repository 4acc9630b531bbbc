#include "bench/line_load.h"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "bench/interrupt.h"
#include "bench/stats.h"

namespace jindou::bench {

namespace {

constexpr std::chrono::seconds kLineAnswerLimit{30};
constexpr int kLineBufferBytes = 256 * 1024;
// Lines of one stream that are sent and not answered; more would only make its end longer.
constexpr std::uint64_t kAheadMax = 20'000;
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kLastChunk = "0\r\n\r\n";

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

Error wrong(std::string_view what, std::string_view text) {
  return Error(Errc::invalid, std::string(what) + ": " + std::string(text.substr(0, 300)));
}

}  // namespace

LineLoad::LineLoad(Endpoint endpoint, std::size_t connections, const RequestTemplate::Shape& shape,
                   const std::vector<std::string>& payloads)
    : endpoint_(std::move(endpoint)),
      connections_(connections),
      items_(shape.items),
      group_count_(shape.groups.count) {
  for (Connection& connection : connections_) {
    connection.lines = std::make_unique<RequestTemplate>(shape, payloads);
  }
}

Result<void> LineLoad::connect() {
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    Connection& connection = connections_[i];
    JD_TRY(connection.fd, connect_within(endpoint_, std::chrono::seconds(5)));
    ::setsockopt(connection.fd.get(), SOL_SOCKET, SO_SNDBUF, &kLineBufferBytes,
                 sizeof kLineBufferBytes);
    JD_RETURN_IF_ERROR(poller_.add(connection.fd.get(), static_cast<std::uint32_t>(i)));
  }
  return {};
}

Result<void> LineLoad::begin(std::size_t index) {
  Connection& connection = connections_[index];
  connection.in_body = connection.end_sent = connection.ended = false;
  connection.sent = connection.answered = 0;
  connection.chunk_left = 0;
  const std::string head = "POST /message/sendbatch HTTP/1.1\r\nHost: " + endpoint_.text +
                           "\r\nContent-Type: application/x-ndjson\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n";
  if (connection.out.send(connection.fd.get(), head) == Io::closed) {
    return Error(Errc::closed, "the server closed a connection");
  }
  return feed(index, true);
}

Result<void> LineLoad::feed(std::size_t index, bool running) {
  Connection& connection = connections_[index];
  Io io = connection.out.empty() ? Io::progress : connection.out.flush(connection.fd.get());
  while (io == Io::progress && connection.out.empty() && !connection.end_sent) {
    if (!running) {
      connection.end_sent = true;
      io = connection.out.send(connection.fd.get(), kLastChunk);
    } else if (connection.sent - connection.answered < kAheadMax) {
      io = connection.out.send(connection.fd.get(),
                               connection.lines->fill(next_number_++, next_group_));
      next_group_ = static_cast<unsigned>((next_group_ + items_) % group_count_);
      connection.sent += items_;
    } else {
      break;
    }
  }
  if (io == Io::closed) return Error(Errc::closed, "the server closed a connection");
  const bool waits = !connection.out.empty();
  if (waits != connection.watching_writable) {
    poller_.watch_writable(connection.fd.get(), static_cast<std::uint32_t>(index), waits);
    connection.watching_writable = waits;
  }
  return {};
}

Result<void> LineLoad::check_line(Connection& connection, std::string_view line) {
  if (has(line, "\"index\":")) {
    if (has(line, "\"message_id\":0,")) return wrong("an item was refused", line);
    ++connection.answered;
    return {};
  }
  if (!has(line, "\"done\":true")) return wrong("a stream ended early", line);
  if (connection.answered != connection.sent) return wrong("results are missing", line);
  return {};
}

Result<void> LineLoad::read_text(Connection& connection, std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) {
      connection.line.append(text);
      break;
    }
    if (connection.line.empty()) {
      JD_RETURN_IF_ERROR(check_line(connection, text.substr(0, end)));
    } else {
      connection.line.append(text.substr(0, end));
      JD_RETURN_IF_ERROR(check_line(connection, connection.line));
      connection.line.clear();
    }
    text.remove_prefix(end + 1);
  }
  return {};
}

Result<void> LineLoad::read_answer(Connection& connection) {
  std::string_view rest = connection.in;
  if (!connection.in_body) {
    const auto end = rest.find(kHeadEnd);
    if (end == std::string_view::npos) return {};
    if (!rest.starts_with("HTTP/1.1 200 ")) return wrong("a stream was refused", rest);
    rest.remove_prefix(end + kHeadEnd.size());
    connection.in_body = true;
  }
  while (!rest.empty()) {
    // Behind each chunk there is the end of a line.
    if (connection.chunk_left <= 2) {
      const std::size_t skipped = std::min(connection.chunk_left, rest.size());
      rest.remove_prefix(skipped);
      connection.chunk_left -= skipped;
      const auto end = rest.find("\r\n");
      if (connection.chunk_left > 0 || end == std::string_view::npos) break;
      std::size_t size = 0;
      std::from_chars(rest.data(), rest.data() + end, size, 16);
      if (size == 0) {
        if (rest.size() < end + 4) break;
        rest.remove_prefix(end + 4);
        connection.ended = true;
        break;
      }
      rest.remove_prefix(end + 2);
      connection.chunk_left = size + 2;
      continue;
    }
    const std::string_view text = rest.substr(0, connection.chunk_left - 2);
    JD_RETURN_IF_ERROR(read_text(connection, text));
    rest.remove_prefix(text.size());
    connection.chunk_left -= text.size();
  }
  connection.in.erase(0, connection.in.size() - rest.size());
  return {};
}

Result<void> LineLoad::receive(std::size_t index) {
  Connection& connection = connections_[index];
  char bytes[64 * 1024];
  const ssize_t n = ::recv(connection.fd.get(), bytes, sizeof bytes, 0);
  if (n == 0) return Error(Errc::closed, "the server closed a connection");
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR) return {};
    return Error(Errc::closed, "reading an answer failed");
  }
  connection.in.append(bytes, static_cast<std::size_t>(n));
  return read_answer(connection);
}

Result<LineLoad::Round> LineLoad::run(double seconds, std::uint64_t messages_max) {
  Round round;
  const TimePoint start = std::chrono::steady_clock::now();
  const TimePoint end = start + std::chrono::duration_cast<TimePoint::duration>(
                                    std::chrono::duration<double>(seconds));
  for (std::size_t i = 0; i < connections_.size(); ++i) JD_RETURN_IF_ERROR(begin(i));
  const auto answered = [this] {
    std::uint64_t sum = 0;
    for (const Connection& connection : connections_) sum += connection.answered;
    return sum;
  };
  const auto all_ended = [this] {
    return std::ranges::all_of(connections_, [](const Connection& c) { return c.ended; });
  };
  const auto sent = [this] {
    std::uint64_t sum = 0;
    for (const Connection& connection : connections_) sum += connection.sent;
    return sum;
  };
  bool running = true;
  TimePoint last_progress = start;
  while (!all_ended()) {
    JD_RETURN_IF_ERROR(check_interrupted());
    const auto& events = poller_.wait(running ? end : last_progress + kLineAnswerLimit);
    const TimePoint now = std::chrono::steady_clock::now();
    if (running && (now >= end || sent() >= messages_max)) {
      running = false;
      round.messages = answered();
      round.seconds = seconds_since(start);
      for (std::size_t i = 0; i < connections_.size(); ++i) JD_RETURN_IF_ERROR(feed(i, false));
      last_progress = now;
    }
    for (const Poller::Event& event : events) {
      if (event.readable) {
        JD_RETURN_IF_ERROR(receive(event.key));
        last_progress = now;
      }
      if (!connections_[event.key].ended) JD_RETURN_IF_ERROR(feed(event.key, running));
    }
    if (now - last_progress > kLineAnswerLimit) {
      return Error(Errc::deadline, "no result for 30 seconds");
    }
  }
  round.sent = sent();
  return round;
}

}  // namespace jindou::bench
