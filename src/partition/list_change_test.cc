// Changes of lists that take many commits: the same in the end as in one, decided at once, never
// half done after a crash, and nobody waits for more than a slice.
#include "store/list_change.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "partition/record_reader.h"
#include "partition/simulation/lone_partition.h"

namespace jindou::partition {
namespace {

using Operation = ChangeMembers::Operation;
using simulation::kPartition;
using simulation::LonePartition;
using simulation::MemoryStore;
using Rows = std::map<std::string, std::string>;

const ChannelKey kListGroup("g", ChannelType::group);

std::vector<std::string> users(int first, int last) {
  std::vector<std::string> uids;
  for (int i = first; i <= last; ++i) uids.push_back("user" + std::to_string(i));
  return uids;
}

ChangeMembers members(MemberList list, Operation operation, std::vector<std::string> uids) {
  ChangeMembers change;
  change.channel = kListGroup;
  change.list = list;
  change.operation = operation;
  change.uids = std::move(uids);
  return change;
}

UpsertChannel created(bool reset, std::vector<std::string> subscribers) {
  UpsertChannel change;
  change.channel = kListGroup;
  change.revives = true;
  change.flags.large = reset;
  change.reset_subscribers = reset;
  change.subscribers = std::move(subscribers);
  return change;
}

SendCommand list_message(const std::string& from, const std::string& text) {
  SendCommand command;
  command.channel = kListGroup;
  command.from_uid = from;
  command.client_msg_no = text;
  command.payload = text;
  return command;
}

PartitionOptions in_slices() {
  PartitionOptions options;
  options.lists.slice = 5;
  options.lists.part_bytes = 40;
  return options;
}

// The store without times, which depend on how many commits there were.
Rows plain(const LonePartition& world) {
  Rows rows = world.rows();
  rows.erase(store::partition_state_key(kPartition));
  for (auto& [key, value] : rows) {
    // That they are there is enough: they have the time to the nanosecond.
    if (key[2] == static_cast<char>(store::KeyKind::message)) value.clear();
    if (key[2] == static_cast<char>(store::KeyKind::tombstone)) value.clear();
    if (key[2] == static_cast<char>(store::KeyKind::channel)) {
      auto record = *store::decode_channel(value);
      if (record.disband_changed_at_ns != 0) record.disband_changed_at_ns = 1;
      value = store::encode(record);
    }
    if (key[2] != static_cast<char>(store::KeyKind::conversation)) continue;
    auto record = *store::decode_conversation(value);
    record.updated_at_ns = 0;
    record.created_at = 0;
    if (record.activated_at_ns != 0) record.activated_at_ns = 1;
    value = store::encode(record);
  }
  return rows;
}

// Rows that are not the same in both, one per line.
std::string difference(const Rows& some, const Rows& others) {
  std::string lines;
  const auto note = [&lines](const Rows& rows, const Rows& other, const char* side) {
    for (const auto& [key, value] : rows) {
      const auto it = other.find(key);
      if (it == other.end() || it->second != value) {
        lines += side + testing::PrintToString(key) + " = " + testing::PrintToString(value) + '\n';
      }
    }
  };
  note(some, others, "- ");
  note(others, some, "+ ");
  return lines;
}

const std::vector<Command> kChanges[] = {
    {members(MemberList::subscribers, Operation::add, users(10, 60))},
    {members(MemberList::subscribers, Operation::remove, users(5, 90))},
    {members(MemberList::subscribers, Operation::replace, users(20, 70))},
    {members(MemberList::subscribers, Operation::replace, {})},
    {members(MemberList::denylist, Operation::add, users(10, 60))},
    {members(MemberList::denylist, Operation::remove, users(1, 60))},
    {members(MemberList::denylist, Operation::replace, users(30, 60))},
    {members(MemberList::denylist, Operation::replace, {})},
    {members(MemberList::allowlist, Operation::add, users(10, 60))},
    {members(MemberList::allowlist, Operation::replace, users(10, 60))},
    {created(true, users(20, 70))},
    {created(false, users(20, 70))},
    {DeleteChannel{kListGroup}},
    {DeleteChannel{kListGroup}, created(false, users(1, 3))},
    {members(MemberList::subscribers, Operation::replace, users(35, 70)),
     members(MemberList::subscribers, Operation::add, users(1, 36)), DeleteChannel{kListGroup},
     created(true, users(50, 60))},
};

class ListChanges : public ::testing::Test {
 protected:
  // A group of 40 whose list is longer than a slice, with eight on the denylist.
  static MemoryStore furnished() {
    LonePartition world((MemoryStore()));
    for (const Command& command :
         {Command(created(false, users(1, 40))),
          Command(members(MemberList::denylist, Operation::add, users(33, 40))),
          Command(members(MemberList::allowlist, Operation::add, users(1, 12))),
          Command(list_message("user1", "one")), Command(list_message("user2", "two")),
          Command(list_message("user3", "three"))}) {
      EXPECT_FALSE(world.run(command).has_value());
    }
    return world.memory;
  }

  static void begin(LonePartition& world, const std::vector<Command>& commands) {
    for (const Command& command : commands) world.begin(command);
  }
  Rows outcome_of(const std::vector<Command>& commands, const PartitionOptions& options) {
    LonePartition world(base_, options);
    begin(world, commands);
    world.settle();
    return plain(world);
  }
  static bool is_decided(const LonePartition& world) {
    auto cursor = store::PartitionReader(world.memory, kPartition).open_cursor(store::Table::main);
    return store::load_list_change(cursor, kListGroup)->has_value();
  }
  static std::vector<std::string> listed(LonePartition& world, MemberList list) {
    const RecordReader records(store::PartitionReaders(world.memory, PartitionMap(1)));
    return *records.load_members(kListGroup, list);
  }

  MemoryStore base_ = furnished();
};

TEST_F(ListChanges, InSlicesComeToTheSame) {
  for (const auto& commands : kChanges) {
    SCOPED_TRACE(&commands - kChanges);
    EXPECT_EQ(
        difference(outcome_of(commands, in_slices()), outcome_of(commands, PartitionOptions())),
        "");
  }
}

TEST_F(ListChanges, AreWholeOrNotThereAfterACrashAtAnyMoment) {
  for (const auto& commands : kChanges) {
    if (commands.size() > 1) continue;
    const Rows before = outcome_of({}, in_slices());
    const Rows after = outcome_of(commands, in_slices());
    bool decided = false;
    int commits = 0;
    for (;; ++commits) {
      SCOPED_TRACE(std::to_string(&commands - kChanges) + " after " + std::to_string(commits));
      LonePartition world(base_, in_slices());
      begin(world, commands);
      for (int i = 0; i < commits; ++i) world.step();
      world.memory.power_cut(0);
      LonePartition restarted(world.memory, in_slices());
      restarted.settle();
      // Without a commit of its own an undecided change leaves its parts for the next one.
      restarted.run(StoreToken{"x", DeviceFlag::app, DeviceLevel::slave, "t"});
      Rows rows = plain(restarted);
      rows.erase(store::device_token_key(kPartition, "x", DeviceFlag::app));
      decided = decided || rows != before;
      EXPECT_EQ(difference(rows, decided ? after : before), "");
      if (plain(world) == after) break;
      ASSERT_LT(commits, 100);
    }
    EXPECT_GT(commits, 2);
  }
}

TEST_F(ListChanges, AreDecidedAtOnce) {
  LonePartition world(base_, in_slices());
  const auto failed =
      world.begin(members(MemberList::subscribers, Operation::replace, {"user1", "new"}));
  world.step();
  ASSERT_NE(plain(world),
            outcome_of({members(MemberList::subscribers, Operation::replace, {"user1", "new"})},
                       PartitionOptions()));
  EXPECT_EQ(listed(world, MemberList::subscribers), (std::vector<std::string>{"new", "user1"}));
  world.begin(list_message("user1", "news"));
  world.settle();
  EXPECT_EQ(world.effects, std::vector<std::string>{"news new user1"});
}

ChangeConversation view(ChangeConversation::Operation operation, std::vector<std::string> uids,
                        std::uint64_t value) {
  ChangeConversation change;
  change.channel = kListGroup;
  change.operation = operation;
  change.uids = std::move(uids);
  change.value = value;
  return change;
}

// What users do while the slices of a change are under way.
const std::vector<Command> kMeanwhile = {
    list_message("user1", "four"),
    list_message("user25", "five"),
    list_message("user60", "six"),
    view(ChangeConversation::Operation::open, {"user39", "user66", "stranger"}, 0),
    view(ChangeConversation::Operation::read, {"user2", "user38", "user58", "user65"}, 5),
    view(ChangeConversation::Operation::set_unread, {"user3", "user37", "user59"}, 2),
    view(ChangeConversation::Operation::remove, {"user4", "user36", "user57"}, 0),
    view(ChangeConversation::Operation::activate, {"user5"}, 0),
    view(ChangeConversation::Operation::activate, {"user34"}, 0),
    view(ChangeConversation::Operation::activate, {"user56"}, 0),
    AdvanceCommandPosition{kListGroup, "user35", 1},
    list_message("user65", "seven"),
};

TEST_F(ListChanges, LeaveAloneWhatComesAfterTheDecision) {
  for (const auto& commands : kChanges) {
    if (commands.size() > 1) continue;
    LonePartition whole(base_);
    begin(whole, commands);
    whole.settle();
    begin(whole, kMeanwhile);
    whole.settle();
    for (int slices = 0; slices < 12; ++slices) {
      SCOPED_TRACE(std::to_string(&commands - kChanges) + " after " + std::to_string(slices));
      LonePartition world(base_, in_slices());
      begin(world, commands);
      while (world.partition().has_list_jobs() && !is_decided(world)) world.step();
      for (int i = 0; i < slices; ++i) world.step();
      begin(world, kMeanwhile);
      world.partition().pump();
      while (world.memory.pending_commits() > 0) world.memory.commit_one();
      EXPECT_EQ(world.effects, whole.effects);
      LonePartition restarted(world.memory, in_slices());
      restarted.settle();
      EXPECT_EQ(difference(plain(restarted), plain(whole)), "");
      world.settle();
      EXPECT_EQ(difference(plain(world), plain(whole)), "");
    }
  }
}

TEST_F(ListChanges, OfADissolvedGroupAreNotSeen) {
  LonePartition world(base_, in_slices());
  world.begin(DeleteChannel{kListGroup});
  world.step();
  EXPECT_TRUE(listed(world, MemberList::subscribers).empty());
  EXPECT_TRUE(listed(world, MemberList::denylist).empty());
  const auto refused = world.begin(list_message("user1", "late"));
  world.settle();
  EXPECT_EQ(*refused, Errc::denied);
  EXPECT_TRUE(world.effects.empty());
}

TEST_F(ListChanges, HoldUpOthersForNoMoreThanASlice) {
  for (const auto& commands : kChanges) {
    LonePartition world(base_, in_slices());
    begin(world, commands);
    std::size_t largest = 0;
    for (int i = 0; i < 300; ++i) {
      // One commit carries a slice and the message that came meanwhile.
      SendCommand other = list_message("user1", std::to_string(i));
      other.channel = ChannelKey("elsewhere", ChannelType::group);
      const auto failed = world.begin(other);
      world.step();
      EXPECT_FALSE(failed->has_value());
      largest = std::max(largest, world.memory.last_commit_bytes());
    }
    EXPECT_LT(largest, 2000U);
    EXPECT_TRUE(store::load_list_changes({world.memory, kPartition})->empty());
  }
}

TEST_F(ListChanges, AreToldWhenTheyAreDurable) {
  LonePartition world(base_, in_slices());
  int told = 0;
  world.partition().execute(Change(DeleteChannel{kListGroup}), [&](const Result<void>& done) {
    EXPECT_TRUE(done.has_value());
    EXPECT_TRUE(store::load_list_changes({world.memory, kPartition})->empty());
    ++told;
  });
  world.step();
  EXPECT_EQ(told, 0);
  world.settle();
  EXPECT_EQ(told, 1);
}

TEST_F(ListChanges, ThatEndTogetherEachLetInWhatWaited) {
  PartitionOptions options = in_slices();
  options.commit_bytes_max = 1;  // whatever is let in closes the commit
  LonePartition world(MemoryStore(), options);
  std::vector<std::shared_ptr<std::optional<Errc>>> outcomes;
  const ChannelKey groups[] = {kListGroup, ChannelKey("h", ChannelType::group)};
  for (const Operation operation : {Operation::add, Operation::remove}) {
    for (const ChannelKey& group : groups) {
      ChangeMembers change = members(MemberList::subscribers, operation, users(1, 12));
      if (operation == Operation::remove) change.uids.resize(3);
      change.channel = group;
      outcomes.push_back(world.begin(change));
    }
  }
  world.settle();
  for (const auto& outcome : outcomes) EXPECT_FALSE(outcome->has_value());
  for (const ChannelKey& group : groups) {
    std::size_t rows = 0;
    const auto prefix = store::member_prefix(kPartition, store::KeyKind::subscriber, group);
    for (const auto& [key, value] : world.rows()) rows += key.starts_with(prefix) ? 1 : 0;
    EXPECT_EQ(rows, 9U);
  }
}

TEST_F(ListChanges, GoOnWhenTheStoreCanBeReadAgain) {
  for (const auto& commands : kChanges) {
    const Rows after = outcome_of(commands, PartitionOptions());
    for (int nth = 1; nth < 60; ++nth) {
      SCOPED_TRACE(std::to_string(&commands - kChanges) + ", read " + std::to_string(nth));
      LonePartition world(base_, in_slices());
      begin(world, commands);
      world.reader.arm(nth);
      world.settle();
      if (!world.reader.disarm()) break;
      world.clock.now_ms += 1000;
      world.settle();
      if (commands.size() == 1) {
        EXPECT_EQ(difference(plain(world), after), "");
      }
    }
  }
}

TEST_F(ListChanges, GoOnAfterACommitThatFailed) {
  for (const auto& commands : kChanges) {
    if (commands.size() > 1) continue;
    const Rows before = outcome_of({}, in_slices());
    const Rows after = outcome_of(commands, in_slices());
    for (int commits = 0; commits < 12; ++commits) {
      SCOPED_TRACE(std::to_string(&commands - kChanges) + " after " + std::to_string(commits));
      LonePartition world(base_, in_slices());
      std::optional<Errc> answer;
      world.partition().execute(std::get<Change>(commands[0]), [&](const Result<void>& done) {
        answer = done ? Errc::internal : done.error().code();
      });
      for (int i = 0; i < commits; ++i) world.step();
      world.partition().pump();
      world.memory.fail_one(commits % 2 == 0);
      world.settle();
      world.run(StoreToken{"x", DeviceFlag::app, DeviceLevel::slave, "t"});
      world.settle();
      EXPECT_TRUE(answer.has_value());
      Rows rows = plain(world);
      rows.erase(store::device_token_key(kPartition, "x", DeviceFlag::app));
      EXPECT_TRUE(rows == before || rows == after);
      EXPECT_TRUE(answer != Errc::internal || rows == after);
    }
  }
}

}  // namespace
}  // namespace jindou::partition
