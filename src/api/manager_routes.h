// Logging in: POST /manager/login.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> manager_routes();

}  // namespace jindou::api
