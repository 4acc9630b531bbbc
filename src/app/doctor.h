// `jindou doctor`: what of this machine and its settings will trouble a server, before it does.
//
// Looks only: the one thing it writes is a file without a name in the directory of the store, to
// see how long a sync takes. May be run beside the server. Blocks for a second at most, unless the
// disk hangs. Single-threaded.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "config/settings.h"

namespace jindou::app {

enum class Weight : std::uint8_t {
  fine,
  warning,  // it serves, and something will hurt under load or later
  problem,  // it does not start, or loses its purpose
};

struct Finding {
  Weight weight = Weight::fine;
  std::string subject;  // "open files"
  std::string text;     // what was found, with its figures
  std::string advice;   // what to change; empty when it is fine
};

// The judgements, pure. `limit` of open files: SIZE_MAX is none.
Finding judge_open_files(const config::Settings& settings, std::size_t limit);
// Bytes of the file system of `directory`.
Finding judge_room(const std::string& directory, std::uint64_t free, std::uint64_t size);
// How long syncs of 4 KiB took, at least one.
Finding judge_syncs(std::vector<std::chrono::microseconds> took);
// Seconds since 1970: now, and when the certificate ends.
Finding judge_certificate(std::int64_t now, std::int64_t not_after);
// Whether others than this machine may reach an HTTP API that asks nobody for a token: by httpAddr,
// or through proxies elsewhere, which gateway.trustedProxies names. `settings` have passed
// validate().
Finding judge_api(const config::Settings& settings);
// The same of the manager port, which asks nobody with auth.on: false, and without auth.users takes
// the login guest straight from this machine.
Finding judge_manager_port(const config::Settings& settings);

// Everything, in the order in which it is printed.
std::vector<Finding> examine(const config::Settings& settings);

// Prints the findings and what to change on standard output. The exit status: 0; 1 with a problem.
int run_doctor(const config::Settings& settings);

}  // namespace jindou::app
