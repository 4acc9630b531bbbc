// What else the released v3 manager of this interface shows, with its paths and members: messages,
// conversations of a user, permissions, the webhook, nodes.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> manager_view_routes();

}  // namespace jindou::api
