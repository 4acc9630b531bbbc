#include "bench/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "bench/net.h"

namespace jindou::bench {

const std::vector<std::string>& row_names() {
  static const std::vector<std::string> kNames = {
      "floor",  "disk",   "batch",         "single",  "client",     "fanout",  "connect",
      "memory", "growth", "conversations", "history", "retention",  "webhook", "overload",
      "steady", "lines",  "forms",         "jobs",    "moderation", "parts"};
  return kNames;
}

bool BenchOptions::wants(const std::string& row) const {
  return only.empty() || std::find(only.begin(), only.end(), row) != only.end();
}

void add_options(CLI::App& app, BenchOptions& options) {
  app.add_option("--url", options.http_url,
                 "HTTP address of a running server, http://127.0.0.1:5001; default: start one");
  app.add_option("--tcp", options.tcp_address, "its WKProto TCP address, host:port");
  app.add_option("--ws", options.ws_address, "its WebSocket address, host:port");
  app.add_option("--pid", options.server_pid, "its process id, for the memory row");
  app.add_option("--server", options.server_binary, "program to start instead of this one");
  app.add_option("--server-arg", options.server_args,
                 "further argument of its `serve`; repeatable");
  app.add_option("--rounds", options.rounds, "measured rounds per row, after one warm-up")
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "length of a round")->capture_default_str();
  app.add_option(
         "--only", options.only,
         "rows to run: floor,disk,batch,single,client,fanout,connect,memory,growth,"
         "conversations,history,retention,webhook,overload,steady,lines,forms,jobs,moderation,"
         "parts")
      ->delimiter(',');
  app.add_option("--growth-small", options.growth_small, "messages stored at the first measurement")
      ->capture_default_str();
  app.add_option("--growth-large", options.growth_large, "messages stored at the second")
      ->capture_default_str();
  app.add_option("--fanout-sessions", options.fanout_sessions,
                 "online receivers of one group; several sizes: 1000,10000")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--job-items", options.job_items, "items of all jobs of one row")
      ->capture_default_str();
  app.add_option("--connect-sessions", options.connect_sessions, "logins of one round")
      ->capture_default_str();
  app.add_option("--memory-sessions", options.memory_sessions, "idle sessions on each transport")
      ->capture_default_str();
  app.add_option("--steady-seconds", options.steady_seconds, "length of the steady row")
      ->capture_default_str();
  app.add_option(
         "--data-dir", options.data_dir,
         "directory on the disk to measure; a temporary directory is made in it and removed")
      ->capture_default_str();
  app.add_option("--json", options.json_file, "also write the figures to this file");
  app.add_flag("--strict", options.strict, "exit with 1 when a bar is missed");
  app.add_flag("--allow-remote", options.allow_remote, "allow addresses outside this machine");
}

namespace {

Result<void> check_address(const char* flag, const std::string& text, bool allow_remote) {
  if (text.empty()) return {};
  auto endpoint = parse_endpoint(text, allow_remote);
  if (!endpoint) return Error(Errc::invalid, std::string(flag) + ": " + endpoint.error().detail());
  if (!allow_remote && !endpoint->is_loopback()) {
    return Error(Errc::invalid, std::string(flag) +
                                    ": not a loopback address; a load generator must not hit "
                                    "somebody else's server by mistake (--allow-remote allows it)");
  }
  return {};
}

}  // namespace

Result<void> validate(const BenchOptions& options) {
  for (const auto& row : options.only) {
    const auto& names = row_names();
    if (std::find(names.begin(), names.end(), row) == names.end()) {
      return Error(Errc::invalid, "--only: no row is named '" + row + "'");
    }
  }
  if (options.rounds < 1 || options.rounds > 100) {
    return Error(Errc::invalid, "--rounds must be within 1..100");
  }
  if (!(options.seconds >= 0.1) || !(options.seconds <= 600)) {
    return Error(Errc::invalid, "--seconds must be within 0.1..600");
  }
  for (const int sessions : options.fanout_sessions) {
    if (sessions < 1 || sessions > 1'000'000) {
      return Error(Errc::invalid, "--fanout-sessions must be within 1..1000000");
    }
  }
  if (options.fanout_sessions.empty()) {
    return Error(Errc::invalid, "--fanout-sessions names no size");
  }
  if (options.connect_sessions < 1 || options.connect_sessions > 10'000) {
    return Error(Errc::invalid, "--connect-sessions must be within 1..10000");
  }
  if (options.memory_sessions < 1 || options.memory_sessions > 1'000'000) {
    return Error(Errc::invalid, "--memory-sessions must be within 1..1000000");
  }
  if (!(options.steady_seconds >= 60) || !(options.steady_seconds <= 7200)) {
    return Error(Errc::invalid, "--steady-seconds must be within 60..7200");
  }
  if (options.growth_small < 1000 || options.growth_large < options.growth_small) {
    return Error(Errc::invalid, "--growth-small must be at least 1000 and --growth-large not less");
  }
  if (options.http_url.empty() && (!options.tcp_address.empty() || !options.ws_address.empty())) {
    return Error(Errc::invalid, "--tcp and --ws need --url");
  }
  JD_RETURN_IF_ERROR(check_address("--url", options.http_url, options.allow_remote));
  JD_RETURN_IF_ERROR(check_address("--tcp", options.tcp_address, options.allow_remote));
  JD_RETURN_IF_ERROR(check_address("--ws", options.ws_address, options.allow_remote));
  return {};
}

}  // namespace jindou::bench
