// Rounds of two seconds do not show what happens once in half a minute: a write buffer that is
// full before the last one is on disk, a limiter that has tuned itself down while nothing happened.
// This row sends at half of the peak for minutes, and pauses now and then, as real traffic does.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "bench/http_client.h"
#include "bench/http_load.h"
#include "bench/interrupt.h"
#include "bench/row_tools.h"
#include "bench/rows.h"
#include "bench/stats.h"

namespace jindou::bench {

namespace {

// Larger than in the other rows, so that the store's own work counts: some 30 MB/s at half of the
// peak on two cores, 15 GB in ten minutes.
constexpr std::size_t kSteadyPayloadBytes = 500;
constexpr double kPeakSeconds = 10;
constexpr double kShareOfPeak = 0.5;
// One cycle: long enough for several write buffers at any rate worth measuring, and a pause beyond
// the ten seconds after which RocksDB's limiter used to change its mind.
constexpr double kLoadSeconds = 45;
constexpr int kPauseSeconds = 15;
// While a large merge writes, a sync takes longer: with the few connections that find the peak, the
// generator and not the server could be what does not keep up.
constexpr std::size_t kPacedConnections = 64;
// A stall of the store takes seconds; single syncs of a busy virtual disk take up to a tenth.
constexpr double kBarMs = 500;

Result<void> pause() {
  for (int i = 0; i < kPauseSeconds; ++i) {
    JD_RETURN_IF_ERROR(check_interrupted());
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  return {};
}

}  // namespace

Result<void> measure_steady(Stage& stage, std::vector<Row>& rows) {
  const BenchOptions& options = stage.options();
  JD_TRY(const Target target, stage.open_target());
  const GroupNames groups;
  HttpClient http(target.http);
  for (unsigned i = 0; i < groups.count; ++i) {
    JD_RETURN_IF_ERROR(create_group(http, groups.name(i), {"bench_reader"}));
  }
  HttpLoad peak_load(target.http, kBatchConnections, batch_shape(groups),
                     make_payloads(kBatchItems, kSteadyPayloadBytes, 1));
  JD_RETURN_IF_ERROR(peak_load.connect());
  JD_RETURN_IF_ERROR(peak_load.run(options.seconds));
  JD_TRY(HttpLoad::Round peak, peak_load.run(kPeakSeconds));
  RequestTemplate::Shape shape = batch_shape(groups);
  shape.run_id = new_run_id();
  HttpLoad load(target.http, kPacedConnections, shape,
                make_payloads(kBatchItems, kSteadyPayloadBytes, 2));
  const double rate = peak.per_second() * kShareOfPeak;
  progress("steady: peak {} msg/s", format_number(peak.per_second()));

  std::vector<std::uint64_t> latencies;
  std::vector<double> cycle_p99s;
  double longest_gap = 0;
  double messages = 0;
  double seconds = 0;
  for (double spent = 0; spent < options.steady_seconds; spent += kLoadSeconds + kPauseSeconds) {
    JD_RETURN_IF_ERROR(pause());
    // Not before: a server closes a new connection that says nothing for some seconds.
    if (spent == 0) JD_RETURN_IF_ERROR(load.connect());
    JD_TRY(HttpLoad::Round cycle,
           load.run_paced(kLoadSeconds, rate / kBatchItems, HttpLoad::Overdue::sent_late));
    const double gap = std::chrono::duration<double, std::milli>(cycle.longest_gap).count();
    cycle_p99s.push_back(millis(percentile(cycle.latencies, 99)));
    longest_gap = std::max(longest_gap, gap);
    messages += static_cast<double>(cycle.messages);
    seconds += cycle.seconds;
    append(latencies, cycle.latencies);
    progress("steady: {} msg/s, p99 {:.1f} ms, longest gap {:.0f} ms",
             format_number(cycle.per_second()), cycle_p99s.back(), gap);
  }
  const double p999 = millis(percentile(latencies, 99.9));
  Row row("steady",
          fmt::format("steady: half of the peak for {:.0f} minutes, with pauses: p99.9",
                      options.steady_seconds / 60),
          p999, "ms");
  compare(row, Row::Bar::at_most, kBarMs, p999,
          "peak " + format_number(peak.per_second()) + " msg/s");
  row.note = fmt::format(
      "{} msg/s of {} bytes; batches p50 {:.1f} ms, p99 {:.1f} ms, from when they were due; p99 of "
      "the cycles {}; longest time without an answer {:.0f} ms",
      format_number(messages / seconds), kSteadyPayloadBytes, millis(percentile(latencies, 50)),
      millis(percentile(latencies, 99)), spread(cycle_p99s), longest_gap);
  add_detail(row, "p99_ms", millis(percentile(latencies, 99)));
  add_detail(row, "longest_gap_ms", longest_gap);
  add_detail(row, "messages_per_second", messages / seconds);
  rows.push_back(row);
  return {};
}

}  // namespace jindou::bench
