// The client side of the server: listens for TCP and WebSocket connections, in TLS or not, and runs
// their sessions.
//
// One object per node. Accepted sockets go to the io shards in turn; each shard's part is class
// Shard. Public functions are for the thread that starts and stops the server, except those of
// SessionControl, which any thread may call, and those said to be for any thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "delivery/fan_out.h"
#include "gateway/admission.h"
#include "gateway/core_port.h"
#include "gateway/options.h"
#include "gateway/tls_certificate.h"
#include "gateway/transport.h"
#include "observe/metrics.h"
#include "presence/connection_info.h"
#include "presence/push_report.h"
#include "presence/session_directory.h"
#include "runtime/blocking_pool.h"
#include "runtime/io_shards.h"

namespace jindou::gateway {

// Borrowed; all outlive the gateway, and `shards` are stopped before the others are destroyed.
struct GatewayDeps {
  runtime::IoShards& shards;
  runtime::BlockingPool& pool;
  CorePort& core;
  delivery::FanOut& fan_out;
  presence::SessionDirectory& directory;
  observe::Metrics& metrics;
  const Clock& clock;
  Random& random;  // thread-safe
};

class Listener;
class Shard;

class Gateway final : public presence::SessionControl {
 public:
  // Attaches itself to the directory.
  Gateway(const GatewayDeps& deps, GatewayOptions options);
  // Stops.
  ~Gateway() override;
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Binds the addresses that are set in the options and begins to accept. Errors: unavailable
  // (names the address), invalid (names the file of the certificate or key and what is wrong).
  Result<void> listen();
  // "ip:port" as bound; empty before listen() and when not served.
  const std::string& tcp_address() const { return tcp_address_; }
  // Some address was `localhost`, and the IPv6 loopback address is listened to as well.
  bool on_both_loopbacks() const { return on_both_loopbacks_; }
  const std::string& ws_address() const { return ws_address_; }
  const std::string& tls_address() const { return tls_address_; }
  const std::string& wss_address() const { return wss_address_; }

  // Reads the files of the certificate again, if TLS is served; see TlsCertificate. Blocks on the
  // disk.
  void reload_certificate();
  // For a scrape; any thread, between listen() and the end.
  void append_metrics(std::string& out) const;

  // Stops accepting and reading, lets SENDs in flight be answered, closes every connection plainly
  // (a DISCONNECT would tell clients not to come back); after stop_time closes what is left.
  // Blocks. The io shards and the core still run when it is called, and no API thread uses the
  // directory to kick any more. Idempotent.
  void stop();

  // The rest may be called by any thread, until the io threads stop.
  std::size_t connection_count() const { return connections_->load(); }
  presence::TrafficTotals traffic_totals() const;
  // Looks at all live connections; `done` is called once, on one of the io shards.
  void collect_connections(presence::ConnectionQuery query,
                           std::function<void(presence::ConnectionPage)> done);
  // False: no pushes are remembered (gateway.pushRecordBytes), or there is no room for one.
  bool remembers_pushes() const { return remembers_pushes_; }
  // What is remembered of a message; `done` is called once, on one of the io shards. Only where
  // pushes are remembered.
  void collect_pushes(presence::PushQuery query, std::function<void(presence::PushReport)> done);
  // Ends one connection: after telling its client to go and not to come back, and the kick grace
  // (`tell`), or at once. Nothing happens when there is none with that id, or when it is of another
  // user than `uid`; empty: of anybody.
  void kick_connection(std::string_view uid, SessionId id, bool tell);

  // SessionControl
  void post_kick(presence::SessionAddress session, Reason reason, std::string text,
                 std::chrono::milliseconds grace) override;
  void post_close(presence::SessionAddress session, std::chrono::milliseconds grace) override;

 private:
  GatewayDeps deps_;
  // Shared with the shards, which may outlive the gateway by an answer of the core.
  std::shared_ptr<const GatewayOptions> options_;
  std::shared_ptr<std::atomic<std::size_t>> connections_;
  std::shared_ptr<Admission> admission_;
  std::shared_ptr<TlsCertificate> certificate_;  // null: no TLS
  std::vector<std::shared_ptr<Shard>> shards_;
  std::shared_ptr<Listener> make_listener(Transport transport);
  void listen_on_ipv6_loopback(Transport transport, const std::string& first);

  std::vector<std::shared_ptr<Listener>> listeners_;
  // Also tells which shard is next.
  std::shared_ptr<std::atomic<std::uint64_t>> next_id_;
  bool on_both_loopbacks_ = false;
  bool remembers_pushes_ = false;
  std::string tcp_address_;
  std::string ws_address_;
  std::string tls_address_;
  std::string wss_address_;
  bool stopped_ = false;
};

}  // namespace jindou::gateway
