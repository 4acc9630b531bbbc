// Ctrl-C and SIGTERM: the run stops at the next look, so that servers are ended and temporary
// directories removed.
#pragma once

#include "base/result.h"

namespace jindou::bench {

// Takes SIGINT and SIGTERM over for the rest of the process. System calls that wait are cut short.
void catch_interrupts();

// An error (`closed`) once a signal has come. Thread-safe, as cheap as a flag.
Result<void> check_interrupted();

}  // namespace jindou::bench
