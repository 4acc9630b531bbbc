// Messages of another server are stored here as they were there (docs/decisions/0046).
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> import_routes();

}  // namespace jindou::api
