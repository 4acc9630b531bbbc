#include "bench/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bench/floor.h"
#include "bench/http_client.h"
#include "bench/http_load.h"
#include "bench/interrupt.h"
#include "bench/row_tools.h"
#include "bench/stats.h"
#include "bench/wkproto_load.h"

namespace jindou::bench {

namespace {

// The figures of the table: issue-given sizes, kept in one place.
constexpr std::size_t kSingleConnections = 64;
constexpr std::size_t kClients = 64;
constexpr std::size_t kClientWindow = 16;
// Growth measures the same figure twice; three rounds each keep the two sizes close to their names.
constexpr int kGrowthRounds = 3;
constexpr double kDiskProbeSeconds = 0.3;

constexpr double kBatchBar = 0.4;
constexpr double kSingleLatencyBar = 3.0;
constexpr double kClientBar = 1.0;
constexpr double kGrowthBar = 0.85;

std::string client_uid(std::size_t index) { return fmt::format("bench_client_{:02}", index); }

// The groups of batch, single and client: the publisher and one of the 64 clients subscribe each.
Result<void> create_groups(const Endpoint& endpoint, const GroupNames& groups) {
  HttpClient http(endpoint);
  for (unsigned i = 0; i < groups.count; ++i) {
    JD_RETURN_IF_ERROR(check_interrupted());
    JD_RETURN_IF_ERROR(
        create_group(http, groups.name(i), {"bench_sender", client_uid(i % kClients)}));
  }
  return {};
}

// ---- floor, disk, batch ----------------------------------------------------------------------

struct Disk {
  std::unique_ptr<DiskProbe> probe;
  std::vector<std::uint64_t> samples;
};

// Both kinds of file take turns with the floor.
class RawLogs {
 public:
  Result<void> open(const Stage& stage) {
    const std::string path = stage.directory() + "/raw";
    JD_TRY(growing_, RawLog::open(path + "-growing", RawLog::Blocks::growing, stage.payloads()));
    JD_TRY(written_, RawLog::open(path + "-written", RawLog::Blocks::written, stage.payloads()));
    return {};
  }
  Result<void> run(double seconds, bool counts) {
    JD_TRY(const FloorDb::Round growing, growing_->run(seconds / 2));
    JD_TRY(const FloorDb::Round written, written_->run(seconds / 2));
    if (!counts) return {};
    growing_rates_.push_back(growing.per_second());
    written_rates_.push_back(written.per_second());
    return {};
  }
  void report(std::vector<Row>& rows) const {
    Row written("raw", "disk limit L: the floor's bytes written to a file, synced",
                median(written_rates_), "msg/s");
    written.note = "into written blocks; rounds " + spread(written_rates_);
    rows.push_back(written);
    Row growing("raw_growing", "... at the end of a file that grows", median(growing_rates_),
                "msg/s");
    growing.note = "rounds " + spread(growing_rates_);
    rows.push_back(growing);
  }

 private:
  std::unique_ptr<RawLog> growing_;
  std::unique_ptr<RawLog> written_;
  std::vector<double> growing_rates_;
  std::vector<double> written_rates_;
};

Result<void> measure_floor_and_batch(Stage& stage, Target* target, const GroupNames& groups,
                                     Disk& disk, std::vector<Row>& rows) {
  const BenchOptions& options = stage.options();
  const bool batch_wanted = options.wants("batch");
  const bool floor_wanted = batch_wanted || options.wants("floor");
  std::unique_ptr<FloorDb> floor;
  RawLogs raw;
  if (floor_wanted) {
    JD_RETURN_IF_ERROR(raw.open(stage));
    JD_TRY(floor, FloorDb::open(stage.directory() + "/floor", stage.payloads()));
  }
  std::unique_ptr<HttpLoad> load;
  if (batch_wanted) {
    load = std::make_unique<HttpLoad>(target->http, kBatchConnections, batch_shape(groups),
                                      stage.payloads());
    JD_RETURN_IF_ERROR(load->connect());
  }
  CpuMeter cpu(target != nullptr ? target->pid : 0);
  std::vector<double> floor_rates;
  std::vector<double> batch_rates;
  std::vector<std::uint64_t> latencies;
  // Round 0 warms up. Floor and batch take turns, so that both see the same state of the machine.
  for (int round = 0; round <= options.rounds; ++round) {
    std::vector<std::uint64_t> disk_samples;
    JD_RETURN_IF_ERROR(disk.probe->run(kDiskProbeSeconds, disk_samples));
    if (round > 0) append(disk.samples, disk_samples);
    if (floor) {
      JD_RETURN_IF_ERROR(raw.run(options.seconds, round > 0));
      JD_TRY(const FloorDb::Round result, floor->run(options.seconds));
      progress("floor, round {}: {} msg/s", round, format_number(result.per_second()));
      if (round > 0) floor_rates.push_back(result.per_second());
    }
    if (load) {
      if (round > 0) cpu.begin();
      JD_TRY(const HttpLoad::Round result, load->run(options.seconds));
      if (round > 0) cpu.end(result.messages);
      progress("batch, round {}: {} msg/s", round, format_number(result.per_second()));
      if (round > 0) {
        batch_rates.push_back(result.per_second());
        append(latencies, result.latencies);
      }
    }
  }
  if (floor) {
    raw.report(rows);
    Row row("floor", "floor F: RocksDB alone, batches of 100, synced", median(floor_rates),
            "msg/s");
    row.note = "rounds " + spread(floor_rates);
    rows.push_back(row);
  }
  if (load) {
    Row row("batch", "batch B: POST /message/sendbatch, 100 items, 8 connections",
            median(batch_rates), "msg/s");
    const double floor_rate = median(floor_rates);
    compare(row, Row::Bar::at_least, kBatchBar, floor_rate > 0 ? row.value / floor_rate : 0,
            "F " + format_number(floor_rate));
    const double p50 = micros(percentile(latencies, 50));
    const double p99 = micros(percentile(latencies, 99));
    row.note = fmt::format("rounds {}; request p50 {:.1f} ms, p99 {:.1f} ms; {}",
                           spread(batch_rates), p50 / 1000, p99 / 1000, cpu.text());
    add_detail(row, "request_p50_us", p50);
    add_detail(row, "request_p99_us", p99);
    add_detail(row, "server_cores", cpu.server_cores());
    add_detail(row, "server_us_per_message", cpu.server_micros_per_message());
    add_detail(row, "generator_cores", cpu.own_cores());
    rows.push_back(row);
  }
  return {};
}

// ---- single, client --------------------------------------------------------------------------

// Fills `rate_out` with the figure of 64 connections, which the client row is compared with.
Result<void> measure_single(Stage& stage, Target& target, const GroupNames& groups, Disk& disk,
                            double& rate_out, std::vector<Row>& rows) {
  const BenchOptions& options = stage.options();
  const bool report = options.wants("single");
  HttpLoad many(target.http, kSingleConnections, single_shape(groups), stage.payloads());
  HttpLoad one(target.http, 1, single_shape(groups), stage.payloads());
  JD_RETURN_IF_ERROR(many.connect());
  JD_RETURN_IF_ERROR(one.connect());
  CpuMeter cpu(target.pid);
  std::vector<double> rates;
  std::vector<double> one_rates;
  std::vector<std::uint64_t> many_latencies;
  std::vector<std::uint64_t> one_latencies;
  for (int round = 0; round <= options.rounds; ++round) {
    if (round > 0) cpu.begin();
    JD_TRY(const HttpLoad::Round result, many.run(options.seconds));
    if (round > 0) cpu.end(result.messages);
    progress("single, round {}: {} msg/s", round, format_number(result.per_second()));
    if (round > 0) {
      rates.push_back(result.per_second());
      append(many_latencies, result.latencies);
    }
    if (!report) continue;
    // The disk's own time right beside the latency that is compared with it.
    std::vector<std::uint64_t> disk_samples;
    JD_RETURN_IF_ERROR(disk.probe->run(kDiskProbeSeconds, disk_samples));
    JD_TRY(const HttpLoad::Round alone, one.run(options.seconds / 2));
    if (round > 0) {
      append(disk.samples, disk_samples);
      one_rates.push_back(alone.per_second());
      append(one_latencies, alone.latencies);
    }
  }
  rate_out = median(rates);
  if (!report) return {};

  Row row("single", "single: POST /message/send, 64 connections", rate_out, "msg/s");
  const double p50 = micros(percentile(many_latencies, 50));
  const double p99 = micros(percentile(many_latencies, 99));
  row.note = fmt::format("rounds {}; p50 {:.0f} us, p99 {:.0f} us; {}", spread(rates), p50, p99,
                         cpu.text());
  add_detail(row, "p50_us", p50);
  add_detail(row, "p99_us", p99);
  add_detail(row, "server_cores", cpu.server_cores());
  add_detail(row, "server_us_per_message", cpu.server_micros_per_message());
  rows.push_back(row);

  Row latency("single_latency", "single: one connection, p50",
              micros(percentile(one_latencies, 50)), "us");
  const double one_p99 = micros(percentile(one_latencies, 99));
  const double sync = micros(percentile(disk.samples, 50));
  compare(latency, Row::Bar::at_most, kSingleLatencyBar, sync > 0 ? latency.value / sync : 0,
          fmt::format("fdatasync p50 {:.0f} us", sync));
  latency.note = fmt::format("p99 {:.0f} us; {} msg/s", one_p99, format_number(median(one_rates)));
  add_detail(latency, "p99_us", one_p99);
  add_detail(latency, "fdatasync_p50_us", sync);
  rows.push_back(latency);
  return {};
}

Result<void> measure_client(Stage& stage, Target& target, const GroupNames& groups,
                            double single_rate, std::vector<Row>& rows) {
  const BenchOptions& options = stage.options();
  if (target.tcp.size == 0) {
    progress("client: skipped, the TCP address of the server is not known (--tcp)");
    return {};
  }
  std::vector<std::string> uids;
  for (std::size_t i = 0; i < kClients; ++i) uids.push_back(client_uid(i));
  JD_TRY(auto sessions, connect_sessions(target.tcp, SessionKind(), uids));
  SendLoad load(std::move(sessions), groups, stage.payloads(), new_run_id(), kClientWindow);
  JD_RETURN_IF_ERROR(load.prepare());
  CpuMeter cpu(target.pid);
  std::vector<double> rates;
  std::vector<std::uint64_t> latencies;
  for (int round = 0; round <= options.rounds; ++round) {
    if (round > 0) cpu.begin();
    JD_TRY(const SendLoad::Round result, load.run(options.seconds));
    if (round > 0) cpu.end(result.messages);
    progress("client, round {}: {} msg/s", round, format_number(result.per_second()));
    if (round > 0) {
      rates.push_back(result.per_second());
      append(latencies, result.latencies);
    }
  }
  Row row("client", "client: SEND to SENDACK over TCP, 64 connections x 16", median(rates),
          "msg/s");
  compare(row, Row::Bar::at_least, kClientBar, single_rate > 0 ? row.value / single_rate : 0,
          "single " + format_number(single_rate));
  const double p50 = micros(percentile(latencies, 50));
  const double p99 = micros(percentile(latencies, 99));
  row.note = fmt::format("rounds {}; p50 {:.1f} ms, p99 {:.1f} ms; {}", spread(rates), p50 / 1000,
                         p99 / 1000, cpu.text());
  add_detail(row, "p50_us", p50);
  add_detail(row, "p99_us", p99);
  add_detail(row, "server_cores", cpu.server_cores());
  add_detail(row, "server_us_per_message", cpu.server_micros_per_message());
  add_detail(row, "generator_cores", cpu.own_cores());
  rows.push_back(row);
  return {};
}

}  // namespace

Stage::Stage(const BenchOptions& options, std::string directory)
    : options_(options),
      directory_(std::move(directory)),
      payloads_(make_payloads(kBatchItems, kPayloadBytes, 1)) {}

Result<Target> Stage::open_target(const std::vector<std::string>& settings) {
  Target target;
  ServerAddresses addresses;
  if (options_.http_url.empty()) {
    const std::string data = fmt::format("{}/server-{}", directory_, ++targets_opened_);
    JD_TRY(target.own, ServerProcess::start(options_, data, settings));
    target.directory = data;
    addresses = target.own->addresses();
    target.pid = target.own->pid();
  } else {
    addresses.http = options_.http_url;
    addresses.tcp = options_.tcp_address;
    addresses.ws = options_.ws_address;
    target.pid = options_.server_pid;
  }
  JD_TRY(target.http, parse_endpoint(addresses.http, options_.allow_remote));
  if (!addresses.tcp.empty()) {
    JD_TRY(target.tcp, parse_endpoint(addresses.tcp, options_.allow_remote));
  }
  if (!addresses.ws.empty()) {
    JD_TRY(target.ws, parse_endpoint(addresses.ws, options_.allow_remote));
  }
  if (!addresses.tls.empty()) {
    JD_TRY(target.tls, parse_endpoint(addresses.tls, options_.allow_remote));
  }
  return target;
}

Result<TlsTarget> open_tls_target(Stage& stage) {
  const std::string cert = stage.directory() + "/cert.pem";
  const std::string key = stage.directory() + "/key.pem";
  JD_RETURN_IF_ERROR(write_certificate(cert, key));
  TlsTarget opened;
  JD_TRY(opened.client, TlsClient::create());
  JD_TRY(opened.target,
         stage.open_target({"tlsAddr=tls://127.0.0.1:0", "wssConfig.certFile=" + cert,
                            "wssConfig.keyFile=" + key}));
  return opened;
}

Result<void> measure_sending(Stage& stage, std::vector<Row>& rows) {
  const BenchOptions& options = stage.options();
  const bool single_needed = options.wants("single") || options.wants("client");
  const bool server_needed = single_needed || options.wants("batch");
  Disk disk;
  JD_TRY(disk.probe, DiskProbe::open(stage.directory() + "/fdatasync"));
  Target target;
  const GroupNames groups;
  if (server_needed) {
    JD_TRY(target, stage.open_target());
    if (single_needed || options.wants("batch")) {
      progress("creating {} groups", groups.count);
      JD_RETURN_IF_ERROR(create_groups(target.http, groups));
    }
  }
  std::vector<Row> later;
  Result<void> outcome;
  if (options.wants("floor") || options.wants("disk") || options.wants("batch")) {
    outcome = measure_floor_and_batch(stage, &target, groups, disk, later);
  }
  double single_rate = 0;
  if (outcome && single_needed) {
    outcome = measure_single(stage, target, groups, disk, single_rate, later);
  }
  if (outcome && options.wants("client")) {
    outcome = measure_client(stage, target, groups, single_rate, later);
  }

  if (!disk.samples.empty()) {
    Row row("disk", "disk: append 512 bytes and fdatasync, p50",
            micros(percentile(disk.samples, 50)), "us");
    const double p99 = micros(percentile(disk.samples, 99));
    row.note = fmt::format("p99 {:.0f} us; {} samples", p99, disk.samples.size());
    add_detail(row, "p99_us", p99);
    rows.push_back(row);
  }
  rows.insert(rows.end(), later.begin(), later.end());
  return outcome;
}

Result<void> measure_growth(Stage& stage, std::vector<Row>& rows) {
  const BenchOptions& options = stage.options();
  JD_TRY(const Target target, stage.open_target());
  const GroupNames groups;
  JD_RETURN_IF_ERROR(create_groups(target.http, groups));
  HttpLoad load(target.http, kBatchConnections, batch_shape(groups), stage.payloads());
  JD_RETURN_IF_ERROR(load.connect());
  std::vector<double> medians;
  std::vector<std::string> spreads;
  for (const std::uint64_t size : {options.growth_small, options.growth_large}) {
    const TimePoint start = std::chrono::steady_clock::now();
    const std::uint64_t stored = load.messages_total();
    if (size > stored) {
      JD_TRY(const HttpLoad::Round filled, load.run(kFillSecondsMax, size - stored));
      progress("growth: {} stored, filled at {} msg/s in {:.0f} s",
               format_count(load.messages_total()), format_number(filled.per_second()),
               seconds_since(start));
      if (load.messages_total() < size) return Error(Errc::deadline, "filling took too long");
    }
    std::vector<double> rates;
    for (int round = 0; round < kGrowthRounds; ++round) {
      JD_TRY(const HttpLoad::Round result, load.run(options.seconds));
      progress("growth, round {}: {} msg/s", round, format_number(result.per_second()));
      rates.push_back(result.per_second());
    }
    medians.push_back(median(rates));
    spreads.push_back(spread(rates));
  }
  Row row("growth", fmt::format("growth: B with {} stored", format_count(options.growth_large)),
          medians[1], "msg/s");
  compare(
      row, Row::Bar::at_least, kGrowthBar, medians[0] > 0 ? medians[1] / medians[0] : 0,
      fmt::format("with {}: {}", format_count(options.growth_small), format_number(medians[0])));
  row.note =
      fmt::format("rounds {}, before {}; measured right after filling", spreads[1], spreads[0]);
  rows.push_back(row);
  return {};
}

}  // namespace jindou::bench
