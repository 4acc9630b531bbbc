// GET /manager/audit: the last lines of the audit log of this node.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> audit_routes();

}  // namespace jindou::api
