#include "bench/client_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/bytes.h"
#include "base/random.h"
#include "bench/interrupt.h"
#include "bench/stats.h"
#include "codec/base64.h"
#include "codec/wkproto.h"

namespace jindou::bench {

namespace {

constexpr std::size_t kReadBytes = 256 * 1024;

std::int64_t wall_ms() { return static_cast<std::int64_t>(std::time(nullptr)) * 1000; }

}  // namespace

Error session_closed() { return Error(Errc::closed, "the server closed a session"); }

Result<std::string_view> read_some(ClientSession& session, std::string& chunk) {
  const std::size_t kept = session.in.size();
  chunk.resize(std::max(kReadBytes, 2 * kept));
  // Frames that stretch over two reads are rare: the rest goes in front of the next read.
  session.in.copy(chunk.data(), kept);
  const ssize_t n = ::recv(session.fd.get(), chunk.data() + kept, chunk.size() - kept, 0);
  if (n == 0) return session_closed();
  if (n < 0 && errno != EAGAIN && errno != EINTR) return session_closed();
  session.in.clear();
  return std::string_view(chunk.data(), kept + (n > 0 ? static_cast<std::size_t>(n) : 0));
}

Result<void> write_some(Poller& poller, ClientSession& session, std::uint32_t key,
                        std::string_view bytes) {
  const Io io = session.out.send(session.fd.get(), bytes);
  if (io == Io::closed) return session_closed();
  if (io == Io::would_block && !session.watching_writable) {
    poller.watch_writable(session.fd.get(), key, true);
    session.watching_writable = true;
  }
  return {};
}

Result<void> write_rest(Poller& poller, ClientSession& session, std::uint32_t key) {
  const Io io = session.out.flush(session.fd.get());
  if (io == Io::closed) return session_closed();
  if (io == Io::progress && session.watching_writable) {
    poller.watch_writable(session.fd.get(), key, false);
    session.watching_writable = false;
  }
  return {};
}

std::string_view name_of(const SessionKind& kind) {
  if (kind.protocol == Protocol::json_rpc) return "JSON-RPC";
  switch (kind.transport) {
    case Transport::tcp: return "TCP";
    case Transport::websocket: return "WebSocket";
    case Transport::tls: return "TLS";
  }
  return "TCP";
}

// ---- WebSocket -------------------------------------------------------------------------------

void append_ws_message(std::string& out, WsOpcode opcode, std::string_view payload,
                       std::uint32_t mask) {
  constexpr std::size_t kTwoByteLength = 126;
  out.push_back(static_cast<char>(0x80 | static_cast<unsigned>(opcode)));
  if (payload.size() < kTwoByteLength) {
    out.push_back(static_cast<char>(0x80 | payload.size()));
  } else if (payload.size() <= 0xffff) {
    out.push_back(static_cast<char>(0x80 | kTwoByteLength));
    append_be(out, static_cast<std::uint16_t>(payload.size()));
  } else {
    out.push_back(static_cast<char>(0x80 | 127));
    append_be(out, static_cast<std::uint64_t>(payload.size()));
  }
  append_be(out, mask);
  if (mask == 0) {
    out.append(payload);
    return;
  }
  for (std::size_t i = 0; i < payload.size(); ++i) {
    const auto key = static_cast<unsigned char>(mask >> (24 - 8 * (i % 4)));
    out.push_back(static_cast<char>(static_cast<unsigned char>(payload[i]) ^ key));
  }
}

WsMessage parse_ws_message(std::string_view bytes) {
  WsMessage result;
  if (bytes.size() < 2) return result;
  const auto first = static_cast<unsigned char>(bytes[0]);
  const auto second = static_cast<unsigned char>(bytes[1]);
  if ((first & 0x80) == 0 || (first & 0x70) != 0 || (second & 0x80) != 0) {
    result.state = WsMessage::State::broken;
    return result;
  }
  std::size_t head = 2;
  std::uint64_t length = second & 0x7f;
  if (length == 126) {
    head = 4;
    if (bytes.size() < head) return result;
    length = read_be<std::uint16_t>(bytes, 2);
  } else if (length == 127) {
    head = 10;
    if (bytes.size() < head) return result;
    length = read_be<std::uint64_t>(bytes, 2);
  }
  if (length > codec::kRemainingBytesMax) {
    result.state = WsMessage::State::broken;
    return result;
  }
  if (bytes.size() - head < length) return result;
  result.state = WsMessage::State::message;
  result.opcode = first & 0x0f;
  result.payload = bytes.substr(head, static_cast<std::size_t>(length));
  result.consumed = head + static_cast<std::size_t>(length);
  return result;
}

// ---- connecting ------------------------------------------------------------------------------

namespace {

// Connections from one loopback address to one port are limited by the ephemeral ports, 28,232 by
// default; stay well below.
constexpr unsigned kConnectionsPerSource = 20'000;
constexpr std::size_t kSessionsPerMinute = 30'000;

class Connector {
 public:
  Connector(const Endpoint& endpoint, const SessionKind& kind, const std::vector<std::string>& uids)
      : endpoint_(endpoint),
        kind_(kind),
        uids_(uids),
        states_(uids.size()),
        accepted_(uids.size()) {
    sessions_.resize(uids.size());
  }

  Result<std::vector<ClientSession>> run(double* seconds) {
    SystemRandom random;
    JD_TRY(keys_, codec::generate_key_pair(random));
    const auto& public_key = keys_.public_key;
    codec::base64_append(public_key_,
                         {reinterpret_cast<const char*>(public_key.data()), public_key.size()});
    const TimePoint start = std::chrono::steady_clock::now();
    const TimePoint end = start + std::chrono::minutes(1 + uids_.size() / kSessionsPerMinute);
    TimePoint last_progress = start;
    std::size_t started = 0;
    while (online_ < uids_.size()) {
      JD_RETURN_IF_ERROR(check_interrupted());
      while (started < uids_.size() && started - online_ < kHandshakesAtOnce) {
        const auto source = static_cast<unsigned>(started / kConnectionsPerSource);
        JD_TRY(sessions_[started].fd, start_connect(endpoint_, source));
        JD_RETURN_IF_ERROR(
            poller_.add(sessions_[started].fd.get(), static_cast<std::uint32_t>(started), true));
        ++started;
      }
      const std::size_t before = online_;
      for (const Poller::Event& event : poller_.wait(last_progress + kStallLimit)) {
        JD_RETURN_IF_ERROR(step(event));
      }
      const TimePoint now = std::chrono::steady_clock::now();
      if (online_ != before) last_progress = now;
      if (now > end || now - last_progress > kStallLimit) {
        return Error(Errc::deadline, "only " + std::to_string(online_) + " of " +
                                         std::to_string(uids_.size()) + " sessions came online");
      }
    }
    if (seconds != nullptr) *seconds = seconds_since(start);
    if (kind_.protocol == Protocol::wkproto && kind_.derive_keys) {
      for (std::size_t i = 0; i < sessions_.size(); ++i) {
        JD_TRY(
            sessions_[i].cipher,
            codec::client_handshake(keys_.private_key, accepted_[i].server_key, accepted_[i].salt));
      }
    }
    return std::move(sessions_);
  }

 private:
  enum class State : std::uint8_t { connecting, tls_handshake, upgrading, greeting, online };
  // What the server's CONNACK said, from which the keys are derived.
  struct Accepted {
    std::string server_key;
    std::string salt;
  };

  Result<void> step(const Poller::Event& event) {
    ClientSession& session = sessions_[event.key];
    State& state = states_[event.key];
    if (state == State::online) return {};
    if (state == State::connecting) {
      if (!event.writable) return {};
      JD_RETURN_IF_ERROR(connected(session.fd));
      poller_.watch_writable(session.fd.get(), event.key, false);
      if (kind_.transport == Transport::tls) {
        JD_TRY(session.tls, TlsConnection::create(*kind_.tls, session.fd.get()));
        state = State::tls_handshake;
        return continue_tls(event.key);
      }
      if (kind_.transport == Transport::tcp) {
        state = State::greeting;
        return greet(event.key);
      }
      state = State::upgrading;
      return send(session, "GET / HTTP/1.1\r\nHost: " + endpoint_.text +
                               "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                               "Sec-WebSocket-Version: 13\r\n\r\n");
    }
    if (!event.readable) return {};
    if (state == State::tls_handshake) return continue_tls(event.key);
    JD_RETURN_IF_ERROR(receive(session));
    if (state == State::upgrading) {
      const std::size_t end = session.in.find("\r\n\r\n");
      if (end == std::string::npos) return {};
      if (!session.in.starts_with("HTTP/1.1 101")) {
        return Error(Errc::denied, "WebSocket upgrade refused: " + session.in.substr(0, 200));
      }
      session.in.erase(0, end + 4);
      state = State::greeting;
      JD_RETURN_IF_ERROR(greet(event.key));
    }
    return kind_.protocol == Protocol::json_rpc ? read_json_answer(event.key)
                                                : read_connack(event.key);
  }

  Result<void> continue_tls(std::uint32_t index) {
    // A client's flights are small: they fit the empty socket, so only reading is waited for.
    switch (sessions_[index].tls->handshake()) {
      case Io::closed: return Error(Errc::closed, "the TLS handshake failed");
      case Io::would_block: return {};
      case Io::progress: break;
    }
    states_[index] = State::greeting;
    return greet(index);
  }

  static Result<void> receive(ClientSession& session) {
    const char* const closed = "the server closed a session during its handshake";
    if (session.tls) {
      if (session.tls->read(session.in) == Io::closed) return Error(Errc::closed, closed);
      return {};
    }
    char chunk[4096];
    const ssize_t n = ::recv(session.fd.get(), chunk, sizeof chunk, 0);
    if (n == 0) return Error(Errc::closed, closed);
    if (n > 0) session.in.append(chunk, static_cast<std::size_t>(n));
    return {};
  }

  static Result<void> send(ClientSession& session, std::string_view bytes) {
    // A few hundred bytes into an empty socket: anything but all of it is an error.
    const Io io =
        session.tls ? session.tls->write(bytes) : session.out.send(session.fd.get(), bytes);
    if (io != Io::progress) return session_closed();
    return {};
  }

  Result<void> greet(std::uint32_t index) {
    std::string message;
    if (kind_.protocol == Protocol::json_rpc) {
      append_ws_message(
          message, WsOpcode::text,
          fmt::format(
              R"({{"id":"1","method":"connect","params":{{"uid":"{}","token":"","deviceId":)"
              R"("bench","deviceFlag":0,"clientTimestamp":{}}}}})",
              uids_[index], wall_ms()),
          0x01020304);
      return send(sessions_[index], message);
    }
    codec::Connect connect;
    connect.version = codec::kVersionUsual;
    connect.uid = uids_[index];
    connect.device_id = "bench";
    connect.client_timestamp = wall_ms();
    connect.client_key = public_key_;
    std::string frame;
    JD_RETURN_IF_ERROR(codec::encode(frame, connect));
    if (kind_.transport != Transport::websocket) return send(sessions_[index], frame);
    append_ws_message(message, WsOpcode::binary, frame, 0x01020304);
    return send(sessions_[index], message);
  }

  // The payload of the one WebSocket message that has come; empty while there is none.
  Result<std::string_view> ws_answer(std::string_view bytes, WsOpcode opcode) const {
    const WsMessage message = parse_ws_message(bytes);
    if (message.state == WsMessage::State::need_more) return std::string_view();
    if (message.state == WsMessage::State::broken ||
        message.opcode != static_cast<unsigned>(opcode)) {
      return Error(Errc::denied, "the server answered the login with something else");
    }
    return message.payload;
  }

  Result<void> read_json_answer(std::uint32_t index) {
    JD_TRY(const std::string_view answer, ws_answer(sessions_[index].in, WsOpcode::text));
    if (answer.empty()) return {};
    if (answer.find("\"result\"") == std::string_view::npos) {
      return Error(Errc::denied, "connect refused: " + std::string(answer.substr(0, 200)));
    }
    return finish(index);
  }

  Result<void> read_connack(std::uint32_t index) {
    std::string_view bytes = sessions_[index].in;
    if (kind_.transport == Transport::websocket) {
      JD_TRY(bytes, ws_answer(bytes, WsOpcode::binary));
    }
    const codec::ParseOutcome outcome = codec::parse_frame(bytes);
    if (outcome.state == codec::ParseOutcome::State::need_more) return {};
    if (outcome.state == codec::ParseOutcome::State::error) {
      return Error(Errc::invalid, std::string(outcome.problem));
    }
    if (outcome.frame.type != codec::FrameType::connack) {
      return Error(Errc::denied, "the first frame of the server is not a CONNACK");
    }
    JD_TRY(const codec::ConnAck connack,
           codec::decode_connack(outcome.frame, codec::kVersionUsual));
    if (connack.reason != Reason::success) {
      return Error(Errc::denied, "CONNECT refused: " + std::string(reason_text(connack.reason)));
    }
    accepted_[index].server_key = connack.server_key;
    accepted_[index].salt = connack.salt;
    return finish(index);
  }

  Result<void> finish(std::uint32_t index) {
    sessions_[index].in = std::string();
    states_[index] = State::online;
    poller_.remove(sessions_[index].fd.get());
    ++online_;
    return {};
  }

  const Endpoint& endpoint_;
  const SessionKind kind_;
  const std::vector<std::string>& uids_;
  Poller poller_;
  codec::KeyPair keys_;
  std::string public_key_;
  std::vector<ClientSession> sessions_;
  std::vector<State> states_;
  std::vector<Accepted> accepted_;
  std::size_t online_ = 0;
};

}  // namespace

Result<std::vector<ClientSession>> connect_sessions(const Endpoint& endpoint,
                                                    const SessionKind& kind,
                                                    const std::vector<std::string>& uids,
                                                    double* seconds) {
  Connector connector(endpoint, kind, uids);
  return connector.run(seconds);
}

}  // namespace jindou::bench
