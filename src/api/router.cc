#include "api/router.h"

#include <algorithm>
#include <iterator>

#include "api/answers.h"
#include "api/channel_routes.h"
#include "api/history_routes.h"
#include "api/send_routes.h"
#include "api/system_routes.h"
#include "api/user_routes.h"

namespace jindou::api {

std::span<const Route> all_routes() {
  static const std::vector<Route> kRoutes = [] {
    std::vector<Route> all;
    for (const std::span<const Route> group :
         {send_routes(), channel_routes(), history_routes(), user_routes(), system_routes()}) {
      all.insert(all.end(), group.begin(), group.end());
    }
    return all;
  }();
  return kRoutes;
}

bool equal_secrets(std::string_view a, std::string_view b) {
  if (b.empty()) return a.empty();
  unsigned char difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference =
        static_cast<unsigned char>(difference | static_cast<unsigned char>(a[i] ^ b[i % b.size()]));
  }
  return difference == 0;
}

Router::Router(Services& services, std::span<const Route> routes)
    : services_(services), routes_(routes) {
  for (const Route& route : routes_) by_path_[route.path].push_back(&route);
}

const Route* Router::find(const Request& request, bool& path_known) const {
  const auto found = by_path_.find(request.path());
  path_known = found != by_path_.end();
  if (!path_known) return nullptr;
  const Verb method = request.method() == Verb::head ? Verb::get : request.method();
  for (const Route* route : found->second) {
    if (route->method == method) return route;
  }
  return nullptr;
}

bool Router::admit(const Request& request, Response& response) {
  if (request.method() == Verb::options) {
    response.status = 204;
    response.route = "preflight";
    return false;
  }
  bool path_known = false;
  const Route* route = find(request, path_known);
  const bool open = route != nullptr && route->auth == Auth::open;
  const std::string& secret = services_.options.manager_token;
  if (!open && !secret.empty() && !equal_secrets(request.header("token"), secret)) {
    answer_error(response, 401, "unauthorized", "unauthorized");
    return false;
  }
  if (route != nullptr) return true;
  if (!path_known) {
    answer_error(response, 404, errc_name(Errc::not_found), "no such path");
    return false;
  }
  response.extra_headers = "Allow: OPTIONS";
  for (const Route* other : by_path_.find(request.path())->second) {
    response.extra_headers += other->method == Verb::get ? ", GET, HEAD" : ", POST";
  }
  response.extra_headers += "\r\n";
  answer_error(response, 405, "method_not_allowed", "this path does not answer this method");
  return false;
}

Task<void> Router::handle(Request& request, Response& response) {
  bool path_known = false;
  const Route* route = find(request, path_known);
  response.route = route->path;
  // Not a coroutine of its own: the route's task is handed on.
  return route->handler(services_, request, response);
}

void Router::refuse(std::string_view detail, Response& response) {
  std::string_view code = errc_name(Errc::invalid);
  switch (response.status) {
    case 413:
    case 431: code = errc_name(Errc::too_large); break;
    case 500: code = errc_name(Errc::internal); break;
    case 503: code = errc_name(Errc::overloaded); break;
    default: break;
  }
  response.route = "refused";
  answer_error(response, response.status, code, detail);
}

void Router::answered(const Response& response, std::chrono::steady_clock::duration took) {
  services_.deps.metrics.count_http_request(response.route, static_cast<int>(response.status));
  services_.deps.metrics.http_request_seconds.Observe(std::chrono::duration<double>(took).count());
}

}  // namespace jindou::api
