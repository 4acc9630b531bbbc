// The runner of jobs and the reader of conversations, for the simulation of the core
// (partition/simulation/job_work.h): the same code that a server has, stepped by the simulation.
#pragma once

#include <memory>

#include "partition/simulation/job_work.h"
#include "partition/simulation/summary.h"

namespace jindou::jobs::simulation {

std::unique_ptr<partition::simulation::JobWork> make_runner_work(
    partition::simulation::JobWorkDeps deps);

// With these.
partition::simulation::Surroundings surroundings();

}  // namespace jindou::jobs::simulation
