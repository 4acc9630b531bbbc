// The table of all routes, and what is said about them.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/route.h"

namespace jindou::api {

// Every route of the API, in the order of the documentation. Constant; thread-safe.
std::span<const Route> all_routes();

// The OpenAPI document of all of them: JSON text. Takes some milliseconds: kept by its caller.
std::string document_of_all_routes(std::string_view version);

}  // namespace jindou::api
