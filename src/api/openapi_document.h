// The OpenAPI 3.1 document of everything a server answers, made from the route table and the
// operations beside it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/openapi_operations.h"
#include "api/router.h"

namespace jindou::api::openapi {

// JSON text. A route without an operation, and an operation without a route, are left out: the unit
// test of this file finds them. Takes some milliseconds: kept by its caller.
std::string document(std::span<const Route> routes, std::span<const Operation> operations,
                     std::string_view version);

}  // namespace jindou::api::openapi
