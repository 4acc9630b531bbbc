// POST /message/recall and /message/edit: a stored message is taken back, or gets another payload.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> revision_routes();

}  // namespace jindou::api
