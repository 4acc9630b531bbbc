// Reads under /cluster, with the paths and members of the released v2 manager of this interface,
// for the scripts that use them.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> cluster_routes();

}  // namespace jindou::api
