// Logging in: POST /manager/login; and the manager page with its files: GET /manager/, GET
// /manager/login, GET /manager/assets/{file}. Everybody may load these: they hold nothing of the
// server's data, which the page fetches with what its user has logged in with.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> manager_routes();

}  // namespace jindou::api
