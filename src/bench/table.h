// The result of a run: rows for people and JSON for programs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace jindou::bench {

// One line of the table.
struct Row {
  Row() = default;
  Row(std::string row_name, std::string what, double figure, std::string figure_unit)
      : name(std::move(row_name)),
        measured(std::move(what)),
        value(figure),
        unit(std::move(figure_unit)) {}

  std::string name;      // machine-readable: "batch", "fanout"
  std::string measured;  // for people
  double value = 0;
  std::string unit;  // "msg/s", "us", "KiB"
  // The other figure of a row that compares two; empty when the bar is about the value itself.
  std::string reference;
  // The compared number (a ratio, or the value itself) and its bar; a row without a bar is only
  // reported.
  enum class Bar : std::uint8_t { none, at_least, at_most };
  Bar bar_kind = Bar::none;
  double ratio = 0;
  double bar = 0;
  std::string note;                                     // spread, latencies
  std::vector<std::pair<std::string, double>> details;  // for the JSON

  bool compared() const { return bar_kind != Bar::none; }
  bool holds() const;
  // By how much the bar is missed, as a percentage of the bar; 0 when it holds.
  double missed_percent() const;
};

// Facts that a figure means nothing without, as (name, value) in the order they are shown.
using Facts = std::vector<std::pair<std::string, std::string>>;

// CPU, cores, memory, kernel, the file system of `directory`, versions of compiler and RocksDB.
Facts machine_facts(const std::string& directory);

// "183,402", "41.3", "0.62": three significant digits at least, thousands separated.
std::string format_number(double value);
// "300", "10,000": things, not measures.
std::string format_count(std::uint64_t count);

std::string render_table(const std::vector<Row>& rows);
std::string render_json(const Facts& facts, const std::vector<Row>& rows);

}  // namespace jindou::bench
