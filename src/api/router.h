// The table of routes, and what every request passes on its way to one: preflights, authentication,
// 404 and 405.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/access.h"
#include "api/http_types.h"
#include "api/services.h"

namespace jindou::api {

// Answers one request. Both outlive the task.
using RouteHandler = Task<void> (*)(Services& services, Request& request, Response& response);

enum class Auth : std::uint8_t {
  // API port: the header "token" must carry managerToken, when one is configured. Manager port:
  // that token or the JWT of a login, always.
  manager,
  // The same on the API port, nothing on the manager port: login and metrics.
  open_on_manager,
  // Nothing anywhere: probes.
  open,
};

// What a request hands to the core.
enum class Sends : std::uint8_t { nothing, message, batch };

// Members are constants: the table is also what documentation is made from.
struct Route {
  Verb method;  // get also answers HEAD
  std::string_view path;
  RouteHandler handler;
  Auth auth;
  std::string_view summary;
  Ports ports = Ports::api;
  // What the caller must have a permission for, on either port: "slotMigrate" with 'w'. Empty on
  // the API port and for reads: nothing. Empty for any other method on the manager port: writing to
  // the first part of the path ("conn" for /conn/kick).
  std::string_view resource = {};
  char action = 'w';
  // Its requests go to the core as messages: they are refused by their header while it is full.
  Sends sends = Sends::nothing;
};

// Every route of the API, in the order of the documentation.
std::span<const Route> all_routes();

// Thread-safe: constant after construction.
class Router final : public RequestHandler {
 public:
  // What one port serves of `routes`. Borrows both.
  Router(Services& services, std::span<const Route> routes, Port port = Port::api);

  bool admit(Request& request, Response& response) override;
  Task<void> handle(Request& request, Response& response) override;
  void refuse(std::string_view detail, Response& response) override;
  void answered(const Response& response, std::chrono::steady_clock::duration took) override;

 private:
  // Null when the path or the method is unknown; then `path_known` tells which.
  const Route* find(const Request& request, bool& path_known) const;

  // True when the page that sent the request, if it was one, may do so; otherwise `response` is the
  // answer.
  bool accept_page(const Route* route, const Request& request, Response& response);

  // True when the caller may use `route` (null: a path or method that does not exist); otherwise
  // `response` is the answer.
  bool authorise(const Route* route, Request& request, Response& response);

  // What is said about a path that this port does not serve.
  std::string unknown_path(std::string_view path) const;
  // Answers what the strict mode found.
  static Task<void> refuse_unknown(std::string problem, Response& response);
  // False: a body is too large for a path that anybody may call; `response` is the answer.
  bool accepts_body(const Route& route, Request& request, Response& response) const;

  // False: `response` says that the core is full.
  bool core_has_room(const Route& route, Request& request, Response& response) const;

  Services& services_;
  Port port_;
  boost::unordered_flat_map<std::string_view, std::vector<const Route*>> by_path_;
  boost::unordered_flat_set<std::string_view> elsewhere_;  // paths of the other port
};

}  // namespace jindou::api
