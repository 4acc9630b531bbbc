#include <fmt/format.h>

#include <string>
#include <vector>

#include "bench/http_client.h"
#include "bench/http_load.h"
#include "bench/line_load.h"
#include "bench/row_tools.h"
#include "bench/rows.h"
#include "bench/stats.h"

namespace jindou::bench {

namespace {

constexpr double kLinesBar = 1.0;
// Of an array, and of what goes out in one write as lines.
constexpr std::size_t kArrayItems = 1000;
constexpr std::size_t kWrittenLines = 100;
constexpr double kMemoryBarMib = 300;

Result<void> create_groups(const Target& target, const GroupNames& groups) {
  HttpClient http(target.http);
  for (unsigned i = 0; i < groups.count; ++i) {
    JD_RETURN_IF_ERROR(create_group(http, groups.name(i), {"bench_reader"}));
  }
  return {};
}

RequestTemplate::Shape lines_shape(const GroupNames& groups) {
  RequestTemplate::Shape shape = batch_shape(groups);
  shape.form = RequestTemplate::Form::lines;
  shape.items = kWrittenLines;
  return shape;
}

// What one long stream costs a new server.
Result<void> measure_long_stream(Stage& stage, std::vector<Row>& rows) {
  const BenchOptions& options = stage.options();
  JD_TRY(const Target target, stage.open_target());
  if (target.pid == 0) {
    progress("lines_memory: skipped, the server's process (--pid) is not known");
    return {};
  }
  const GroupNames groups;
  JD_RETURN_IF_ERROR(create_groups(target, groups));
  LineLoad lines(target.http, 1, lines_shape(groups), stage.payloads());
  JD_RETURN_IF_ERROR(lines.connect());
  JD_TRY(const std::uint64_t before, resident_bytes(target.pid));
  JD_TRY(const LineLoad::Round sent, lines.run(kFillSecondsMax, options.growth_large));
  JD_TRY(const std::uint64_t peak, resident_bytes_peak(target.pid));
  const auto mib = [](std::uint64_t bytes) { return static_cast<double>(bytes) / 1048576; };
  Row row("lines_memory",
          fmt::format("lines: resident while {} items stream through, above idle",
                      format_count(options.growth_large)),
          mib(peak - before), "MiB");
  compare(row, Row::Bar::at_most, kMemoryBarMib, row.value, "");
  row.note = fmt::format("one stream; {:.1f} MiB before, {:.1f} MiB at most; {} msg/s", mib(before),
                         mib(peak), format_number(sent.per_second()));
  rows.push_back(row);
  return {};
}

}  // namespace

Result<void> measure_lines(Stage& stage, std::vector<Row>& rows) {
  const BenchOptions& options = stage.options();
  JD_TRY(const Target target, stage.open_target());
  const GroupNames groups;
  JD_RETURN_IF_ERROR(create_groups(target, groups));
  RequestTemplate::Shape array_shape = batch_shape(groups);
  array_shape.items = kArrayItems;
  HttpLoad arrays(target.http, kBatchConnections, array_shape, stage.payloads());
  LineLoad lines(target.http, kBatchConnections, lines_shape(groups), stage.payloads());
  JD_RETURN_IF_ERROR(arrays.connect());
  JD_RETURN_IF_ERROR(lines.connect());
  CpuMeter array_cpu(target.pid);
  CpuMeter lines_cpu(target.pid);
  std::vector<double> array_rates;
  std::vector<double> lines_rates;
  HttpLoad::Round in_arrays;
  LineLoad::Round in_lines;
  const auto run_arrays = [&]() -> Result<void> {
    array_cpu.begin();
    JD_TRY(in_arrays, arrays.run(options.seconds));
    array_cpu.end(in_arrays.messages);
    return {};
  };
  const auto run_lines = [&]() -> Result<void> {
    lines_cpu.begin();
    JD_TRY(in_lines, lines.run(options.seconds));
    lines_cpu.end(in_lines.sent);
    return {};
  };
  // Round 0 warms up. Who comes second pays for flushing what the first has written: by turns.
  for (int round = 0; round <= options.rounds; ++round) {
    const bool arrays_first = round % 2 == 0;
    if (arrays_first) JD_RETURN_IF_ERROR(run_arrays());
    JD_RETURN_IF_ERROR(run_lines());
    if (!arrays_first) JD_RETURN_IF_ERROR(run_arrays());
    progress("lines, round {}: {} msg/s, in arrays {} msg/s", round,
             format_number(in_lines.per_second()), format_number(in_arrays.per_second()));
    if (round == 0) continue;
    array_rates.push_back(in_arrays.per_second());
    lines_rates.push_back(in_lines.per_second());
  }
  const double of_arrays = median(array_rates);
  Row row("lines", "POST /message/sendbatch as lines (NDJSON), 8 streams", median(lines_rates),
          "msg/s");
  compare(row, Row::Bar::at_least, kLinesBar, of_arrays > 0 ? row.value / of_arrays : 0,
          "arrays of 1000, 8 connections: " + format_number(of_arrays) + " msg/s");
  row.note =
      fmt::format("rounds in turns, {}, arrays {}; lines: {}; arrays: {}", spread(lines_rates),
                  spread(array_rates), lines_cpu.text(), array_cpu.text());
  add_detail(row, "arrays_per_second", of_arrays);
  add_detail(row, "server_us_per_message", lines_cpu.server_micros_per_message());
  add_detail(row, "arrays_server_us_per_message", array_cpu.server_micros_per_message());
  rows.push_back(row);
  return measure_long_stream(stage, rows);
}

}  // namespace jindou::bench
