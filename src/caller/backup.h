// `jindou backup`: asks a running server for a backup, over POST /backups.
#pragma once

#include "caller/options.h"

namespace jindou::caller {

struct BackupOptions : ServerOptions {
  // The answer comes when the backup is whole.
  BackupOptions() { timeout = 3600; }

  bool list = false;
  bool json = false;  // what the server says, as it is
};

// Declares the flags of `jindou backup` on `app`; `options` must outlive the parsing.
void add_options(CLI::App& app, BackupOptions& options);

// Prints the directory of the backup, or a line for each there is, on standard output, everything
// else on standard error. Returns the exit code. Takes SIGINT and SIGTERM for the rest of the
// process. Blocks; one thread.
int run_backup(BackupOptions options);

}  // namespace jindou::caller
