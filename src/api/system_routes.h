// Probes, metrics, addresses and the welcome page.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> system_routes();

}  // namespace jindou::api
