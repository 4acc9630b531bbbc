// `jindou serve`: runs a node until SIGTERM or SIGINT.
#pragma once

#include "config/settings.h"

namespace jindou::app {

// Prints one line of JSON to standard output when it serves: {"event":"ready","http":...}. Returns
// the exit code: 0 after a signal, 1 when it could not start.
int serve(const config::LoadedSettings& loaded);

}  // namespace jindou::app
