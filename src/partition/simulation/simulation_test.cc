// Proves the core's promises under many seeds: nothing acknowledged is lost, seqs are dense, a key
// has one message, repeats answer the first result. See simulation.h for what is checked.
#include "partition/simulation/simulation.h"

#include <gtest/gtest.h>

namespace jindou::partition::simulation {
namespace {

TEST(Simulation, AcknowledgedMessagesSurvivePowerCutsAndFailuresUnderManySeeds) {
  Summary total;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const Summary summary = run_simulation(seed, 400);
    ASSERT_EQ(summary.violation, "") << "replay with: simulate --seed " << seed;
    total.add(summary);
  }
  // The dice must really have thrown everything.
  EXPECT_GT(total.acknowledged, 10'000U);
  EXPECT_GT(total.duplicates, 1'000U);
  EXPECT_GT(total.power_cuts, 300U);
  EXPECT_GT(total.failures, 100U);
  EXPECT_GT(total.loads, 300U);
  EXPECT_GT(total.failed_reads, 300U);
  EXPECT_GT(total.resumed, 100U);
}

}  // namespace
}  // namespace jindou::partition::simulation
