// Endpoints that free messages: single ones, all up to a seq, and by age and count.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> retention_routes();

}  // namespace jindou::api
