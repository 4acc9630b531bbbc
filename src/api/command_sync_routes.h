// Commands for users who were offline: POST /message/sync and /message/syncack.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> command_sync_routes();

}  // namespace jindou::api
