// A partition that another node has opened: what its old owner goes on to write is nowhere, and
// whoever asked is told so.
#include <gtest/gtest.h>

#include <string>

#include "partition/simulation/lone_partition.h"
#include "store/list_change.h"

namespace jindou::partition::simulation {
namespace {

const ChannelKey kGroup("group", ChannelType::group);

Change members(int count) {
  ChangeMembers change;
  change.channel = kGroup;
  change.operation = ChangeMembers::Operation::add;
  for (int i = 0; i < count; ++i) change.uids.push_back("u" + std::to_string(i));
  return change;
}

SendCommand message(const std::string& number) {
  SendCommand command;
  command.channel = kGroup;
  command.from_uid = "u1";
  command.client_msg_no = number;
  command.payload = "payload of " + number;
  command.idempotent = true;
  return command;
}

bool is_decided(const LonePartition& lone) {
  auto cursor = store::PartitionReader(lone.memory, kPartition).open_cursor(store::Table::main);
  return store::load_list_change(cursor, kGroup)->has_value();
}

TEST(LostPartition, StoresNothingOfWhatItGoesOnToEvaluate) {
  LonePartition old(MemoryStore{});
  ASSERT_FALSE(old.run(members(2)).has_value());
  ASSERT_FALSE(old.run(message("one")).has_value());
  // On its way when another node opens the partition, and evaluated on top of it.
  const auto pending = old.begin(message("two"));
  old.partition().pump();
  const auto rows = old.rows();
  const auto effects = old.effects;
  ASSERT_TRUE(store::open_and_wait(old.memory, kPartition).has_value());
  const auto gathered = old.begin(message("three"));
  old.settle();
  EXPECT_EQ(*pending, Errc::not_owner);
  EXPECT_EQ(*gathered, Errc::not_owner);
  EXPECT_TRUE(old.partition().is_lost());
  // It does not read the store and go on, as after a failure of the disk.
  EXPECT_EQ(old.run(message("four")), Errc::not_owner);
  EXPECT_EQ(old.run(Change(DeleteChannel{kGroup})), Errc::not_owner);
  EXPECT_EQ(old.partition().load_recipients(kGroup).error().code(), Errc::not_owner);
  EXPECT_EQ(old.rows(), rows);
  EXPECT_EQ(old.effects, effects);
}

TEST(LostPartition, GoesOnElsewhereWithoutARepeat) {
  LonePartition old(MemoryStore{});
  ASSERT_FALSE(old.run(members(2)).has_value());
  ASSERT_FALSE(old.run(message("one")).has_value());
  const auto pending = old.begin(message("two"));
  old.partition().pump();
  LonePartition next(old.memory);
  next.settle();
  EXPECT_FALSE(next.run(message("one")).has_value());
  const auto rows = next.rows();
  EXPECT_FALSE(next.run(message("two")).has_value());
  EXPECT_NE(next.rows(), rows) << "what was refused to the old owner was not stored";
}

TEST(DrainedPartition, FinishesWhatItHasAndLeavesLongChangesToTheNext) {
  PartitionOptions options;
  options.lists.slice = 2;
  options.lists.part_bytes = 8;
  LonePartition old(MemoryStore{}, options);
  const auto changed = old.begin(members(40));
  while (!is_decided(old)) old.step();
  const auto waiting = old.begin(members(40));
  const auto sent = old.begin(message("one"));
  ASSERT_TRUE(old.partition().has_list_jobs());

  old.partition().drain();
  EXPECT_FALSE(old.partition().is_drained());
  old.settle();
  ASSERT_TRUE(old.partition().is_drained());
  EXPECT_TRUE(old.partition().has_list_jobs());
  EXPECT_FALSE(sent->has_value());
  old.partition().close();
  EXPECT_EQ(*changed, Errc::unknown_outcome);
  EXPECT_EQ(*waiting, Errc::not_owner);

  LonePartition next(old.memory, options);
  next.settle();
  EXPECT_FALSE(next.partition().has_list_jobs());
  const auto recipients = next.partition().load_recipients(kGroup);
  ASSERT_TRUE(recipients.has_value());
  ASSERT_NE(recipients->subscribers, nullptr);
  EXPECT_EQ(recipients->subscribers->size(), 40U);
}

}  // namespace
}  // namespace jindou::partition::simulation
