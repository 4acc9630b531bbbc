// Which addresses of one server get in each other's way.
#pragma once

#include "base/result.h"
#include "config/settings.h"

namespace jindou::config {

// The addresses of `settings` parse. Errors: invalid, naming two settings that want one port of the
// same address, so that the second could not listen. Host names are compared, not looked up.
Result<void> check_distinct_listeners(const Settings& settings);

}  // namespace jindou::config
