// The table of routes, and what every request passes on its way to one: preflights, authentication,
// 404 and 405.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/http_types.h"
#include "api/services.h"

namespace jindou::api {

// Answers one request. Both outlive the task.
using RouteHandler = Task<void> (*)(Services& services, Request& request, Response& response);

enum class Auth : std::uint8_t {
  manager,  // the header "token" must carry managerToken, when one is configured
  open,     // probes
};

// Members are constants: the table is also what documentation is made from.
struct Route {
  Verb method;  // get also answers HEAD
  std::string_view path;
  RouteHandler handler;
  Auth auth;
  std::string_view summary;
};

// Every route of the API, in the order of the documentation.
std::span<const Route> all_routes();

// Compares without telling through timing how much of a secret was right.
bool equal_secrets(std::string_view a, std::string_view b);

// Thread-safe: constant after construction.
class Router final : public RequestHandler {
 public:
  // Borrows both.
  Router(Services& services, std::span<const Route> routes);

  bool admit(const Request& request, Response& response) override;
  Task<void> handle(Request& request, Response& response) override;
  void refuse(std::string_view detail, Response& response) override;
  void answered(const Response& response, std::chrono::steady_clock::duration took) override;

 private:
  // Null when the path or the method is unknown; then `path_known` tells which.
  const Route* find(const Request& request, bool& path_known) const;

  Services& services_;
  std::span<const Route> routes_;
  boost::unordered_flat_map<std::string_view, std::vector<const Route*>> by_path_;
};

}  // namespace jindou::api
