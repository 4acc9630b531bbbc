#include "partition/simulation/simulation.h"

#include "partition/simulation/world.h"

namespace jindou::partition::simulation {

Summary run_simulation(std::uint64_t seed, int steps) {
  World world(seed);
  return world.run(steps);
}

}  // namespace jindou::partition::simulation
