// /varz and what belongs to it: numbers about the running server.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> monitor_routes();

}  // namespace jindou::api
