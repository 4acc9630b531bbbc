// GET /webhook/status: how the webhook does. What it has given up is in dead_letter_routes.h.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> webhook_routes();

}  // namespace jindou::api
