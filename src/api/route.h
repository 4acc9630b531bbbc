// One route: its path, its handler and who may call it. Each <group>_routes.h has a table of them.
#pragma once

#include <cstdint>
#include <string_view>

#include "access/access.h"
#include "api/http_names.h"
#include "api/services.h"
#include "model/api_key.h"

namespace jindou::api {

using access::Port;
using access::Ports;

// Answers one request. Both outlive the task.
using RouteHandler = Task<void> (*)(Services& services, Request& request, Response& response);

// Who may call a route. The first five: on the API port the header "token" must carry managerToken,
// when one is configured, or an API key; on the manager port always one of these, or the token of a
// login. Of a key they say which scope it must have (docs/decisions/0031-api-keys.md); administer
// includes all.
enum class Auth : std::uint8_t {
  administer,  // whatever is none of the next: what a route that says nothing asks for
  send,        // sends messages, or does something with what was sent
  read,        // looks at something and changes nothing
  // As `read`; and with a read token, for what is its user's own. The handler asks reader_gate.h
  // whether a channel is.
  read_own,
  send_or_read,
  // As `administer` on the API port, but with a key of any scope; nothing on the manager port:
  // login and metrics.
  open_on_manager,
  // Nothing anywhere: probes.
  open,
};

// The scopes of which a key needs one; empty: any key will do.
constexpr Scopes scopes_of(Auth auth) {
  switch (auth) {
    case Auth::send: return Scope::send;
    case Auth::read:
    case Auth::read_own: return Scope::read;
    case Auth::send_or_read: return Scope::send | Scope::read;
    case Auth::administer: return Scope::administer;
    case Auth::open_on_manager:
    case Auth::open: break;
  }
  return {};
}

// What a request hands to the core.
enum class Sends : std::uint8_t { nothing, message, batch };

// Members are constants: the table is also what documentation is made from.
struct Route {
  Verb method;  // get also answers HEAD
  // Its last part, or the one before it, may stand for any: "/templates/{name}", which
  // path_parameter() tells. So may two in a row: "/channels/{type}/{id}/members".
  std::string_view path;
  RouteHandler handler;
  Auth auth;
  std::string_view summary;
  Ports ports = Ports::api;
  // What the caller must have a permission for, on either port: "slotMigrate" with 'w'. Empty on
  // the API port and for reads: nothing. Empty for any other method on the manager port: writing to
  // the first part of the path ("conn" for /conn/kick). Of a key only the scope counts.
  std::string_view resource = {};
  char action = 'w';
  // Its requests go to the core as messages: they are refused by their header while it is full.
  Sends sends = Sends::nothing;
  // Whether the handler takes the body of a request piece by piece; null: never. Such a request is
  // let in while the core is full: it waits.
  bool (*streams)(const Request& request) = nullptr;
};

// What stands in the last part of the path; never empty where the path of the route has a part in
// braces there. As sent: no escape is resolved.
inline std::string_view path_parameter(const Request& request) {
  return request.path().substr(request.path().rfind('/') + 1);
}
// The same where it is another part: what stands behind `before`, up to the next slash.
inline std::string_view path_parameter(const Request& request, std::string_view before) {
  const std::string_view rest = request.path().substr(before.size());
  return rest.substr(0, rest.find('/'));
}

// Of two in a row the second.
inline std::string_view second_path_parameter(const Request& request, std::string_view before) {
  const std::string_view rest = request.path().substr(before.size());
  const std::string_view second = rest.substr(rest.find('/') + 1);
  return second.substr(0, second.find('/'));
}

}  // namespace jindou::api
