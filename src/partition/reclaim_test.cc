// A message whose time is over is gone once that was evaluated, whatever the clock says next.
#include <gtest/gtest.h>

#include <string>

#include "partition/simulation/lone_partition.h"

namespace jindou::partition::simulation {
namespace {

const ChannelKey kReclaimGroup("g1", ChannelType::group);

SendCommand expiring_anchor() {
  SendCommand command;
  command.channel = kReclaimGroup;
  command.from_uid = "u1";
  command.client_msg_no = "anchor";
  command.idempotent = true;
  command.payload = "anchor";
  command.setting = kSettingStream;
  command.expire = 1;
  return command;
}

AppendEvent delta() {
  AppendEvent event;
  event.channel = kReclaimGroup;
  event.client_msg_no = "anchor";
  event.effect = AppendEvent::Effect::text_delta;
  event.event_id = "e1";
  event.event_type = "stream";
  event.event_key = std::string(kMainLane);
  event.text = "late";
  return event;
}

TEST(Reclaim, NoEventComesToAMessageThatIsBeingFreedWhenTheClockGoesBack) {
  LonePartition world((MemoryStore()));
  UpsertChannel group;
  group.channel = kReclaimGroup;
  group.subscribers = {"u1"};
  ASSERT_FALSE(world.run(group).has_value());
  ASSERT_FALSE(world.run(expiring_anchor()).has_value());
  const std::string key =
      store::expiry_key(kPartition, 1'700'000'001, kReclaimGroup, MessageSeq{1});
  world.clock.now_ms += 5000;
  // On its way, not in the store yet.
  world.begin(Change(ReclaimExpired{kPartition, {key}}));
  world.clock.now_ms -= 5000;
  const auto failed = world.begin(delta());
  world.settle();
  EXPECT_EQ(*failed, Errc::not_found);
  const std::string texts = store::event_text_prefix(kPartition, kReclaimGroup, MessageSeq{1});
  for (const auto& [row, value] : world.rows()) EXPECT_FALSE(row.starts_with(texts));
}

}  // namespace
}  // namespace jindou::partition::simulation
