// Client sessions over TCP, TLS and WebSocket, binary or JSON-RPC: connecting many at once, reading
// and writing on one. One thread; nothing here is thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bench/net.h"
#include "bench/tls_client.h"
#include "codec/wkproto.h"
#include "codec/wkproto_crypto.h"

namespace jindou::bench {

// ---- WebSocket framing, as far as a client that sends little needs it --------------------------

enum class WsOpcode : std::uint8_t { text = 1, binary = 2 };

// Appends one masked, unfragmented message.
void append_ws_message(std::string& out, WsOpcode opcode, std::string_view payload,
                       std::uint32_t mask);

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

enum class Transport : std::uint8_t { tcp, websocket, tls };
enum class Protocol : std::uint8_t {
  wkproto,
  json_rpc,  // over WebSocket only
};

// What kind of session to make.
struct SessionKind {
  Transport transport = Transport::tcp;
  Protocol protocol = Protocol::wkproto;
  const TlsClient* tls = nullptr;  // for Transport::tls
  // False for sessions that only log in: the client's half of the key agreement is left out.
  bool derive_keys = true;
};

// "TCP", "WebSocket", "TLS", "JSON-RPC": for people.
std::string_view name_of(const SessionKind& kind);

// One online session, as connect_sessions() leaves it.
struct ClientSession {
  Fd fd;
  std::unique_ptr<TlsConnection> tls;  // after fd: it is destroyed first
  codec::SessionCipher cipher;         // of WKProto
  std::string in;                      // the beginning of a frame whose rest has not arrived
  Outbox out;
  bool watching_writable = false;
};

// Logins under way at once.
inline constexpr std::size_t kHandshakesAtOnce = 200;

// Connects one session per uid and waits until each is logged in; at most kHandshakesAtOnce are
// under way. WKProto: all sessions use one key pair of the client's (the server makes a fresh one
// for each, so the session keys differ all the same), and their keys are derived when all are
// online. `device_id` is the same for all. `seconds`, if given, is set to the time from the first
// connect() to the last login, without that derivation. Errors: closed, deadline (30 s without any
// progress, or a minute and another for every 30,000 sessions), denied when a login was refused.
Result<std::vector<ClientSession>> connect_sessions(const Endpoint& endpoint,
                                                    const SessionKind& kind,
                                                    const std::vector<std::string>& uids,
                                                    double* seconds = nullptr);

// How long nothing may happen before a load gives up.
inline constexpr std::chrono::seconds kStallLimit{30};

Error session_closed();

// Reads once into `chunk` and returns everything unparsed of this session: what was left over plus
// the new bytes, if any. The caller puts what it does not use back into session.in. Errors: closed.
Result<std::string_view> read_some(ClientSession& session, std::string& chunk);
// Reads once and calls `visit(frame)` -> Result<void> for each whole frame; the rest stays with the
// session. For WKProto without WebSocket. Errors: closed, also after a DISCONNECT; invalid; those
// of `visit`.
template <class Visit>
Result<void> read_frames(ClientSession& session, std::string& chunk, const Visit& visit) {
  JD_TRY(std::string_view bytes, read_some(session, chunk));
  while (!bytes.empty()) {
    const codec::ParseOutcome outcome = codec::parse_frame(bytes);
    if (outcome.state == codec::ParseOutcome::State::error) {
      return Error(Errc::invalid, std::string(outcome.problem));
    }
    if (outcome.state == codec::ParseOutcome::State::need_more) break;
    bytes.remove_prefix(outcome.frame.consumed);
    if (outcome.frame.type == codec::FrameType::disconnect) return session_closed();
    JD_RETURN_IF_ERROR(visit(outcome.frame));
  }
  session.in.assign(bytes);
  return {};
}

// Writes, and watches for writability while the kernel takes no more. Errors: closed.
Result<void> write_some(Poller& poller, ClientSession& session, std::uint32_t key,
                        std::string_view bytes);
Result<void> write_rest(Poller& poller, ClientSession& session, std::uint32_t key);

}  // namespace jindou::bench
