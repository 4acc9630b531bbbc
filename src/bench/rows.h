// The rows of the table: what is set up, measured and compared for each.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/net.h"
#include "bench/options.h"
#include "bench/server_process.h"
#include "bench/table.h"
#include "bench/tls_client.h"

namespace jindou::bench {

// The server a row runs against: a new one with an empty store, or the one the caller named.
struct Target {
  std::unique_ptr<ServerProcess> own;  // empty: a server that somebody else runs
  Endpoint http;
  Endpoint tcp;           // size 0: not known
  Endpoint ws;            // size 0: not known
  Endpoint tls;           // size 0: not known, or not served
  pid_t pid = 0;          // 0: not known
  std::string directory;  // of the store; empty: not known
};

// What all rows share. Borrows `options`.
class Stage {
 public:
  Stage(const BenchOptions& options, std::string directory);

  const BenchOptions& options() const { return options_; }
  const std::string& directory() const { return directory_; }
  // 100 plain payloads of 200 bytes; the rows use them in turn.
  const std::vector<std::string>& payloads() const { return payloads_; }

  // `settings` are "key=value" pairs for a server of our own, beside those of the command line.
  // Errors: those of ServerProcess::start, invalid.
  Result<Target> open_target(const std::vector<std::string>& settings = {});

 private:
  const BenchOptions& options_;
  std::string directory_;
  std::vector<std::string> payloads_;
  int targets_opened_ = 0;
};

// A target with a TLS listener, and what a client needs for it.
struct TlsTarget {
  std::unique_ptr<TlsClient> client;
  Target target;
};
// Errors: those of Stage::open_target.
Result<TlsTarget> open_tls_target(Stage& stage);

// floor, disk, batch, single, client: against one server, in this order.
Result<void> measure_sending(Stage& stage, std::vector<Row>& rows);
// fanout: each size against a new server.
Result<void> measure_fan_out(Stage& stage, std::vector<Row>& rows);
// connect: all transports in turns, against one new server.
Result<void> measure_connect(Stage& stage, std::vector<Row>& rows);
// memory: each transport against a new server, whose heap nothing else has stretched.
Result<void> measure_memory(Stage& stage, std::vector<Row>& rows);
// Against a new server, whose store holds nothing else.
Result<void> measure_growth(Stage& stage, std::vector<Row>& rows);
// Against a new server with many messages, which a limit then makes go.
Result<void> measure_retention(Stage& stage, std::vector<Row>& rows);
// webhook_off, webhook_on, webhook_down: in turns, each round against a new server.
Result<void> measure_webhook(Stage& stage, std::vector<Row>& rows);
// overload_100, overload_1000: ten times the peak, each against a new server.
Result<void> measure_overload(Stage& stage, std::vector<Row>& rows);
// lines: NDJSON and arrays in turns, against one new server.
Result<void> measure_lines(Stage& stage, std::vector<Row>& rows);
// forms_shared, forms_gzip: bodies of other forms beside the array, in turns.
Result<void> measure_forms(Stage& stage, std::vector<Row>& rows);
// moderation: batches of texts with 20,000 words looked for and without, in turns, each against a
// server of its own.
Result<void> measure_moderation(Stage& stage, std::vector<Row>& rows);
// parts: parts of the send path by themselves, without a server, each beside the same with a copy
// that it does without, in turns.
Result<void> measure_parts(Stage& stage, std::vector<Row>& rows);
// jobs_chat, jobs: a chat beside jobs and without, jobs and single sends, each against a new
// server.
Result<void> measure_jobs(Stage& stage, std::vector<Row>& rows);
// steady: half of what a new server can do, for minutes, with quiet times in between.
Result<void> measure_steady(Stage& stage, std::vector<Row>& rows);
// conversations, history: each against a new server that was just filled.
Result<void> measure_reading(Stage& stage, std::vector<Row>& rows);

}  // namespace jindou::bench
