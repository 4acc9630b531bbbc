// webhook: what telling others costs the senders.
#include <array>
#include <memory>
#include <utility>

#include "bench/http_load.h"
#include "bench/interrupt.h"
#include "bench/row_tools.h"
#include "bench/rows.h"
#include "bench/stats.h"
#include "bench/webhook_sink.h"

namespace jindou::bench {

namespace {

// A webhook may cost a sender a tenth of the throughput at most.
constexpr double kWebhookBar = 0.9;
// With groups of two users who are both away, every message is told twice: as msg.notify, and as a
// request of its own as msg.offline.
constexpr unsigned kGroups = 64;

struct WebhookMode {
  std::string name;      // of the row
  std::string measured;  // for people
  std::vector<std::string> settings;
  std::vector<double> rates;
  std::vector<std::uint64_t> latencies;  // of requests, nanoseconds

  double cores = 0;  // of the server
};

struct Round {
  double per_second = 0;
  double seconds = 0;
  double server_cores = 0;
  std::vector<std::uint64_t> latencies;
};

// A server of its own for every round: what one has left to tell must not weigh on the next.
Result<Round> run_round(Stage& stage, const WebhookMode& mode) {
  JD_TRY(const Target target, stage.open_target(mode.settings));
  HttpClient http(target.http);
  GroupNames groups;
  groups.prefix = "bench_hook_";
  groups.count = kGroups;
  for (unsigned i = 0; i < groups.count; ++i) {
    JD_RETURN_IF_ERROR(check_interrupted());
    JD_RETURN_IF_ERROR(create_group(http, groups.name(i), {"bench_sender", "bench_receiver"}));
  }
  HttpLoad load(target.http, kBatchConnections, batch_shape(groups), stage.payloads());
  JD_RETURN_IF_ERROR(load.connect());
  // Warms up: the first commits of a store and the first requests to a receiver are slow.
  JD_RETURN_IF_ERROR(load.run(stage.options().seconds / 4));
  CpuMeter cpu(target.pid);
  cpu.begin();
  JD_TRY(HttpLoad::Round result, load.run(stage.options().seconds));
  cpu.end();
  Round round;
  round.per_second = result.per_second();
  round.seconds = result.seconds;
  round.server_cores = cpu.server_cores();
  round.latencies = std::move(result.latencies);
  return round;
}

}  // namespace

Result<void> measure_webhook(Stage& stage, std::vector<Row>& rows) {
  if (!stage.options().http_url.empty()) {
    progress("webhook: skipped, it needs servers of its own");
    return {};
  }
  std::string nobody;
  {
    // A port that was free a moment ago.
    JD_TRY(const auto gone, WebhookSink::start());
    nobody = gone->url();
  }
  JD_TRY(const auto sink, WebhookSink::start());
  std::array<WebhookMode, 3> modes;
  modes[0].name = "webhook_off";
  modes[0].measured = "webhook: batch B without a webhook";
  modes[1].name = "webhook_on";
  modes[1].measured = "webhook: batch B, all events told";
  modes[1].settings = {"webhook.httpAddr=" + sink->url()};
  modes[2].name = "webhook_down";
  modes[2].measured = "webhook: batch B, the receiver is down";
  modes[2].settings = {"webhook.httpAddr=" + nobody};
  double on_seconds = 0;
  std::uint64_t told = 0;
  for (int number = 1; number <= stage.options().rounds; ++number) {
    for (WebhookMode& mode : modes) {
      const std::uint64_t before = sink->messages();
      JD_TRY(const Round round, run_round(stage, mode));
      if (mode.name == "webhook_on") {
        told += sink->messages() - before;
        on_seconds += round.seconds;
      }
      progress("{}, round {}: {} msg/s, server {:.2f} cores", mode.name, number,
               format_number(round.per_second), round.server_cores);
      mode.rates.push_back(round.per_second);
      append(mode.latencies, round.latencies);
      mode.cores += round.server_cores / stage.options().rounds;
    }
  }
  const double off = median(modes[0].rates);
  for (const WebhookMode& mode : modes) {
    Row row(mode.name, mode.measured, median(mode.rates), "msg/s");
    if (mode.name != "webhook_off") {
      compare(row, Row::Bar::at_least, kWebhookBar, off > 0 ? row.value / off : 0,
              "off " + format_number(off));
    }
    std::vector<std::uint64_t> latencies = mode.latencies;
    const double p50 = micros(percentile(latencies, 50));
    const double p99 = micros(percentile(latencies, 99));
    row.note = fmt::format("rounds {}; request p50 {:.1f} ms, p99 {:.1f} ms; server {:.2f} cores",
                           spread(mode.rates), p50 / 1000, p99 / 1000, mode.cores);
    add_detail(row, "request_p50_us", p50);
    add_detail(row, "request_p99_us", p99);
    add_detail(row, "server_cores", mode.cores);
    if (mode.name == "webhook_on" && on_seconds > 0) {
      const double rate = static_cast<double>(told) / on_seconds;
      row.note += fmt::format("; {} told/s meanwhile", format_number(rate));
      add_detail(row, "told_per_second", rate);
    }
    rows.push_back(row);
  }
  return {};
}

}  // namespace jindou::bench
