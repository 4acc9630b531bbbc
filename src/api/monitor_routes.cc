#include "api/monitor_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "api/answers.h"
#include "api/connection_routes.h"
#include "api/loaded_answers.h"
#include "api/text_formats.h"
#include "http/query.h"

namespace jindou::api {
namespace {

using codec::JsonWriter;
using presence::ConnectionPage;
using presence::ConnectionQuery;
using presence::TrafficTotals;

constexpr std::size_t kMonitoredDefault = 20;
constexpr std::size_t kMonitoredMax = 10'000;

void write_identity(JsonWriter& json, const Services& services) {
  json.string("server_id", std::to_string(services.options.node_id));
  json.string("server_name", "Jindou");
  json.string("version", services.options.version);
  // Releases are told apart by their version; the build does not know its commit.
  for (const std::string_view name : {"commit", "commit_date", "tree_state", "git_commit"}) {
    json.string(name, "");
  }
}

void write_traffic(JsonWriter& json, Services& services) {
  const TrafficTotals totals = services.deps.traffic_totals();
  const OnlineCounts online = services.deps.online_counts();
  const double logins = services.deps.metrics.connects.with("ok").Value();
  json.number("connections", totals.connections);
  json.number("total_connections", static_cast<std::uint64_t>(logins));
  json.number("user_handler_count", online.users);
  json.number("user_handler_conn_count", online.sessions);
  json.number("in_msgs", totals.in_msgs);
  json.number("out_msgs", totals.out_msgs);
  json.number("in_bytes", totals.in_bytes);
  json.number("out_bytes", totals.out_bytes);
  json.number("slow_clients", totals.slow_clients);
  json.number("slow_consumers", totals.slow_clients);
  json.number("retry_queue", totals.retry_queue);
  json.number("subscriptions", 0);
  // Conversations are computed when they are asked for.
  json.number("conversation_cache_count", 0);
}

void write_process(JsonWriter& json, const Services& services,
                   const ProcessMeter::Sample& process) {
  const std::int64_t now_ms = services.deps.clock.wall_ms();
  const std::int64_t start_ms = services.process.started_at_ms();
  json.string("start", rfc3339(start_ms));
  json.string("now", rfc3339(now_ms));
  json.string("uptime", uptime_text(std::chrono::milliseconds(now_ms - start_ms)));
  json.number("goroutine", process.threads);
  json.number("mem", process.resident_bytes);
  json.key("cpu");
  json.raw(fmt::format("{:.2f}", process.cpu_percent));
}

void write_addresses(JsonWriter& json, const Services& services, const RouteAddresses& addresses) {
  const ApiOptions& options = services.options;
  json.string("tcp_addr", addresses.tcp);
  json.string("ws_addr", addresses.ws);
  json.string("wss_addr", addresses.wss);
  json.string("manager_addr", options.manager_address);
  json.flag("manager_on", !options.manager_address.empty());
  json.string("api_url", options.api_url);
  json.string("manager_uid", options.manager_uid);
  json.flag("manager_token_on", services.access.manager_token_on());
  json.begin_object("config");
  json.number("max_connections", options.client_connections_max);
  json.number("max_subscriptions_per_conn", options.client_subscriptions_max);
  json.number("max_payload", options.send.payload_bytes_max);
  json.end_object();
}

void write_request_stats(JsonWriter& json, const Services& services) {
  json.begin_object("http_req_stats");
  json.begin_array("uri_stats");
  for (const RouteStats::Entry& entry : services.route_stats.entries()) {
    json.begin_object();
    json.string("uri", entry.path);
    json.number("count", entry.count);
    json.string("avg_time", short_duration_text(entry.average));
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

Task<void> get_varz(Services& services, Request& request, Response& response) {
  if (!admit_node(services, request, response)) co_return;
  ProcessMeter& meter = services.process;
  auto work = [&meter] { return Result<ProcessMeter::Sample>(meter.sample()); };
  const auto process = co_await load_or_answer(services, response, std::move(work));
  if (!process) co_return;
  const bool with_connections = request.query_value("show") == "conn";
  ConnectionPage page;
  if (with_connections) {
    ConnectionQuery query;
    query.keep =
        std::min<std::size_t>(http::query_number(request.query_value("conn_limit")), kMonitoredMax);
    if (query.keep == 0) query.keep = kMonitoredDefault;
    query.before = connection_order("inMsgDesc");
    page = co_await collect_connections(services, std::move(query));
  }
  JsonWriter json(response.body);
  json.begin_object();
  write_identity(json, services);
  write_traffic(json, services);
  write_process(json, services, *process);
  write_addresses(json, services, services.deps.addresses(false, request.host()));
  write_request_stats(json, services);
  if (with_connections) {
    const std::int64_t now_ms = services.deps.clock.wall_ms();
    json.begin_array("conns");
    for (const auto& connection : page.connections) {
      write_connection(json, connection, services.options.node_id, now_ms);
    }
    json.end_array();
  }
  json.end_object();
}

// Nothing of what the members name exists here: logs go to the standard error stream, metrics are
// served and not collected from elsewhere, load comes from outside.
Task<void> get_varz_setting(Services& services, Request& request, Response& response) {
  if (!admit_node(services, request, response)) co_return;
  JsonWriter json(response.body);
  json.begin_object();
  json.begin_object("logger");
  json.flag("trace_on", false);
  json.flag("loki_on", false);
  json.end_object();
  json.flag("prometheus_on", false);
  json.flag("stress_on", false);
  json.end_object();
}

}  // namespace

std::span<const Route> monitor_routes() {
  static constexpr std::array<Route, 2> routes = {{
      {Verb::get, "/varz", get_varz, Auth::read, "Numbers about the running server", Ports::both},
      {Verb::get, "/varz/setting", get_varz_setting, Auth::read,
       "Which optional parts are switched on", Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
