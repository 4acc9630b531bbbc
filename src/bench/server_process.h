// A server that the benchmark starts for itself and ends again.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "base/result.h"
#include "bench/net.h"
#include "bench/options.h"

namespace jindou::bench {

// A directory that is removed with everything in it when this object goes.
class TempDirectory {
 public:
  // Errors: storage.
  static Result<std::unique_ptr<TempDirectory>> create(const std::string& parent);
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  explicit TempDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// Where the server under test listens. Empty texts: not known.
struct ServerAddresses {
  std::string http;
  std::string tcp;
  std::string ws;
  std::string tls;
};

// Takes the addresses out of the line {"event":"ready","http":"...","tcp":"...","ws":"...",...}.
// Errors: invalid.
Result<ServerAddresses> parse_ready_line(std::string_view line);

// The resident bytes of a process. Errors: not_found.
Result<std::uint64_t> resident_bytes(pid_t pid);

// The most bytes that were ever resident of a process. Errors: not_found.
Result<std::uint64_t> resident_bytes_peak(pid_t pid);

// Processor seconds that a process has used in all its threads; 0 when it cannot be read.
double cpu_seconds(pid_t pid);

class ServerProcess {
 public:
  // Starts `serve` on free loopback ports with its data in `directory` (made if missing) and its
  // log in `directory`.log, with `settings` ("key=value") set, and waits for the ready line.
  // Errors: internal, deadline (30 s), closed when it ended; the detail holds the end of its log.
  static Result<std::unique_ptr<ServerProcess>> start(
      const BenchOptions& options, const std::string& directory,
      const std::vector<std::string>& settings = {});
  // Ends that one process: SIGTERM, and SIGKILL after ten seconds.
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  const ServerAddresses& addresses() const { return addresses_; }
  pid_t pid() const { return pid_; }

 private:
  ServerProcess(pid_t pid, Fd output) : pid_(pid), output_(std::move(output)) {}

  pid_t pid_;
  Fd output_;  // kept open: a closed standard output could end the server
  ServerAddresses addresses_;
};

}  // namespace jindou::bench
