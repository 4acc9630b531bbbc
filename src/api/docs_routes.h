// /docs: what this server answers, for people and for programs.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> docs_routes();

}  // namespace jindou::api
