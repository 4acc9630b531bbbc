#include "api/manager_routes.h"

#include <array>
#include <string>
#include <string_view>

#include "api/answers.h"
#include "api/grants.h"
#include "api/text_formats.h"
#include "bodies/operators.h"
#include "bodies/read.h"
#include "codec/json_writer.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "pages/page_file.h"

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

void answer_login(Services& services, const Request& request, Response& response) {
  bodies::BodyReader body(request.body);
  const auto given = bodies::read<bodies::ManagerLogin>(body);
  const std::string& name = given.username;
  if (!body.ok()) {
    answer_invalid(response, body.problem());
    return;
  }
  access::LoginLimiter& limiter = services.access.limiter();
  const auto verdict = limiter.attempt(name, request.peer);
  if (verdict != access::LoginLimiter::Verdict::allowed) {
    // Without the name: people type passwords into that field.
    if (verdict == access::LoginLimiter::Verdict::refused_first) {
      observe::log_warn("api", "too many failed logins from {}: refused for a while", request.peer);
    }
    answer_too_many(services, response);
    return;
  }
  const auto login = services.access.login(request, name, given.password);
  if (!login && login.error().code() == Errc::denied) {
    answer_error(response, login.error());
    return;
  }
  if (!login) {
    answer_error(response, 401, "unauthorized", "wrong user name or password");
    return;
  }
  limiter.succeeded(name, request.peer);
  write_login(response, name, *login);
}

Task<void> post_login(Services& services, Request& request, Response& response) {
  answer_login(services, request, response);
  services.deps.metrics.manager_logins.with(response.status < 400 ? "ok" : "failed").Increment();
  co_return;
}

// ---- the page -----------------------------------------------------------------------------------

constexpr std::string_view kPageFolder = "/manager";
constexpr std::string_view kPageFile = "/manager.html";

// What the page loads, and whom it calls, is this port. Nobody may frame it: its form takes
// passwords.
constexpr std::string_view kManagerPagePolicy =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src "
    "'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n";

// Of a build without Node, in place of the page.
constexpr std::string_view kNoManagerPage =
    "This build has no manager page. Where Node and npm are installed, the build makes one: make "
    "chat. The paths of this port are in docs/api.md.\n"
    "这个构建没有管理页面。装有 Node 和 npm 时，编译会生成它：make chat。此端口的接口见 "
    "docs/api.md。\n";

void answer_page_file(const Services& services, std::string_view path, const Request& request,
                      Response& response) {
  response.extra_headers += kManagerPagePolicy;
  const pages::PageFile* const file = pages::find_file(services.deps.manager_files, path);
  if (file != nullptr) return pages::answer_file(*file, request, response);
  response.status = 404;
  response.content_type = "text/plain; charset=utf-8";
  response.body += services.deps.manager_files.empty()
                       ? kNoManagerPage
                       : std::string_view("no such file; the manager page is at /manager/\n");
}

Task<void> get_manager_page(Services& services, Request& request, Response& response) {
  answer_page_file(services, kPageFile, request, response);
  co_return;
}

Task<void> get_manager_file(Services& services, Request& request, Response& response) {
  answer_page_file(services, request.path().substr(kPageFolder.size()), request, response);
  co_return;
}

// What the page loads stands beside it, so its address ends with a slash. Relative: a proxy in
// front may have added a path.
Task<void> get_manager_folder(Services&, Request&, Response& response) {
  response.status = 302;
  response.extra_headers += "Location: manager/\r\n";
  co_return;
}

}  // namespace

std::span<const Route> manager_routes() {
  static constexpr std::array<Route, 5> routes = {{
      {Verb::post, "/manager/login", post_login, Auth::open_on_manager,
       "Gives a user of the manager port a token", Ports::both},
      {Verb::get, "/manager", get_manager_folder, Auth::open_on_manager, "Leads to /manager/",
       Ports::manager},
      {Verb::get, "/manager/", get_manager_page, Auth::open_on_manager, "The manager page",
       Ports::manager},
      {Verb::get, "/manager/login", get_manager_page, Auth::open_on_manager,
       "The manager page, at its form to log in", Ports::manager},
      {Verb::get, "/manager/assets/{file}", get_manager_file, Auth::open_on_manager,
       "A file of the manager page", Ports::manager},
  }};
  return routes;
}

}  // namespace jindou::api
