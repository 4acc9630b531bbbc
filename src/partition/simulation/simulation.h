// The core without sockets or threads, driven by a seed: random sends, repeats, changes, failing
// disks and power cuts, checked against a simple model. Everything that happens follows from the
// seed, so a failure found once is found again.
#pragma once

#include <cstdint>
#include <string>

namespace jindou::partition::simulation {

struct Summary {
  // Empty when every check held; else what broke.
  std::string violation;
  std::uint64_t sends = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t unknown = 0;
  std::uint64_t power_cuts = 0;
  std::uint64_t failures = 0;
  std::uint64_t loads = 0;
  std::uint64_t failed_reads = 0;
  std::uint64_t resumed = 0;  // changes of lists that a power cut interrupted
};

// Runs `steps` random steps under `seed`, then checks: every acknowledged message is stored with
// its id and payload at the seq it was given; seqs are dense; one idempotency key has one message;
// a repeat answers the first result; ids are unique; effects come in seq order and only after
// commits.
Summary run_simulation(std::uint64_t seed, int steps);

}  // namespace jindou::partition::simulation
