// What of a batch was refused for good, and how it is sent again; what the webhook has given up,
// and how it is told again.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> dead_letter_routes();

}  // namespace jindou::api
