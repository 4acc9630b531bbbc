// HTTP requests over kept connections, one in flight on each, every answer checked: as fast as the
// answers come (run), or at a given rate (run_paced).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bench/net.h"
#include "bench/request_template.h"

namespace jindou::bench {

class HttpLoad {
 public:
  struct Round {
    std::uint64_t messages = 0;  // answered with an id, within the round
    std::uint64_t requests = 0;
    double seconds = 0;
    std::vector<std::uint64_t> latencies;  // nanoseconds, one per request
    // The longest time in which no answer came although one was owed. run_paced only.
    std::chrono::nanoseconds longest_gap{};
    // Overdue::left_out only: how long each refusal took, in nanoseconds, until it had arrived and
    // until this process, which shares its processors with the server, came to read it; and the
    // requests that found all connections waiting and were not sent.
    std::vector<std::uint64_t> refused;
    std::vector<std::uint64_t> refused_read;
    std::uint64_t unsent = 0;

    double per_second() const { return seconds > 0 ? static_cast<double>(messages) / seconds : 0; }
  };

  // `shape.items` etc. say what is sent. Borrows nothing.
  HttpLoad(Endpoint endpoint, std::size_t connections, const RequestTemplate::Shape& shape,
           const std::vector<std::string>& payloads);

  Result<void> connect();

  // Runs for `seconds` or until `messages_max` messages are answered, whichever comes first, then
  // waits for the answers still out (they are checked but not counted). Errors: invalid when any
  // answer is not a 200 with one id per item, closed, deadline when an answer takes over 30 s. An
  // error ends the load: a benchmark with failures measures nothing.
  Result<Round> run(double seconds, std::uint64_t messages_max = UINT64_MAX);

  // What becomes of a request that finds all connections waiting.
  enum class Overdue : std::uint8_t {
    // It goes out late, and its latency counts from when it was due: a stall is not hidden by the
    // requests that it kept from being sent.
    sent_late,
    // It is not sent. The server need not keep up: a 429 counts as refused and is not repeated.
    left_out,
  };
  // Sends at a fixed rate, whatever the answers do. Ends when all that was sent is answered; other
  // errors as in run().
  Result<Round> run_paced(double seconds, double requests_per_second, Overdue overdue);

  std::uint64_t messages_total() const { return messages_total_; }

 private:
  struct Connection {
    Fd fd;
    std::unique_ptr<RequestTemplate> request;
    Outbox out;
    std::string in;
    TimePoint sent_at{};
    std::chrono::system_clock::time_point sent_wall;
    std::chrono::system_clock::time_point arrived_wall;
    bool waiting = false;
    bool watching_writable = false;
  };

  Result<void> send_next(std::size_t index);
  // What the socket of an event asks for; true when its answer is complete and right.
  Result<bool> serve(const Poller::Event& event);
  // Adds the last complete answer, which came on that connection.
  void count_answer(Round& round, std::size_t index, TimePoint now) const;
  // Reads what is there; true when the answer is complete and right.
  Result<bool> receive(std::size_t index);

  Endpoint endpoint_;
  Poller poller_;
  std::vector<Connection> connections_;
  std::size_t items_;
  unsigned group_count_;
  std::uint64_t next_number_ = 1;
  unsigned next_group_ = 0;
  std::uint64_t messages_total_ = 0;
  bool refusals_accepted_ = false;
  bool refused_ = false;  // what the last complete answer was
};

}  // namespace jindou::bench
