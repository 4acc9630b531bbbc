// The core without sockets or threads, driven by a seed: random sends, repeats, changes, failing
// disks and power cuts, checked against a simple model. Everything that happens follows from the
// seed, so a failure found once is found again.
#pragma once

#include <cstdint>
#include <span>

#include "partition/simulation/summary.h"
#include "store/keys.h"

namespace jindou::partition::simulation {

// Runs `steps` random steps under `seed`, then checks: every acknowledged message is stored with
// its id and payload at the seq it was given; seqs are dense; one idempotency key has one message;
// a repeat answers the first result; ids are unique; effects come in seq order and only after
// commits; jobs come to their end, with results that are so, and nothing is recalled or edited
// twice. JD_ASSERT_SLOW is on meanwhile, in every build, unless the surroundings are at fault.
Summary run_simulation(std::uint64_t seed, int steps, const Surroundings& surroundings);

// The kinds of rows that commands write.
std::span<const store::KeyKind> written_kinds();

// Whether a store in memory that loses every third write of such rows is found out within 200
// seeds: a simulation that finds nothing may be one that looks at nothing.
bool finds_lost_rows(store::KeyKind lost, Surroundings surroundings);

}  // namespace jindou::partition::simulation
