#include "gateway/connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/assert.h"
#include "base/free_memory.h"
#include "gateway/connection_host.h"
#include "gateway/proxy_header.h"
#include "gateway/ws_deflate.h"
#include "observe/log.h"

namespace jindou::gateway {

namespace asio = boost::asio;

namespace {

// The documented limit of one header line is 4 KiB in many servers; browsers send about 1 KiB in
// all.
constexpr std::size_t kUpgradeBytesMax = 8 << 10;

// So much is encrypted ahead of what the kernel has taken: a few records, one system call.
constexpr std::size_t kSealBytes = 4 * kTlsRecordBytes;

// The first byte and the remaining length of a protocol frame.
constexpr std::size_t kFrameHeaderBytesMax = 5;

// Of what a browser says about its page, for the log.
constexpr std::size_t kShownOriginBytes = 256;

// How long a refused client has to ask, by its upgrade or CONNECT, and to take the answer.
constexpr std::chrono::seconds kRefusalTime{2};

// What one compressed message may unfold to, in frames of the longest kind. Honest clients, who
// pack a few frames into a message, stay below; a bomb does not.
constexpr std::size_t kUnfoldedFrames = 4;

// What a connection keeps for the next long frame.
constexpr std::size_t kUnparsedKept = std::size_t{64} << 10;

// What a text takes beside its own object.
std::size_t allocated(const std::string& text) {
  return text.capacity() > std::string().capacity() ? text.capacity() : 0;
}

std::string refusal_response(Refusal refusal) {
  return refusal == Refusal::max_connections
             ? http_refusal("503 Service Unavailable", "Retry-After: 1\r\n")
             : http_refusal("429 Too Many Requests", "Retry-After: 1\r\n");
}

}  // namespace

Connection::Connection(Accepted accepted, std::shared_ptr<ConnectionHost> host)
    : host_(std::move(host)),
      env_(host_->env()),
      socket_(std::move(accepted.socket)),
      outbound_(host_->buffers()),
      peer_(accepted.peer),
      inbound_share_(env_.options->inbound_budget),
      last_input_(env_.clock.steady()),
      refused_(accepted.refusal),
      session_(accepted.id, env_, *this, transport_name(accepted.transport),
               is_websocket(accepted.transport) ? Medium::messages : Medium::stream) {
  if (is_websocket(accepted.transport)) {
    websocket_ = std::make_unique<WebSocketState>();
  }
  if (accepted.tls) tls_ = std::make_unique<TlsState>(*accepted.tls, host_->buffers());
}

Connection::~Connection() = default;

void Connection::start() {
  JD_ASSERT(on_shard());
  // Behind a trusted proxy the client is known later.
  const bool known = !env_.options->trusted_proxies.contains(peer_);
  if (is_refused()) {
    refuse(refused_);
  } else if (known) {
    admit();
  }
  wait_readable();
}

// ---- admission ------------------------------------------------------------------------------

bool Connection::awaits_forwarding() const {
  return websocket_ != nullptr && !place_.held() && !is_refused() &&
         env_.options->trusted_proxies.contains(client_ip());
}

void Connection::admit() {
  if (place_.held() || is_refused()) return;
  if (const Refusal refusal = host_->admission().admit(client_ip(), place_);
      refusal != Refusal::none) {
    refuse(refusal);
  }
}

void Connection::refuse(Refusal refusal) {
  env_.metrics.connections_refused.with(refusal_label(refusal)).Increment();
  // The upgrade of a WebSocket client is answered, and the CONNECT of another, where that does not
  // cost a TLS handshake first.
  const bool answer = tls_ == nullptr || tls_->stream.is_ready();
  if (!answer) {
    session_.end(EndHow::now, kLimitCause, refusal_label(refusal));
    return;
  }
  refused_ = refusal;
  session_.turn_logins_away();
  host_->keep_refused(*this);
  host_->add_deadline(DeadlineKind::refusal, id(), kRefusalTime);
}

void Connection::close_refused() {
  JD_ASSERT(on_shard());
  session_.end(EndHow::now, kLimitCause, refusal_label(refused_));
  close();
}

// ---- input ----------------------------------------------------------------------------------

bool Connection::on_shard() const { return env_.fan_out.owner().is_this_thread(); }

void Connection::wait_readable() {
  if (reading_ || closed_ || input_ended_) return;
  // After the peer's Close only the end of its stream is of interest.
  if (!closing_ && !peer_closed_ && (stopping_ || !session_.wants_input())) return;
  reading_ = true;
  socket_.async_wait(Socket::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       self->reading_ = false;
                       if (error) {
                         self->close();
                       } else {
                         self->on_readable();
                       }
                     });
}

void Connection::on_readable() {
  JD_ASSERT(on_shard());
  if (closed_) return;
  const std::span<char> buffer = host_->read_buffer();
  boost::system::error_code error;
  const std::size_t got = socket_.read_some(asio::buffer(buffer.data(), buffer.size()), error);
  if (error == asio::error::would_block || error == asio::error::try_again ||
      error == asio::error::interrupted) {
    wait_readable();
    return;
  }
  if (error == asio::error::eof) {
    on_stream_end();
    return;
  }
  if (error) {
    close();
    return;
  }
  last_input_ = env_.clock.steady();
  if (!closing_ && !stopping_ && !peer_closed_) on_input(buffer.first(got));
  // Input that comes after the end is read and dropped: closing a socket with unread bytes would
  // reset the connection and could take our last frame with it.
  wait_readable();
}

void Connection::on_input(std::span<char> bytes) {
  std::string kept;  // what the rest of a preface that came in pieces lies in
  if (!entered_ && !take_preface(bytes, kept)) {
    count_input();
    return;
  }
  if (tls_ == nullptr) {
    on_plain_input(bytes);
  } else {
    on_sealed_input(bytes);
  }
  session_.end_of_input();
  count_input();
}

void Connection::count_input() {
  if (closing_ || closed_) {
    drop_input();
    return;
  }
  if (unparsed_.capacity() > kUnparsedKept && unparsed_.size() < unparsed_.capacity() / 4) {
    unparsed_.shrink_to_fit();
  }
  std::size_t held = allocated(unparsed_);
  if (websocket_ != nullptr) held += allocated(websocket_->packed) + allocated(websocket_->held);
  // Strangers leave room for those who have logged in.
  const auto& budget = env_.options->inbound_budget;
  const bool may_grow = session_.is_live() || budget == nullptr || budget->is_mostly_free();
  if ((held > inbound_share_.held() && !may_grow) || !inbound_share_.resize(held)) {
    session_.end(EndHow::after_flush, kInboundCause);
  }
}

void Connection::drop_input() {
  free_memory(unparsed_);
  parsed_ = 0;
  if (websocket_ != nullptr) {
    free_memory(websocket_->packed);
    free_memory(websocket_->held);
  }
  inbound_share_.release();
}

// Cuts what a load balancer has put before the client's first byte off `bytes`. False: it has not
// come completely, or the connection has ended.
bool Connection::take_preface(std::span<char>& bytes, std::string& kept) {
  if (!unparsed_.empty()) {
    unparsed_.append(bytes.data(), bytes.size());
    kept = std::exchange(unparsed_, {});
    bytes = kept;
  }
  const ProxyOutcome outcome = read_proxy_header({bytes.data(), bytes.size()});
  if (outcome.state == ProxyOutcome::State::need_more) {
    unparsed_.assign(bytes.data(), bytes.size());
    return false;
  }
  entered_ = true;
  const GatewayOptions& options = *env_.options;
  const bool trusted = options.trusted_proxies.contains(peer_);
  const bool none = outcome.state == ProxyOutcome::State::none;
  const config::ProxyProtocol mode = options.limits.proxy_protocol;
  const bool wanted = trusted && mode != config::ProxyProtocol::off;
  if (none ? trusted && mode == config::ProxyProtocol::require
           : !wanted || outcome.state == ProxyOutcome::State::broken) {
    session_.end(EndHow::now, "proxy_header",
                 none      ? "a trusted proxy sent no PROXY header"
                 : !wanted ? "a PROXY header that is not wanted"
                           : "a broken PROXY header");
    return false;
  }
  bytes = bytes.subspan(outcome.consumed);
  if (outcome.client) client_ = std::make_unique<runtime::ClientEndpoint>(*outcome.client);
  if (!awaits_forwarding()) admit();
  return !closed_ && !bytes.empty();
}

void Connection::on_sealed_input(std::span<const char> bytes) {
  TlsStream& stream = tls_->stream;
  stream.receive(bytes);
  const std::span<char> plain = host_->plain_buffer();
  for (;;) {
    const TlsStream::Outcome outcome = stream.read(plain);
    count_handshake(outcome.status);
    if (!tls_->sealed.empty()) outbound_changed();
    if (outcome.status == TlsStream::Status::need_more) break;
    if (outcome.status == TlsStream::Status::closed) {
      // What came before the end, in this very read perhaps, counts.
      session_.end_of_input();
      on_stream_end();
      return;
    }
    if (outcome.status == TlsStream::Status::failed) {
      session_.end(EndHow::after_flush, "tls", stream.problem());
      return;
    }
    if (!peer_closed_) on_plain_input(plain.first(outcome.bytes));
    if (closing_ || closed_) return;
  }
  // Only a peer that makes us say much and does not read it gets here.
  if (tls_->sealed.bytes() > env_.options->limits.outbound_bytes_max) {
    session_.end(EndHow::now, kSlowCause);
  }
}

void Connection::count_handshake(TlsStream::Status status) {
  if (tls_->counted) return;
  const bool ready = tls_->stream.is_ready();
  if (!ready && status != TlsStream::Status::failed) return;
  tls_->counted = true;
  const std::string_view result = !ready                      ? "failed"
                                  : tls_->stream.is_resumed() ? "resumed"
                                                              : "full";
  env_.metrics.tls_handshakes.with(result).Increment();
}

void Connection::on_plain_input(std::span<char> bytes) {
  if (websocket_ == nullptr) {
    on_protocol_bytes({bytes.data(), bytes.size()}, MessageEnd::no);
  } else if (websocket_->upgraded) {
    on_websocket_input(bytes);
  } else {
    on_upgrade_input(bytes);
  }
}

void Connection::on_upgrade_input(std::span<char> bytes) {
  unparsed_.append(bytes.data(), bytes.size());
  const GatewayOptions& options = *env_.options;
  UpgradeOutcome outcome = read_upgrade(unparsed_, {kUpgradeBytesMax, options.limits.compression});
  if (outcome.state == UpgradeOutcome::State::need_more) return;
  if (outcome.state == UpgradeOutcome::State::refused) {
    outbound_.raw() += outcome.response;
    session_.end(EndHow::after_flush, "upgrade");
    return;
  }
  if (awaits_forwarding()) {
    if (const auto client = runtime::forwarded_client(outcome.forwarded_for, outcome.real_ip,
                                                      options.trusted_proxies)) {
      client_ = std::make_unique<runtime::ClientEndpoint>(*client);
    }
    admit();
  }
  if (is_refused()) {
    outbound_.raw() += refusal_response(refused_);
    session_.end(EndHow::after_flush, kLimitCause, refusal_label(refused_));
    return;
  }
  if (!options.origins.allows(outcome.origin, outcome.host, options.token_auth_on)) {
    outbound_.raw() += http_refusal("403 Forbidden");
    session_.end(EndHow::after_flush, kOriginCause,
                 "a page of " + outcome.origin.substr(0, kShownOriginBytes) +
                     " is not let in; see gateway.allowedOrigins");
    return;
  }
  outbound_.raw() += outcome.response;
  websocket_->upgraded = true;
  outbound_.use_websocket();
  if (outcome.deflate) {
    websocket_->decoder.allow_compressed();
    outbound_.use_compression(host_->deflater(), outcome.deflate->server_window_bits);
  }
  outbound_changed();
  std::string rest = unparsed_.substr(outcome.consumed);
  free_memory(unparsed_);
  if (!rest.empty()) on_websocket_input(rest);
}

void Connection::on_websocket_input(std::span<char> bytes) {
  if (!websocket_->held.empty()) {
    websocket_->held.append(bytes.data(), bytes.size());
    return;
  }
  for (;;) {
    if (!session_.wants_input()) {
      websocket_->held.assign(bytes.data(), bytes.size());
      return;
    }
    const WsEvent event = websocket_->decoder.next(bytes);
    switch (event.kind) {
      case WsEvent::Kind::need_more: return;
      case WsEvent::Kind::data:
        if (event.compressed) {
          on_packed_piece(event);
        } else {
          on_protocol_bytes(event.payload, event.message_end ? MessageEnd::yes : MessageEnd::no);
        }
        break;
      case WsEvent::Kind::ping:
        append_ws_control(outbound_.raw(), WsOpcode::pong, event.payload);
        if (outbound_.bytes() > env_.options->limits.outbound_bytes_max) {
          session_.end(EndHow::now, kSlowCause);
        } else {
          outbound_changed();
        }
        break;
      case WsEvent::Kind::pong: break;
      case WsEvent::Kind::close: on_peer_close(); return;
      case WsEvent::Kind::error:
        fail_websocket(event.status, kProtocolCause,
                       event.status == kWsInvalidData ? "the reason of the Close is not UTF-8"
                                                      : "the WebSocket framing is broken");
        break;
    }
    if (closing_ || closed_) return;
  }
}

void Connection::on_held_input() {
  if (websocket_ == nullptr || websocket_->held.empty() || !session_.wants_input()) return;
  std::string held = std::exchange(websocket_->held, {});
  on_websocket_input(held);
}

void Connection::on_packed_piece(const WsEvent& event) {
  const auto& limits = env_.options->limits;
  const std::size_t bytes_max = session_.is_before_connect()
                                    ? limits.pre_auth_frame_bytes_max
                                    : kUnfoldedFrames * limits.frame_bytes_max;
  // Until it is whole, a message of somebody who has not logged in takes no more than a CONNECT.
  const std::size_t packed_max = session_.is_live() ? bytes_max : limits.pre_auth_frame_bytes_max;
  std::string& packed = websocket_->packed;
  const bool is_part = !event.message_end || !packed.empty();
  if (websocket_->skipping) {
    websocket_->skipping = !event.message_end;
    return;
  }
  if ((is_part && packed.size() + event.payload.size() > packed_max) ||
      event.payload.size() > bytes_max) {
    if (session_.may_skip_input()) {
      free_memory(packed);
      websocket_->skipping = !event.message_end;
    } else {
      fail_websocket(kWsTooLong, kTooLongCause);
    }
    return;
  }
  std::string_view payload = event.payload;
  if (is_part) {
    packed += event.payload;
    if (!event.message_end) return;
    payload = packed;
  }
  std::string_view message;
  switch (host_->inflater().inflate(payload, bytes_max + kFrameHeaderBytesMax, message)) {
    case WsInflater::Status::ok: break;
    case WsInflater::Status::too_long: fail_websocket(kWsTooLong, kTooLongCause); return;
    case WsInflater::Status::broken:
      fail_websocket(kWsInvalidData, kProtocolCause, "the compression is broken");
      return;
  }
  free_memory(packed);
  on_protocol_bytes(message, MessageEnd::yes);
}

void Connection::fail_websocket(std::uint16_t status, std::string_view cause,
                                std::string_view detail) {
  // May append answers, which have to be before the Close, or end the session.
  session_.end_of_input();
  if (closing_ || closed_) return;
  append_ws_close(outbound_.raw(), status, detail.empty() ? end_cause(cause).text : detail);
  websocket_->close_sent = true;
  session_.end(EndHow::after_flush, cause, detail);
}

void Connection::on_protocol_bytes(std::string_view bytes, MessageEnd end) {
  if (unparsed_.empty()) {
    const std::size_t used = session_.on_bytes(bytes, end == MessageEnd::yes ? bytes.size() : 0);
    if (used < bytes.size()) unparsed_.assign(bytes.substr(used));
    whole_ = end == MessageEnd::yes ? unparsed_.size() : 0;
    return;
  }
  unparsed_ += bytes;
  const std::string_view left = std::string_view(unparsed_).substr(parsed_);
  if (end == MessageEnd::yes) whole_ = left.size();
  const std::size_t used = session_.on_bytes(left, whole_);
  if (unparsed_.empty()) return;  // the session has ended
  parsed_ += used;
  whole_ -= std::min(used, whole_);
  if (parsed_ == unparsed_.size()) {
    free_memory(unparsed_);
    parsed_ = 0;
  } else if (parsed_ > unparsed_.size() / 2) {
    // Not after each turn: a long message may take thousands of them.
    unparsed_.erase(0, parsed_);
    parsed_ = 0;
  }
}

void Connection::resume_input() {
  JD_ASSERT(on_shard());
  if (std::exchange(resuming_, true)) return;
  // Posted, because the session may be in the middle of its input.
  asio::post(host_->context(), [self = shared_from_this()] {
    self->resuming_ = false;
    if (self->closing_ || self->closed_ || self->stopping_) return;
    self->session_.begin_turn();
    self->on_protocol_bytes({}, MessageEnd::no);
    self->on_held_input();
    self->session_.end_of_input();
    self->count_input();
    if (self->input_ended_) self->on_stream_end();
    self->wait_readable();
    self->end_if_answered();
  });
}

void Connection::on_peer_close() {
  session_.end_of_input();
  if (closing_ || closed_) return;
  peer_closed_ = true;
  end_if_answered();
}

void Connection::end_if_answered() {
  // While input is paused, or about to go on, SENDs may still wait in unparsed_.
  if (!peer_closed_ || resuming_ || !session_.wants_input() || !session_.is_idle()) return;
  session_.end(EndHow::after_flush, "client");
}

void Connection::on_stream_end() {
  input_ended_ = true;
  // A client may end its side of the stream with its Close and still read what it is owed. Without
  // one it is gone.
  const bool owes_answers =
      peer_closed_ || (websocket_ != nullptr && !websocket_->held.empty());  // a Close may be held
  if (closing_ ? shut_down_ : !owes_answers) close();
}

// ---- output ---------------------------------------------------------------------------------

void Connection::outbound_changed() {
  JD_ASSERT(on_shard());
  if (dirty_ || writing_ || closed_) return;
  dirty_ = true;
  host_->add_dirty(shared_from_this());
}

void Connection::flush_dirty() {
  dirty_ = false;
  flush();
}

void Connection::flush() {
  JD_ASSERT(on_shard());
  if (closed_ || writing_) return;
  for (;;) {
    if (tls_ != nullptr) seal_pending();
    OutboundBuffer& out = wire();
    if (out.empty()) break;
    const std::string_view pending = out.pending();
    boost::system::error_code error;
    const std::size_t sent =
        socket_.write_some(asio::buffer(pending.data(), pending.size()), error);
    if (error && error != asio::error::would_block && error != asio::error::try_again &&
        error != asio::error::interrupted) {
      close();
      return;
    }
    if (!error) out.consume(sent);
    if (!out.empty()) {
      wait_writable();
      return;
    }
  }
  shut_down_if_done();
}

// Encrypts the next piece of what is queued, when the socket has taken the last one. Slow clients
// are thus cut by the size of what is still plain.
void Connection::seal_pending() {
  if (!tls_->sealed.empty()) return;
  if (outbound_.empty()) {
    if (closing_) tls_->stream.close();
    return;
  }
  const std::string_view piece = outbound_.pending().substr(0, kSealBytes);
  if (tls_->stream.write(piece)) {
    outbound_.consume(piece.size());
  } else {
    // Nobody can read it any more, or could yet; the end is under way.
    outbound_.clear();
  }
}

void Connection::wait_writable() {
  writing_ = true;
  socket_.async_wait(Socket::wait_write,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       self->writing_ = false;
                       if (error) {
                         self->close();
                       } else {
                         self->flush();
                       }
                     });
}

// ---- core -----------------------------------------------------------------------------------

void Connection::begin_login(LoginRequest request) { host_->begin_login(id(), std::move(request)); }

Result<void> Connection::submit(std::vector<SendCommand> commands, std::uint64_t first,
                                std::uint64_t end) {
  return host_->submit(id(), std::move(commands), first, end);
}

void Connection::finish_sends(std::uint64_t first, std::uint64_t end,
                              const std::vector<SendResult>& results) {
  JD_ASSERT(on_shard());
  session_.finish_sends(first, end, results);
  close_if_stopped();
  end_if_answered();
}

void Connection::advance_commands(partition::AdvanceCommandPosition position) {
  host_->advance_commands(std::move(position));
}

presence::ConnectionInfo Connection::describe() const {
  JD_ASSERT(on_shard());
  const Clock& clock = env_.clock;
  presence::ConnectionInfo info;
  session_.describe(info);
  info.pending_bytes = outbound_.bytes() + (tls_ == nullptr ? 0 : tls_->sealed.bytes());
  info.last_activity_ms =
      clock.wall_ms() -
      std::chrono::duration_cast<std::chrono::milliseconds>(clock.steady() - last_input_).count();
  if (client_ != nullptr) {
    info.ip = client_->ip.to_string();
    info.port = client_->port;
    return info;
  }
  boost::system::error_code error;
  const auto peer = socket_.remote_endpoint(error);
  if (!error) {
    info.ip = peer_.to_string();
    info.port = peer.port();
  }
  return info;
}

// ---- end ------------------------------------------------------------------------------------

void Connection::end_connection(EndHow how, std::string_view cause, std::string_view detail) {
  JD_ASSERT(on_shard());
  if (closing_ || closed_) return;
  env_.metrics.sessions_cut.with(cause).Increment();
  host_->log_end(*this, cause, detail);
  if (how == EndHow::now) {
    close();
    return;
  }
  closing_ = true;
  // The session may be in the middle of it, but looks at nothing more once it has ended.
  drop_input();
  if (websocket_ != nullptr && websocket_->upgraded && !websocket_->close_sent) {
    websocket_->close_sent = true;
    const EndCause& why = end_cause(cause);
    append_ws_close(outbound_.raw(), why.ws_status, detail.empty() ? why.text : detail);
  }
  host_->add_deadline(DeadlineKind::linger, id(), env_.options->linger_time);
  outbound_changed();
  // Reading may have been paused; the end of the peer's stream must be seen.
  wait_readable();
}

void Connection::shut_down_if_done() {
  if (!closing_ || shut_down_ || closed_) return;
  shut_down_ = true;
  if (input_ended_) {
    close();
    return;
  }
  boost::system::error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error) close();
}

void Connection::close() {
  JD_ASSERT(on_shard());
  if (closed_) return;
  closed_ = true;
  session_.on_connection_lost();
  boost::system::error_code ignored;
  socket_.close(ignored);
  outbound_.clear();
  tls_.reset();
  place_.release();
  drop_input();
  host_->retire(shared_from_this());
}

void Connection::begin_stop() {
  JD_ASSERT(on_shard());
  // A CONNECT that lies in the socket already is owed an answer like one that was read.
  if (session_.is_before_connect() && !closing_) on_readable();
  stopping_ = true;
  close_if_stopped();
}

void Connection::close_if_stopped() {
  if (!stopping_) return;
  session_.give_up_login(Reason::system_error, kStopCause);
  if (session_.is_idle()) session_.end(EndHow::after_flush, kStopCause);
}

}  // namespace jindou::gateway
