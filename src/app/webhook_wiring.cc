#include "app/webhook_wiring.h"

namespace jindou::app {

std::shared_ptr<const webhook::WebhookOptions> webhook_options(const config::Settings& settings) {
  const config::WebhookSettings& from = settings.webhook;
  auto options = std::make_shared<webhook::WebhookOptions>();
  options->http_addr = from.http_addr;
  options->grpc_addr = from.grpc_addr;
  options->agent_http_addr = settings.agent.webhook.http_addr;
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

std::shared_ptr<const webhook::DataSourceOptions> data_source_options(
    const config::Settings& settings) {
  auto options = std::make_shared<webhook::DataSourceOptions>();
  options->addr = settings.datasource.addr;
  options->channel_info_on = settings.datasource.channel_info_on;
  options->timeout = settings.datasource.timeout;
  options->cache_time = settings.datasource.cache_time;
  options->cache_count = settings.datasource.cache_count;
  return options;
}

}  // namespace jindou::app
