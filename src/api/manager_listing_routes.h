// Lists under /manager and /cluster, with the paths and members of the two released managers of
// this interface: channels and their members, users, devices, connections.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> manager_listing_routes();

}  // namespace jindou::api
