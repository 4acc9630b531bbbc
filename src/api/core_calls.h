// The two ways into the core, as awaitable calls with a deadline.
#pragma once

#include <vector>

#include "api/http_types.h"
#include "api/services.h"
#include "channel/change.h"

namespace jindou::api {

// The point by which `request` has to be answered.
DeadlineList::TimePoint request_deadline(const Services& services);

// Results aligned with the commands. At the deadline what is undecided becomes State::unknown.
// Errors: overloaded, unavailable: nothing was done.
Task<Result<std::vector<SendResult>>> send_commands(Services& services, Request& request,
                                                    std::vector<SendCommand> commands,
                                                    DeadlineList::TimePoint deadline);

// Errors: what the core says; deadline when it said nothing in time (outcome unknown).
Task<Result<void>> change(Services& services, Request& request, channel::Change change);

}  // namespace jindou::api
