#include <fmt/format.h>

#include <string>
#include <vector>

#include "bench/http_client.h"
#include "bench/http_load.h"
#include "bench/row_tools.h"
#include "bench/rows.h"
#include "bench/stats.h"

namespace jindou::bench {

namespace {

constexpr std::size_t kSharedPayloadBytes = 2048;
constexpr std::uint64_t kPayloadSeed = 7;

// Two forms of one body that take turns.
struct Pair {
  RequestTemplate::Shape plain;
  RequestTemplate::Shape other;
  std::vector<std::string> payloads;
};

std::size_t request_bytes(const RequestTemplate::Shape& shape,
                          const std::vector<std::string>& payloads) {
  return RequestTemplate(shape, payloads).fill(1, 0).size();
}

// Against one server that nothing else is sent to.
Result<void> measure(const Stage& stage, const Target& target, const Pair& pair, Row row,
                     const std::string& reference, std::vector<Row>& rows) {
  const BenchOptions& options = stage.options();
  HttpLoad plain(target.http, kBatchConnections, pair.plain, pair.payloads);
  HttpLoad other(target.http, kBatchConnections, pair.other, pair.payloads);
  JD_RETURN_IF_ERROR(plain.connect());
  JD_RETURN_IF_ERROR(other.connect());
  CpuMeter plain_cpu(target.pid);
  CpuMeter other_cpu(target.pid);
  std::vector<double> plain_rates;
  std::vector<double> other_rates;
  HttpLoad::Round as_array;
  HttpLoad::Round as_other;
  const auto run_arrays = [&]() -> Result<void> {
    plain_cpu.begin();
    JD_TRY(as_array, plain.run(options.seconds));
    plain_cpu.end();
    return {};
  };
  // Round 0 warms up. Who comes second pays for flushing what the first has written: by turns.
  for (int round = 0; round <= options.rounds; ++round) {
    const bool arrays_first = round % 2 == 0;
    if (arrays_first) JD_RETURN_IF_ERROR(run_arrays());
    other_cpu.begin();
    JD_TRY(as_other, other.run(options.seconds));
    other_cpu.end();
    if (!arrays_first) JD_RETURN_IF_ERROR(run_arrays());
    progress("{}, round {}: {} msg/s, as an array {} msg/s", row.name, round,
             format_number(as_other.per_second()), format_number(as_array.per_second()));
    if (round == 0) continue;
    plain_rates.push_back(as_array.per_second());
    other_rates.push_back(as_other.per_second());
  }
  row.value = median(other_rates);
  const double of_arrays = median(plain_rates);
  refer(row, of_arrays > 0 ? row.value / of_arrays : 0,
        reference + ": " + format_number(of_arrays) + " msg/s");
  row.note = fmt::format(
      "rounds in turns, {}, arrays {}; a request has {} bytes, the array {}; {}; arrays: {}",
      spread(other_rates), spread(plain_rates),
      format_number(static_cast<double>(request_bytes(pair.other, pair.payloads))),
      format_number(static_cast<double>(request_bytes(pair.plain, pair.payloads))),
      other_cpu.text(), plain_cpu.text());
  add_detail(row, "arrays_per_second", of_arrays);
  rows.push_back(std::move(row));
  return {};
}

}  // namespace

Result<void> measure_forms(Stage& stage, std::vector<Row>& rows) {
  const GroupNames groups;
  Pair shared = {.plain = batch_shape(groups),
                 .other = batch_shape(groups),
                 .payloads = make_payloads(1, kSharedPayloadBytes, kPayloadSeed)};
  shared.other.form = RequestTemplate::Form::table;
  shared.other.run_id = new_run_id();
  Pair coded = {
      .plain = batch_shape(groups), .other = batch_shape(groups), .payloads = stage.payloads()};
  coded.plain.numbered = false;
  coded.other.numbered = false;
  coded.other.compressed = true;
  for (const bool is_shared : {true, false}) {
    JD_TRY(const Target target, stage.open_target());
    HttpClient http(target.http);
    for (unsigned i = 0; i < groups.count; ++i) {
      JD_RETURN_IF_ERROR(create_group(http, groups.name(i), {"bench_reader"}));
    }
    if (is_shared) {
      const Row row("forms_shared", "a payload of 2 KiB shared by the 100 items of a batch", 0,
                    "msg/s");
      JD_RETURN_IF_ERROR(measure(stage, target, shared, row, "the payload in each item", rows));
    } else {
      const Row row("forms_gzip", "batch B without client_msg_no, gzip", 0, "msg/s");
      JD_RETURN_IF_ERROR(measure(stage, target, coded, row, "not compressed", rows));
    }
  }
  return {};
}

}  // namespace jindou::bench
