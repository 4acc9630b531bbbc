// Users and their credentials.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> user_routes();

}  // namespace jindou::api
