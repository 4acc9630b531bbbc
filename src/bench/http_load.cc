#include "bench/http_load.h"

#include <algorithm>
#include <cerrno>
#include <deque>

#include "bench/interrupt.h"
#include "bench/response_scan.h"
#include "bench/stats.h"

namespace jindou::bench {

namespace {

constexpr std::chrono::seconds kAnswerLimit{30};
// Larger than one request, so that it leaves in one system call.
constexpr int kSendBufferBytes = 256 * 1024;

std::uint64_t nanoseconds(std::chrono::nanoseconds span) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, span.count()));
}

}  // namespace

HttpLoad::HttpLoad(Endpoint endpoint, std::size_t connections, const RequestTemplate::Shape& shape,
                   const std::vector<std::string>& payloads)
    : endpoint_(std::move(endpoint)),
      connections_(connections),
      items_(shape.items),
      group_count_(shape.groups.count) {
  RequestTemplate::Shape own = shape;
  own.host = endpoint_.text;
  for (Connection& connection : connections_) {
    connection.request = std::make_unique<RequestTemplate>(own, payloads);
  }
}

Result<void> HttpLoad::connect() {
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    Connection& connection = connections_[i];
    JD_TRY(connection.fd, connect_within(endpoint_, std::chrono::seconds(5)));
    ::setsockopt(connection.fd.get(), SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes,
                 sizeof kSendBufferBytes);
    if (!note_arrivals(connection.fd.get())) {
      return Error(Errc::unavailable, "the kernel does not note when bytes arrive");
    }
    JD_RETURN_IF_ERROR(poller_.add(connection.fd.get(), static_cast<std::uint32_t>(i)));
  }
  return {};
}

Result<void> HttpLoad::send_next(std::size_t index) {
  Connection& connection = connections_[index];
  const std::string_view request = connection.request->fill(next_number_, next_group_);
  ++next_number_;
  next_group_ = static_cast<unsigned>((next_group_ + items_) % group_count_);
  connection.sent_at = std::chrono::steady_clock::now();
  connection.sent_wall = std::chrono::system_clock::now();
  connection.waiting = true;
  const Io io = connection.out.send(connection.fd.get(), request);
  if (io == Io::closed) return Error(Errc::closed, "the server closed a connection");
  if (io == Io::would_block) {
    poller_.watch_writable(connection.fd.get(), static_cast<std::uint32_t>(index), true);
    connection.watching_writable = true;
  }
  return {};
}

Result<bool> HttpLoad::receive(std::size_t index) {
  Connection& connection = connections_[index];
  char chunk[64 * 1024];
  const ssize_t n =
      bench::receive(connection.fd.get(), chunk, sizeof chunk, connection.arrived_wall);
  if (n == 0) return Error(Errc::closed, "the server closed a connection");
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR) return false;
    return Error(Errc::closed, "reading an answer failed");
  }
  std::string_view bytes(chunk, static_cast<std::size_t>(n));
  if (!connection.in.empty()) {
    connection.in.append(bytes);
    bytes = connection.in;
  }
  const ScannedResponse response = scan_response(bytes);
  switch (response.state) {
    case ScannedResponse::State::need_more:
      if (connection.in.empty()) connection.in.assign(bytes);
      return false;
    case ScannedResponse::State::broken:
      return Error(Errc::invalid, std::string("unreadable answer: ") + response.problem);
    case ScannedResponse::State::complete: break;
  }
  refused_ = refusals_accepted_ && response.status == 429;
  if (refused_) {
    if (!response.keep_alive) return Error(Errc::closed, "a refusal closed its connection");
    connection.in.clear();
    connection.waiting = false;
    return true;
  }
  if (response.status != 200) {
    return Error(Errc::invalid, "answer " + std::to_string(response.status) + ": " +
                                    std::string(response.body.substr(0, 300)));
  }
  const IdCount ids = count_message_ids(response.body);
  // A single send names its id twice (bare and under "data").
  const bool right = ids.zero == 0 && (items_ == 1 ? ids.given >= 1 : ids.given == items_);
  if (!right) {
    return Error(Errc::invalid, "an answer has " + std::to_string(ids.given) + " ids and " +
                                    std::to_string(ids.zero) + " refusals for " +
                                    std::to_string(items_) +
                                    " items: " + std::string(response.body.substr(0, 300)));
  }
  if (response.consumed != bytes.size()) {
    return Error(Errc::invalid, "bytes after the answer");
  }
  connection.in.clear();
  connection.waiting = false;
  messages_total_ += items_;
  return true;
}

Result<bool> HttpLoad::serve(const Poller::Event& event) {
  Connection& connection = connections_[event.key];
  if (event.writable && connection.watching_writable) {
    const Io io = connection.out.flush(connection.fd.get());
    if (io == Io::closed) return Error(Errc::closed, "the server closed a connection");
    if (io == Io::progress) {
      poller_.watch_writable(connection.fd.get(), event.key, false);
      connection.watching_writable = false;
    }
  }
  if (!event.readable) return false;
  if (!connection.waiting) {
    return Error(Errc::closed, "the server closed or wrote to an idle connection");
  }
  return receive(event.key);
}

Result<HttpLoad::Round> HttpLoad::run(double seconds, std::uint64_t messages_max) {
  Round round;
  const TimePoint start = std::chrono::steady_clock::now();
  const TimePoint end = start + std::chrono::duration_cast<TimePoint::duration>(
                                    std::chrono::duration<double>(seconds));
  bool running = true;
  std::size_t in_flight = 0;
  std::uint64_t asked = 0;
  for (std::size_t i = 0; i < connections_.size() && asked < messages_max; ++i) {
    JD_RETURN_IF_ERROR(send_next(i));
    ++in_flight;
    asked += items_;
  }
  TimePoint last_progress = start;
  while (in_flight > 0) {
    JD_RETURN_IF_ERROR(check_interrupted());
    const auto& events = poller_.wait(running ? end : last_progress + kAnswerLimit);
    TimePoint now = std::chrono::steady_clock::now();
    for (const Poller::Event& event : events) {
      JD_TRY(const bool done, serve(event));
      if (!done) continue;
      --in_flight;
      now = std::chrono::steady_clock::now();
      last_progress = now;
      if (running && now < end) {
        count_answer(round, event.key, now);
        if (asked < messages_max) {
          JD_RETURN_IF_ERROR(send_next(event.key));
          ++in_flight;
          asked += items_;
        }
      }
    }
    if (running && now >= end) {
      running = false;
      round.seconds = std::chrono::duration<double>(end - start).count();
    }
    if (now - last_progress > kAnswerLimit) {
      return Error(Errc::deadline, "no answer for 30 seconds");
    }
  }
  if (running) round.seconds = seconds_since(start);
  return round;
}

void HttpLoad::count_answer(Round& round, std::size_t index, TimePoint now) const {
  const Connection& connection = connections_[index];
  const auto took = nanoseconds(now - connection.sent_at);
  if (refused_) {
    // No more than what was seen here, should the wall clock be set meanwhile.
    const auto arrived = nanoseconds(connection.arrived_wall - connection.sent_wall);
    round.refused.push_back(std::min(arrived, took));
    round.refused_read.push_back(took);
    return;
  }
  round.messages += items_;
  ++round.requests;
  round.latencies.push_back(took);
}

Result<HttpLoad::Round> HttpLoad::run_paced(double seconds, double requests_per_second,
                                            Overdue overdue) {
  using std::chrono::duration_cast;
  Round round;
  const auto interval =
      duration_cast<TimePoint::duration>(std::chrono::duration<double>(1 / requests_per_second));
  const TimePoint start = std::chrono::steady_clock::now();
  const TimePoint end =
      start + duration_cast<TimePoint::duration>(std::chrono::duration<double>(seconds));
  const bool sent_late = overdue == Overdue::sent_late;
  refusals_accepted_ = !sent_late;
  std::deque<std::size_t> idle;
  for (std::size_t i = 0; i < connections_.size(); ++i) idle.push_back(i);
  TimePoint due = start;
  TimePoint last_answer = start;
  const auto owed = [&] { return connections_.size() - idle.size(); };
  while (due < end || owed() > 0) {
    JD_RETURN_IF_ERROR(check_interrupted());
    const TimePoint now = std::chrono::steady_clock::now();
    for (; due <= now && due < end; due += interval) {
      if (idle.empty() && sent_late) break;
      if (idle.empty()) {
        ++round.unsent;
        continue;
      }
      if (owed() == 0) last_answer = now;
      JD_RETURN_IF_ERROR(send_next(idle.front()));
      if (sent_late) connections_[idle.front()].sent_at = due;
      idle.pop_front();
    }
    const TimePoint give_up = last_answer + kAnswerLimit;
    const bool nothing_to_send = due >= end || (idle.empty() && sent_late);
    for (const Poller::Event& event : poller_.wait(nothing_to_send ? give_up : due)) {
      const Connection& connection = connections_[event.key];
      JD_TRY(const bool done, serve(event));
      // A refusal comes before the request has been sent to its end. The next one is not put
      // behind it, where its time would be that of the rest of this one.
      const bool ended = connection.out.empty() && !connection.waiting;
      if (ended && (done || event.writable)) idle.push_back(event.key);
      if (!done) continue;
      const TimePoint answered = std::chrono::steady_clock::now();
      round.longest_gap =
          std::max<std::chrono::nanoseconds>(round.longest_gap, answered - last_answer);
      last_answer = answered;
      count_answer(round, event.key, answered);
    }
    if (owed() > 0 && std::chrono::steady_clock::now() > give_up) {
      return Error(Errc::deadline, "no answer for 30 seconds");
    }
  }
  refusals_accepted_ = false;
  round.seconds = seconds_since(start);
  return round;
}

}  // namespace jindou::bench
