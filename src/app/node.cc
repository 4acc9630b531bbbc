#include "app/node.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "api/api_server.h"
#include "app/version.h"
#include "base/clock.h"
#include "base/random.h"
#include "channel/command_router.h"
#include "channel/history.h"
#include "channel/inbox_directory.h"
#include "channel/partition_worker.h"
#include "delivery/fan_out.h"
#include "gateway/core_port.h"
#include "gateway/gateway.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "presence/session_directory.h"
#include "runtime/blocking_pool.h"
#include "runtime/io_shards.h"
#include "store/database.h"
#include "store/embedded_commit_log.h"

namespace jindou::app {

namespace {

// Threads that read the store for the edges. Reads mostly hit the caches; four hide a slow disk.
constexpr unsigned kBlockingThreads = 4;
constexpr std::size_t kBlockingPending = 10'000;
// A token update tells the old sessions to go and gives them time to say so to their users
// (docs/wkproto.md, "kick rule").
constexpr std::chrono::seconds kTokenKickGrace{10};
// Stopping: the API and then the gateway finish what is in flight. With the second or two that
// either may take beyond its grace, the whole stays below the five seconds an operator is promised.
constexpr std::chrono::milliseconds kStopGrace{1'000};
constexpr std::string_view kTokenKickText = "the token of this device was replaced";

channel::SendCheck send_check_of(config::SendCheck check) {
  switch (check) {
    case config::SendCheck::channel: return channel::SendCheck::channel;
    case config::SendCheck::trusted: return channel::SendCheck::trusted;
    case config::SendCheck::strict: return channel::SendCheck::strict;
  }
  return channel::SendCheck::strict;
}

store::StoreOptions store_options(const config::Settings& settings) {
  store::StoreOptions options;
  options.directory = settings.data_dir;
  options.partitions = settings.storage.partitions;
  options.write_buffer_bytes = settings.storage.write_buffer_bytes;
  options.block_cache_bytes = settings.storage.block_cache_bytes;
  options.background_jobs = static_cast<int>(settings.storage.background_jobs);
  return options;
}

channel::PartitionOptions partition_options(const config::Settings& settings,
                                            std::uint16_t partitions) {
  channel::PartitionOptions options;
  options.permission.http_check = send_check_of(settings.api.send_check);
  options.permission.person_allowlist_enforced = !settings.whitelist_off_of_person;
  options.idempotency_window_seconds =
      std::chrono::duration_cast<std::chrono::seconds>(settings.api.idempotency_window).count();
  options.channels_max = std::max<std::size_t>(1, settings.core.channel_cache_count / partitions);
  options.commit_messages_max = settings.storage.commit_items_max;
  options.index_generation_entries = settings.dedup.generation_entries;
  options.index_filter_bytes_max = settings.dedup.filter_bytes_max / partitions;
  return options;
}

api::ApiOptions api_options(const config::Settings& settings) {
  api::ApiOptions options;
  options.http.limits.header_bytes = settings.api.max_header_bytes;
  options.http.limits.body_bytes = settings.api.max_body_bytes;
  options.http.header_timeout = settings.api.header_timeout;
  options.http.body_timeout = settings.api.body_timeout;
  options.http.idle_timeout = settings.api.idle_timeout;
  options.http.connections_max = settings.api.max_connections;
  options.send.items_max = settings.api.max_batch;
  options.send.payload_bytes_max = settings.api.max_payload_bytes;
  options.request_timeout = settings.api.request_timeout;
  options.batches_in_flight_max = settings.api.batches_in_flight;
  options.manager_token = settings.manager_token;
  options.manager_uid = settings.manager_uid;
  options.status_style = settings.api.status_style;
  options.version = kVersion;
  options.http.stop_grace = kStopGrace;
  return options;
}

Result<gateway::GatewayOptions> gateway_options(const config::Settings& settings) {
  gateway::GatewayOptions options;
  if (!settings.addr.empty()) {
    JD_TRY(options.tcp, config::parse_listen_address(settings.addr));
  }
  if (!settings.ws_addr.empty()) {
    JD_TRY(options.ws, config::parse_listen_address(settings.ws_addr));
  }
  options.limits = settings.gateway;
  options.retry = settings.message_retry;
  options.idle_time = settings.conn_idle_time;
  options.token_auth_on = settings.token_auth_on;
  options.manager_uid = settings.manager_uid;
  options.manager_token = settings.manager_token;
  options.node_id = settings.cluster.node_id;
  options.payload_bytes_max = settings.api.max_payload_bytes;
  options.stop_time = kStopGrace;
  return options;
}

unsigned worker_count(const config::Settings& settings) {
  if (settings.core.partition_workers > 0) {
    return static_cast<unsigned>(settings.core.partition_workers);
  }
  // Evaluation costs a fraction of what the edges and the store cost for the same message.
  return std::max(1U, std::thread::hardware_concurrency() / 2);
}

// Where a client reaches a listener: the configured external ip; else, for one that listens on
// every interface, the host that the request itself was sent to. Empty when there is no listener.
std::string reachable(const std::string& bound, const std::string& external_ip,
                      std::string_view request_host) {
  const auto colon = bound.rfind(':');
  if (colon == std::string::npos) return {};
  if (!external_ip.empty()) return external_ip + bound.substr(colon);
  const std::string host = bound.substr(0, colon);
  if (host != "0.0.0.0" && host != "[::]") return bound;
  return (request_host.empty() ? "127.0.0.1" : std::string(request_host)) + bound.substr(colon);
}

}  // namespace

// In order of construction: what stands above does not know what stands below.
struct Node::Parts {
  explicit Parts(const config::Settings& node_settings) : settings(node_settings) {}

  config::Settings settings;
  SystemClock clock;
  SystemRandom random;
  observe::Metrics metrics;
  std::unique_ptr<store::Database> database;
  std::unique_ptr<store::EmbeddedCommitLog> log;
  std::unique_ptr<runtime::IoShards> shards;
  std::unique_ptr<runtime::BlockingPool> blocking;
  std::unique_ptr<channel::InboxDirectory> inboxes;
  presence::SessionDirectory sessions;
  std::unique_ptr<delivery::FanOut> fan_out;
  std::vector<std::unique_ptr<channel::PartitionWorker>> workers;
  std::unique_ptr<channel::CommandRouter> router;
  std::unique_ptr<channel::History> history;
  std::unique_ptr<gateway::RouterPort> core_port;
  std::unique_ptr<gateway::Gateway> gateway;
  std::unique_ptr<api::ApiServer> api;
  std::uint64_t collector = 0;
  bool started = false;
  std::atomic<bool> stopping{false};

  Result<void> open_store();
  Result<void> start_core();
  Result<void> start_edges();
  Result<void> listen_http();
  void observe_commits(const store::CommitStats& stats);
  api::RouteAddresses addresses(bool intranet, std::string_view request_host) const;
};

Result<void> Node::Parts::open_store() {
  JD_TRY(database, store::Database::open(store_options(settings), random));
  if (database->partitions() != settings.storage.partitions) {
    observe::log_warn("app",
                      "the store was created with {} partitions, which cannot change; "
                      "storage.partitions = {} has no effect",
                      database->partitions(), settings.storage.partitions);
  }
  log = std::make_unique<store::EmbeddedCommitLog>(
      *database, [this](const store::CommitStats& stats) { observe_commits(stats); });
  return log->open();
}

void Node::Parts::observe_commits(const store::CommitStats& stats) {
  if (!stats.durable) {
    metrics.commit_failures.Increment();
    return;
  }
  metrics.commits.Increment();
  metrics.commit_messages.Observe(stats.messages);
  metrics.commit_seconds.Observe(std::chrono::duration<double>(stats.write + stats.sync).count());
  metrics.messages_stored.Increment(stats.messages);
}

Result<void> Node::Parts::start_core() {
  const std::uint16_t partitions = database->partitions();
  shards = std::make_unique<runtime::IoShards>(static_cast<unsigned>(settings.runtime.io_threads));
  blocking = std::make_unique<runtime::BlockingPool>(kBlockingThreads, kBlockingPending);
  inboxes = std::make_unique<channel::InboxDirectory>(*database, partitions,
                                                      settings.core.channel_cache_count);
  delivery::FanOutLimits limits;
  limits.queue_bytes_max = settings.delivery.queue_bytes_max;
  fan_out = std::make_unique<delivery::FanOut>(*shards, clock, metrics, limits);

  const channel::PartitionDeps deps{
      *database,  *log,    *database, *inboxes, *fan_out, clock, database->fingerprint_seed(),
      partitions, &metrics};
  const channel::PartitionOptions options = partition_options(settings, partitions);
  const unsigned count = std::min<unsigned>(worker_count(settings), partitions);
  std::vector<channel::PartitionWorker*> borrowed;
  for (unsigned i = 0; i < count; ++i) {
    workers.push_back(std::make_unique<channel::PartitionWorker>("partition-" + std::to_string(i)));
    borrowed.push_back(workers.back().get());
  }
  for (std::uint16_t id = 0; id < partitions; ++id) {
    JD_CHECK_OK(workers[id % count]->add(static_cast<PartitionId>(id), deps, options));
  }
  channel::RouterLimits router_limits;
  router_limits.items_in_flight_max = settings.core.items_in_flight;
  router_limits.bytes_in_flight_max = settings.core.bytes_in_flight;
  router = std::make_unique<channel::CommandRouter>(std::move(borrowed), partitions, router_limits);
  history = std::make_unique<channel::History>(*database, clock, partitions,
                                               database->fingerprint_seed());
  for (auto& worker : workers) worker->start();
  shards->start();

  collector = metrics.add_collector([this](std::string& out) {
    metrics.items_in_flight.Set(static_cast<double>(router->items_in_flight()));
    metrics.bytes_in_flight.Set(static_cast<double>(router->bytes_in_flight()));
    metrics.fanout_queue_bytes.Set(static_cast<double>(fan_out->queued_bytes()));
    out += database->metrics_text();
  });
  return {};
}

api::RouteAddresses Node::Parts::addresses(bool intranet, std::string_view request_host) const {
  api::RouteAddresses out;
  if (intranet) {
    out.tcp = settings.intranet.tcp_addr;
    out.ws = settings.intranet.ws_addr;
    out.wss = settings.intranet.wss_addr;
    return out;
  }
  const auto& external = settings.external;
  out.tcp = external.tcp_addr;
  if (out.tcp.empty()) out.tcp = reachable(gateway->tcp_address(), external.ip, request_host);
  out.ws = external.ws_addr;
  if (out.ws.empty() && !gateway->ws_address().empty()) {
    out.ws = "ws://" + reachable(gateway->ws_address(), external.ip, request_host);
  }
  out.wss = external.wss_addr;
  return out;
}

Result<void> Node::Parts::start_edges() {
  JD_TRY(auto options, gateway_options(settings));
  core_port = std::make_unique<gateway::RouterPort>(*router, *history);
  gateway = std::make_unique<gateway::Gateway>(
      gateway::GatewayDeps{*shards, *blocking, *core_port, *fan_out, sessions, metrics, clock,
                           random},
      std::move(options));
  JD_CHECK_OK(gateway->listen());

  api::ApiDeps deps{
      *shards,
      *blocking,
      *router,
      *history,
      metrics,
      clock,
      random,
      [this](const std::string& uid, DeviceFlag flag) {
        sessions.kick_device(uid, flag, kTokenKickText, kTokenKickGrace);
      },
      [this] { return !stopping.load() && log->trouble().empty(); },
      [this] { return log->trouble(); },
      [this](bool intranet, std::string_view host) { return addresses(intranet, host); }};
  api = std::make_unique<api::ApiServer>(std::move(deps), api_options(settings));
  return listen_http();
}

Result<void> Node::Parts::listen_http() {
  if (settings.http_addr.empty()) return {};
  JD_TRY(const config::ListenAddress address, config::parse_listen_address(settings.http_addr));
  if (address.host != "localhost") return api->listen(settings.http_addr);
  // Both loopback addresses, because a client may try either for "localhost" and not the other. A
  // machine without IPv6 has only the first.
  JD_CHECK_OK(api->listen("127.0.0.1:" + std::to_string(address.port)));
  const std::string bound = api->address();
  if (const auto v6 = api->listen("[::1]" + bound.substr(bound.rfind(':'))); !v6) {
    observe::log_debug("app", "no HTTP on the IPv6 loopback address: {}", v6.error().detail());
  }
  return {};
}

Node::Node(const config::Settings& settings) : parts_(std::make_unique<Parts>(settings)) {}

Node::~Node() { stop(); }

Result<void> Node::start() {
  JD_CHECK_OK(parts_->open_store());
  JD_CHECK_OK(parts_->start_core());
  JD_CHECK_OK(parts_->start_edges());
  parts_->started = true;
  return {};
}

void Node::stop() {
  Parts& parts = *parts_;
  if (parts.stopping.exchange(true)) return;
  // From the edges inwards: nothing new comes in, then what is in flight comes out.
  if (parts.api) parts.api->stop();
  if (parts.gateway) parts.gateway->stop();
  if (parts.router) parts.router->close();
  for (auto& worker : parts.workers) worker->stop();
  if (parts.log) parts.log->stop();
  if (parts.blocking) parts.blocking->stop();
  if (parts.shards) parts.shards->stop();
  if (parts.database) parts.database->stop_loading();
  if (parts.collector != 0) parts.metrics.remove_collector(parts.collector);
}

std::string Node::http_address() const { return parts_->api->address(); }
std::string Node::tcp_address() const { return parts_->gateway->tcp_address(); }
std::string Node::ws_address() const { return parts_->gateway->ws_address(); }

}  // namespace jindou::app
