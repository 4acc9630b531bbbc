// `jindou bench`: the figures of docs/performance.md, measured and compared with their bars.
#pragma once

#include "bench/options.h"

namespace jindou::bench {

// Runs the rows that `options` asks for, one after another in one thread, prints progress to
// standard error and the table to standard output. Returns the exit code: 0 when everything asked
// for was measured without an error (with options.strict: and every bar holds), 1 otherwise, 2 for
// options that make no sense. Starts and ends servers of its own unless it is given one.
int run_bench(const BenchOptions& options);

}  // namespace jindou::bench
