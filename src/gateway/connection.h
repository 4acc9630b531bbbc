// One accepted socket and its session, over TCP or WebSocket, in TLS or not.
//
// What comes in passes through, in this order and where there is one: the header of a PROXY
// protocol, TLS, the WebSocket upgrade, WebSocket frames, and their compression.
//
// Reading: waits until the socket is readable, then reads into the shard's one buffer, so that an
// idle connection owns no buffer at all. Writing: one non-blocking write of everything that is
// queued; only when the kernel takes no more does it wait. Lives on one io shard.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/byte_budget.h"
#include "gateway/admission.h"
#include "gateway/outbound_buffer.h"
#include "gateway/session.h"
#include "gateway/tls_context.h"
#include "gateway/tls_stream.h"
#include "gateway/transport.h"
#include "gateway/websocket.h"
#include "presence/connection_info.h"
#include "runtime/client_address.h"

namespace jindou::gateway {

class ConnectionHost;

// What the listener hands to a shard.
struct Accepted {
  SessionId id{};
  Transport transport = Transport::tcp;
  boost::asio::ip::tcp::socket socket;
  runtime::IpAddress peer;                  // the other end of the socket
  Refusal refusal = Refusal::none;          // to be told to the client; the shard is the first one
  std::shared_ptr<const TlsContext> tls{};  // over TLS only
};

class Connection final : public SessionHost, public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using TimePoint = std::chrono::steady_clock::time_point;

  // `host` outlives the connection's handlers: they hold the connection, which holds the host.
  Connection(Accepted accepted, std::shared_ptr<ConnectionHost> host);
  ~Connection() override;

  // Begins to read, or closes what the limits do not admit. Call once, when the connection is in
  // the host's table.
  void start();

  Session& session() { return session_; }
  const Session& session() const { return session_; }
  SessionId id() const { return session_.session_id(); }
  // The client's address as far as it is known by now.
  const runtime::IpAddress& client_ip() const { return client_ ? client_->ip : peer_; }
  TimePoint last_input() const { return last_input_; }
  bool is_closing() const { return closing_; }
  // Holds the beginning of a frame.
  bool has_unparsed() const { return !unparsed_.empty(); }
  // Writes what is queued, as far as the kernel takes it.
  void flush();
  // For ConnectionHost::add_dirty(): the turn of the loop is over.
  void flush_dirty();
  // Closes the socket at once and leaves the host's table. Idempotent.
  void close();
  // The end of a refused connection, whether or not it could be told.
  void close_refused();
  // Why a limit does not admit it; it is open only to be told so.
  Refusal refusal() const { return refused_; }
  // For stop(): no new input; closes when nothing is in flight any more.
  void begin_stop();
  // The connection at this moment; only of a live session.
  presence::ConnectionInfo describe() const;

  // SessionHost
  OutboundBuffer& outbound() override { return outbound_; }
  void outbound_changed() override;
  void flush_outbound() override { flush(); }
  void begin_login(LoginRequest request) override;
  Result<void> submit(std::vector<SendCommand> commands, std::uint64_t first,
                      std::uint64_t end) override;
  void advance_commands(partition::AdvanceCommandPosition position) override;
  void end_connection(EndHow how, std::string_view cause, std::string_view detail) override;
  void resume_input() override;

  // Results of a submitted batch.
  void finish_sends(std::uint64_t first, std::uint64_t end, const std::vector<SendResult>& results);

 private:
  // Per WebSocket connection only.
  struct WebSocketState {
    WsDecoder decoder;
    bool upgraded = false;
    bool close_sent = false;
    std::string packed;     // the beginning of a compressed message
    bool skipping = false;  // the rest of a compressed message is not wanted
    // What came behind the message at which input paused, as it came: the borders of messages are
    // kept, and nothing unfolds before it is wanted. No more than one read, which is where reading
    // pauses.
    std::string held;
  };
  // Per TLS connection only.
  struct TlsState {
    TlsState(const TlsContext& context, BufferPool& buffers)
        : sealed(buffers), stream(context.handle(), sealed) {}
    OutboundBuffer sealed;  // for the socket; outbound_ holds what is still plain
    TlsStream stream;
    bool counted = false;  // in the metric of handshakes
  };

  bool on_shard() const;
  void wait_readable();
  void on_readable();
  void on_input(std::span<char> bytes);
  // Counts what is held of input, over all connections, and ends this one when it is too much.
  // Comes after each read, so that one read is all that is ever held beyond the budget.
  void count_input();
  void drop_input();
  bool take_preface(std::span<char>& bytes, std::string& kept);
  void on_sealed_input(std::span<const char> bytes);
  void on_plain_input(std::span<char> bytes);
  void on_upgrade_input(std::span<char> bytes);
  void on_websocket_input(std::span<char> bytes);
  void on_held_input();
  void on_packed_piece(const WsEvent& event);
  enum class MessageEnd : bool { no, yes };
  // `end` tells whether a WebSocket message ends with `bytes`.
  void on_protocol_bytes(std::string_view bytes, MessageEnd end);
  void fail_websocket(std::uint16_t status, std::string_view cause, std::string_view detail = {});
  void count_handshake(TlsStream::Status status);
  // Whether the headers of the upgrade will say where the client is.
  bool awaits_forwarding() const;
  bool is_refused() const { return refused_ != Refusal::none; }
  void admit();
  void refuse(Refusal refusal);
  void wait_writable();
  OutboundBuffer& wire() { return tls_ == nullptr ? outbound_ : tls_->sealed; }
  void seal_pending();
  void shut_down_if_done();
  void close_if_stopped();
  // The client wants no more, but what it sent before is answered first.
  void on_peer_close();
  void end_if_answered();
  // Nothing more can come. Closes unless answers or our last bytes are still owed.
  void on_stream_end();

  std::shared_ptr<ConnectionHost> host_;
  SessionEnv& env_;  // the host's
  Socket socket_;
  OutboundBuffer outbound_;
  std::unique_ptr<WebSocketState> websocket_;
  std::unique_ptr<TlsState> tls_;
  runtime::IpAddress peer_;
  std::unique_ptr<runtime::ClientEndpoint> client_;  // as a trusted proxy says; null: peer_
  AdmissionPlace place_;
  // The beginning of a frame, or what input paused at: over WebSocket of one message, on a stream
  // of one read.
  std::string unparsed_;
  std::size_t parsed_ = 0;  // the first so many bytes of unparsed_ have been taken
  BudgetShare inbound_share_;
  std::size_t whole_ = 0;  // so many of the bytes behind them end a WebSocket message
  TimePoint last_input_;
  Refusal refused_ = Refusal::none;
  bool entered_ = false;    // what may come before the client's first byte has passed
  bool reading_ = false;    // a wait for input is under way
  bool writing_ = false;    // a wait for room is under way
  bool dirty_ = false;      // in the host's list of connections to flush
  bool closing_ = false;    // the session has ended; input is read and dropped
  bool shut_down_ = false;  // our side of the stream has ended
  bool closed_ = false;
  bool stopping_ = false;
  bool peer_closed_ = false;  // a Close frame has come: no more input, but answers may be owed
  bool input_ended_ = false;  // the peer's side of the stream has ended
  bool resuming_ = false;     // resume_input() has been asked for
  Session session_;           // last: it uses the members above
};

}  // namespace jindou::gateway
