// Reads of stored messages.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> history_routes();

}  // namespace jindou::api
