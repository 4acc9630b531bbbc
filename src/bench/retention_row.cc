#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
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

// A walk every second, so that the deletion falls into the measurement. The compaction that gives
// the space back follows by itself: ten million is more than retention.compactAfterRows.
const std::vector<std::string> kSettings = {"retention.interval=1s"};
constexpr std::size_t kConnections = 16;
// Messages that a group may keep.
constexpr int kKept = 100;
constexpr double kBaselineSeconds = 10;
constexpr double kRoundSeconds = 5;
constexpr int kRoundsMax = 24;

double stored_mib(const std::string& directory) {
  std::uintmax_t bytes = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory, ignored)) {
    const auto size = entry.file_size(ignored);
    if (!ignored) bytes += size;
  }
  return static_cast<double>(bytes) / (1 << 20);
}

}  // namespace

Result<void> measure_retention(Stage& stage, std::vector<Row>& rows) {
  const BenchOptions& options = stage.options();
  JD_TRY(const Target target, stage.open_target(kSettings));
  if (target.directory.empty()) {
    return Error(Errc::invalid, "the retention row starts its server itself");
  }
  const GroupNames groups;
  HttpClient http(target.http);
  for (unsigned i = 0; i < groups.count; ++i) {
    JD_RETURN_IF_ERROR(create_group(http, groups.name(i), {"bench_reader"}));
  }
  HttpLoad fill(target.http, kBatchConnections, batch_shape(groups), stage.payloads());
  JD_RETURN_IF_ERROR(fill.connect());
  JD_TRY(const HttpLoad::Round filled, fill.run(kFillSecondsMax, options.growth_large));
  progress("retention: {} stored at {} msg/s", format_count(fill.messages_total()),
           format_number(filled.per_second()));

  HttpLoad sends(target.http, kConnections, single_shape(groups), stage.payloads());
  JD_RETURN_IF_ERROR(sends.connect());
  // Until flushes and merges of the filling have come to rest, the baseline would be theirs.
  std::this_thread::sleep_for(std::chrono::seconds(5));
  JD_RETURN_IF_ERROR(sends.run(2));
  JD_TRY(HttpLoad::Round before, sends.run(kBaselineSeconds));
  const double p99_before = millis(percentile(before.latencies, 99));
  const double mib_before = stored_mib(target.directory);

  // Filling takes longer than the server keeps an idle connection.
  HttpClient limits(target.http);
  for (unsigned i = 0; i < groups.count; ++i) {
    JD_RETURN_IF_ERROR(
        limits.post("/channel/retention",
                    fmt::format(R"({{"channel_id":"{}","channel_type":2,"max_count":{}}})",
                                groups.name(i), kKept)));
  }
  const TimePoint start = std::chrono::steady_clock::now();
  std::vector<std::uint64_t> during;
  double messages = 0;
  double seconds = 0;
  double mib_after = mib_before;
  for (int round = 0; round < kRoundsMax; ++round) {
    JD_RETURN_IF_ERROR(check_interrupted());
    JD_TRY(HttpLoad::Round result, sends.run(kRoundSeconds));
    append(during, result.latencies);
    messages += static_cast<double>(result.messages);
    seconds += result.seconds;
    mib_after = stored_mib(target.directory);
    progress("retention: {:.0f} MiB on disk, p99 {:.1f} ms", mib_after,
             millis(percentile(result.latencies, 99)));
    // What is left are new messages and the write-ahead log.
    if (mib_after < mib_before / 4) break;
  }
  const double freed_in =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const double p99_during = millis(percentile(during, 99));

  Row row("retention",
          fmt::format("retention: p99 of sends while {} messages go",
                      format_count(fill.messages_total())),
          p99_during, "ms");
  row.note = fmt::format(
      "p99 before {:.1f} ms, {:.2f} times; p50 {:.1f} and {:.1f} ms; sends/s {} and {}; {:.0f} MiB "
      "became {:.0f} MiB in {:.0f} s",
      p99_before, p99_before > 0 ? p99_during / p99_before : 0,
      millis(percentile(before.latencies, 50)), millis(percentile(during, 50)),
      format_number(before.per_second()), format_number(seconds > 0 ? messages / seconds : 0),
      mib_before, mib_after, freed_in);
  add_detail(row, "p99_before_ms", p99_before);
  add_detail(row, "mib_before", mib_before);
  add_detail(row, "mib_after", mib_after);
  add_detail(row, "freed_in_s", freed_in);
  rows.push_back(row);
  return {};
}

}  // namespace jindou::bench
