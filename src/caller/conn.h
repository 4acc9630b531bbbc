// `jindou conn`: the connections of clients to a server (docs/api.md, "Connections and
// monitoring").
#pragma once

#include "caller/lookup_options.h"

namespace jindou::caller {

// What was asked for goes to standard output, everything else to standard error. Returns the exit
// code. Takes SIGINT and SIGTERM for the rest of the process. Blocks; one thread.
int run_conn(ConnOptions options);

}  // namespace jindou::caller
