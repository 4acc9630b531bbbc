// Probes, metrics, addresses and the welcome page.
#pragma once

#include <span>
#include <string_view>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> system_routes();

// The name or address the request was sent to, without its port; empty when it does not say.
std::string_view request_host(const Request& request);

}  // namespace jindou::api
