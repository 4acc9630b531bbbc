// What is asserted of commits when they are told, and that each of it is.
#include "partition/release_order.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "model/ids.h"
#include "model/message.h"
#include "model/message_event.h"

namespace jindou::partition {
namespace {

const ChannelKey kLog("g1", ChannelType::group);
const ChannelKey kOtherLog("g2", ChannelType::group);

CommitEffect message_with(std::uint64_t counter) {
  auto message = std::make_shared<Message>();
  message->id = message_id_of(counter, PartitionId{3});
  return {CommittedMessage{std::move(message), SessionId{}}, {}};
}

CommitEffect some_event() { return {CommittedEvent{std::make_shared<MessageEvent>()}, {}}; }

class ReleaseOrderTest : public ::testing::Test {
 protected:
  ReleaseOrderTest() { order_.pass(first_, {}, {}); }

  const SlowAssertions on_{true};
  // Read at position 7, with ids up to 100 given out; then one commit of 5 messages.
  ReleaseOrder order_{7, 100};
  const CommitMark first_{
      .number = 1, .position = 8, .ids_from = 100, .ids_to = 105, .id_bound = 200};
  const CommitMark next_{
      .number = 2, .position = 9, .ids_from = 105, .ids_to = 110, .id_bound = 200};
};
using ReleaseOrderDeathTest = ReleaseOrderTest;

TEST_F(ReleaseOrderTest, LetsCommitsPassThatFollowEachOther) {
  std::vector<CommitEffect> effects;
  effects.push_back(message_with(106));
  effects.push_back(some_event());
  effects.push_back(message_with(110));
  const std::vector<SeqRun> seqs = {{kLog, 5, 5}, {kOtherLog, 1, 9}, {kLog, 6, 6}};
  order_.pass(next_, seqs, effects);
  // One that only answers: no row, no id.
  const CommitMark empty{
      .number = 3, .position = 9, .ids_from = 110, .ids_to = 110, .id_bound = 200};
  order_.pass(empty, {}, {});
  const CommitMark last{
      .number = 4, .position = 10, .ids_from = 110, .ids_to = 300, .id_bound = 300};
  const std::vector<SeqRun> go_on = {{kOtherLog, 10, 12}, {kLog, 7, 7}};
  order_.pass(last, go_on, {});
}

TEST_F(ReleaseOrderDeathTest, CommitsAreToldInTheirOrder) {
  CommitMark skipped = next_;
  skipped.number = 3;
  EXPECT_DEATH(order_.pass(skipped, {}, {}), "mark.number == number_");
  CommitMark repeated = next_;
  repeated.number = 1;
  EXPECT_DEATH(order_.pass(repeated, {}, {}), "mark.number == number_");
}

TEST_F(ReleaseOrderDeathTest, PositionsAreOneBehindTheOther) {
  CommitMark ahead = next_;
  ahead.position = 10;
  EXPECT_DEATH(order_.pass(ahead, {}, {}), "mark.position == position_");
  CommitMark behind = next_;
  behind.position = 7;
  EXPECT_DEATH(order_.pass(behind, {}, {}), "mark.position == position_");
}

TEST_F(ReleaseOrderDeathTest, IdsAreReservedAndGoOn) {
  CommitMark unreserved = next_;
  unreserved.ids_to = 201;
  EXPECT_DEATH(order_.pass(unreserved, {}, {}), "ids_to <= mark.id_bound");
  CommitMark again = next_;
  again.ids_from = 104;
  EXPECT_DEATH(order_.pass(again, {}, {}), "ids_from == ids_to_");
  CommitMark back = next_;
  back.ids_to = 104;
  EXPECT_DEATH(order_.pass(back, {}, {}), "ids_from <= mark.ids_to");
}

TEST_F(ReleaseOrderDeathTest, MessagesAreToldInTheOrderOfTheirIds) {
  std::vector<CommitEffect> effects;
  effects.push_back(message_with(107));
  effects.push_back(message_with(106));
  EXPECT_DEATH(order_.pass(next_, {}, effects), "ids_rise");
  effects.clear();
  effects.push_back(message_with(105));  // of the commit before
  EXPECT_DEATH(order_.pass(next_, {}, effects), "ids_rise");
  effects.clear();
  effects.push_back(message_with(111));  // of the next one
  EXPECT_DEATH(order_.pass(next_, {}, effects), "ids_rise");
}

TEST_F(ReleaseOrderDeathTest, NoSeqIsLeftOutOrGivenTwice) {
  const std::vector<SeqRun> known = {{kLog, 5, 5}};
  order_.pass(next_, known, {});
  const CommitMark third{
      .number = 3, .position = 10, .ids_from = 110, .ids_to = 111, .id_bound = 200};
  const std::vector<SeqRun> gap = {{kLog, 7, 7}};
  EXPECT_DEATH(order_.pass(third, gap, {}), "run.first == known");
  EXPECT_DEATH(order_.pass(third, known, {}), "run.first == known");
  const std::vector<SeqRun> none = {{kOtherLog, 0, 0}};
  EXPECT_DEATH(order_.pass(third, none, {}), "run.first > 0");
}

// As in the server that is deployed.
TEST(ReleaseOrder, DoesNotFollowSeqsWhereThatIsTooSlow) {
  const SlowAssertions off(false);
  ReleaseOrder order(0, 0);
  const std::vector<SeqRun> seqs = {{kLog, 7, 7}, {kLog, 7, 7}};
  order.pass({.number = 1, .position = 1, .ids_from = 0, .ids_to = 2, .id_bound = 2}, seqs, {});
}

}  // namespace
}  // namespace jindou::partition
