// `jindou send`: the messages of a file to a server, over its stream of lines
// (docs/decisions/0025-streamed-batches.md).
#pragma once

#include "caller/options.h"

namespace jindou::caller {

// Sends, or asks what would become of it, and tells how it went on standard error. Returns the exit
// code. Takes SIGINT and SIGTERM for the rest of the process. Blocks; threads of libcurl aside it
// runs in one.
int run_send(SendOptions options);

}  // namespace jindou::caller
