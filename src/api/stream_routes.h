// The older endpoints for streams (/event, /stream/..., /streammessage/...): other ways to write
// the events of a message.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> stream_routes();

}  // namespace jindou::api
