// POST /streamv2/open, write and close: another older way to write the events of a message.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> streamv2_routes();

}  // namespace jindou::api
