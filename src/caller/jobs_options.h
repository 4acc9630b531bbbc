// What `jindou jobs` was asked to do.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "caller/options.h"

namespace jindou::caller {

// With the exit codes of a sending (options.h): the job has ended, but not with its last item.
inline constexpr int kEndedEarly = 4;

struct JobsOptions : ServerOptions {
  enum class Command : std::uint8_t { list, show, watch, pause, resume, cancel, retry, results };

  Command command = Command::list;
  std::string job;
  std::string state;         // list: only those in it
  std::string before;        // list: only older ones
  unsigned limit = 20;       // list
  std::string status;        // results: only these
  std::uint64_t from = 0;    // results
  bool only_failed = false;  // retry: what was never tried is left
  bool json = false;         // what the server says, as it is
  std::string progress = "auto";
};

// Declares the commands of `jindou jobs` on `app`; `options` must outlive the parsing.
void add_options(CLI::App& app, JobsOptions& options);

// As that of a sending.
Result<void> complete(JobsOptions& options);

// "pause" and so on.
std::string command_name(JobsOptions::Command command);

}  // namespace jindou::caller
