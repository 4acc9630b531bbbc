// The settings that components read again and again while they run; a reload sets them.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "app/moderation_wiring.h"
#include "app/webhook_wiring.h"
#include "config/live_value.h"
#include "config/settings.h"
#include "datasource/data_source.h"
#include "gateway/admission.h"
#include "moderation/options.h"
#include "webhook/options.h"

namespace jindou::app {

// Any thread may read; one thread at a time sets.
struct LiveOptions {
  explicit LiveOptions(const config::Settings& settings) { set(settings); }

  void set(const config::Settings& settings) {
    status_style.set(settings.api.status_style);
    strict_read.set(settings.api.strict_read);
    slow_request.set(settings.logger.slow_request);
    trace_ratio.set(settings.tracing.sample_ratio);
    online_status_include_offline.set(settings.api.online_status_include_offline);
    token_auth_on.set(settings.token_auth_on);
    manager_token.set(settings.manager_token);
    retry_interval.set(settings.message_retry.interval);
    retry_max_count.set(settings.message_retry.max_count);
    certificate.set(settings.tls);
    sessions_per_user_max.set(settings.gateway.connections_per_user_max);
    frames_per_second.set(settings.gateway.frames_per_second);
    admission.connections_per_address.set(settings.gateway.connections_per_address_max);
    admission.handshakes_per_second.set(settings.gateway.handshakes_per_second);
    admission.handshakes_per_address_per_second.set(
        settings.gateway.handshakes_per_address_per_second);
    admission.new_visitors_per_second.set(settings.customer_service.new_visitors_per_second);
    webhook.set(webhook_options(settings));
    data_source.set(data_source_options(settings));
    moderation.set(moderation_options(settings));
  }

  config::LiveValue<config::StatusStyle> status_style;
  config::LiveValue<bool> strict_read;
  config::LiveValue<std::chrono::milliseconds> slow_request;
  config::LiveValue<double> trace_ratio;
  config::LiveValue<bool> online_status_include_offline;
  config::LiveValue<bool> token_auth_on;
  config::LiveValue<std::string> manager_token;
  config::LiveValue<std::chrono::milliseconds> retry_interval;
  config::LiveValue<std::size_t> retry_max_count;
  config::LiveValue<config::TlsSettings> certificate;
  gateway::AdmissionLimits admission;
  config::LiveValue<std::size_t> sessions_per_user_max;
  config::LiveValue<std::size_t> frames_per_second;
  config::LiveValue<std::shared_ptr<const webhook::WebhookOptions>> webhook;
  config::LiveValue<std::shared_ptr<const datasource::DataSourceOptions>> data_source;
  config::LiveValue<std::shared_ptr<const moderation::Options>> moderation;
};

}  // namespace jindou::app
