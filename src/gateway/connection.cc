#include "gateway/connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "gateway/shard.h"

namespace jindou::gateway {

namespace asio = boost::asio;

namespace {

// The documented limit of one header line is 4 KiB in many servers; browsers send about 1 KiB in
// all.
constexpr std::size_t kUpgradeBytesMax = 8 << 10;

std::string_view label(Transport transport) {
  return transport == Transport::websocket ? "ws" : "tcp";
}

}  // namespace

Connection::Connection(SessionId id, Transport transport, Socket socket,
                       std::shared_ptr<Shard> shard)
    : shard_(std::move(shard)),
      socket_(std::move(socket)),
      outbound_(shard_->buffers()),
      last_input_(shard_->env().clock.steady()),
      session_(id, shard_->env(), *this, label(transport)) {
  if (transport == Transport::websocket) websocket_ = std::make_unique<WebSocketState>();
}

Connection::~Connection() = default;

void Connection::start() { wait_readable(); }

// ---- input ----------------------------------------------------------------------------------

void Connection::wait_readable() {
  if (reading_ || closed_) return;
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
  if (closed_) return;
  const std::span<char> buffer = shard_->read_buffer();
  boost::system::error_code error;
  const std::size_t got = socket_.read_some(asio::buffer(buffer.data(), buffer.size()), error);
  if (error == asio::error::would_block || error == asio::error::try_again ||
      error == asio::error::interrupted) {
    wait_readable();
    return;
  }
  if (error) {
    close();
    return;
  }
  last_input_ = shard_->env().clock.steady();
  if (!closing_ && !stopping_ && !peer_closed_) on_input(buffer.first(got));
  // Input that comes after the end is read and dropped: closing a socket with unread bytes would
  // reset the connection and could take our last frame with it.
  wait_readable();
}

void Connection::on_input(std::span<char> bytes) {
  if (websocket_ == nullptr) {
    on_protocol_bytes({bytes.data(), bytes.size()});
  } else if (websocket_->upgraded) {
    on_websocket_input(bytes);
  } else {
    on_upgrade_input(bytes);
  }
  session_.end_of_input();
}

void Connection::on_upgrade_input(std::span<char> bytes) {
  unparsed_.append(bytes.data(), bytes.size());
  UpgradeOutcome outcome = read_upgrade(unparsed_, kUpgradeBytesMax);
  if (outcome.state == UpgradeOutcome::State::need_more) return;
  outbound_.raw() += outcome.response;
  if (outcome.state == UpgradeOutcome::State::refused) {
    session_.end(EndHow::after_flush, "upgrade");
    return;
  }
  websocket_->upgraded = true;
  outbound_.use_websocket();
  outbound_changed();
  std::string rest = unparsed_.substr(outcome.consumed);
  unparsed_ = {};
  if (!rest.empty()) on_websocket_input(rest);
}

void Connection::on_websocket_input(std::span<char> bytes) {
  for (;;) {
    const WsEvent event = websocket_->decoder.next(bytes);
    switch (event.kind) {
      case WsEvent::Kind::need_more: return;
      case WsEvent::Kind::data: on_protocol_bytes(event.payload); break;
      case WsEvent::Kind::ping:
        append_ws_control(outbound_.raw(), WsOpcode::pong, event.payload);
        if (outbound_.bytes() > shard_->env().options->limits.outbound_bytes_max) {
          session_.end(EndHow::now, kSlowCause);
        } else {
          outbound_changed();
        }
        break;
      case WsEvent::Kind::pong: break;
      case WsEvent::Kind::close: on_peer_close(); return;
      case WsEvent::Kind::error:
        // May append answers, which have to be before the Close, or end the session.
        session_.end_of_input();
        if (closing_ || closed_) return;
        append_ws_close(outbound_.raw(), kWsProtocolError);
        websocket_->close_sent = true;
        session_.end(EndHow::after_flush, "protocol");
        break;
    }
    if (closing_ || closed_) return;
  }
}

void Connection::on_protocol_bytes(std::string_view bytes) {
  if (unparsed_.empty()) {
    const std::size_t used = session_.on_bytes(bytes);
    if (used < bytes.size()) unparsed_.assign(bytes.substr(used));
    return;
  }
  unparsed_ += bytes;
  const std::size_t used = session_.on_bytes(unparsed_);
  if (used == unparsed_.size()) {
    unparsed_ = {};  // gives the memory back
  } else {
    unparsed_.erase(0, used);
  }
}

void Connection::resume_input() {
  if (std::exchange(resuming_, true)) return;
  // Posted, because the session may be in the middle of its input.
  asio::post(shard_->context(), [self = shared_from_this()] {
    self->resuming_ = false;
    if (self->closing_ || self->closed_ || self->stopping_) return;
    self->on_protocol_bytes({});
    self->session_.end_of_input();
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

// ---- output ---------------------------------------------------------------------------------

void Connection::outbound_changed() {
  if (dirty_ || writing_ || closed_) return;
  dirty_ = true;
  shard_->add_dirty(shared_from_this());
}

void Connection::flush() {
  if (closed_ || writing_) return;
  if (!outbound_.empty()) {
    const std::string_view pending = outbound_.pending();
    boost::system::error_code error;
    const std::size_t sent =
        socket_.write_some(asio::buffer(pending.data(), pending.size()), error);
    if (error && error != asio::error::would_block && error != asio::error::try_again &&
        error != asio::error::interrupted) {
      close();
      return;
    }
    if (!error) outbound_.consume(sent);
    if (!outbound_.empty()) {
      wait_writable();
      return;
    }
  }
  shut_down_if_done();
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

void Connection::begin_login(LoginRequest request) {
  shard_->begin_login(id(), std::move(request));
}

Result<void> Connection::submit(std::vector<SendCommand> commands, std::uint64_t first,
                                std::uint64_t end) {
  return shard_->submit(id(), std::move(commands), first, end);
}

void Connection::finish_sends(std::uint64_t first, std::uint64_t end,
                              const std::vector<SendResult>& results) {
  session_.finish_sends(first, end, results);
  close_if_stopped();
  end_if_answered();
}

void Connection::advance_commands(channel::AdvanceCommandPosition position) {
  shard_->advance_commands(std::move(position));
}

presence::ConnectionInfo Connection::describe() const {
  const Clock& clock = shard_->env().clock;
  presence::ConnectionInfo info;
  session_.describe(info);
  info.pending_bytes = outbound_.bytes();
  info.last_activity_ms =
      clock.wall_ms() -
      std::chrono::duration_cast<std::chrono::milliseconds>(clock.steady() - last_input_).count();
  boost::system::error_code error;
  const auto peer = socket_.remote_endpoint(error);
  if (!error) {
    info.ip = peer.address().to_string();
    info.port = peer.port();
  }
  return info;
}

// ---- end ------------------------------------------------------------------------------------

void Connection::end_connection(EndHow how, std::string_view cause) {
  if (closing_ || closed_) return;
  shard_->env().metrics.sessions_cut.with(cause).Increment();
  if (how == EndHow::now) {
    close();
    return;
  }
  closing_ = true;
  unparsed_ = {};
  if (websocket_ != nullptr && websocket_->upgraded && !websocket_->close_sent) {
    websocket_->close_sent = true;
    append_ws_close(outbound_.raw(), kWsNormal);
  }
  shard_->add_deadline(DeadlineKind::linger, id(), shard_->env().options->linger_time);
  outbound_changed();
  // Reading may have been paused; the end of the peer's stream must be seen.
  wait_readable();
}

void Connection::shut_down_if_done() {
  if (!closing_ || shut_down_ || closed_) return;
  shut_down_ = true;
  boost::system::error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error) close();
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  session_.on_connection_lost();
  boost::system::error_code ignored;
  socket_.close(ignored);
  outbound_.clear();
  unparsed_ = {};
  shard_->retire(shared_from_this());
}

void Connection::begin_stop() {
  stopping_ = true;
  close_if_stopped();
}

void Connection::close_if_stopped() {
  if (stopping_ && session_.is_idle()) session_.end(EndHow::after_flush, "stop");
}

}  // namespace jindou::gateway
