#include "app/webhook_wiring.h"

#include <fmt/format.h>

#include <sstream>
#include <string>
#include <string_view>

#include "base/read_file.h"

namespace jindou::app {

std::shared_ptr<const webhook::WebhookOptions> webhook_options(const config::Settings& settings) {
  const config::WebhookSettings& from = settings.webhook;
  auto options = std::make_shared<webhook::WebhookOptions>();
  options->http_addr = from.http_addr;
  options->grpc_addr = from.grpc_addr;
  options->agent_http_addr = settings.agent.webhook.http_addr;
  options->ca_file = from.ca_file;
  options->secret = from.secret;
  options->focus_events = from.focus_events;
  options->notify_interval = from.msg_notify_event_push_interval;
  options->notify_count = from.msg_notify_event_count_per_push;
  options->attempts_max = from.msg_notify_event_retry_max_count;
  options->connect_timeout = from.connect_timeout;
  options->timeout = from.timeout;
  options->retry_min = from.retry_backoff_min;
  options->retry_max = from.retry_backoff_max;
  options->max_age = from.max_age;
  options->backlog_max = from.backlog_max;
  options->offline_master_only = from.offline_master_only;
  options->compress_above = settings.channel.subscriber_compress_of_count;
  return options;
}

std::shared_ptr<const datasource::DataSourceOptions> data_source_options(
    const config::Settings& settings) {
  auto options = std::make_shared<datasource::DataSourceOptions>();
  options->addr = settings.datasource.addr;
  options->ca_file = settings.datasource.ca_file;
  options->channel_info_on = settings.datasource.channel_info_on;
  options->timeout = settings.datasource.timeout;
  options->cache_time = settings.datasource.cache_time;
  options->cache_count = settings.datasource.cache_count;
  return options;
}

api::WebhookRecord webhook_record(const webhook::ToldRecord& told, MessageId message) {
  api::WebhookRecord record;
  for (const webhook::Told& each : told.find(message)) {
    record.told.push_back({webhook::event_name(each.event), webhook::outcome_name(each.outcome),
                           each.at_ms, each.receivers});
  }
  // After the look, in which more may have been written over.
  record.since_ms = told.since_ms();
  return record;
}

api::WebhookState webhook_state(const webhook::WebhookStatus& status) {
  api::WebhookState state;
  state.receiver_down = status.receiver_down;
  for (std::size_t i = 0; i < webhook::kEvents; ++i) {
    const webhook::EventCounts& counts = status.events[i];
    api::WebhookState::Event& event = state.events.emplace_back();
    event.event = webhook::event_name(static_cast<webhook::Event>(i));
    event.backlog = counts.backlog;
    event.oldest_seconds = counts.oldest_age;
    event.sent = counts.sent;
    event.failed_attempts = counts.failed_attempts;
    event.given_up = counts.dead_letters;
    event.last_error = counts.last_error;
    event.last_error_at_ms = counts.last_error_at_ms;
  }
  return state;
}

namespace {

// All authorities of a system have some 200 KiB.
constexpr std::size_t kCaFileBytesMax = std::size_t{16} << 20;

// A file that cannot be used would show only when the first https receiver is called, as a
// certificate that cannot be verified.
Result<void> check_ca_file(std::string_view key, const std::string& path) {
  if (path.empty()) return {};
  const auto bad = [&](std::string_view why) {
    return Error(Errc::invalid, fmt::format("{}: {}: {}", key, path, why));
  };
  const auto text = read_file(path, kCaFileBytesMax, FileKind::regular);
  if (!text) return bad(text.error().detail());
  std::istringstream lines(*text);
  std::string line;
  while (std::getline(lines, line)) {
    if (line.starts_with("-----BEGIN ") && line.find("CERTIFICATE-----") != std::string::npos) {
      return {};
    }
  }
  return bad("there is no certificate in it (PEM: -----BEGIN CERTIFICATE-----)");
}

}  // namespace

Result<void> check_ca_files(const config::Settings& settings) {
  JD_RETURN_IF_ERROR(check_ca_file("webhook.caFile", settings.webhook.ca_file));
  JD_RETURN_IF_ERROR(check_ca_file("datasource.caFile", settings.datasource.ca_file));
  return check_ca_file("moderation.caFile", settings.moderation.ca_file);
}

}  // namespace jindou::app
