#include "app/options.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "app/descriptor_budget.h"
#include "app/private_files.h"
#include "app/version.h"
#include "base/machine_share.h"
#include "config/api_keys.h"
#include "config/trace_headers.h"
#include "model/rate.h"
#include "runtime/client_address.h"

namespace jindou::app {

namespace {

// Stopping: the API and then the gateway finish what is in flight. With the second or two that
// either may take beyond its grace, the whole stays below the five seconds an operator is promised.
constexpr std::chrono::milliseconds kStopGrace{1'000};

// A flush must not wait behind a merge of many files. What the disk is asked for has its own limit
// (storage.backgroundBytesPerSecond), which a few merges reach.
constexpr unsigned kBackgroundJobsMin = 2;
constexpr unsigned kBackgroundJobsMax = 4;

partition::SendCheck send_check_of(config::SendCheck check) {
  switch (check) {
    case config::SendCheck::channel: return partition::SendCheck::channel;
    case config::SendCheck::trusted: return partition::SendCheck::trusted;
    case config::SendCheck::strict: return partition::SendCheck::strict;
  }
  return partition::SendCheck::strict;
}

std::string_view mode_name(config::Mode mode) {
  switch (mode) {
    case config::Mode::debug: return "debug";
    case config::Mode::release: return "release";
    case config::Mode::bench: return "bench";
    case config::Mode::test: return "test";
  }
  return "debug";
}

retention::Limits limits_of(std::chrono::milliseconds max_age, std::uint64_t max_count) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(max_age).count();
  return {static_cast<std::uint64_t>(seconds), max_count};
}

}  // namespace

store::StoreOptions store_options(const config::Settings& settings) {
  store::StoreOptions options;
  options.directory = settings.data_dir;
  options.partitions = settings.storage.partitions;
  options.identity_file = settings.cluster.identity_file;
  options.write_buffer_bytes = settings.storage.write_buffer_bytes;
  options.block_cache_bytes = settings.storage.block_cache_bytes;
  options.background_jobs = static_cast<int>(background_jobs(settings));
  options.background_bytes_per_second =
      static_cast<std::int64_t>(settings.storage.background_bytes_per_second);
  options.prepared_logs = settings.storage.prepared_logs;
  options.accept_data_loss = settings.storage.accept_data_loss;
  return options;
}

backup::BackupsOptions backups_options(const config::Settings& settings) {
  backup::BackupsOptions options;
  options.data_directory = settings.data_dir;
  if (!settings.backup.dir.empty()) {
    // An absolute name stands by itself.
    options.directory = (std::filesystem::path(settings.data_dir) / settings.backup.dir).string();
  }
  options.keep = settings.backup.keep;
  options.bytes_per_second = settings.storage.background_bytes_per_second;
  options.version = kVersion;
  options.other_files = {kSecretFileName};
  return options;
}

tracing::ExporterOptions exporter_options(const config::Settings& settings) {
  tracing::ExporterOptions options;
  options.url = tracing::traces_url(settings.tracing.endpoint);
  if (auto headers = config::parse_trace_headers(settings.tracing.headers)) {
    options.headers = std::move(*headers);
  }
  options.timeout = settings.tracing.timeout;
  options.queue_bytes = settings.tracing.queue_bytes;
  return options;
}

partition::PartitionOptions partition_options(const config::Settings& settings,
                                              std::uint16_t partitions) {
  partition::PartitionOptions options;
  options.permission.http_check = send_check_of(settings.api.send_check);
  options.permission.http_group_must_exist =
      settings.api.refusal_style == config::RefusalStyle::reason;
  options.permission.person_allowlist_enforced = !settings.whitelist_off_of_person;
  options.idempotency_window_seconds =
      std::chrono::duration_cast<std::chrono::seconds>(settings.api.idempotency_window).count();
  options.channels_max = std::max<std::size_t>(1, settings.core.channel_cache_count / partitions);
  options.commit_messages_max = settings.storage.commit_items_max;
  options.commit_bytes_max = settings.storage.commit_bytes_max;
  options.log_changes_max = settings.retention.changes_max;
  options.index_generation_entries = settings.dedup.generation_entries;
  options.index_filter_bytes_max = settings.dedup.filter_bytes_max / partitions;
  options.templates.per_partition_max = settings.templates.per_partition_max;
  options.templates.versions_max = settings.templates.versions_max;
  options.jobs.per_partition_max = settings.jobs.per_partition_max;
  options.jobs.input_bytes_max = settings.jobs.input_bytes_max;
  options.webhook_letters.per_partition_max = settings.webhook.dead_letters_max;
  options.webhook_letters.bytes_max = settings.webhook.dead_letter_bytes_max;
  return options;
}

AnswerSizes answer_sizes(const config::Settings& settings) {
  // In an answer a payload takes a third more, and as much again is around small ones; reading it
  // takes twice its size. Every answer fits its budget, with three others beside it.
  constexpr std::size_t kMiB = std::size_t{1} << 20;
  const std::size_t budget = settings.api.answer_bytes_in_flight;
  return {std::min(8 * kMiB, budget / 16), std::min(32 * kMiB, budget / 8)};
}

api::ApiOptions api_options(const config::Settings& settings, std::size_t refusals_max) {
  api::ApiOptions options;
  options.http.limits.header_bytes = settings.api.max_header_bytes;
  options.http.limits.body_bytes = settings.api.max_body_bytes;
  options.http.expansion_max = settings.api.max_expansion;
  options.http.header_timeout = settings.api.header_timeout;
  options.http.body_timeout = settings.api.body_timeout;
  options.http.stream_timeout = settings.api.stream_timeout;
  options.job_events.listeners_max = settings.jobs.event_listeners;
  options.job_events.interval = settings.jobs.event_interval;
  options.job_events.heartbeat = settings.jobs.event_heartbeat;
  options.http.idle_timeout = settings.api.idle_timeout;
  options.http.encode_answers = settings.api.compression;
  options.http.encode_bytes_min = settings.api.compression_min_bytes;
  options.http.connections_max = settings.api.max_connections;
  options.http.refusals_max = refusals_max;
  options.send.items_max = settings.api.max_batch;
  options.send.payload_bytes_max = settings.api.max_payload_bytes;
  options.send.expanded_bytes_max = settings.api.max_expanded_bytes;
  options.send.head_bytes_max = settings.api.max_head_line_bytes;
  options.request_timeout = settings.api.request_timeout;
  // A repeat that is carried out finds what was stored by its client_msg_nos.
  options.idempotency_key_window =
      std::min(settings.api.idempotency_key_window, settings.api.idempotency_window);
  options.refusal_style = settings.api.refusal_style;
  options.command_sync = !settings.disable_cmd_message_sync;
  options.manager_uid = settings.manager_uid;
  options.version = kVersion;
  options.docs = settings.api.docs && settings.mode != config::Mode::release;
  options.openapi_document = settings.api.docs;
  options.mode = mode_name(settings.mode);
  options.node_id = settings.cluster.node_id;
  if (settings.manager.on) options.manager_address = settings.manager.addr;
  if (!settings.external.manager_addr.empty()) {
    options.manager_address = settings.external.manager_addr;
  }
  options.api_url = settings.external.api_url;
  options.client_connections_max = settings.gateway.max_connections;
  options.client_subscriptions_max = settings.gateway.subscriptions_max;
  options.http.body_budget = std::make_shared<ByteBudget>(settings.api.body_bytes_in_flight);
  options.http.answer_budget = std::make_shared<ByteBudget>(settings.api.answer_bytes_in_flight);
  const AnswerSizes sizes = answer_sizes(settings);
  options.page_bytes_max = sizes.page;
  options.answer_bytes_max = sizes.wide;
  options.read_budget = std::make_shared<api::ReadBudget>(settings.api.answer_bytes_in_flight);
  options.whole_list_max = settings.api.whole_list_max;
  // Who was told of that many conversations may name them all.
  options.known_channels_max =
      std::max(options.known_channels_max, settings.conversation.user_max_count);
  options.http.stop_grace = kStopGrace;
  // Checked with the options of the gateway.
  if (auto trusted = runtime::NetworkList::parse(settings.gateway.trusted_proxies)) {
    options.http.trusted_proxies = std::move(*trusted);
  }
  options.manager_http = options.http;
  options.manager_http.connections_max = side_connections(settings.api.max_connections);
  return options;
}

observe::AuditOptions audit_options(const config::Settings& settings) {
  return {settings.audit.on, settings.audit.file, settings.audit.queue_bytes,
          settings.audit.refusals_per_second, settings.audit.recent_bytes};
}

retention::SweeperOptions sweeper_options(const config::Settings& settings) {
  retention::SweeperOptions options;
  options.policy.by_default = limits_of(settings.retention.max_age, settings.retention.max_count);
  // Checked when the settings were loaded.
  if (const auto rules = config::parse_retention_rules(settings.retention.by_type)) {
    for (const config::RetentionRule& rule : *rules) {
      options.policy.by_type.push_back({rule.type, limits_of(rule.max_age, rule.max_count)});
    }
  }
  const auto& visitors = settings.customer_service;
  const bool has_rule = std::ranges::any_of(
      options.policy.by_type, [](const auto& rule) { return rule.type == ChannelType::visitors; });
  if (visitors.visitors_on && !has_rule && visitors.visitors_max_age.count() > 0) {
    options.policy.by_type.push_back(
        {ChannelType::visitors,
         limits_of(visitors.visitors_max_age, settings.retention.max_count)});
  }
  options.interval = settings.retention.interval;
  options.tombstone_age = settings.conversation.tombstone_retention;
  options.stream_idle = settings.stream_cache.chunk_inactivity_timeout;
  // As long as a repeat is recognised, and a webhook may be behind.
  options.commit_record_seconds =
      std::chrono::duration_cast<std::chrono::seconds>(
          std::max(settings.api.idempotency_window, settings.webhook.max_age))
          .count();
  options.compact_after_rows = settings.retention.compact_after_rows;
  options.job_age = settings.jobs.keep;
  options.upload_idle = settings.jobs.upload_idle;
  return options;
}

partition::RateRules rate_rules(const config::Settings& settings) {
  const auto rate = [](std::size_t per_second, std::size_t burst) {
    return Rate{per_second, burst > 0 ? burst : per_second};
  };
  const config::LimitSettings& limits = settings.limits;
  partition::RateRules rules;
  rules.total = rate(limits.per_second, limits.burst);
  rules.key = rate(limits.key_per_second, limits.key_burst);
  rules.sender = rate(limits.sender_per_second, limits.sender_burst);
  rules.channel = rate(limits.channel_per_second, limits.channel_burst);
  rules.reader = rate(limits.reader_per_second, limits.reader_burst);
  // Checked when the settings were loaded.
  if (const auto keys = config::parse_api_keys(settings.api_keys)) {
    rules.keys_have_rates =
        std::ranges::any_of(*keys, [](const auto& known) { return known.key->rate.on(); });
  }
  return rules;
}

jobs::RunnerOptions runner_options(const config::Settings& settings) {
  jobs::RunnerOptions options;
  options.items_in_flight_max = settings.jobs.items_in_flight;
  options.turn_items = settings.jobs.turn_items;
  options.send_timeout = settings.jobs.send_timeout;
  options.idempotency_window =
      std::chrono::duration_cast<std::chrono::seconds>(settings.api.idempotency_window);
  options.retry_max = settings.jobs.retry_backoff_max;
  return options;
}

Result<gateway::GatewayOptions> gateway_options(const config::Settings& settings,
                                                std::size_t refusals_max) {
  gateway::GatewayOptions options;
  if (!settings.addr.empty()) {
    JD_TRY(options.tcp, config::parse_listen_address(settings.addr));
  }
  if (!settings.ws_addr.empty()) {
    JD_TRY(options.ws, config::parse_listen_address(settings.ws_addr));
  }
  if (!settings.tls_addr.empty()) {
    JD_TRY(options.tls, config::parse_listen_address(settings.tls_addr));
  }
  if (!settings.wss_addr.empty()) {
    JD_TRY(options.wss, config::parse_listen_address(settings.wss_addr));
  }
  auto trusted = runtime::NetworkList::parse(settings.gateway.trusted_proxies);
  if (!trusted) {
    return Error(Errc::invalid, "gateway.trustedProxies: " + trusted.error().detail());
  }
  options.trusted_proxies = std::move(*trusted);
  JD_TRY(options.origins, gateway::OriginPolicy::parse(settings.gateway.allowed_origins));
  options.limits = settings.gateway;
  options.inbound_budget = std::make_shared<ByteBudget>(settings.gateway.inbound_bytes_in_flight);
  options.disable_json_rpc = settings.disable_json_rpc;
  options.plain_clients = settings.disable_encryption;
  options.retry.scan_interval = settings.message_retry.scan_interval;
  options.visitors.on = settings.customer_service.visitors_on;
  options.visitors.suffix = settings.customer_service.visitors_suffix;
  options.visitors.frames_per_second = settings.customer_service.visitor_frames_per_second;
  options.idle_time = settings.conn_idle_time;
  options.manager_uid = settings.manager_uid;
  options.node_id = settings.cluster.node_id;
  options.payload_bytes_max = settings.api.max_payload_bytes;
  options.stop_time = kStopGrace;
  options.refusals_max = refusals_max;
  return options;
}

unsigned background_jobs(const config::Settings& settings) {
  if (settings.storage.background_jobs > 0) {
    return static_cast<unsigned>(settings.storage.background_jobs);
  }
  return std::clamp(usable_processors() / 2, kBackgroundJobsMin, kBackgroundJobsMax);
}

unsigned worker_count(const config::Settings& settings) {
  if (settings.core.partition_workers > 0) {
    return static_cast<unsigned>(settings.core.partition_workers);
  }
  // Evaluation costs a fraction of what the edges and the store cost for the same message.
  return std::max(1U, usable_processors() / 2);
}

}  // namespace jindou::app
