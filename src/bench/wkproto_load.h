// Client sessions over TCP and WebSocket, and the loads they make: sending, receiving, being idle.
// One thread; nothing here is thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bench/net.h"
#include "bench/request_template.h"
#include "codec/wkproto.h"
#include "codec/wkproto_crypto.h"

namespace jindou::bench {

// ---- WebSocket framing, as far as a client that only shakes hands needs it ---------------------

// Appends one masked, unfragmented binary message.
void append_ws_binary(std::string& out, std::string_view payload, std::uint32_t mask);

struct WsMessage {
  enum class State : std::uint8_t { need_more, message, broken };
  State state = State::need_more;
  unsigned opcode = 0;
  std::string_view payload;  // points into the parsed bytes
  std::size_t consumed = 0;
};
// Looks at the start of `bytes`: one unmasked frame as a server sends it.
WsMessage parse_ws_message(std::string_view bytes);

// ---- sessions --------------------------------------------------------------------------------

enum class Transport : std::uint8_t { tcp, websocket };

// One online session, as connect_sessions() leaves it.
struct ClientSession {
  Fd fd;
  codec::SessionCipher cipher;
  std::string in;  // the beginning of a frame whose rest has not arrived
  Outbox out;
  bool watching_writable = false;
};

// Connects one session per uid and waits for every CONNACK; at most 200 handshakes are under way at
// once. All sessions use one key pair of the client's: the server makes a fresh one for each, so
// the session keys differ all the same. `device_id` is the same for all. Errors: closed, deadline
// (60 s, or 30 s without any progress), denied when a CONNECT was refused.
Result<std::vector<ClientSession>> connect_sessions(const Endpoint& endpoint, Transport transport,
                                                    const std::vector<std::string>& uids);

// ---- SEND -> SENDACK -------------------------------------------------------------------------

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

// ---- fan-out ---------------------------------------------------------------------------------

class FanoutLoad {
 public:
  struct Round {
    std::uint64_t deliveries = 0;
    double seconds = 0;
    std::uint64_t decrypted = 0;  // deliveries whose key, text and number were checked in full
    double per_second() const {
      return seconds > 0 ? static_cast<double>(deliveries) / seconds : 0;
    }
  };

  // `sessions` belong to all subscribers of `group` (the one group of `shape.groups`). Messages are
  // published over `http`. `shape.items` is set here.
  FanoutLoad(std::vector<ClientSession> sessions, Endpoint http,
             const RequestTemplate::Shape& shape, std::vector<std::string> payloads);

  Result<void> prepare();

  // Publishes batches of 100 as long as no more than `window` batches are undelivered, for
  // `seconds` counted from the first delivery on; then waits for the rest. Every delivery is
  // checked to be the next number of the channel at its session; the first one of each session in a
  // round is verified and decrypted. Errors: invalid (hole, wrong key, wrong text), closed,
  // deadline.
  Result<Round> run(double seconds, std::size_t window);

  // Publishes one message at a time; nanoseconds from the post to the last of all deliveries.
  Result<std::vector<std::uint64_t>> single_latencies(std::size_t count);

 private:
  static constexpr std::size_t kBatchItems = 100;

  struct Receiver {
    ClientSession session;
    std::uint32_t last_seq = 0;  // 0 = nothing yet
    std::string sample;          // the first frame of this round, whole
  };

  Result<void> publish(RequestTemplate& request);
  Result<void> receive_answer();
  Result<void> receive(std::size_t index);
  Result<void> handle_events(TimePoint deadline);
  Result<std::uint64_t> check_samples();

  Poller poller_;
  std::vector<Receiver> receivers_;
  Endpoint http_;
  RequestTemplate::Shape shape_;
  std::vector<std::string> payloads_;
  std::unique_ptr<RequestTemplate> batch_;
  std::unique_ptr<RequestTemplate> single_;
  Fd publisher_;
  Outbox publisher_out_;
  bool publisher_writable_ = false;
  std::string publisher_in_;
  bool awaiting_answer_ = false;
  std::size_t answer_items_ = 0;
  std::uint64_t next_number_ = 1;
  std::uint64_t expected_ = 0;   // deliveries that everything published makes
  std::uint64_t delivered_ = 0;  // deliveries that came
  std::string chunk_;
  std::string acks_;
};

}  // namespace jindou::bench
