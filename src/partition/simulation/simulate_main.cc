// simulate [--seed N] [--seeds COUNT] [--steps STEPS] [--store memory|rocksdb|replicated] [--lose
// KIND] [--fault NUMBER]: runs simulations from the command line, to replay a failing seed or to
// search for one. KIND: a number of store::KeyKind, decimal; the store in memory then loses every
// third write of such rows. NUMBER: of simulation::Fault, which replicated nodes then have. Either
// is to be found.
#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <string_view>

#include "observe/log.h"
#include "partition/simulation/simulation.h"

namespace {

using jindou::partition::simulation::NodeKind;

NodeKind node_of(std::string_view name) {
  if (name == "rocksdb") return NodeKind::rocksdb;
  return name == "replicated" ? NodeKind::replicated : NodeKind::memory;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1;
  std::uint64_t steps = 400;
  jindou::partition::simulation::Surroundings surroundings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    std::uint64_t value = 0;
    std::from_chars(argv[i + 1], argv[i + 1] + std::strlen(argv[i + 1]), value);
    if (name == "--seed") seed = value;
    if (name == "--seeds") seeds = value;
    if (name == "--steps") steps = value;
    if (name == "--store") surroundings.node = node_of(argv[i + 1]);
    if (name == "--fault") {
      surroundings.fault = static_cast<jindou::partition::simulation::Fault>(value);
    }
    if (name == "--lose") surroundings.lost = static_cast<jindou::store::KeyKind>(value);
  }
  // Errors of the store are what is played here.
  if (surroundings.node != NodeKind::rocksdb)
    jindou::observe::set_log_level(jindou::observe::LogLevel::error);
  jindou::partition::simulation::Summary total;
  for (std::uint64_t i = 0; i < seeds; ++i) {
    const auto summary = jindou::partition::simulation::run_simulation(
        seed + i, static_cast<int>(steps), surroundings);
    if (!summary.violation.empty()) {
      std::fputs(fmt::format("seed {}: {}\n", seed + i, summary.violation).c_str(), stdout);
      return 1;
    }
    total.add(summary);
  }
  const auto changes =
      std::accumulate(total.changes.begin(), total.changes.end(), std::uint64_t{0});
  std::fputs(
      fmt::format(
          "{} seeds from {}, {} steps each: {} sends, {} acknowledged, {} duplicates, {} "
          "unknown, {} behind their seq, {} changes, {} events, {} power cuts, {} takeovers, {} "
          "partitions handed over, "
          "{} opened, {} servers stopped, {} commands repeated elsewhere, {} clocks set, {} syncs, "
          "{} failed commits, {} index loads, {} "
          "failed reads, {} changes of lists resumed, {} transactions ({} not made), {} power "
          "cuts with some under way; no violation\n",
          seeds, seed, steps, total.sends, total.acknowledged, total.duplicates, total.unknown,
          total.last_seqs_refused, changes, total.events, total.power_cuts, total.takeovers,
          total.handovers, total.openings, total.stops, total.elsewhere, total.clock_jumps,
          total.syncs, total.failures, total.loads, total.failed_reads, total.resumed,
          total.transactions, total.transactions_refused, total.transactions_cut)
          .c_str(),
      stdout);
  return 0;
}
