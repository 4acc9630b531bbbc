// POST /config/reload: what SIGHUP does, for whoever has no shell on the machine.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> config_routes();

}  // namespace jindou::api
