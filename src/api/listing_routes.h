// What was written, read back: GET /channels, /channel/info and the lists of a channel, GET /users
// and /user/info.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> listing_routes();

}  // namespace jindou::api
