// The OpenAPI 3.1 document of everything a server answers, made from what its table of routes says
// and the operations beside it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "model/api_key.h"
#include "openapi/operations.h"

namespace jindou::openapi {

// What the table of routes says about one of them.
struct DocumentedRoute {
  Verb method;
  std::string_view path;
  std::string_view summary;
  bool asks_for_credential = true;
  // Some callers who are known may not use it.
  bool asks_for_permission = false;
  // Of which an API key needs one; none: any key will do.
  Scopes scopes = {};
  // A read token will do, for what is its user's own.
  bool for_readers = false;
  bool on_api_port = true;
  bool on_manager_port = false;
};

// JSON text. A route without an operation, and an operation without a route, are left out: the unit
// test of this file finds them. Takes some milliseconds: kept by its caller.
std::string document(std::span<const DocumentedRoute> routes, std::span<const Operation> operations,
                     std::string_view version);

}  // namespace jindou::openapi
