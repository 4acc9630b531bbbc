// POST /user/read_token: what a client may read its own conversations and messages with
// (docs/decisions/0043-read-tokens.md).
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> read_token_routes();

}  // namespace jindou::api
