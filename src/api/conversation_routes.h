// POST /conversation/... and /conversations/...: what a user sees of their channels.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> conversation_routes();

}  // namespace jindou::api
