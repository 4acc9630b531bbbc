#include "api/system_routes.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "api/answers.h"
#include "api/connection_routes.h"
#include "api/loaded_answers.h"
#include "bodies/users.h"
#include "http/query.h"

namespace jindou::api {
namespace {

using codec::JsonWriter;

void write_addresses(JsonWriter& json, const RouteAddresses& addresses) {
  json.string("tcp_addr", addresses.tcp);
  json.string("ws_addr", addresses.ws);
  json.string("wss_addr", addresses.wss);
}

bool wants_intranet(const Request& request) {
  return http::query_number(request.query_value("intranet")) == 1;
}

Task<void> get_route(Services& services, Request& request, Response& response) {
  if (!admit_node(services, request, response)) co_return;
  JsonWriter json(response.body);
  json.begin_object();
  write_addresses(json, services.deps.addresses(wants_intranet(request), request.host()));
  json.end_object();
}

Task<void> post_route_batch(Services& services, Request& request, Response& response) {
  if (!admit_node(services, request, response)) co_return;
  const auto users = bodies::read_users(request.body);
  if (!users) {
    answer_error(response, users.error());
    co_return;
  }
  JsonWriter json(response.body);
  json.begin_array();
  json.begin_object();
  json.begin_array("uids");
  for (const std::string& uid : users->uids) json.string(uid);
  json.end_array();
  write_addresses(json, services.deps.addresses(wants_intranet(request), request.host()));
  json.end_object();
  json.end_array();
}

Task<void> get_health(Services& services, Request&, Response& response) {
  std::string trouble = services.deps.trouble();
  if (trouble.empty() && services.deps.damage) trouble = services.deps.damage();
  JsonWriter json(response.body);
  json.begin_object();
  if (trouble.empty()) {
    json.string("status", "ok");
  } else {
    response.status = 500;
    json.string("status", "error");
    json.string("message", trouble);
  }
  const auto warnings =
      services.deps.warnings ? services.deps.warnings() : std::vector<std::string>();
  if (!warnings.empty()) {
    json.begin_array("warnings");
    for (const std::string& warning : warnings) json.string(warning);
    json.end_array();
  }
  json.end_object();
  co_return;
}

Task<void> get_ready(Services& services, Request&, Response& response) {
  const std::string trouble = services.deps.trouble();
  const bool ready = trouble.empty() && services.deps.accepting();
  JsonWriter json(response.body);
  json.begin_object();
  if (ready) {
    json.string("status", "ok");
  } else {
    response.status = 503;
    response.extra_headers += "Retry-After: 1\r\n";
    json.string("status", "error");
    json.string("message", trouble.empty() ? "sends are not accepted at the moment" : trouble);
  }
  json.end_object();
  co_return;
}

Task<void> get_metrics(Services& services, Request&, Response& response) {
  observe::Metrics& metrics = services.deps.metrics;
  auto work = [&metrics] { return Result<std::string>(metrics.render()); };
  auto text = co_await load_or_answer(services, response, std::move(work));
  if (!text) co_return;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body += *text;
}

Task<void> get_welcome(Services& services, Request&, Response& response) {
  JsonWriter json(response.body);
  json.begin_object();
  json.string("name", "jindou");
  json.string("version", services.options.version);
  json.string("docs", "/docs");
  json.end_object();
  co_return;
}

// A browser is led to the page, if this build has one.
Task<void> get_manager_welcome(Services& services, Request& request, Response& response) {
  if (!services.deps.manager_files.empty() &&
      request.header("accept").find("text/html") != std::string_view::npos) {
    response.status = 302;
    response.extra_headers += "Location: manager/\r\nVary: Accept\r\n";
    co_return;
  }
  JsonWriter json(response.body);
  json.begin_object();
  json.string("name", "jindou");
  json.string("version", services.options.version);
  json.string("login",
              "POST /manager/login with {\"username\",\"password\"} gives a token for the header "
              "Authorization: Bearer <token>; or the header token: <managerToken>");
  json.begin_array("paths");
  if (!services.deps.manager_files.empty()) json.string("/manager/");
  for (const std::string_view path :
       {"/health", "/readyz", "/metrics", "/varz", "/connz", "/conn/kick", "/tag", "/tags"}) {
    json.string(path);
  }
  json.end_array();
  json.end_object();
  co_return;
}

// This server imports nobody else's data while it runs, so there is nothing to wait for.
Task<void> get_migrate_result(Services&, Request&, Response& response) {
  JsonWriter json(response.body);
  json.begin_object();
  json.string("status", "migrated");
  json.string("step", "message");
  json.key("last_err");
  json.null();
  json.number("try_count", 0);
  json.end_object();
  co_return;
}

}  // namespace

std::span<const Route> system_routes() {
  static constexpr std::array<Route, 9> routes = {{
      {Verb::get, "/route", get_route, Auth::send_or_read, "Where clients connect"},
      {Verb::post, "/route/batch", post_route_batch, Auth::send_or_read,
       "Where the clients of several users connect"},
      {Verb::get, "/health", get_health, Auth::open, "200 when the node is usable", Ports::both},
      {Verb::get, "/healthz", get_health, Auth::open, "The same as /health", Ports::both},
      {Verb::get, "/readyz", get_ready, Auth::open, "200 when sends would be accepted",
       Ports::both},
      {Verb::get, "/migrate/result", get_migrate_result, Auth::read,
       "How far the import of another server's data is"},
      {Verb::get, "/metrics", get_metrics, Auth::open_on_manager,
       "Metrics in the Prometheus text format", Ports::both},
      {Verb::get, "/", get_welcome, Auth::send_or_read, "Name and version of the server"},
      {Verb::get, "/", get_manager_welcome, Auth::open_on_manager,
       "What the manager port has, and how to log in", Ports::manager},
  }};
  return routes;
}

}  // namespace jindou::api
