// The command line: `jindou [serve] | send | jobs | bench | config | version`.
#pragma once

namespace jindou::app {

// Parses and runs; hangups are held until then (hangup_hold.h). Returns the exit code: 0 success, 1
// a failure that a message on standard error explains, 2 a wrong command line or configuration;
// those of `send` and `jobs` are in caller/options.h and caller/jobs_options.h.
int run_command_line(int argc, char** argv);

}  // namespace jindou::app
