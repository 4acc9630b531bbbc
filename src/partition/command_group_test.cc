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

const ChannelKey kGroupedChannel("g1", ChannelType::group);

SendCommand message(const std::string& from, const std::string& text) {
  SendCommand command;
  command.channel = kGroupedChannel;
  command.from_uid = from;
  command.client_msg_no = text;
  command.payload = text;
  return command;
}

SetRetention retention() { return SetRetention{kGroupedChannel, 10, 10}; }

// An event of a message that there is not.
AppendEvent impossible() {
  AppendEvent event;
  event.channel = kGroupedChannel;
  event.client_msg_no = "nobody's";
  event.event_key = std::string(kMainLane);
  return event;
}

struct GroupTold {
  std::optional<CommandRefusal> refusal;
  bool certain = false;  // the refusal
  std::vector<CommandOutcome> outcomes;
  std::vector<Result<void>> decided;  // one for each command
};

std::shared_ptr<GroupTold> begin(
    LonePartition& world, std::vector<Command> commands,
    GroupOutcome (Partition::*how)(CommandGroup) = &Partition::execute_all) {
  auto told = std::make_shared<GroupTold>();
  CommandGroup group;
  for (Command& command : commands) {
    if (auto* send = std::get_if<SendCommand>(&command)) load_inboxes({send, 1}, world.inboxes());
  }
  group.commands = std::move(commands);
  group.decided = [told](const Result<void>& committed) { told->decided.push_back(committed); };
  group.refused = [told](const Result<void>&) { told->certain = true; };
  GroupOutcome outcome = (world.partition().*how)(std::move(group));
  if (const auto* refusal = std::get_if<CommandRefusal>(&outcome)) {
    told->refusal = *refusal;
  } else {
    told->outcomes = std::get<std::vector<CommandOutcome>>(std::move(outcome));
  }
  return told;
}

TEST(CommandGroups, AreMadeInOneCommit) {
  LonePartition world(simulation::furnished());
  ChangeMembers join;
  join.channel = kGroupedChannel;
  join.uids = {"u9"};
  const auto told = begin(world, {join, message("u9", "hello"), retention()});
  EXPECT_TRUE(told->decided.empty()) << "told of before it is durable";
  world.partition().pump();
  EXPECT_EQ(world.memory.pending_commits(), 1U);
  world.settle();
  ASSERT_EQ(told->decided.size(), 3U);
  for (const auto& committed : told->decided) EXPECT_TRUE(committed.has_value());
  ASSERT_EQ(told->outcomes.size(), 3U);
  EXPECT_EQ(std::get<SendResult>(told->outcomes[1]).state, SendResult::State::accepted);
  EXPECT_TRUE(world.rows().contains(store::member_key(
      simulation::kPartition, store::KeyKind::subscriber, kGroupedChannel, "u9")));
}

// It would be decided by a commit that the others do not wait for.
TEST(CommandGroups, AChangeThatGoesInSlicesIsRefused) {
  LonePartition world(simulation::furnished(), simulation::options_of(Situation::cut_short));
  LonePartition twin(simulation::furnished(), simulation::options_of(Situation::cut_short));
  ChangeMembers join;
  join.channel = kGroupedChannel;
  join.uids = {"u5", "u6", "u7", "u8", "u9"};
  const auto told = begin(world, {message("u1", "hello"), join});
  PartitionProbe(twin.partition()).do_nothing();
  ASSERT_TRUE(told->refusal.has_value());
  EXPECT_EQ(told->refusal->command, std::optional<std::size_t>(1));
  EXPECT_EQ(told->refusal->error.code(), Errc::too_large);
  expect_same(world, twin);
  world.settle();
  EXPECT_TRUE(told->certain);
}

TEST(CommandGroups, MoreThanOneCommitIsRefused) {
  PartitionOptions options;
  options.commit_bytes_max = 600;
  LonePartition world(simulation::furnished(), options);
  const std::string large(400, 'x');
  // Alone a message may be larger.
  EXPECT_FALSE(begin(world, {message("u1", large + large)})->refusal.has_value());
  const auto told = begin(world, {message("u1", large), message("u1", large + "2")});
  ASSERT_TRUE(told->refusal.has_value());
  EXPECT_EQ(told->refusal->command, std::optional<std::size_t>(1));
  EXPECT_EQ(told->refusal->error.code(), Errc::too_large);
  world.settle();
  EXPECT_EQ(world.effects.size(), 1U);
}

TEST(HeldPartitions, LetEverythingElseWaitInOrder) {
  LonePartition world(simulation::furnished());
  const auto before = world.begin(message("u1", "before"));
  const auto told = begin(world, {message("u1", "held")}, &Partition::hold);
  ASSERT_TRUE(world.partition().is_held());
  EXPECT_EQ(world.memory.pending_commits(), 1U) << "what came before hangs on the others";
  ChangeMembers join;
  join.channel = kGroupedChannel;
  join.uids = {"u9"};
  world.begin(join);
  world.begin(message("u9", "after"));
  bool asked = false;
  world.partition().ask_recipients(kGroupedChannel, [&asked](const Result<Recipients>& who) {
    asked = who.has_value() && who->subscribers->contains("u9");
  });
  world.settle();
  EXPECT_EQ(world.effects.size(), 1U) << "only what came before";
  EXPECT_TRUE(world.partition().has_gathered());
  EXPECT_FALSE(asked);

  std::vector<store::Commit> commits;
  commits.push_back(world.partition().keep());
  EXPECT_TRUE(told->decided.empty());
  world.partition().append_all(std::move(commits));
  world.partition().release();
  EXPECT_TRUE(asked);
  world.settle();
  ASSERT_EQ(world.effects.size(), 3U);
  EXPECT_EQ(world.effects[1].substr(0, 4), "held");
  EXPECT_EQ(world.effects[2].substr(0, 5), "after");
  EXPECT_EQ(told->decided.size(), 1U);
}

class FailingGroups : public ::testing::TestWithParam<Situation> {
 protected:
  // All kinds of commands, in a partition and in one that is to be the same afterwards.
  template <class Check>
  void for_each_kind(const Check& check) {
    const simulation::MemoryStore base = simulation::furnished();
    for (const auto& kinds : {simulation::changes_of_channels(), simulation::other_commands(),
                              simulation::long_changes()}) {
      for (const CommandKind& kind : kinds) {
        SCOPED_TRACE(kind.name);
        LonePartition world(base, simulation::options_of(GetParam()));
        LonePartition twin(base, simulation::options_of(GetParam()));
        simulation::prepare(world, GetParam());
        simulation::prepare(twin, GetParam());
        check(kind, world, twin);
        expect_same(world, twin);
        world.settle();
        twin.settle();
        for (LonePartition* each : {&world, &twin}) {
          each->run(kind.command);
          simulation::follow_up(*each);
        }
        expect_same(world, twin);
        ASSERT_FALSE(::testing::Test::HasFailure());
      }
    }
  }
};

// Whatever stands before it.
TEST_P(FailingGroups, LeaveNothing) {
  for_each_kind([](const CommandKind& kind, LonePartition& world, LonePartition& twin) {
    const auto told =
        begin(world, {message("u1", "before"), kind.command, retention(), impossible()});
    PartitionProbe(twin.partition()).do_nothing();
    EXPECT_TRUE(told->refusal.has_value());
    EXPECT_FALSE(told->certain) << "it may be because of what is on its way";
    world.settle();
    twin.settle();
    EXPECT_TRUE(told->certain);
    EXPECT_TRUE(told->decided.empty());
  });
}

// The share of a transaction that fails elsewhere, with others that wait meanwhile.
TEST_P(FailingGroups, LeaveNothingWhenTheyAreTakenBack) {
  for_each_kind([](const CommandKind& kind, LonePartition& world, LonePartition& twin) {
    const auto told = begin(world, {message("u1", "before"), kind.command}, &Partition::hold);
    begin(twin, {retention()}, &Partition::hold);
    for (LonePartition* each : {&world, &twin}) {
      each->begin(message("u1", "meanwhile"));
      each->settle();
      if (each->partition().is_held()) each->partition().take_back();
    }
    world.settle();
    twin.settle();
    EXPECT_TRUE(told->decided.empty());
  });
}

INSTANTIATE_TEST_SUITE_P(Situations, FailingGroups,
                         ::testing::Values(Situation::settled, Situation::unsettled,
                                           Situation::cut_short, Situation::under_way));

}  // namespace
}  // namespace jindou::partition
