#include "api/manager_routes.h"

#include <array>
#include <string>

#include "api/answers.h"
#include "api/grants.h"
#include "api/text_formats.h"
#include "bodies/operators.h"
#include "bodies/read.h"
#include "codec/json_writer.h"
#include "observe/log.h"

namespace jindou::api {
namespace {

using codec::JsonWriter;

bool is_administrator(const access::Login& login) {
  access::Caller caller;
  caller.permissions = login.permissions;
  return caller.may("*", 'r') && caller.may("*", 'w');
}

// All documented forms of the answer in one; where two want a member to be different things, that
// of the newer server is what it is.
void write_login(Response& response, const std::string& name, const access::Login& login) {
  JsonWriter json(response.body);
  json.begin_object();
  json.string("username", name);
  json.string("token", login.token);
  json.number("exp", login.expires_at);
  std::string joined;
  for (const config::Permission& permission : login.permissions) {
    if (!joined.empty()) joined += ',';
    joined += permission.text();
  }
  json.string("access_token", login.token);
  json.string("token_type", "Bearer");
  json.string("expires_at", rfc3339(login.expires_at * 1'000));
  write_grants(json, "permissions", login.permissions);
  json.string("permission_text", joined);
  json.number("expire", login.expires_in);
  json.number("expires_in", login.expires_in);
  json.begin_object("user");
  json.string("username", name);
  json.string("role", is_administrator(login) ? "admin" : "user");
  json.begin_array("permissions");
  for (const config::Permission& permission : login.permissions) json.string(permission.text());
  json.end_array();
  json.end_object();
  json.end_object();
}

void answer_too_many(Services& services, Response& response) {
  const auto wait =
      std::chrono::duration_cast<std::chrono::seconds>(services.access.limiter().limits().window);
  response.extra_headers += "Retry-After: " + std::to_string(wait.count()) + "\r\n";
  answer_error(response, 429, "too_many_logins", "too many failed logins, try again later");
}

Task<void> post_login(Services& services, Request& request, Response& response) {
  bodies::BodyReader body(request.body);
  const auto given = bodies::read<bodies::ManagerLogin>(body);
  const std::string& name = given.username;
  if (!body.ok()) {
    answer_invalid(response, body.problem());
    co_return;
  }
  access::LoginLimiter& limiter = services.access.limiter();
  const auto verdict = limiter.attempt(name, request.peer);
  if (verdict != access::LoginLimiter::Verdict::allowed) {
    // Without the name: people type passwords into that field.
    if (verdict == access::LoginLimiter::Verdict::refused_first) {
      observe::log_warn("api", "too many failed logins from {}: refused for a while", request.peer);
    }
    answer_too_many(services, response);
    co_return;
  }
  const auto login = services.access.login(name, given.password);
  if (!login) {
    answer_error(response, 401, "unauthorized", "wrong user name or password");
    co_return;
  }
  limiter.succeeded(name, request.peer);
  write_login(response, name, *login);
}

}  // namespace

std::span<const Route> manager_routes() {
  static constexpr std::array<Route, 1> routes = {{
      {Verb::post, "/manager/login", post_login, Auth::open_on_manager,
       "Gives a user of the manager port a token", Ports::both},
  }};
  return routes;
}

}  // namespace jindou::api
