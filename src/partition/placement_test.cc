#include "partition/placement.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "partition/core_fixture.h"
#include "partition/send_batch.h"

namespace jindou::partition {
namespace {

// As the way to a node that accepts everything.
class Elsewhere final : public PartitionOwner {
 public:
  void post(std::shared_ptr<SendBatch> batch, std::vector<std::uint32_t> parts) override {
    for (const std::uint32_t part : parts) {
      SendResult accepted;
      accepted.state = SendResult::State::accepted;
      accepted.timestamp = kThere;
      const std::size_t items = batch->parts()[part].items.size();
      batch->finish_items(part, 0, std::vector<SendResult>(items, accepted));
    }
  }
  void post(PartitionId /*partition*/, Change /*change*/,
            std::function<void(Result<void>)> done) override {
    ++changes;
    done({});
  }
  void post(PartitionId /*partition*/, AppendEvent event,
            std::function<void(Result<EventOutcome>)> done) override {
    EventOutcome outcome;
    outcome.event_id = event.event_id;
    done(std::move(outcome));
  }
  void post(PartitionId /*partition*/, ChannelKey /*channel*/,
            std::function<void(Result<Recipients>)> done) override {
    Recipients recipients;
    recipients.listed = {"there"};
    done(std::move(recipients));
  }

  static constexpr std::int64_t kThere = 4711;
  int changes = 0;
};

// Partition 0 is the workers', 1 is on another node, the others are nobody's.
class Scattered final : public Placement {
 public:
  explicit Scattered(const Placement& here) : here_(here) {}
  PartitionOwner* owner_of(PartitionId partition) const override {
    if (raw(partition) == 0) return here_.owner_of(partition);
    return raw(partition) == 1 ? &elsewhere : nullptr;
  }
  mutable Elsewhere elsewhere;

 private:
  const Placement& here_;
};

class PlacementTest : public Core {
 protected:
  void SetUp() override {
    Core::SetUp();
    scattered_ = std::make_unique<Scattered>(*placement_);
    first_ = std::move(router_);  // the horizon knows it
    router_ = std::make_unique<CommandRouter>(*scattered_, map_, *inbox_stage_, limits_, clock_);
  }
  void TearDown() override {
    first_->close();
    Core::TearDown();
  }
  // A group of that partition.
  std::string group_of(std::uint16_t partition) const {
    std::string id = "g";
    while (raw(map_.of_channel(id)) != partition) id += "x";
    return id;
  }
  ChannelKey channel_of(std::uint16_t partition) const {
    return ChannelKey(group_of(partition), ChannelType::group);
  }

  PartitionMap map_{4};
  std::unique_ptr<Scattered> scattered_;
  std::unique_ptr<CommandRouter> first_;
};

TEST_F(PlacementTest, PartsOfABatchGoToTheirOwnersAndWhatIsNobodysIsRefused) {
  const auto results = send({to_group(group_of(2), "nobody's"), to_group(group_of(0), "here"),
                             to_group(group_of(1), "there"), to_group(group_of(0), "here, too"),
                             to_group(group_of(3), "nobody's, too")});
  ASSERT_EQ(results.size(), 5U);
  EXPECT_EQ(results[0].state, SendResult::State::refused);
  EXPECT_EQ(results[0].code, Errc::unavailable);
  EXPECT_EQ(results[1].message_seq, MessageSeq{1});
  EXPECT_EQ(results[2].timestamp, Elsewhere::kThere);
  EXPECT_EQ(results[3].message_seq, MessageSeq{2});
  EXPECT_EQ(results[4].code, Errc::unavailable);
  EXPECT_EQ(payloads(group_of(0)), (std::vector<std::string>{"here", "here, too"}));
  EXPECT_TRUE(payloads(group_of(2)).empty());
}

TEST_F(PlacementTest, ABatchOfNobodysIsAnsweredAtOnce) {
  EXPECT_EQ(send({to_group(group_of(2), "p")})[0].code, Errc::unavailable);
  settle();
}

TEST_F(PlacementTest, ChangesEventsAndQuestionsGoToTheOwner) {
  UpsertChannel upsert;
  upsert.channel = channel_of(1);
  EXPECT_TRUE(change(upsert).has_value());
  EXPECT_EQ(scattered_->elsewhere.changes, 1);
  AppendEvent event;
  event.channel = channel_of(1);
  event.event_id = "e";
  EXPECT_EQ(append(event)->event_id, "e");
  EXPECT_EQ(recipients(channel_of(1))->listed, (std::vector<std::string>{"there"}));

  upsert.channel = channel_of(2);
  const auto refused = router_->post_change(upsert, [](const Result<void>&) { FAIL(); });
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::unavailable);
  event.channel = channel_of(2);
  EXPECT_EQ(append(event).error().code(), Errc::unavailable);
  EXPECT_EQ(recipients(channel_of(2)).error().code(), Errc::unavailable);
  EXPECT_EQ(router_->items_in_flight(), 0U);
}

}  // namespace
}  // namespace jindou::partition
