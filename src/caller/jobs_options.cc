#include "caller/jobs_options.h"

#include <CLI/CLI.hpp>

#include "model/job.h"

namespace jindou::caller {

namespace {

using Command = JobsOptions::Command;

constexpr const char* kJobsFooter = R"(
Exit status:
  0  done; of watch: every item of the job was sent
  1  of watch: every item was tried, some were refused or nobody knows of them
  2  the command line or the token is wrong, there is no such job, or its state does not allow this
  3  the server was not reached, gave up, or watching was interrupted
  4  of watch: the job was cancelled, or failed, or deleted before its end

Examples:
  jindou jobs list --state running
  jindou jobs watch 018bcfe56800a1b2c3d4e5f60718293a && echo all sent
  jindou jobs results 018bcfe56800a1b2c3d4e5f60718293a --status refused > refused.ndjson
)";

CLI::App* add_command(CLI::App& app, JobsOptions& options, Command command,
                      const std::string& description) {
  CLI::App* const added = app.add_subcommand(command_name(command), description);
  added->callback([&options, command] { options.command = command; });
  // The others ask once and say what came of it.
  if (command == Command::watch) {
    add_server_options(*added, options);
  } else {
    add_address_options(*added, options);
  }
  if (command != Command::list) {
    added->add_option("ID", options.job, "the job, as the answer to its batch names it")
        ->required();
  }
  if (command != Command::results) {
    added->add_flag("--json", options.json, "print what the server says, JSON, as it is");
  }
  return added;
}

}  // namespace

std::string command_name(Command command) {
  switch (command) {
    case Command::list: return "list";
    case Command::show: return "show";
    case Command::watch: return "watch";
    case Command::pause: return "pause";
    case Command::resume: return "resume";
    case Command::cancel: return "cancel";
    case Command::retry: return "retry";
    case Command::results: return "results";
  }
  return "";
}

void add_options(CLI::App& app, JobsOptions& options) {
  app.footer(kJobsFooter);
  app.require_subcommand(1);
  CLI::App* const list = add_command(app, options, Command::list, "The jobs that there are");
  list->add_option("--state", options.state, "only those in this state")
      ->check(CLI::IsMember(
          {"uploading", "ready", "running", "paused", "done", "cancelled", "failed"}));
  list->add_option("--before", options.before, "only those that are older than this one");
  list->add_option("--limit", options.limit, "at most so many, the newest first")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  add_command(app, options, Command::show, "All that is known of a job");
  CLI::App* const watch =
      add_command(app, options, Command::watch, "Shows how a job goes on until it has ended");
  add_progress_option(*watch, options.progress);
  add_command(app, options, Command::pause, "Sends no more of a job until it is resumed");
  add_command(app, options, Command::resume, "Goes on with a job that is paused");
  add_command(app, options, Command::cancel, "Ends a job; what it has sent stays sent");
  CLI::App* const retry =
      add_command(app, options, Command::retry,
                  "Sends again what failed in a job that has ended, and what it had not tried");
  retry->add_flag("--only-failed", options.only_failed, "leave what it had not tried");
  CLI::App* const results = add_command(app, options, Command::results,
                                        "What became of the items, a line of JSON for each");
  results->add_option("--status", options.status, "only items of which this has become")
      ->check(CLI::IsMember({"accepted", "duplicate", "refused", "unknown", "pending"}));
  results->add_option("--from", options.from, "only items from this index on")
      ->check(CLI::NonNegativeNumber);
}

Result<void> complete(JobsOptions& options) {
  const std::string& job = options.job;
  if (options.command != Command::list && !is_job_id(job)) {
    return Error(Errc::invalid, "\"" + job + "\" is no id of a job: those have 32 hex digits");
  }
  if (!options.before.empty() && !is_job_id(options.before)) {
    return Error(Errc::invalid, "--before wants the id of a job, which has 32 hex digits");
  }
  return complete_server(options);
}

}  // namespace jindou::caller
