#include "api/webhook_routes.h"

#include <array>
#include <memory>

#include "codec/json_writer.h"
#include "config/settings.h"

namespace jindou::api {
namespace {

Task<void> get_webhook_status(Services& services, Request&, Response& response) {
  WebhookState state;
  if (services.deps.webhook_state) state = services.deps.webhook_state();
  std::shared_ptr<const config::Settings> settings;
  if (services.deps.settings) settings = services.deps.settings();
  if (settings == nullptr) settings = std::make_shared<const config::Settings>();
  const config::WebhookSettings& webhook = settings->webhook;
  codec::JsonWriter json(response.body);
  json.begin_object();
  json.boolean("enabled", !webhook.http_addr.empty() || !webhook.grpc_addr.empty() ||
                              !settings->agent.webhook.http_addr.empty());
  json.boolean("receiver_down", state.receiver_down);
  json.number("backlog_max", webhook.backlog_max);
  json.objects("events", state.events, [](codec::JsonWriter& out, const WebhookState::Event& one) {
    out.string("event", one.event);
    out.number("backlog", one.backlog);
    out.number("oldest_seconds", one.oldest_seconds);
    out.number("sent", one.sent);
    out.number("failed_attempts", one.failed_attempts);
    out.number("given_up", one.given_up);
    out.string("last_error", one.last_error);
    out.number("last_error_at_ms", one.last_error_at_ms);
  });
  json.end_object();
  co_return;
}

}  // namespace

std::span<const Route> webhook_routes() {
  static constexpr std::array<Route, 1> routes = {{
      {Verb::get, "/webhook/status", get_webhook_status, Auth::read, "How the webhook does",
       Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
