// What of a batch was refused for good, and how it is sent again.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> dead_letter_routes();

}  // namespace jindou::api
