// POST /message/send and POST /message/sendbatch.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> send_routes();

}  // namespace jindou::api
