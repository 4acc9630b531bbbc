// `jindou serve`: runs a node until SIGTERM or SIGINT; SIGHUP reads the settings again.
#pragma once

#include <functional>

#include "base/result.h"
#include "config/loaded_settings.h"

namespace jindou::app {

// Reads all sources of settings again, as at the start.
using ReadSettings = std::function<Result<config::LoadedSettings>()>;

// Prints one line of JSON to standard output when it serves: {"event":"ready","http":...}. Returns
// the exit code: 0 after a signal, 1 when it could not start.
int serve(const config::LoadedSettings& loaded, const ReadSettings& read_again);

}  // namespace jindou::app
