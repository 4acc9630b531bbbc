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

}  // namespace

Result<void> measure_lines(Stage& stage, std::vector<Row>& rows) {
  const BenchOptions& options = stage.options();
  JD_TRY(const Target target, stage.open_target());
  const GroupNames groups;
  HttpClient http(target.http);
  for (unsigned i = 0; i < groups.count; ++i) {
    JD_RETURN_IF_ERROR(create_group(http, groups.name(i), {"bench_reader"}));
  }
  RequestTemplate::Shape array_shape = batch_shape(groups);
  array_shape.items = kArrayItems;
  HttpLoad arrays(target.http, kBatchConnections, array_shape, stage.payloads());
  RequestTemplate::Shape lines_shape = batch_shape(groups);
  lines_shape.form = RequestTemplate::Form::lines;
  lines_shape.items = kWrittenLines;
  LineLoad lines(target.http, kBatchConnections, lines_shape, stage.payloads());
  JD_RETURN_IF_ERROR(arrays.connect());
  JD_RETURN_IF_ERROR(lines.connect());
  CpuMeter array_cpu(target.pid);
  CpuMeter lines_cpu(target.pid);
  std::vector<double> array_rates;
  std::vector<double> lines_rates;
  // Round 0 warms up.
  for (int round = 0; round <= options.rounds; ++round) {
    if (round > 0) array_cpu.begin();
    JD_TRY(const HttpLoad::Round in_arrays, arrays.run(options.seconds));
    if (round > 0) array_cpu.end();
    if (round > 0) lines_cpu.begin();
    JD_TRY(const LineLoad::Round in_lines, lines.run(options.seconds));
    if (round > 0) lines_cpu.end();
    progress("lines, round {}: {} msg/s, in arrays {} msg/s", round,
             format_number(in_lines.per_second()), format_number(in_arrays.per_second()));
    if (round == 0) continue;
    array_rates.push_back(in_arrays.per_second());
    lines_rates.push_back(in_lines.per_second());
  }
  const double in_arrays = median(array_rates);
  const double in_lines = median(lines_rates);
  Row row("lines", "POST /message/sendbatch as lines (NDJSON), 8 streams", in_lines, "msg/s");
  compare(row, Row::Bar::at_least, kLinesBar, in_arrays > 0 ? in_lines / in_arrays : 0,
          "arrays of 1000, 8 connections: " + format_number(in_arrays) + " msg/s");
  row.note =
      fmt::format("rounds in turns, {}, arrays {}; lines: {}; arrays: {}", spread(lines_rates),
                  spread(array_rates), lines_cpu.text(), array_cpu.text());
  add_detail(row, "arrays_per_second", in_arrays);
  rows.push_back(row);
  return {};
}

}  // namespace jindou::bench
