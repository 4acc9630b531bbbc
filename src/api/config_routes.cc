#include "api/config_routes.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/answers.h"
#include "api/audit.h"
#include "api/core_calls.h"
#include "codec/json_writer.h"
#include "config/live_settings.h"
#include "observe/log.h"

namespace jindou::api {
namespace {

void write_texts(codec::JsonWriter& json, std::string_view name,
                 const std::vector<std::string>& texts) {
  json.begin_array(name);
  for (const std::string& text : texts) json.string(text);
  json.end_array();
}

Task<void> post_reload(Services& services, Request& request, Response& response) {
  // Nobody sets anything here: what is read is what whoever has started the server has named.
  if (!request.body.empty()) {
    answer_invalid(response,
                   "this call takes no body: the settings are read from where they were at the "
                   "start, the file, the environment and the flags");
    co_return;
  }
  if (!services.deps.ask_for_reload) {
    answer_error(response, Error(Errc::unavailable, "nobody reads the settings again here"));
    co_return;
  }
  observe::log_info("api", "a reload of the settings was asked for from {}", request.peer);
  std::string asked_by = audited_caller(request);
  const auto outcome = co_await reload_settings(services, request, std::move(asked_by));
  if (!outcome) {
    answer_error(response, outcome.error());
    co_return;
  }
  if (!outcome->refused.empty()) {
    answer_error(response, 409, errc_name(Errc::conflict), "nothing changed: " + outcome->refused);
    co_return;
  }
  codec::JsonWriter json(response.body);
  json.begin_object();
  write_texts(json, "applied", outcome->report.applied);
  write_texts(json, "waiting", outcome->report.waiting);
  write_texts(json, "warnings", outcome->warnings);
  json.end_object();
}

}  // namespace

std::span<const Route> config_routes() {
  static constexpr std::array<Route, 1> routes = {{
      {Verb::post, "/config/reload", post_reload, Auth::administer,
       "Reads the settings again, as SIGHUP does", Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
