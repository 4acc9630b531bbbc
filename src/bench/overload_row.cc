// What a server does that is asked for ten times what it can do: how much of its peak is left, how
// fast it refuses, and whether the peak is back at once afterwards.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "bench/http_client.h"
#include "bench/http_load.h"
#include "bench/row_tools.h"
#include "bench/rows.h"
#include "bench/stats.h"

namespace jindou::bench {

namespace {

constexpr std::size_t kOverloadConnections = 300;
constexpr double kTimesThePeak = 10;
constexpr double kGoodputBar = 0.9;

// Figures of all rounds with batches of one size.
struct Figures {
  explicit Figures(pid_t server) : peak_cpu(server), over_cpu(server) {}
  std::vector<double> peaks;
  std::vector<double> goodputs;
  std::vector<double> afterwards;
  std::vector<std::uint64_t> refusals;
  std::vector<std::uint64_t> refusals_read;
  double asked = 0;  // messages a second
  CpuMeter peak_cpu;
  CpuMeter over_cpu;
};

Result<Figures> measure(const BenchOptions& options, const Target& target,
                        const RequestTemplate::Shape& shape,
                        const std::vector<std::string>& payloads) {
  RequestTemplate::Shape other = shape;
  other.run_id = new_run_id();
  HttpLoad peak_load(target.http, kBatchConnections, shape, payloads);
  HttpLoad overload(target.http, kOverloadConnections, other, payloads);
  JD_RETURN_IF_ERROR(peak_load.connect());
  JD_RETURN_IF_ERROR(peak_load.run(options.seconds));
  Figures figures(target.pid);
  for (int round = 0; round < options.rounds; ++round) {
    figures.peak_cpu.begin();
    JD_TRY(const HttpLoad::Round peak, peak_load.run(options.seconds));
    figures.peak_cpu.end();
    const double requests = kTimesThePeak * peak.per_second() / static_cast<double>(shape.items);
    // Not before: a server closes a new connection that says nothing for some seconds.
    if (round == 0) JD_RETURN_IF_ERROR(overload.connect());
    figures.over_cpu.begin();
    JD_TRY(HttpLoad::Round over,
           overload.run_paced(options.seconds, requests, HttpLoad::Overdue::left_out));
    figures.over_cpu.end();
    // At once, so that it shows what the overload has left behind.
    JD_TRY(const HttpLoad::Round after, peak_load.run(options.seconds));
    figures.peaks.push_back(peak.per_second());
    figures.goodputs.push_back(over.per_second());
    figures.afterwards.push_back(after.per_second());
    figures.asked =
        static_cast<double>((over.requests + over.refused.size() + over.unsent) * shape.items) /
        over.seconds;
    append(figures.refusals, over.refused);
    append(figures.refusals_read, over.refused_read);
    progress("overload, batches of {}, round {}: {} of {} msg/s, {} refused, afterwards {}",
             shape.items, round, format_number(over.per_second()), format_number(peak.per_second()),
             over.refused.size(), format_number(after.per_second()));
  }
  return figures;
}

}  // namespace

Result<void> measure_overload(Stage& stage, std::vector<Row>& rows) {
  const BenchOptions& options = stage.options();
  for (const std::size_t items : {std::size_t{100}, std::size_t{1000}}) {
    JD_TRY(const Target target, stage.open_target());
    const GroupNames groups;
    HttpClient http(target.http);
    for (unsigned i = 0; i < groups.count; ++i) {
      JD_RETURN_IF_ERROR(create_group(http, groups.name(i), {"bench_reader"}));
    }
    RequestTemplate::Shape shape = batch_shape(groups);
    shape.items = items;
    JD_TRY(Figures figures, measure(options, target, shape, stage.payloads()));
    const double peak = median(figures.peaks);
    const double goodput = median(figures.goodputs);
    Row row(fmt::format("overload_{}", items),
            fmt::format("overload: ten times the peak, batches of {}", items), goodput, "msg/s");
    compare(row, Row::Bar::at_least, kGoodputBar, peak > 0 ? goodput / peak : 0,
            "peak " + format_number(peak) + " msg/s");
    const double p50 = millis(percentile(figures.refusals, 50));
    const double p99 = millis(percentile(figures.refusals, 99));
    const double read_p99 = millis(percentile(figures.refusals_read, 99));
    const double after = peak > 0 ? median(figures.afterwards) / peak : 0;
    row.note = fmt::format(
        "rounds {}; asked for {} msg/s on {} connections; {} refusals, there after p50 {:.1f} ms, "
        "p99 {:.1f} ms, read by the generator after p99 {:.1f} ms; right afterwards {:.2f} of the "
        "peak; {} at the peak, {} in overload",
        spread(figures.goodputs), format_number(figures.asked), kOverloadConnections,
        format_count(figures.refusals.size()), p50, p99, read_p99, after, figures.peak_cpu.text(),
        figures.over_cpu.text());
    add_detail(row, "refusal_p50_ms", p50);
    add_detail(row, "refusal_p99_ms", p99);
    add_detail(row, "refusal_read_p99_ms", read_p99);
    add_detail(row, "afterwards", after);
    rows.push_back(row);
  }
  return {};
}

}  // namespace jindou::bench
