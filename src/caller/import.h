// `jindou import`: reads a running WuKongIM 2 over its HTTP API and stores what it has on a server
// (docs/moving-from-wukongim.md). It may be stopped and started again at any time: how far it has
// come is what the server has.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "caller/options.h"

namespace jindou::caller {

struct ImportOptions : ServerOptions {
  ServerOptions peer;  // which is read; `timeout` and `patience` are those of the server
  std::vector<std::string> parts = {"accounts", "channels", "conversations", "devices"};
  bool search = false;  // also through all messages, for channels that no list has
  std::string progress = "auto";
};

// Declares the flags of `jindou import` on `app`; `options` must outlive the parsing.
void add_options(CLI::App& app, ImportOptions& options);

// As that of a sending; of both servers.
Result<void> complete(ImportOptions& options);

// Prints a line of JSON for all that could not be had on standard output, everything else on
// standard error. Returns the exit code. Takes SIGINT and SIGTERM for the rest of the process.
// Blocks; one thread. Memory: an answer of the other server, at most 256 MiB, with what it takes to
// read it, and some 50 bytes for each channel.
int run_import(ImportOptions options);

}  // namespace jindou::caller
