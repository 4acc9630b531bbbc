// SEND -> SENDACK: what clients can send over their sessions. One thread; not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/client_session.h"
#include "bench/net.h"
#include "bench/request_template.h"

namespace jindou::bench {

class SendLoad {
 public:
  struct Round {
    std::uint64_t messages = 0;
    double seconds = 0;
    std::vector<std::uint64_t> latencies;  // nanoseconds from the write to the SENDACK
    double per_second() const { return seconds > 0 ? static_cast<double>(messages) / seconds : 0; }
  };

  // Session i sends to groups i, i + n, i + 2n, ... of `groups`, n being the number of sessions;
  // its uid must be a subscriber of those. `window` SENDs are under way on each session.
  SendLoad(std::vector<ClientSession> sessions, const GroupNames& groups,
           const std::vector<std::string>& payloads, std::string run_id, std::size_t window);

  Result<void> prepare();
  // Errors: invalid when a SENDACK refuses or belongs to no SEND, closed, deadline.
  Result<Round> run(double seconds);

 private:
  struct Sender {
    ClientSession session;
    std::vector<std::string> groups;
    std::vector<std::string> ciphertexts;  // the payloads, encrypted with this session's keys
    std::uint32_t next_seq = 1;
    // Indexed by clientSeq modulo size: when that SEND left; a zero time = not outstanding.
    std::array<TimePoint, 1024> sent_at{};
  };

  Result<void> send_some(std::size_t index, std::size_t count);
  Result<std::size_t> receive(std::size_t index, TimePoint now, Round* round);

  Poller poller_;
  std::vector<Sender> senders_;
  std::string run_id_;
  std::size_t window_;
  std::uint64_t sent_total_ = 0;
  std::string chunk_;    // read buffer
  std::string scratch_;  // frames about to be sent
};

}  // namespace jindou::bench
