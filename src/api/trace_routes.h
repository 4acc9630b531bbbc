// What became of a message.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> trace_routes();

}  // namespace jindou::api
