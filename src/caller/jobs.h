// `jindou jobs`: batches that a server sends in the background, over its routes of /jobs
// (docs/decisions/0028-jobs.md).
#pragma once

#include "caller/jobs_options.h"

namespace jindou::caller {

// What was asked for goes to standard output, everything else to standard error. Returns the exit
// code. Takes SIGINT and SIGTERM for the rest of the process. Blocks; one thread.
int run_jobs(JobsOptions options);

}  // namespace jindou::caller
