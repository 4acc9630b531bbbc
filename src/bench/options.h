// What `jindou bench` was asked to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own name
class App;
}

namespace jindou::bench {

struct BenchOptions {
  // Where a running server listens. Empty http_url: the benchmark starts servers of its own.
  std::string http_url;
  std::string tcp_address;
  std::string ws_address;
  // The process whose memory is read when the server was not started here; 0 = unknown.
  int server_pid = 0;
  // The program started as server; empty = this very program.
  std::string server_binary;
  // Further arguments of that program's `serve`.
  std::vector<std::string> server_args;

  int rounds = 5;
  double seconds = 2;  // of one round
  // Names out of kRowNames; empty = all of them.
  std::vector<std::string> only;
  std::uint64_t growth_small = 1'000'000;   // messages stored at the first measurement
  std::uint64_t growth_large = 10'000'000;  // messages stored at the second
  std::uint64_t job_items = 1'000'000;      // of all jobs of one row
  std::vector<int> fanout_sessions{1000, 10'000, 50'000};  // a row for each
  int connect_sessions = 2000;                             // of one round
  int memory_sessions = 20'000;                            // on each transport
  double steady_seconds = 600;                             // of the steady row, pauses included

  // Parent of the temporary directory that holds all data; it decides which disk is measured.
  std::string data_dir = ".";
  std::string json_file;  // empty = no JSON
  bool strict = false;    // a missed bar fails the run
  bool allow_remote = false;

  bool wants(const std::string& row) const;
};

// Every row that --only can name, in the order they run.
const std::vector<std::string>& row_names();

// Declares the flags of `jindou bench` on `app`; `options` must outlive the parsing.
void add_options(CLI::App& app, BenchOptions& options);

// What no flag parser can see: names of rows, ranges, addresses that leave this machine.
// Errors: invalid, with a sentence that names the flag.
Result<void> validate(const BenchOptions& options);

}  // namespace jindou::bench
