// POST /conversation/list and what belongs to it: a user's conversations page by page, for clients
// that keep a copy of the whole directory.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> directory_routes();

}  // namespace jindou::api
