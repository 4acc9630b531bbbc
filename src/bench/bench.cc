#include "bench/bench.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "bench/interrupt.h"
#include "bench/net.h"
#include "bench/rows.h"
#include "bench/server_process.h"
#include "bench/table.h"

namespace jindou::bench {

namespace {

void print_facts(const Facts& facts) {
  for (const auto& [name, value] : facts) fmt::print("{:<12} {}\n", name, value);
  fmt::print("\n");
}

Result<void> measure(const BenchOptions& options, const std::string& directory,
                     std::vector<Row>& rows) {
  Stage stage(options, directory);
  if (options.wants("floor") || options.wants("disk") || options.wants("batch") ||
      options.wants("single") || options.wants("client")) {
    JD_RETURN_IF_ERROR(measure_sending(stage, rows));
  }
  if (options.wants("fanout")) JD_RETURN_IF_ERROR(measure_fan_out(stage, rows));
  if (options.wants("connect")) JD_RETURN_IF_ERROR(measure_connect(stage, rows));
  if (options.wants("memory")) JD_RETURN_IF_ERROR(measure_memory(stage, rows));
  if (options.wants("growth")) JD_RETURN_IF_ERROR(measure_growth(stage, rows));
  if (options.wants("retention")) JD_RETURN_IF_ERROR(measure_retention(stage, rows));
  if (options.wants("webhook")) JD_RETURN_IF_ERROR(measure_webhook(stage, rows));
  if (options.wants("lines")) JD_RETURN_IF_ERROR(measure_lines(stage, rows));
  if (options.wants("forms")) JD_RETURN_IF_ERROR(measure_forms(stage, rows));
  if (options.wants("moderation")) JD_RETURN_IF_ERROR(measure_moderation(stage, rows));
  if (options.wants("parts")) JD_RETURN_IF_ERROR(measure_parts(stage, rows));
  if (options.wants("jobs")) JD_RETURN_IF_ERROR(measure_jobs(stage, rows));
  if (options.wants("overload")) JD_RETURN_IF_ERROR(measure_overload(stage, rows));
  if (options.wants("steady")) JD_RETURN_IF_ERROR(measure_steady(stage, rows));
  JD_RETURN_IF_ERROR(measure_reading(stage, rows));
  return {};
}

}  // namespace

int run_bench(const BenchOptions& options) {
  if (const auto checked = validate(options); !checked) {
    fmt::print(stderr, "bench: {}\n", checked.error().detail());
    return 2;
  }
  raise_open_files();
  catch_interrupts();
  auto directory = TempDirectory::create(options.data_dir);
  if (!directory) {
    fmt::print(stderr, "bench: {}\n", directory.error().text());
    return 1;
  }
  const Facts facts = machine_facts((*directory)->path());
  std::vector<Row> rows;
  const auto measured = measure(options, (*directory)->path(), rows);

  // What was measured before an error is still worth reading.
  print_facts(facts);
  if (!rows.empty()) fmt::print("{}", render_table(rows));
  std::fflush(stdout);
  if (!options.json_file.empty()) {
    std::ofstream out(options.json_file, std::ios::binary | std::ios::trunc);
    out << render_json(facts, rows);
    out.flush();
    if (!out) {
      fmt::print(stderr, "bench: cannot write {}\n", options.json_file);
      return 1;
    }
  }
  if (!measured) {
    fmt::print(stderr, "bench: {}\n", measured.error().text());
    return 1;
  }
  if (options.strict) {
    for (const Row& row : rows) {
      if (!row.holds()) return 1;
    }
  }
  return 0;
}

}  // namespace jindou::bench
