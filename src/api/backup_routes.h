// Backups of the running server: POST /backups makes one, GET /backups lists them.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> backup_routes();

}  // namespace jindou::api
