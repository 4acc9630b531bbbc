// A second store that applied the same commits and then takes the partition over.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "partition/simulation/lone_partition.h"
#include "store/index_progress.h"

namespace jindou::partition::simulation {
namespace {

SendCommand send_number(int n) {
  SendCommand command;
  command.channel = ChannelKey("group", ChannelType::group);
  command.from_uid = "member";
  command.client_msg_no = "no-" + std::to_string(n);
  command.payload = "payload " + std::to_string(n);
  command.idempotent = true;
  return command;
}

PartitionOptions small_generations() {
  PartitionOptions options;
  options.index_generation_entries = 7;
  return options;
}

Change group_with_member() {
  ChangeMembers change;
  change.channel = ChannelKey("group", ChannelType::group);
  change.list = MemberList::subscribers;
  change.operation = ChangeMembers::Operation::add;
  change.uids = {"member"};
  return change;
}

// What applied the same commits, but has no table of its own yet.
MemoryStore replica_of(const MemoryStore& store) {
  MemoryStore copy(store);
  copy.erase_range(store::Table::client_numbers, "", "\xff\xff\xff");
  return copy;
}

TEST(Takeover, ARepeatIsAnsweredByAStoreThatOnlyAppliedTheCommits) {
  LonePartition owner(MemoryStore(), small_generations());
  ASSERT_FALSE(owner.run(group_with_member()).has_value());
  for (int n = 0; n < 40; ++n) {
    ASSERT_FALSE(owner.run(send_number(n)).has_value());
    owner.memory.finish_load(true);
  }
  ASSERT_GE(*store::load_index_progress({owner.memory, kPartition}), 28U);
  ASSERT_EQ(owner.effects.size(), 40U);

  LonePartition replica(replica_of(owner.memory), small_generations());
  for (int n = 0; n < 40; ++n) EXPECT_FALSE(replica.run(send_number(n)).has_value());
  EXPECT_TRUE(replica.effects.empty()) << replica.effects.size() << " were stored again";
  // And a new one goes on where the owner was.
  ASSERT_FALSE(replica.run(send_number(40)).has_value());
  EXPECT_EQ(replica.effects.size(), 1U);
}

}  // namespace
}  // namespace jindou::partition::simulation
