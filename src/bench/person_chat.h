// Two users who write to each other at a steady pace, while something else loads the server: how
// long a message takes from one to the other.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/client_session.h"
#include "bench/net.h"

namespace jindou::bench {

// One thread at a time.
class PersonChat {
 public:
  // Connects both over TCP. Errors: those of connect_sessions().
  static Result<std::unique_ptr<PersonChat>> connect(const Endpoint& tcp);

  // One user sends every `interval` for `seconds`, whether or not the last message has arrived,
  // and the other acknowledges. Returns nanoseconds from the write of each SEND to the moment its
  // RECV was read. Every RECV is verified and decrypted, and must be the next one sent. Errors:
  // invalid, closed, deadline (30 s without an arrival).
  Result<std::vector<std::uint64_t>> run(double seconds, std::chrono::milliseconds interval);

 private:
  // Beyond so many on the way, the pace is given up: nothing arrives any more.
  static constexpr std::size_t kOnTheWayMax = 8192;

  explicit PersonChat(std::vector<ClientSession> sessions) : sessions_(std::move(sessions)) {}
  Result<void> send();
  Result<void> read_answers();
  Result<void> receive(std::vector<std::uint64_t>& latencies);
  std::string text_of(std::uint32_t number) const;

  std::vector<ClientSession> sessions_;  // the sender, the receiver
  Poller poller_;
  std::string run_id_;
  std::uint32_t next_ = 1;     // to be sent
  std::uint32_t awaited_ = 1;  // to arrive
  std::array<TimePoint, kOnTheWayMax> sent_at_{};
  std::string chunk_;
};

}  // namespace jindou::bench
