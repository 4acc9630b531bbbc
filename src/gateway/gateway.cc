#include "gateway/gateway.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "gateway/end_cause.h"
#include "gateway/shard.h"
#include "model/reason.h"
#include "observe/log.h"
#include "runtime/client_address.h"
#include "runtime/told_refusals.h"

namespace jindou::gateway {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;

namespace {

// After a failed accept (no file descriptors left, mostly) the next try comes after this long.
constexpr milliseconds kAcceptBackoff{100};
// A trouble that lasts is logged once per so many failures, which is every ten seconds.
constexpr std::uint64_t kFailuresPerLog = 100;
// The kernel cuts it to net.core.somaxconn.
constexpr int kBacklog = 4096;

// A peer that vanished without a word (a phone out of reach, a NAT that forgot the connection) is
// noticed after 75 + 4 * 15 s of silence. Clients ping more often, so a probe is rare.
constexpr int kKeepAliveIdleSeconds = 75;
constexpr int kKeepAliveIntervalSeconds = 15;
constexpr int kKeepAliveProbes = 4;

Result<tcp::endpoint> resolve(const config::ListenAddress& address, asio::io_context& context) {
  const std::string host = address.host.empty() ? "0.0.0.0" : address.host;
  boost::system::error_code error;
  const auto ip = asio::ip::make_address(host, error);
  if (!error) return tcp::endpoint(ip, address.port);
  // A name: looked up once, at start.
  tcp::resolver resolver(context);
  const auto found = resolver.resolve(host, std::to_string(address.port), error);
  if (error || found.empty()) {
    return Error(Errc::unavailable, "cannot resolve " + host + ": " + error.message());
  }
  return found.begin()->endpoint();
}

// Where a listener's address is set.
const char* setting_of(Transport transport) {
  switch (transport) {
    case Transport::tcp: return "addr (--tcp-addr)";
    case Transport::websocket: return "wsAddr (--ws-addr)";
    case Transport::tls: return "tlsAddr (--set tlsAddr=...)";
    case Transport::tls_websocket: return "wssAddr (--set wssAddr=...)";
  }
  return "addr";
}

std::string to_text(const tcp::endpoint& endpoint) {
  const std::string ip = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + ip + "]" : ip) + ":" + std::to_string(endpoint.port());
}

// What the end of stop() waits for; shared with the shards' last handlers.
struct Countdown {
  Mutex mutex;
  Condition changed;
  std::size_t left JD_GUARDED_BY(mutex);

  explicit Countdown(std::size_t from) : left(from) {}

  void count() {
    const MutexLock lock(mutex);
    --left;
    changed.notify_all();
  }
  bool wait_for(milliseconds time) {
    MutexLock lock(mutex);
    return changed.wait_for(lock, time, [this]() JD_REQUIRES(mutex) { return left == 0; });
  }
};

// A counter that is not there before it counts has nothing to rise from.
void show_counters(observe::Metrics& metrics) {
  for (const EndCause& cause : end_causes()) (void)metrics.sessions_cut.with(cause.label);
  for (const Refusal why : {Refusal::max_connections, Refusal::address_connections,
                            Refusal::address_rate, Refusal::rate}) {
    (void)metrics.connections_refused.with(refusal_label(why));
  }
  for (const Transport transport :
       {Transport::tcp, Transport::websocket, Transport::tls, Transport::tls_websocket}) {
    (void)metrics.sessions.with(transport_name(transport));
  }
  for (const char* result : {"ok", "error"}) (void)metrics.connects.with(result);
  for (unsigned code = 0; code <= std::numeric_limits<std::uint8_t>::max(); ++code) {
    const auto reason = static_cast<Reason>(code);
    if (reason_refuses_login(reason)) (void)metrics.connects.with(std::to_string(code));
    if (reason_refuses_message(reason)) (void)metrics.send_refused.with(std::to_string(code));
  }
  for (const char* result : {"full", "resumed", "failed"}) {
    (void)metrics.tls_handshakes.with(result);
  }
}

}  // namespace

// One listening socket. Lives on shard 0 and deals accepted sockets out in turn, which is exact
// where one listening socket per shard is only balanced by chance.
class Listener final : public std::enable_shared_from_this<Listener> {
 public:
  Listener(Transport transport, asio::io_context& context, runtime::IoShards& io_shards,
           std::vector<std::shared_ptr<Shard>> shards, std::size_t connections_max,
           std::shared_ptr<std::atomic<std::size_t>> connections,
           std::shared_ptr<std::atomic<std::uint64_t>> next_id,
           std::shared_ptr<TlsCertificate> certificate, observe::Metrics& metrics)
      : transport_(transport),
        io_shards_(io_shards),
        shards_(std::move(shards)),
        connections_max_(connections_max),
        connections_(std::move(connections)),
        next_id_(std::move(next_id)),
        certificate_(std::move(certificate)),
        metrics_(metrics),
        acceptor_(context),
        timer_(context) {}

  Result<std::string> open(const tcp::endpoint& endpoint) {
    boost::system::error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) set_inherited_options();
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(kBacklog, error);
    if (error) {
      return Error(Errc::unavailable, "cannot listen on " + to_text(endpoint) + ": " +
                                          error.message() +
                                          "; another address: " + setting_of(transport_));
    }
    return to_text(acceptor_.local_endpoint());
  }

  void accept_next() {
    // Ids and shards are dealt out together: a connection's shard is its id modulo their number.
    const std::uint64_t id = next_id_->fetch_add(1);
    const auto shard = static_cast<unsigned>(id % shards_.size());
    acceptor_.async_accept(io_shards_.context(shard), peer_,
                           [self = shared_from_this(), id, shard](
                               const boost::system::error_code& error, tcp::socket socket) {
                             self->on_accept(error, std::move(socket), static_cast<SessionId>(id),
                                             shard);
                           });
  }

  // On shard 0.
  void close() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    timer_.cancel();
  }

 private:
  // Accepted sockets have them from the start, which saves calls for each.
  void set_inherited_options() {
    const auto set = [this](int level, int option, int value) {
      // Connections work without them, only less well.
      if (::setsockopt(acceptor_.native_handle(), level, option, &value, sizeof value) != 0) {
        observe::log_debug("gateway", "socket option {} of level {} cannot be set", option, level);
      }
    };
    set(IPPROTO_TCP, TCP_NODELAY, 1);
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
    set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
    set(IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
  }

  void on_accept(const boost::system::error_code& error, tcp::socket socket, SessionId id,
                 unsigned shard) {
    if (!acceptor_.is_open()) return;
    if (error) {
      if (failures_++ % kFailuresPerLog == 0) {
        observe::log_warn("gateway", "cannot accept a connection: {}", error.message());
      }
      timer_.expires_after(kAcceptBackoff);
      timer_.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
        if (!cancelled && self->acceptor_.is_open()) self->accept_next();
      });
      return;
    }
    if (connections_->fetch_add(1) >= connections_max_) {
      connections_->fetch_sub(1);
      refuse(std::move(socket));
    } else {
      Accepted accepted{id, transport_, std::move(socket), runtime::plain_address(peer_.address())};
      if (certificate_ != nullptr) accepted.tls = certificate_->current();
      shards_[shard]->post_accepted(std::move(accepted));
    }
    accept_next();
  }

  // Over TLS the answer would cost a handshake first.
  void refuse(tcp::socket socket) {
    if (refused_++ % kFailuresPerLog == 0) {
      observe::log_warn("gateway", "more than {} connections: new ones are refused",
                        connections_max_);
    }
    if (is_tls(transport_)) {
      metrics_.connections_refused.with(refusal_label(Refusal::max_connections)).Increment();
      return;
    }
    // This thread's shard tells them, so that no more are open than it keeps for that.
    Accepted accepted{id_on_first_shard(), transport_,
                      runtime::moved_to(io_shards_.context(0), std::move(socket)),
                      runtime::plain_address(peer_.address())};
    accepted.refusal = Refusal::max_connections;
    shards_[0]->post_accepted(std::move(accepted));
  }

  SessionId id_on_first_shard() {
    const std::uint64_t shards = shards_.size();
    const std::uint64_t next = next_id_->fetch_add(shards);
    return static_cast<SessionId>((next + shards - 1) / shards * shards);
  }

  Transport transport_;
  runtime::IoShards& io_shards_;
  std::vector<std::shared_ptr<Shard>> shards_;
  std::size_t connections_max_;
  std::shared_ptr<std::atomic<std::size_t>> connections_;
  std::shared_ptr<std::atomic<std::uint64_t>> next_id_;
  std::shared_ptr<TlsCertificate> certificate_;  // null: no TLS
  observe::Metrics& metrics_;
  tcp::endpoint peer_;  // of the socket that is being accepted
  tcp::acceptor acceptor_;
  asio::steady_timer timer_;
  std::uint64_t failures_ = 0;
  std::uint64_t refused_ = 0;
};

Gateway::Gateway(const GatewayDeps& deps, GatewayOptions options)
    : deps_(deps),
      options_(std::make_shared<const GatewayOptions>(std::move(options))),
      connections_(std::make_shared<std::atomic<std::size_t>>(0)),
      admission_(std::make_shared<Admission>(deps.clock, options_->admission)),
      next_id_(std::make_shared<std::atomic<std::uint64_t>>(1)) {
  for (unsigned i = 0; i < deps_.shards.size(); ++i) {
    const SessionEnv env{options_,
                         deps_.clock,
                         deps_.random,
                         deps_.metrics,
                         deps_.fan_out.shard(i),
                         deps_.directory,
                         std::make_shared<ShardTraffic>(),
                         i};
    shards_.push_back(std::make_shared<Shard>(
        deps_.shards.context(i), deps_.pool, deps_.core, env,
        options_->limits.push_record_bytes / deps_.shards.size(), connections_, admission_));
  }
  // As small as the others, if there are any.
  remembers_pushes_ = !shards_.empty() && shards_.front()->remembers_pushes();
  deps_.directory.attach_control(this);
  show_counters(deps_.metrics);
}

Gateway::~Gateway() { stop(); }

std::shared_ptr<Listener> Gateway::make_listener(Transport transport) {
  return std::make_shared<Listener>(transport, deps_.shards.context(0), deps_.shards, shards_,
                                    options_->limits.max_connections, connections_, next_id_,
                                    is_tls(transport) ? certificate_ : nullptr, deps_.metrics);
}

// The port of `first`, which listens on 127.0.0.1. A machine without IPv6 has only that.
void Gateway::listen_on_ipv6_loopback(Transport transport, const std::string& first) {
  const auto port = static_cast<std::uint16_t>(std::stoi(first.substr(first.rfind(':') + 1)));
  auto listener = make_listener(transport);
  if (const auto bound = listener->open({asio::ip::address_v6::loopback(), port}); !bound) {
    observe::log_debug("gateway", "not on the IPv6 loopback address: {}", bound.error().detail());
    return;
  }
  listeners_.push_back(std::move(listener));
  on_both_loopbacks_ = true;
}

Result<void> Gateway::listen() {
  asio::io_context& context = deps_.shards.context(0);
  const auto open = [&](Transport transport,
                        const config::ListenAddress& address) -> Result<std::string> {
    // A client may try either loopback address and not the other.
    const bool both = address.host == "localhost";
    JD_TRY(const tcp::endpoint endpoint,
           resolve(both ? config::ListenAddress{"127.0.0.1", address.port} : address, context));
    auto listener = make_listener(transport);
    JD_TRY(std::string bound, listener->open(endpoint));
    listeners_.push_back(std::move(listener));
    if (both) listen_on_ipv6_loopback(transport, bound);
    return bound;
  };
  if (options_->tls || options_->wss) {
    certificate_ = std::make_shared<TlsCertificate>(deps_.clock, options_->certificate);
    JD_RETURN_IF_ERROR(certificate_->load());
  }
  if (options_->tcp) {
    JD_TRY(tcp_address_, open(Transport::tcp, *options_->tcp));
  }
  if (options_->ws) {
    JD_TRY(ws_address_, open(Transport::websocket, *options_->ws));
  }
  if (options_->tls) {
    JD_TRY(tls_address_, open(Transport::tls, *options_->tls));
  }
  if (options_->wss) {
    JD_TRY(wss_address_, open(Transport::tls_websocket, *options_->wss));
  }
  if (certificate_ != nullptr) certificate_->watch(context, deps_.pool);
  for (const auto& shard : shards_) shard->start();
  for (const auto& listener : listeners_) {
    asio::post(context, [listener] { listener->accept_next(); });
  }
  return {};
}

void Gateway::reload_certificate() {
  if (certificate_ == nullptr) return;
  certificate_->refresh();
  certificate_->restart_watch();
}

void Gateway::append_metrics(std::string& out) const {
  observe::append_sample(out, "jindou_connections", "gauge",
                         "Open client connections, those before their login included.",
                         static_cast<double>(connections_->load()));
  observe::append_sample(out, "jindou_connections_limit", "gauge",
                         "How many there may be: gateway.maxConnections, or less where open files "
                         "are few.",
                         static_cast<double>(options_->limits.max_connections));
  if (certificate_ == nullptr) return;
  if (const auto context = certificate_->current()) {
    observe::append_sample(out, "jindou_tls_certificate_not_after_seconds", "gauge",
                           "When the certificate in use expires, in seconds since 1970.",
                           static_cast<double>(context->not_after()));
  }
}

void Gateway::stop() {
  if (std::exchange(stopped_, true)) return;
  if (certificate_ != nullptr) certificate_->stop();
  for (const auto& listener : listeners_) {
    asio::post(deps_.shards.context(0), [listener] { listener->close(); });
  }
  listeners_.clear();
  for (const auto& shard : shards_) shard->post_stop();
  const auto deadline = deps_.clock.steady() + options_->stop_time;
  auto countdown = std::make_shared<Countdown>(shards_.size());
  while (connections_->load() > 0 && deps_.clock.steady() < deadline) {
    // Nobody signals the last close; this is the only place that waits for it.
    countdown->wait_for(milliseconds(5));
  }
  for (const auto& shard : shards_) {
    shard->post_close_all([countdown] { countdown->count(); });
  }
  // The handlers run unless the io threads have been stopped before, against the rules.
  if (!countdown->wait_for(options_->stop_time)) {
    observe::log_error("gateway", "the io threads did not close all connections");
  }
  deps_.directory.attach_control(nullptr);
}

presence::TrafficTotals Gateway::traffic_totals() const {
  presence::TrafficTotals totals;
  for (const auto& shard : shards_) {
    const ShardTraffic& traffic = shard->traffic();
    totals.in_msgs += traffic.in_msgs.load(std::memory_order_relaxed);
    totals.out_msgs += traffic.out_msgs.load(std::memory_order_relaxed);
    totals.in_bytes += traffic.in_bytes.load(std::memory_order_relaxed);
    totals.out_bytes += traffic.out_bytes.load(std::memory_order_relaxed);
    totals.retry_queue += traffic.unacked.load(std::memory_order_relaxed);
  }
  totals.slow_clients =
      static_cast<std::uint64_t>(deps_.metrics.sessions_cut.with(kSlowCause).Value());
  totals.connections = connections_->load();
  return totals;
}

void Gateway::collect_connections(presence::ConnectionQuery query,
                                  std::function<void(presence::ConnectionPage)> done) {
  auto survey =
      std::make_shared<ConnectionSurvey>(std::move(query), shards_.size(), std::move(done));
  for (const auto& shard : shards_) shard->post_survey(survey);
}

void Gateway::collect_pushes(presence::PushQuery query,
                             std::function<void(presence::PushReport)> done) {
  auto survey = std::make_shared<PushSurvey>(std::move(query), shards_.size(), std::move(done));
  for (const auto& shard : shards_) shard->post_push_survey(survey);
}

void Gateway::kick_connection(std::string_view uid, SessionId id, bool tell) {
  // As dealt out by the listeners.
  shards_[raw(id) % shards_.size()]->post_kick_of(id, std::string(uid), tell);
}

void Gateway::post_kick(presence::SessionAddress session, Reason reason, std::string text,
                        milliseconds grace) {
  shards_[session.shard]->post_kick(session.id, reason, std::move(text), grace);
}

void Gateway::post_close(presence::SessionAddress session, milliseconds grace) {
  shards_[session.shard]->post_close(session.id, grace);
}

}  // namespace jindou::gateway
