// What anchors in memory take, that those in use stay, and how a message is finished.
#include "partition/event_lanes.h"

#include <gtest/gtest.h>

#include <string>

#include "store/memory_reader.h"

namespace jindou::partition {
namespace {

constexpr std::uint64_t kDurable = 100;

class EventLanesTest : public ::testing::Test {
 protected:
  void use(std::size_t anchors_max, std::size_t bytes_max) {
    EventLimits limits;
    limits.anchors_max = anchors_max;
    limits.anchor_bytes_max = bytes_max;
    lanes_ = std::make_unique<EventLanes>(store::PartitionReader(store_, PartitionId{1}), limits);
  }
  void add(std::uint64_t seq, std::uint64_t position = 1) {
    Message message;
    message.seq = MessageSeq{seq};
    message.channel = group_;
    message.client_msg_no = name(seq);
    message.setting = kSettingStream;
    Txn txn(position);
    lanes_->add_anchor(message, txn);
  }
  void write(std::uint64_t seq, std::size_t bytes, std::uint64_t position = 1) {
    AppendEvent event;
    event.channel = group_;
    event.effect = AppendEvent::Effect::text_delta;
    event.event_key = std::string(kMainLane);
    event.text = std::string(bytes, 'x');
    EventLanes::Anchor* anchor = lanes_->find(group_, name(seq));
    ASSERT_NE(anchor, nullptr);
    Txn txn(position);
    ASSERT_TRUE(lanes_->append(event, *anchor, 0, txn));
  }
  Result<EventLanes::Applied> apply(AppendEvent::Effect effect, std::string_view event_key,
                                    std::string event_id) {
    AppendEvent event;
    event.channel = group_;
    event.effect = effect;
    event.event_key = std::string(event_key);
    event.event_id = std::move(event_id);
    event.text = "x";
    return lanes_->append(event, *lanes_->find(group_, name(1)), 0, txn_);
  }
  bool has(std::uint64_t seq) { return lanes_->find(group_, name(seq)) != nullptr; }
  static std::string name(std::uint64_t seq) { return "n" + std::to_string(seq); }

  const ChannelKey group_{"g", ChannelType::group};
  store::MemoryReader store_;
  Txn txn_{1};
  std::unique_ptr<EventLanes> lanes_;
};

TEST_F(EventLanesTest, AnchorsThatNothingIsWrittenToAreForgottenToo) {
  use(100, 1 << 20);
  for (std::uint64_t seq = 1; seq <= 10'000; ++seq) {
    add(seq);
    lanes_->trim(kDurable);
    ASSERT_LE(lanes_->anchor_count(), 100U);
  }
  EXPECT_TRUE(has(10'000));
  EXPECT_FALSE(has(1));
}

TEST_F(EventLanesTest, TextCountsByItsBytes) {
  use(100, 100'000);
  for (std::uint64_t seq = 1; seq <= 20; ++seq) {
    add(seq);
    for (int i = 0; i < 4; ++i) write(seq, 5'000);
    lanes_->trim(kDurable);
    ASSERT_LE(lanes_->anchor_bytes(), 100'000U);
  }
  EXPECT_TRUE(has(20));
  EXPECT_FALSE(has(1));
  lanes_->clear();
  EXPECT_EQ(lanes_->anchor_bytes(), 0U);
}

TEST_F(EventLanesTest, AnchorsInCommitsOnTheirWayStay) {
  use(2, 1 << 20);
  for (std::uint64_t seq = 1; seq <= 10; ++seq) add(seq, kDurable + 1);
  lanes_->trim(kDurable);
  EXPECT_EQ(lanes_->anchor_count(), 10U);
  lanes_->trim(kDurable + 1);
  EXPECT_EQ(lanes_->anchor_count(), 5U);
}

TEST_F(EventLanesTest, ErasedAnchorsTakeNothing) {
  use(100, 1 << 20);
  add(1);
  const std::size_t one = lanes_->anchor_bytes();
  add(2);
  write(2, 3'000);
  EXPECT_GT(lanes_->anchor_bytes(), 2 * one + 3'000);
  EXPECT_TRUE(*lanes_->has_any(group_, 2, 2));
  lanes_->erase(group_, 2, 2, txn_);
  EXPECT_EQ(lanes_->anchor_bytes(), one);
}

TEST_F(EventLanesTest, AFinishEndsEveryLane) {
  using Effect = AppendEvent::Effect;
  use(100, 1 << 20);
  add(1);
  ASSERT_TRUE(apply(Effect::text_delta, "a", "d1"));
  ASSERT_TRUE(apply(Effect::snapshot, kMainLane, "s1"));
  const auto finish = apply(Effect::close, kFinishLane, "f");
  ASSERT_TRUE(finish);
  EXPECT_TRUE(finish->changed);
  EXPECT_TRUE(finish->main_ended);
  EXPECT_EQ(finish->outcome.msg_event_seq, 2U);
  for (const std::string_view event_key : {"a", "main", "new"}) {
    const auto late = apply(Effect::text_delta, event_key, "late");
    ASSERT_FALSE(late) << event_key;
    EXPECT_EQ(late.error().code(), Errc::conflict) << event_key;
    const auto noted = apply(Effect::snapshot, event_key, "late");
    ASSERT_TRUE(noted) << event_key;
    EXPECT_FALSE(noted->changed) << event_key;
    EXPECT_EQ(noted->outcome.status, LaneStatus::closed) << event_key;
    EXPECT_EQ(noted->outcome.msg_event_seq, 2U) << event_key;
  }
  // What was accepted before is still known when it is repeated.
  const auto repeat = apply(Effect::text_delta, "a", "d1");
  ASSERT_TRUE(repeat);
  EXPECT_FALSE(repeat->changed);
}

TEST_F(EventLanesTest, AMessageWithAllItsLanesCanBeFinished) {
  using Effect = AppendEvent::Effect;
  use(100, 1 << 20);
  add(1);
  for (std::size_t i = 0; i < EventLimits{}.lanes_max; ++i) {
    ASSERT_TRUE(apply(Effect::text_delta, "k" + std::to_string(i), "d"));
  }
  EXPECT_EQ(apply(Effect::text_delta, "one more", "d").error().code(), Errc::too_large);
  EXPECT_TRUE(apply(Effect::close, kFinishLane, "f"));
}

}  // namespace
}  // namespace jindou::partition
