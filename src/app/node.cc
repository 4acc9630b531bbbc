#include "app/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iterator>
#include <system_error>
#include <thread>
#include <utility>

#include "api/api_server.h"
#include "app/demo_files.h"
#include "app/huge_pages.h"
#include "app/live_options.h"
#include "app/moderation_wiring.h"
#include "app/named_files.h"
#include "app/options.h"
#include "app/private_files.h"
#include "app/version.h"
#include "app/webhook_wiring.h"
#include "backup/backups.h"
#include "base/clock.h"
#include "base/machine_share.h"
#include "base/random.h"
#include "config/live_settings.h"
#include "config/live_value.h"
#include "config/loaded_settings.h"
#include "conversation/conversation_reader.h"
#include "conversation/directory.h"
#include "delivery/fan_out.h"
#include "delivery/reach_counts.h"
#include "gateway/core_port.h"
#include "gateway/gateway.h"
#include "jobs/runner.h"
#include "moderation/moderator.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "observe/process_metrics.h"
#include "pages/demo_site.h"
#include "partition/changed_jobs.h"
#include "partition/command_router.h"
#include "partition/history.h"
#include "partition/inbox_directory.h"
#include "partition/inbox_stage.h"
#include "partition/intake_rights.h"
#include "partition/job_reader.h"
#include "partition/letter_reader.h"
#include "partition/local_placement.h"
#include "partition/partition_worker.h"
#include "partition/rate_limits.h"
#include "partition/record_reader.h"
#include "partition/refusals.h"
#include "partition/system_accounts.h"
#include "partition/time_reservation.h"
#include "presence/session_directory.h"
#include "retention/sweeper.h"
#include "runtime/blocking_pool.h"
#include "runtime/io_shards.h"
#include "store/commit_horizon.h"
#include "store/database.h"
#include "store/embedded_commit_log.h"
#include "store/partition_reader.h"
#include "store/table_verifier.h"
#include "tracing/exporter.h"
#include "tracing/tracer.h"
#include "webhook/webhook.h"

namespace jindou::app {

namespace {

// Threads that read the store for the edges. Reads mostly hit the caches; four hide a slow disk.
constexpr unsigned kBlockingThreads = 4;
constexpr std::size_t kBlockingPending = 10'000;
// Sessions that are sent away by their user's back end have no grace: what they were let in by does
// not hold any more.
constexpr std::chrono::milliseconds kAtOnce{0};

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

// What stays to be known after data was given up: for as long as the store lives.
std::vector<std::string> store_warnings(const store::DataLossRecord& loss) {
  if (loss.times == 0) return {};
  return {fmt::format(
      "what was damaged, or sent behind damage or after a restored backup, was given up {} "
      "time(s), the last at {} (Unix time): ids and seqs go on behind {}",
      loss.times, loss.last_at, loss.floor)};
}

}  // namespace

// In order of construction: what stands above does not know what stands below.
struct Node::Parts {
  Parts(const config::Settings& node_settings, std::size_t refusals, observe::AuditLog& audit_log)
      : settings(node_settings),
        refusals_max(refusals),
        audit(audit_log),
        live(node_settings),
        live_options(node_settings) {}

  const config::Settings settings;  // as at the start
  const std::size_t refusals_max;
  observe::AuditLog& audit;
  bool on_both_loopbacks = false;
  config::LiveSettings live;
  LiveOptions live_options;
  config::LiveValue<std::shared_ptr<const config::SettingSources>> sources;
  config::AskForReload ask_for_reload;
  std::string own_jwt_secret;
  SystemClock clock;
  SystemRandom random;
  observe::Metrics metrics;
  std::unique_ptr<tracing::Exporter> exporter;
  std::unique_ptr<tracing::Tracer> tracer;  // null: there is no collector
  std::unique_ptr<store::Database> database;
  std::unique_ptr<store::EmbeddedCommitLog> log;
  std::unique_ptr<store::TableVerifier> verifier;
  std::unique_ptr<backup::Backups> backups;
  std::unique_ptr<runtime::IoShards> shards;
  std::unique_ptr<runtime::BlockingPool> blocking;
  std::unique_ptr<partition::InboxDirectory> inboxes;
  partition::SystemAccounts accounts;
  partition::ChangedJobs changed_jobs;
  std::atomic<bool> accounts_are_sourced{false};  // from the data source, not from the store
  std::unique_ptr<datasource::DataSource> data_source;
  std::unique_ptr<moderation::Moderator> moderator;
  std::unique_ptr<store::CommitHorizon> horizon;
  presence::SessionDirectory sessions;
  std::unique_ptr<delivery::ReachCounts> reach;
  std::unique_ptr<delivery::FanOut> fan_out;
  std::unique_ptr<CommitTee> effects;  // fan-out, webhook
  std::unique_ptr<partition::OwnedPartitions> owned;
  std::vector<std::unique_ptr<partition::PartitionWorker>> workers;
  std::unique_ptr<partition::LocalPlacement> placement;
  std::unique_ptr<partition::InboxStage> inbox_stage;
  partition::RightsStage rights_stage{&metrics};
  std::unique_ptr<partition::Refusals> refused_lately;
  std::unique_ptr<partition::RateLimits> rate_limits;
  std::unique_ptr<partition::CommandRouter> router;
  std::unique_ptr<partition::History> history;
  std::unique_ptr<partition::RecordReader> records;
  std::unique_ptr<partition::JobReader> job_reader;
  std::unique_ptr<partition::LetterReader> letter_reader;
  std::unique_ptr<webhook::RouterLink> webhook_link;
  std::unique_ptr<webhook::Webhook> webhook;
  std::unique_ptr<conversation::ConversationReader> conversations;
  std::unique_ptr<conversation::Directory> directory;
  std::unique_ptr<retention::Sweeper> sweeper;
  std::unique_ptr<jobs::Runner> job_runner;
  std::unique_ptr<gateway::RouterPort> core_port;
  std::unique_ptr<gateway::Gateway> gateway;
  std::unique_ptr<api::ApiServer> api;
  std::unique_ptr<pages::DemoSite> demo_site;
  std::unique_ptr<http::Server> demo;  // null: not served
  std::shared_ptr<ByteBudget> body_budget;
  std::shared_ptr<ByteBudget> answer_budget;
  std::shared_ptr<ByteBudget> inbound_budget;
  std::uint64_t collector = 0;
  std::uint64_t memory_limit = 0;  // what caches and buffers were fitted to; 0: not known
  // Network threads that have not run the last pulse yet; outlives the node with what was posted.
  std::shared_ptr<std::atomic<unsigned>> pulse = std::make_shared<std::atomic<unsigned>>(0);
  bool started = false;
  std::atomic<bool> stopping{false};

  store::PartitionReaders readers() const {
    return store::PartitionReaders(*database, PartitionMap(database->partitions()));
  }
  void start_tracing();
  Result<void> open_store();
  Result<void> start_core();
  Result<void> start_webhook();
  void forget_what_was_read();
  // Those of the data source; empty: the stored ones again.
  void set_system_accounts(std::optional<std::vector<std::string>> uids);
  Result<void> start_edges();
  Result<void> listen_http();
  Result<void> start_demo();
  void follow_reloads();
  void observe_commits(const store::CommitStats& stats);
  bool is_accepting() const;
  // What stands between this node and its limits, for a scrape. Asks the file system.
  void append_state(std::string& out) const;
  api::RouteAddresses addresses(bool intranet, std::string_view request_host) const;
  std::string api_url(std::string_view request_host) const;
};

void Node::Parts::start_tracing() {
  // Also where nothing is exported: it has the metrics.
  exporter = std::make_unique<tracing::Exporter>(
      clock, exporter_options(settings), tracing::Resource{kVersion, settings.cluster.node_id});
  if (settings.tracing.endpoint.empty()) return;
  tracer = std::make_unique<tracing::Tracer>(*exporter, clock, random, live_options.trace_ratio);
  exporter->start();
}

Result<void> Node::Parts::open_store() {
  memory_limit = settings.runtime.memory_limit;
  if (memory_limit == 0) memory_limit = read_memory_share().bytes;
  JD_TRY(database, store::Database::open(store_options(settings), random));
  verifier = std::make_unique<store::TableVerifier>(
      *database, random,
      store::VerifierOptions{settings.storage.verify_bytes_per_second,
                             settings.storage.verify_interval});
  backups = std::make_unique<backup::Backups>(*database, clock, backups_options(settings));
  log = std::make_unique<store::EmbeddedCommitLog>(
      *database, [this](const store::CommitStats& stats) { observe_commits(stats); },
      &use_huge_pages_on_this_thread);
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

bool Node::Parts::is_accepting() const {
  return !stopping.load() && log->trouble().empty() && !router->stalled();
}

void Node::Parts::append_state(std::string& out) const {
  const auto gauge = [&out](const char* name, const char* help, auto value) {
    observe::append_sample(out, name, "gauge", help, static_cast<double>(value));
  };
  const bool well = log->trouble().empty() && database->damage().sentence().empty();
  gauge("jindou_healthy", "1 while GET /health answers 200.", well ? 1 : 0);
  gauge("jindou_ready", "1 while GET /readyz answers 200: sends are accepted.",
        is_accepting() ? 1 : 0);
  gauge("jindou_clock_seconds", "What this server takes for the time, in seconds since 1970.",
        static_cast<double>(clock.wall_ms()) / 1e3);

  gauge("jindou_items_in_flight_limit",
        "How many may be in flight as long as they take as long as they do now.",
        router->items_limit());
  gauge("jindou_bytes_in_flight_limit", "How many there may be: core.bytesInFlight.",
        settings.core.bytes_in_flight);
  gauge("jindou_fanout_queue_fullest_bytes", "Those that wait for the io shard with the most.",
        fan_out->fullest_queue_bytes());
  gauge("jindou_fanout_queue_limit_bytes",
        "With more waiting an io shard cuts all of its sessions: delivery.queueBytesMax.",
        settings.delivery.queue_bytes_max);
  gauge("jindou_reads_waiting", "Reads of the store that wait for a thread or have one.",
        blocking->pending());
  gauge("jindou_reads_waiting_limit", "How many there may be.", kBlockingPending);
  gauge("jindou_http_connections", "Open connections of the API port.", api->connections());
  gauge("jindou_http_connections_limit", "How many there may be: api.maxConnections.",
        settings.api.max_connections);

  struct Buffer {
    const char* name;
    std::size_t used;
    std::size_t limit;
  };
  const Buffer buffers[] = {
      {"answers", answer_budget->used(), settings.api.answer_bytes_in_flight},
      {"bodies", body_budget->used(), settings.api.body_bytes_in_flight},
      {"frames", inbound_budget->used(), settings.gateway.inbound_bytes_in_flight},
  };
  const auto of_buffers = [&](std::string_view name, std::string_view help,
                              std::size_t Buffer::*member) {
    fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} gauge\n", name, help);
    for (const Buffer& buffer : buffers) {
      fmt::format_to(std::back_inserter(out), "{}{{buffer=\"{}\"}} {}\n", name, buffer.name,
                     buffer.*member);
    }
  };
  of_buffers("jindou_buffer_bytes", "Bytes of all connections in the buffers they share.",
             &Buffer::used);
  of_buffers("jindou_buffer_limit_bytes", "How many there may be.", &Buffer::limit);

  if (memory_limit > 0) {
    gauge("jindou_memory_limit_bytes",
          "The memory this process may use: runtime.memoryLimit, or what the control groups or "
          "the machine leave.",
          memory_limit);
  }
  std::error_code error;
  const std::filesystem::space_info disk = std::filesystem::space(settings.data_dir, error);
  if (!error) {
    gauge("jindou_disk_free_bytes", "Room on the file system of dataDir that may be used.",
          disk.available);
    gauge("jindou_disk_size_bytes", "Size of the file system of dataDir.", disk.capacity);
  }
}

Result<void> Node::Parts::start_core() {
  const std::uint16_t partitions = database->partitions();
  const store::PartitionReaders readers = this->readers();
  shards = std::make_unique<runtime::IoShards>(static_cast<unsigned>(settings.runtime.io_threads));
  blocking = std::make_unique<runtime::BlockingPool>(kBlockingThreads, kBlockingPending);
  inboxes = std::make_unique<partition::InboxDirectory>(readers, settings.core.channel_cache_count);
  log->on_reopened([this] { forget_what_was_read(); });
  delivery::FanOutLimits limits;
  limits.queue_bytes_max = settings.delivery.queue_bytes_max;
  reach = std::make_unique<delivery::ReachCounts>(delivery::ReachCountsDeps{
      .clock = clock,
      .is_counted_by = [this](
                           std::string_view uid,
                           SessionId session) { return sessions.is_first_session(uid, session); },
      .post_change =
          [this](partition::Change change, std::function<void(Result<void>)> done) {
            return router->post_change(std::move(change), std::move(done));
          },
  });
  fan_out = std::make_unique<delivery::FanOut>(*shards, clock, metrics, limits, reach.get());
  effects = std::make_unique<CommitTee>(*fan_out);

  JD_RETURN_IF_ERROR(accounts.load(readers.of_system_accounts()));
  horizon = std::make_unique<store::CommitHorizon>(clock, partitions);
  data_source = std::make_unique<datasource::DataSource>(
      datasource::DataSourceDeps{.clock = clock,
                                 .options = [this] { return live_options.data_source.get(); },
                                 .set_system_accounts =
                                     [this](std::optional<std::vector<std::string>> uids) {
                                       set_system_accounts(std::move(uids));
                                     }});
  moderator = std::make_unique<moderation::Moderator>(moderation::ModeratorDeps{
      .clock = clock,
      .options = [this] { return live_options.moderation.get(); },
      .is_system_account = [this](std::string_view uid) { return accounts.contains(uid); },
      .calls = settings.moderation.calls,
  });
  JD_RETURN_IF_ERROR(moderator->lists().load());
  const partition::PartitionDeps deps{
      .reader = *database,
      .log = *log,
      .loader = *database,
      .inboxes = *inboxes,
      .accounts = accounts,
      .horizon = *horizon,
      .effects = *effects,
      .clock = clock,
      .fingerprint_seed = database->fingerprint_seed(),
      .lists = data_source.get(),
      .changed_jobs = &changed_jobs,
      .templates_stored = &metrics.templates,
      .seq_floor = database->data_loss().floor,
  };
  const partition::PartitionOptions options = partition_options(settings, partitions);
  owned = std::make_unique<partition::OwnedPartitions>(partitions);
  const unsigned count = std::min<unsigned>(worker_count(settings), partitions);
  std::vector<partition::PartitionWorker*> borrowed;
  for (unsigned i = 0; i < count; ++i) {
    workers.push_back(std::make_unique<partition::PartitionWorker>(
        "partition-" + std::to_string(i), owned.get(), settings.core.bulk_turn_items));
    borrowed.push_back(workers.back().get());
  }
  placement = std::make_unique<partition::LocalPlacement>(std::move(borrowed));
  // One machine owns them all.
  for (const PartitionId id : readers.map().ids()) {
    JD_RETURN_IF_ERROR(placement->worker_of(id).add(id, deps, options));
  }
  owned->add_listener([this](PartitionId partition, bool is_owned) {
    const bool has_accounts = partition == this->readers().map().of_system_accounts();
    if (is_owned && has_accounts && !accounts_are_sourced.load()) set_system_accounts(std::nullopt);
  });
  partition::RouterLimits router_limits;
  router_limits.items_in_flight_max = settings.core.items_in_flight;
  router_limits.bytes_in_flight_max = settings.core.bytes_in_flight;
  router_limits.batches_in_flight_max = settings.api.batches_in_flight;
  router_limits.bulk_batch_items = settings.core.bulk_batch_items;
  router_limits.bulk_piece_items = settings.core.bulk_turn_items;
  router_limits.transaction_items_max = settings.core.transaction_items;
  router_limits.transaction_hold_max = settings.core.transaction_hold;
  router_limits.delay_max = std::min(settings.core.delay_max, settings.api.request_timeout / 2);
  inbox_stage = std::make_unique<partition::InboxStage>(
      *inboxes, readers.map(),
      [this](std::function<void()> work) { return blocking->post(std::move(work)); });
  router = std::make_unique<partition::CommandRouter>(*placement, readers.map(), *inbox_stage,
                                                      router_limits, clock);
  router->count_refusals_in(&metrics);
  refused_lately = std::make_unique<partition::Refusals>(
      clock, partition::RefusalLimits{settings.core.refusal_record_bytes,
                                      settings.core.refusal_record_keep});
  if (refused_lately->on()) router->remember_refusals_in(refused_lately.get());
  router->set_list_source(data_source.get());
  router->set_content_check(moderator.get());
  router->set_bulk_limit(
      readers, {settings.core.bulk_per_receiver_day, database->fingerprint_seed(),
                [this](std::function<void()> work) { return blocking->post(std::move(work)); }});
  rate_limits = std::make_unique<partition::RateLimits>(clock, settings.limits.bucket_bytes_max,
                                                        random.next_u64());
  rate_limits->set_rules(rate_rules(settings));
  // Before others are asked for lists and verdicts; what a key may not send is not charged.
  router->intake().add_first(*rate_limits);
  router->intake().add_first(rights_stage);
  history = std::make_unique<partition::History>(readers, clock, database->fingerprint_seed());
  records = std::make_unique<partition::RecordReader>(readers);
  job_reader = std::make_unique<partition::JobReader>(readers);
  letter_reader = std::make_unique<partition::LetterReader>(readers);
  conversation::ReaderLimits reader_limits;
  reader_limits.conversations_max = settings.conversation.user_max_count;
  const AnswerSizes sizes = answer_sizes(settings);
  reader_limits.page_bytes_max = sizes.page;
  reader_limits.recents_bytes_max = sizes.wide;
  conversations =
      std::make_unique<conversation::ConversationReader>(readers, *horizon, clock, reader_limits);
  directory = std::make_unique<conversation::Directory>(readers, *horizon, clock, sizes.page);
  horizon->set_reserve(partition::reserve_time_through(*router, *owned));
  for (auto& worker : workers) worker->start();
  shards->start();
  data_source->start();
  moderator->start();
  retention::SweeperDeps sweeper_deps{
      .readers = readers,
      .loader = *database,
      .clock = clock,
      .metrics = metrics,
      .owned = *owned,
      .post_change =
          [this](partition::Change change, std::function<void(Result<void>)> done) {
            return router->post_change(std::move(change), std::move(done));
          },
      .compact = [this] { return database->compact(); },
      .options = [this] { return sweeper_options(*live.get()); },
  };
  sweeper = std::make_unique<retention::Sweeper>(std::move(sweeper_deps));
  sweeper->start();
  jobs::RunnerDeps runner_deps{
      .readers = readers,
      .clock = clock,
      .random = random,
      .owned = *owned,
      .changed = changed_jobs,
      .post_send =
          [this](std::vector<SendCommand>&& commands, partition::SendDone done) {
            return router->post_send(std::move(commands), std::move(done));
          },
      .post_change =
          [this](partition::Change change, std::function<void(Result<void>)> done) {
            return router->post_change(std::move(change), std::move(done));
          },
      .post_all =
          [this](std::vector<partition::Command> commands, partition::Transaction::Done done) {
            return router->post_all(std::move(commands), std::move(done));
          },
      .history = *history,
      .options = [this] { return runner_options(*live.get()); },
      // It begins behind the edges.
      .find_key = [this](std::string_view name) { return api->access().find_key(name); },
      .limits = rate_limits.get(),
  };
  job_runner = std::make_unique<jobs::Runner>(std::move(runner_deps));
  reach->start();

  collector = metrics.add_collector([this](std::string& out) {
    metrics.items_in_flight.Set(static_cast<double>(router->items_in_flight()));
    metrics.bytes_in_flight.Set(static_cast<double>(router->bytes_in_flight()));
    metrics.fanout_queue_bytes.Set(static_cast<double>(fan_out->queued_bytes()));
    webhook->append_metrics(out);
    moderator->append_metrics(out);
    job_runner->append_metrics(out);
    reach->append_metrics(out);
    rate_limits->append_metrics(out);
    gateway->append_metrics(out);
    out += database->metrics_text();
    verifier->append_metrics(out);
    backups->append_metrics(out);
    append_state(out);
    observe::append_log_metrics(out);
    audit.append_metrics(out);
    exporter->append_metrics(out);
    observe::append_process_metrics(out, kVersion);
  });
  return {};
}

void Node::Parts::forget_what_was_read() {
  inboxes->clear();
  if (horizon) horizon->clear_doubts();
  if (!accounts_are_sourced.load()) set_system_accounts(std::nullopt);
}

void Node::Parts::set_system_accounts(std::optional<std::vector<std::string>> uids) {
  accounts_are_sourced.store(uids.has_value());
  if (uids) {
    accounts.replace(std::move(*uids));
  } else if (const auto loaded = accounts.load(readers().of_system_accounts()); !loaded) {
    observe::log_warn("app", "the stored system accounts cannot be read: {}",
                      loaded.error().text());
  }
}

Result<void> Node::Parts::start_webhook() {
  webhook_link = std::make_unique<webhook::RouterLink>(*router);
  webhook::WebhookDeps deps{
      .readers = readers(),
      .core = *webhook_link,
      .sessions = sessions,
      .clock = clock,
      .random = random,
      .options = [this] { return live_options.webhook.get(); },
      .owned = *owned,
  };
  deps.node_id = settings.cluster.node_id;
  deps.boot_id = random.next_u64();
  deps.workers = settings.webhook.workers;
  deps.record_bytes = settings.webhook.record_bytes;
  deps.letters_max = settings.webhook.dead_letters_max;
  webhook = std::make_unique<webhook::Webhook>(std::move(deps));
  effects->attach_second(webhook.get());
  sessions.set_listener(
      [this](const presence::PresenceChange& change) { webhook->note_presence(change); });
  return webhook->start();
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
  if (out.wss.empty() && !gateway->wss_address().empty()) {
    out.wss = "wss://" + reachable(gateway->wss_address(), external.ip, request_host);
  }
  return out;
}

std::string Node::Parts::api_url(std::string_view request_host) const {
  if (!settings.external.api_url.empty() || settings.http_addr.empty()) {
    return settings.external.api_url;
  }
  return "http://" + reachable(api->address(), settings.external.ip, request_host);
}

Result<void> Node::Parts::start_edges() {
  JD_TRY(auto options, gateway_options(settings, refusals_max));
  inbound_budget = options.inbound_budget;
  options.token_auth_on = live_options.token_auth_on;
  options.manager_token = live_options.manager_token;
  options.retry.interval = live_options.retry_interval;
  options.retry.max_count = live_options.retry_max_count;
  options.certificate = live_options.certificate;
  options.admission = live_options.admission;
  options.sessions_per_user_max = live_options.sessions_per_user_max;
  options.frames_per_second = live_options.frames_per_second;
  core_port = std::make_unique<gateway::RouterPort>(*router, *history, *records, clock,
                                                    settings.api.request_timeout);
  gateway = std::make_unique<gateway::Gateway>(
      gateway::GatewayDeps{
          .shards = *shards,
          .pool = *blocking,
          .core = *core_port,
          .fan_out = *fan_out,
          .directory = sessions,
          .metrics = metrics,
          .clock = clock,
          .random = random,
      },
      std::move(options));
  JD_RETURN_IF_ERROR(gateway->listen());
  on_both_loopbacks = gateway->on_both_loopbacks();

  api::ApiDeps deps{
      .shards = *shards,
      .blocking = *blocking,
      .router = *router,
      .history = *history,
      .records = *records,
      .jobs = *job_reader,
      .letters = *letter_reader,
      .conversations = *conversations,
      .directory = *directory,
      .metrics = metrics,
      .clock = clock,
      .random = random,
      .accepting = [this] { return is_accepting(); },
      .trouble = [this] { return log->trouble(); },
      .addresses = [this](bool intranet,
                          std::string_view host) { return addresses(intranet, host); },
      .end_sessions =
          [this](const std::string& uid, std::optional<DeviceFlag> flag, std::string_view text) {
            if (flag) {
              sessions.kick_device(uid, *flag, text, kAtOnce);
            } else {
              sessions.kick_user(uid, text, kAtOnce);
            }
          },
      .end_masters =
          [this](const std::string& uid, DeviceFlag flag, std::string_view new_token,
                 std::string_view text) {
            sessions.kick_masters(uid, flag, new_token, text, kAtOnce);
          },
      .kick_connection = [this](const std::string& uid, SessionId id,
                                bool tell) { gateway->kick_connection(uid, id, tell); },
      .collect_connections =
          [this](presence::ConnectionQuery query,
                 std::function<void(presence::ConnectionPage)> done) {
            gateway->collect_connections(std::move(query), std::move(done));
          },
      .traffic_totals = [this] { return gateway->traffic_totals(); },
      .online_flags = [this](std::string_view uid) { return sessions.online_flags(uid); },
      .online_counts =
          [this] {
            return api::OnlineCounts{sessions.user_count(), sessions.session_count()};
          },
      .sessions_of_user =
          [this](std::string_view uid) {
            std::vector<SessionId> ids;
            for (const auto& session : sessions.find_sessions(uid)) ids.push_back(session.id);
            return ids;
          },
      .settings = [this] { return live.get(); },
      .setting_sources = [this] { return sources.get(); },
  };
  JD_TRY(own_jwt_secret, load_or_make_secret(settings.data_dir, settings.root_dir, random));
  api::ApiOptions http_options = api_options(settings, refusals_max);
  body_budget = http_options.http.body_budget;
  answer_budget = http_options.http.answer_budget;
  http_options.status_style = live_options.status_style;
  http_options.partitions = database->partitions();
  http_options.strict_read = live_options.strict_read;
  http_options.online_status_include_offline = live_options.online_status_include_offline;
  http_options.retention_defaults = [this](ChannelType type) {
    const retention::Limits limits = sweeper_options(*live.get()).policy.of_type(type);
    partition::RetentionLimits out;
    out.max_age_seconds = limits.max_age_seconds;
    out.max_count = limits.max_count;
    return out;
  };
  http_options.access = access::access_options(settings, own_jwt_secret);
  http_options.slow_request = live_options.slow_request;
  deps.limits = rate_limits.get();
  deps.tracer = tracer.get();
  deps.backups = backups.get();
  deps.audit = &audit;
  deps.ask_for_reload = ask_for_reload;
  deps.manager_files = manager_files();
  deps.webhook_interest = [this](ChannelType type) {
    const auto webhook_options = live_options.webhook.get();
    return api::WebhookInterest{webhook_options->tells(webhook::Event::notify, type),
                                webhook_options->tells(webhook::Event::offline, type)};
  };
  deps.webhook_state = [this] { return webhook_state(webhook->status()); };
  if (gateway->remembers_pushes()) {
    deps.collect_pushes = [this](presence::PushQuery query,
                                 std::function<void(presence::PushReport)> done) {
      gateway->collect_pushes(std::move(query), std::move(done));
    };
  }
  if (webhook->told().on()) {
    deps.webhook_told = [this](MessageId message) {
      return webhook_record(webhook->told(), message);
    };
  }
  deps.refusals = refused_lately->on() ? refused_lately.get() : nullptr;
  deps.damage = [this] { return database->damage().sentence(); };
  deps.warnings = [this] {
    std::vector<std::string> warnings = store_warnings(database->data_loss());
    for (auto& problem : moderator->lists().problems()) warnings.push_back(std::move(problem));
    return warnings;
  };
  api = std::make_unique<api::ApiServer>(std::move(deps), std::move(http_options));
  follow_reloads();
  // When the webhook hears of what is sent.
  job_runner->start();
  return listen_http();
}

void Node::Parts::follow_reloads() {
  live.subscribe([this](const config::Settings& now) {
    observe::set_log_level(now.logger.level);
    observe::set_log_queue_bytes(now.logger.queue_bytes);
    live_options.set(now);
    webhook->refresh();
    api->access().update(access::access_options(now, own_jwt_secret));
    rate_limits->set_rules(rate_rules(now));
  });
}

namespace {

using Listen = std::function<Result<void>(const std::string& address)>;

// `localhost` means both loopback addresses, because a client may try either and not the other. A
// machine without IPv6 has only the first. `bound` tells the address of the first listener.
// An error names `setting`, with its flag if it has one.
Result<void> listen_on(std::string_view setting, const std::string& address, const Listen& listen,
                       const std::function<std::string()>& bound, bool& on_both_loopbacks) {
  JD_TRY(const config::ListenAddress parsed, config::parse_listen_address(address));
  const bool both = parsed.host == "localhost";
  if (const auto done = listen(both ? "127.0.0.1:" + std::to_string(parsed.port) : address);
      !done) {
    return Error(done.error().code(),
                 done.error().detail() + "; another address: " + std::string(setting));
  }
  if (!both) return {};
  const std::string first = bound();
  if (const auto v6 = listen("[::1]" + first.substr(first.rfind(':'))); !v6) {
    observe::log_debug("app", "no HTTP on the IPv6 loopback address: {}", v6.error().detail());
  } else {
    on_both_loopbacks = true;
  }
  return {};
}

}  // namespace

Result<void> Node::Parts::listen_http() {
  if (!settings.http_addr.empty()) {
    JD_RETURN_IF_ERROR(listen_on(
        "httpAddr (--http-addr)", settings.http_addr,
        [this](const std::string& address) { return api->listen(address); },
        [this] { return api->address(); }, on_both_loopbacks));
  }
  if (!settings.manager.on) return {};
  return listen_on(
      "manager.addr (--manager-addr)", settings.manager.addr,
      [this](const std::string& address) { return api->listen_manager(address); },
      [this] { return api->manager_address(); }, on_both_loopbacks);
}

Result<void> Node::Parts::start_demo() {
  if (!settings.demo.on || settings.demo.addr.empty()) return {};
  if (demo_files().empty()) {
    observe::log_info("app", "this build has no chat page; {} says how one is made",
                      settings.demo.addr);
  }
  demo_site = std::make_unique<pages::DemoSite>(
      demo_files(), [this](std::string_view host) { return api_url(host); }, metrics);
  http::ServerOptions http = api_options(settings, refusals_max).manager_http;
  http.body_budget = body_budget;
  http.answer_budget = answer_budget;
  demo = std::make_unique<http::Server>(*shards, *demo_site, clock, http);
  return listen_on(
      "demo.addr (--set demo.addr=...)", settings.demo.addr,
      [this](const std::string& address) { return demo->listen(address); },
      [this] { return demo->address(); }, on_both_loopbacks);
}

Node::Node(const config::Settings& settings, std::size_t refusals_max, observe::AuditLog& audit)
    : parts_(std::make_unique<Parts>(settings, refusals_max, audit)) {}

Node::~Node() { stop(); }

Result<void> Node::start() {
  JD_RETURN_IF_ERROR(check_named_files(parts_->settings));
  JD_RETURN_IF_ERROR(parts_->open_store());
  parts_->start_tracing();
  JD_RETURN_IF_ERROR(parts_->start_core());
  JD_RETURN_IF_ERROR(parts_->start_webhook());
  JD_RETURN_IF_ERROR(parts_->start_edges());
  JD_RETURN_IF_ERROR(parts_->start_demo());
  parts_->started = true;
  return {};
}

void Node::stop() {
  Parts& parts = *parts_;
  if (parts.stopping.exchange(true)) return;
  // From the edges inwards: nothing new comes in, then what is in flight comes out.
  if (parts.demo) parts.demo->stop();
  if (parts.backups) parts.backups->stop();
  if (parts.api) parts.api->stop();
  if (parts.gateway) parts.gateway->stop();
  if (parts.exporter) parts.exporter->stop();
  if (parts.job_runner) parts.job_runner->stop();
  if (parts.reach) parts.reach->stop();
  if (parts.webhook) parts.webhook->stop();
  if (parts.verifier) parts.verifier->stop();
  if (parts.database) parts.database->stop_compaction();
  if (parts.sweeper) parts.sweeper->stop();
  if (parts.router) parts.router->close();
  if (parts.data_source) parts.data_source->stop();
  if (parts.moderator) parts.moderator->stop();
  if (parts.router) parts.router->drain();
  if (parts.inbox_stage) parts.inbox_stage->drain();
  for (auto& worker : parts.workers) worker->stop();
  if (parts.log) parts.log->stop();
  if (parts.blocking) parts.blocking->stop();
  if (parts.shards) parts.shards->stop();
  if (parts.database) {
    parts.database->stop_loading();
    parts.database->flush_for_stop(parts.settings.storage.stop_flush_timeout);
  }
  if (parts.collector != 0) parts.metrics.remove_collector(parts.collector);
}

std::string Node::http_address() const { return parts_->api->address(); }
std::string Node::tcp_address() const { return parts_->gateway->tcp_address(); }
std::string Node::ws_address() const { return parts_->gateway->ws_address(); }
std::string Node::tls_address() const { return parts_->gateway->tls_address(); }
std::string Node::wss_address() const { return parts_->gateway->wss_address(); }
std::string Node::manager_address() const { return parts_->api->manager_address(); }
bool Node::on_both_loopbacks() const { return parts_->on_both_loopbacks; }
std::string Node::demo_address() const {
  return parts_->demo ? parts_->demo->address() : std::string();
}

std::shared_ptr<const config::Settings> Node::settings() const { return parts_->live.get(); }

void Node::set_sources(config::SettingSources sources) {
  parts_->sources.set(std::make_shared<const config::SettingSources>(std::move(sources)));
}

void Node::set_reload(config::AskForReload ask) { parts_->ask_for_reload = std::move(ask); }

bool Node::check_pulse() {
  const auto pulse = parts_->pulse;
  if (pulse->load() != 0) return false;
  const unsigned count = parts_->shards->size();
  pulse->store(count);
  for (unsigned i = 0; i < count; ++i) parts_->shards->post(i, [pulse] { --*pulse; });
  return true;
}

Result<config::ReloadReport> Node::reload(const config::Settings& wanted) {
  JD_RETURN_IF_ERROR(check_ca_files(wanted));
  JD_RETURN_IF_ERROR(check_moderation(wanted));
  if (wanted.audit.on) JD_RETURN_IF_ERROR(observe::AuditLog::check(wanted.audit.file));
  auto report = parts_->live.apply(wanted);
  // The files may have changed though no setting has.
  parts_->gateway->reload_certificate();
  parts_->moderator->lists().refresh();
  reopen_audit_log();
  return report;
}

void Node::reopen_audit_log() {
  if (const auto opened = parts_->audit.open(audit_options(*parts_->live.get())); !opened) {
    observe::log_error("app", "{}; it goes on in the file of before", opened.error().detail());
  }
}

}  // namespace jindou::app
