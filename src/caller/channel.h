// `jindou channel`: the channels of a server, who is in them and what was last sent (docs/api.md,
// "Channels").
#pragma once

#include "caller/lookup_options.h"

namespace jindou::caller {

// What was asked for goes to standard output, everything else to standard error. Returns the exit
// code. Takes SIGINT and SIGTERM for the rest of the process. Blocks; one thread.
int run_channel(ChannelOptions options);

}  // namespace jindou::caller
