// `jindou user`: the users of a server, and who is let in (docs/api.md, "Users").
#pragma once

#include "caller/lookup_options.h"

namespace jindou::caller {

// What was asked for goes to standard output, everything else to standard error. Returns the exit
// code. Takes SIGINT and SIGTERM for the rest of the process. Blocks; one thread.
int run_user(UserOptions options);

}  // namespace jindou::caller
