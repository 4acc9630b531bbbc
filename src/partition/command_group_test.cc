// Several commands that are made all or none.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "partition/simulation/command_kinds.h"
#include "partition/simulation/partition_probe.h"

namespace jindou::partition {
namespace {

using simulation::CommandKind;
using simulation::LonePartition;
using simulation::Situation;

const ChannelKey kGroup("g1", ChannelType::group);

SendCommand message(const std::string& from, const std::string& text) {
  SendCommand command;
  command.channel = kGroup;
  command.from_uid = from;
  command.client_msg_no = text;
  command.payload = text;
  return command;
}

SetRetention retention() { return SetRetention{kGroup, 10, 10}; }

// An event of a message that there is not.
AppendEvent impossible() {
  AppendEvent event;
  event.channel = kGroup;
  event.client_msg_no = "nobody's";
  event.event_key = std::string(kMainLane);
  return event;
}

using Told = std::optional<Result<std::vector<CommandOutcome>>>;

std::shared_ptr<Told> begin(LonePartition& world, std::vector<Command> commands) {
  auto told = std::make_shared<Told>();
  for (Command& command : commands) {
    if (auto* send = std::get_if<SendCommand>(&command)) load_inboxes({send, 1}, world.inboxes());
  }
  world.partition().execute_all(
      std::move(commands),
      [told](Result<std::vector<CommandOutcome>> done) { *told = std::move(done); });
  return told;
}

TEST(CommandGroups, AreMadeInOneCommit) {
  LonePartition world(simulation::furnished());
  ChangeMembers join;
  join.channel = kGroup;
  join.uids = {"u9"};
  const auto told = begin(world, {join, message("u9", "hello"), retention()});
  EXPECT_FALSE(told->has_value()) << "told of before it is durable";
  world.partition().pump();
  EXPECT_EQ(world.memory.pending_commits(), 1U);
  world.settle();
  ASSERT_TRUE(told->has_value());
  ASSERT_TRUE((*told)->has_value());
  const auto& outcomes = ***told;
  ASSERT_EQ(outcomes.size(), 3U);
  EXPECT_EQ(std::get<SendResult>(outcomes[1]).state, SendResult::State::accepted);
  EXPECT_TRUE(world.rows().contains(
      store::member_key(simulation::kPartition, store::KeyKind::subscriber, kGroup, "u9")));
}

TEST(CommandGroups, ALongChangeIsWaitedFor) {
  LonePartition world(simulation::furnished(), simulation::options_of(Situation::cut_short));
  ChangeMembers join;
  join.channel = kGroup;
  join.uids = {"u5", "u6", "u7", "u8", "u9"};
  const auto told = begin(world, {join, message("u9", "hello")});
  world.step();
  EXPECT_FALSE(told->has_value());
  // The lists are busy.
  const auto refused = begin(world, {message("u9", "again"), join});
  world.settle();
  ASSERT_TRUE(told->has_value());
  EXPECT_TRUE((*told)->has_value());
  ASSERT_TRUE(refused->has_value());
  EXPECT_EQ((*refused)->error().code(), Errc::unavailable);
  for (const auto& line : world.effects) EXPECT_EQ(line.find("again"), std::string::npos);
}

class FailingGroups : public ::testing::TestWithParam<Situation> {};

// Whatever stands before it.
TEST_P(FailingGroups, LeaveNothing) {
  const simulation::MemoryStore base = simulation::furnished();
  for (const auto& kinds : {simulation::changes_of_channels(), simulation::other_commands(),
                            simulation::long_changes()}) {
    for (const CommandKind& kind : kinds) {
      SCOPED_TRACE(kind.name);
      LonePartition world(base, simulation::options_of(GetParam()));
      LonePartition twin(base, simulation::options_of(GetParam()));
      simulation::prepare(world, GetParam());
      simulation::prepare(twin, GetParam());
      const auto told =
          begin(world, {message("u1", "before"), kind.command, retention(), impossible()});
      PartitionProbe(twin.partition()).do_nothing();
      expect_same(world, twin);
      world.settle();
      twin.settle();
      ASSERT_TRUE(told->has_value());
      EXPECT_FALSE((*told)->has_value());
      for (LonePartition* each : {&world, &twin}) {
        each->run(kind.command);
        simulation::follow_up(*each);
      }
      expect_same(world, twin);
      ASSERT_FALSE(::testing::Test::HasFailure());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Situations, FailingGroups,
                         ::testing::Values(Situation::settled, Situation::unsettled,
                                           Situation::cut_short, Situation::under_way));

}  // namespace
}  // namespace jindou::partition
