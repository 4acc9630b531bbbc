// A command that is refused because the store cannot be read leaves nothing behind: not in the
// store, not in the partition's memory, not in ids and effects. Every kind of command is run with
// the first, the second, the third ... of its reads failing, until one passes without a failure.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <variant>
#include <vector>

#include "partition/simulation/command_kinds.h"
#include "partition/simulation/partition_probe.h"

namespace jindou::partition {
namespace {

using simulation::CommandKind;
using simulation::LonePartition;
using simulation::MemoryStore;
using simulation::Situation;

class Refused : public ::testing::TestWithParam<Situation> {
 protected:
  // Runs `kind` with its n-th read failing; false when it has fewer.
  bool check(const CommandKind& kind, int nth) {
    SCOPED_TRACE(kind.name + ", read " + std::to_string(nth));
    LonePartition world(base_, simulation::options_of(GetParam()));
    LonePartition twin(base_, simulation::options_of(GetParam()));
    simulation::prepare(world, GetParam());
    simulation::prepare(twin, GetParam());
    if (PartitionProbe(world.partition()).waits(kind.command)) return false;
    world.reader.arm(nth);
    const auto failed = world.begin(kind.command);
    const bool reached = world.reader.disarm();
    if (!reached) return false;
    PartitionProbe(twin.partition()).do_nothing();
    // Of several streams, those that can be read are ended.
    const auto* change = std::get_if<Change>(&kind.command);
    const bool goes_on = change != nullptr && std::holds_alternative<CloseIdleStreams>(*change);
    if (!goes_on) expect_same(world, twin);
    world.settle();
    twin.settle();
    if (!goes_on) {
      EXPECT_EQ(*failed, Errc::storage);
      expect_same(world, twin);
    }
    ++world.clock.now_ms;
    ++twin.clock.now_ms;
    EXPECT_EQ(world.run(kind.command), twin.run(kind.command));
    simulation::follow_up(world);
    simulation::follow_up(twin);
    expect_same(world, twin);
    return true;
  }

  void check_all(const std::vector<CommandKind>& kinds) {
    for (const CommandKind& kind : kinds) {
      for (int nth = 1; check(kind, nth); ++nth) {
        ASSERT_LT(nth, 200) << kind.name;
        if (HasFailure()) return;
      }
    }
  }

  MemoryStore base_ = simulation::furnished();
};

TEST_P(Refused, ChangesOfChannelsLeaveNothingBehind) {
  check_all(simulation::changes_of_channels());
}

TEST_P(Refused, OtherCommandsLeaveNothingBehind) { check_all(simulation::other_commands()); }

TEST_P(Refused, LongChangesLeaveNothingBehind) { check_all(simulation::long_changes()); }

INSTANTIATE_TEST_SUITE_P(Situations, Refused,
                         ::testing::Values(Situation::settled, Situation::unsettled,
                                           Situation::cut_short, Situation::under_way));

TEST(RefusedKinds, EveryKindOfChangeIsTried) {
  std::set<std::size_t> kinds;
  for (const auto& list : {simulation::changes_of_channels(), simulation::other_commands()}) {
    for (const CommandKind& kind : list) {
      if (const auto* change = std::get_if<Change>(&kind.command)) kinds.insert(change->index());
    }
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<Change>);
}

}  // namespace
}  // namespace jindou::partition
