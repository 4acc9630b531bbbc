// A command that is taken back after its evaluation has never been: not in the commit, not in the
// partition's memory, not in ids and stamps, and not in what comes of the commands after it. Every
// kind of command is evaluated to its end and rolled back, and the partition compared with a twin
// that never saw it.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "partition/simulation/command_kinds.h"
#include "partition/simulation/partition_probe.h"

namespace jindou::partition {
namespace {

using simulation::CommandKind;
using simulation::LonePartition;
using simulation::MemoryStore;
using simulation::Situation;

class TakenBack : public ::testing::TestWithParam<Situation> {
 protected:
  // False when the command changes nothing here.
  bool check(const CommandKind& kind) {
    SCOPED_TRACE(kind.name);
    LonePartition world(base_, simulation::options_of(GetParam()));
    LonePartition twin(base_, simulation::options_of(GetParam()));
    simulation::prepare(world, GetParam());
    simulation::prepare(twin, GetParam());
    PartitionProbe probe(world.partition());
    if (probe.waits(kind.command)) return true;
    const bool changed = probe.take_back(kind.command);
    PartitionProbe(twin.partition()).do_nothing();
    expect_same(world, twin);
    world.settle();
    twin.settle();
    expect_same(world, twin);
    for (LonePartition* each : {&world, &twin}) {
      ++each->clock.now_ms;
      each->run(kind.command);
      simulation::follow_up(*each);
    }
    expect_same(world, twin);
    return changed;
  }

  MemoryStore base_ = simulation::furnished();
};

TEST_P(TakenBack, EveryKindOfCommandLeavesNothingBehind) {
  std::vector<std::string> without_effect;
  for (const auto& kinds : {simulation::changes_of_channels(), simulation::other_commands(),
                            simulation::long_changes()}) {
    for (const CommandKind& kind : kinds) {
      if (!check(kind)) without_effect.push_back(kind.name);
      ASSERT_FALSE(HasFailure()) << kind.name;
    }
  }
  // Else it would prove nothing.
  EXPECT_EQ(without_effect, std::vector<std::string>());
}

INSTANTIATE_TEST_SUITE_P(Situations, TakenBack,
                         ::testing::Values(Situation::settled, Situation::unsettled,
                                           Situation::cut_short, Situation::under_way));

}  // namespace
}  // namespace jindou::partition
