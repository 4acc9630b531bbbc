// POST /message/event and /message/eventsync: what happens to a message after it was sent.
#pragma once

#include <span>

#include "api/route.h"

namespace jindou::api {

std::span<const Route> event_routes();

}  // namespace jindou::api
