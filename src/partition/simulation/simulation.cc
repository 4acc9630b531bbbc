#include "partition/simulation/simulation.h"

#include "partition/simulation/world.h"

namespace jindou::partition::simulation {

void Summary::add(const Summary& other) {
  sends += other.sends;
  events += other.events;
  acknowledged += other.acknowledged;
  duplicates += other.duplicates;
  unknown += other.unknown;
  last_seqs_refused += other.last_seqs_refused;
  power_cuts += other.power_cuts;
  failures += other.failures;
  takeovers += other.takeovers;
  handovers += other.handovers;
  openings += other.openings;
  stops += other.stops;
  elsewhere += other.elsewhere;
  clock_jumps += other.clock_jumps;
  syncs += other.syncs;
  loads += other.loads;
  failed_reads += other.failed_reads;
  transactions += other.transactions;
  transactions_refused += other.transactions_refused;
  transactions_cut += other.transactions_cut;
  resumed += other.resumed;
  log_changes += other.log_changes;
  job_items += other.job_items;
  for (std::size_t kind = 0; kind < changes.size(); ++kind) changes[kind] += other.changes[kind];
}

Summary run_simulation(std::uint64_t seed, int steps, const Surroundings& surroundings) {
  World world(seed, surroundings);
  return world.run(steps);
}

}  // namespace jindou::partition::simulation
