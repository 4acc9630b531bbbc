// POST /channel and everything below it that changes a channel or one of its lists.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> channel_routes();

}  // namespace jindou::api
