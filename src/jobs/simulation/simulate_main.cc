// simulate [--seed N] [--seeds COUNT] [--steps STEPS] [--store memory|rocksdb|replicated] [--lose
// KIND] [--fault NUMBER]: runs simulations from the command line, to replay a failing seed or to
// search for one. KIND: a number of store::KeyKind, decimal; the store in memory then loses every
// third write of such rows. NUMBER: of simulation::Fault, which replicated nodes then have. Either
// is to be found.
// simulate --lose all: whether lost rows of each kind are found out; fails where they are not.
#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <string_view>

#include "jobs/simulation/runner_work.h"
#include "observe/log.h"
#include "partition/simulation/simulation.h"

namespace {

using jindou::partition::simulation::NodeKind;

NodeKind node_of(std::string_view name) {
  if (name == "rocksdb") return NodeKind::rocksdb;
  return name == "replicated" ? NodeKind::replicated : NodeKind::memory;
}

// What of the rows that may be lost is not missed, said and counted.
int kinds_not_missed() {
  int unseen = 0;
  const auto kinds = jindou::partition::simulation::written_kinds();
  const auto around = jindou::jobs::simulation::surroundings();
  for (const jindou::store::KeyKind kind : kinds) {
    if (jindou::partition::simulation::finds_lost_rows(kind, around)) continue;
    ++unseen;
    std::fputs(fmt::format("nobody misses rows of kind {}\n", static_cast<int>(kind)).c_str(),
               stdout);
  }
  std::fputs(fmt::format("{} kinds of rows, {} of them not missed\n", kinds.size(), unseen).c_str(),
             stdout);
  return unseen;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1;
  std::uint64_t steps = 400;
  bool each_lost = false;
  jindou::partition::simulation::Surroundings surroundings =
      jindou::jobs::simulation::surroundings();
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
    if (name == "--lose" && std::string_view(argv[i + 1]) == "all") each_lost = true;
    if (name == "--lose") surroundings.lost = static_cast<jindou::store::KeyKind>(value);
  }
  // Errors of the store are what is played here.
  if (surroundings.node != NodeKind::rocksdb)
    jindou::observe::set_log_level(jindou::observe::LogLevel::error);
  if (each_lost) return kinds_not_missed() == 0 ? 0 : 1;
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
          "cuts with some under way, {} items of jobs sent, {} recalled or edited, {} jobs ended, "
          "{} requests with a key answered again; no violation\n",
          seeds, seed, steps, total.sends, total.acknowledged, total.duplicates, total.unknown,
          total.last_seqs_refused, changes, total.events, total.power_cuts, total.takeovers,
          total.handovers, total.openings, total.stops, total.elsewhere, total.clock_jumps,
          total.syncs, total.failures, total.loads, total.failed_reads, total.resumed,
          total.transactions, total.transactions_refused, total.transactions_cut, total.job_items,
          total.revised_items, total.jobs_ended, total.replayed)
          .c_str(),
      stdout);
  return 0;
}
