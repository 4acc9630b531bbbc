// /tag, /tags and /tag/remove: who would receive a message to a channel.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> tag_routes();

}  // namespace jindou::api
