// The time of changes and of readers, over restarts and wrong clocks.
#include <gtest/gtest.h>

#include <string>

#include "partition/core_fixture.h"
#include "partition/simulation/lone_partition.h"

namespace jindou::partition {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;

class TimeOfChanges : public Core {
 protected:
  void restart() {
    close();
    open();
  }
  std::int64_t stamp_of(const std::string& uid, const std::string& group) {
    const auto row = conversation(uid, ChannelKey(group, ChannelType::group));
    return row ? row->updated_at_ns : 0;
  }
  void join(const std::string& uid, const std::string& group) {
    ChangeMembers change;
    change.channel = ChannelKey(group, ChannelType::group);
    change.uids = {uid};
    ASSERT_TRUE(this->change(change).has_value());
  }
};

TEST_F(TimeOfChanges, NothingFallsBeforeWhatAReaderWasToldBeforeTheClockWentBack) {
  clock_.now_ms += kHourMs;
  join("u1", "g1");
  clock_.now_ms += 5000;
  const std::int64_t told = horizon_->stable_ns();
  EXPECT_GT(told, stamp_of("u1", "g1"));
  clock_.now_ms -= kHourMs;
  restart();
  // In every partition.
  for (const std::string group : {"g1", "g2", "g3", "g4", "g5", "g6", "g7", "g8"}) {
    join("u2", group);
    EXPECT_GT(stamp_of("u2", group), told) << group;
  }
  EXPECT_GE(horizon_->stable_ns(), told);
}

TEST_F(TimeOfChanges, AReaderAloneMakesNoCommitForEachLook) {
  (void)horizon_->stable_ns();
  std::string value;
  const auto state = [&] {
    EXPECT_TRUE(
        *database_->get(store::Table::main, store::partition_state_key(PartitionId{0}), value));
    return *store::decode_partition_state(value);
  };
  const std::uint64_t position = state().position;
  for (int i = 0; i < 9; ++i) {
    clock_.now_ms += 1000;
    (void)horizon_->stable_ns();
  }
  EXPECT_EQ(state().position, position);
  clock_.now_ms += 2000;
  (void)horizon_->stable_ns();
  EXPECT_EQ(state().position, position + 1);
  EXPECT_GE(state().stamped_to_ns, clock_.wall_ns());
}

// What is written and whose sync fails may be found when the store is open again: a reader that was
// told of a later time meanwhile would never ask for it.
TEST(TimeOfDoubt, StandsStillUntilItIsKnownWhatTheStoreHas) {
  simulation::LonePartition core{simulation::MemoryStore()};
  ChangeMembers change;
  change.channel = ChannelKey("g1", ChannelType::group);
  change.uids = {"u1"};
  const std::int64_t before = core.clock.wall_ns();
  const auto failed = core.begin(Change(change));
  core.partition().pump();
  core.clock.now_ms += 1000;
  core.memory.fail_one(/*applied=*/true);
  EXPECT_EQ(*failed, Errc::unknown_outcome);
  EXPECT_LT(core.horizon().stable_ns(), before);
  // The next command reads what holds.
  change.uids = {"u2"};
  EXPECT_EQ(core.run(Change(change)), std::nullopt);
  EXPECT_GT(core.horizon().stable_ns(), before);
}

}  // namespace
}  // namespace jindou::partition
