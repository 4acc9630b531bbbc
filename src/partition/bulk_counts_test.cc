// How many bulk messages a person is sent in a day: counted where he is, durable, each message
// once, over requests of all kinds; on the real store with its real threads.
#include "partition/bulk_counts.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "partition/core_fixture.h"
#include "store/keys.h"

namespace jindou::partition {
namespace {

constexpr std::uint32_t kPerDay = 2;
constexpr std::int64_t kDayMs = 86'400'000;
// The clock of the core begins at 22:13 UTC.
constexpr std::int64_t kToTheNextDayMs = 7'200'000;

class BulkCountsTest : public Core {
 protected:
  void SetUp() override {
    limits_.bulk_batch_items = 3;
    Core::SetUp();
    limit();
  }
  void reopen() {
    close();
    open();
    limit();
  }
  void limit() {
    const store::PartitionReaders readers(*database_, PartitionMap(database_->partitions()));
    router_->set_bulk_limit(readers, {kPerDay, 7, [this](std::function<void()> work) {
                                        return reads_->post(std::move(work));
                                      }});
  }
  static SendCommand to(const std::string& uid, const std::string& number, bool bulk = true) {
    SendCommand command = to_group("unused", "p" + number, number);
    command.channel = ChannelKey(person_channel_id("u1", uid), ChannelType::person);
    command.bulk = bulk;
    return command;
  }
  SendResult send_one(SendCommand command) {
    std::vector<SendCommand> one;
    one.push_back(std::move(command));
    return send(std::move(one))[0];
  }
  static void expect_over(const SendResult& result) {
    EXPECT_EQ(result.state, SendResult::State::refused);
    EXPECT_EQ(result.reason, Reason::receiver_cap);
    EXPECT_EQ(result.code, Errc::denied);
  }
  std::size_t rows() {
    std::size_t count = 0;
    for (std::uint16_t i = 0; i < database_->partitions(); ++i) {
      const std::string prefix = store::bulk_count_prefix(static_cast<PartitionId>(i));
      EXPECT_TRUE(database_
                      ->scan(store::Table::main, prefix, store::after_prefix(prefix),
                             [&count](auto, auto) {
                               ++count;
                               return true;
                             })
                      .has_value());
    }
    return count;
  }
};

TEST_F(BulkCountsTest, APersonIsSentSoManyADay) {
  EXPECT_TRUE(send_one(to("a", "1")).ok());
  EXPECT_TRUE(send_one(to("a", "2")).ok());
  expect_over(send_one(to("a", "3")));
  EXPECT_TRUE(send_one(to("b", "4")).ok());
  // What is not bulk is not counted, and not refused.
  EXPECT_TRUE(send_one(to("a", "5", false)).ok());
  reopen();
  expect_over(send_one(to("a", "6")));
  clock_.now_ms += kToTheNextDayMs;
  EXPECT_TRUE(send_one(to("a", "6")).ok());
}

TEST_F(BulkCountsTest, ARepeatIsCountedOnceAndAnsweredAsTheFirst) {
  const SendResult first = send_one(to("a", "1"));
  EXPECT_EQ(send_one(to("a", "1")).state, SendResult::State::duplicate);
  EXPECT_TRUE(send_one(to("a", "2")).ok());
  expect_over(send_one(to("a", "3")));
  reopen();
  const SendResult again = send_one(to("a", "1"));
  EXPECT_EQ(again.state, SendResult::State::duplicate);
  EXPECT_EQ(again.message_id, first.message_id);
  // On another day it has no place of its own, and is answered all the same.
  clock_.now_ms += kToTheNextDayMs;
  EXPECT_TRUE(send_one(to("a", "4")).ok());
  EXPECT_TRUE(send_one(to("a", "5")).ok());
  EXPECT_EQ(send_one(to("a", "1")).state, SendResult::State::duplicate);
}

TEST_F(BulkCountsTest, ARepeatOnTheNextDayTakesNoPlaceOfThat) {
  EXPECT_TRUE(send_one(to("a", "1")).ok());
  clock_.now_ms += kToTheNextDayMs;
  EXPECT_EQ(send_one(to("a", "1")).state, SendResult::State::duplicate);
  EXPECT_EQ(rows(), 1U);
  EXPECT_TRUE(send_one(to("a", "2")).ok());
  reopen();
  EXPECT_EQ(send_one(to("a", "1")).state, SendResult::State::duplicate);
  EXPECT_TRUE(send_one(to("a", "3")).ok());
  expect_over(send_one(to("a", "4")));
}

TEST_F(BulkCountsTest, APlaceThatWasTakenBeforeMidnightIsThereBehindIt) {
  SendCommand message = to("a", "1");
  message.if_last_seq = 99;
  EXPECT_EQ(send_one(message).reason, Reason::last_seq_differs);
  clock_.now_ms += kToTheNextDayMs;
  EXPECT_TRUE(send_one(to("a", "2")).ok());
  EXPECT_TRUE(send_one(to("a", "3")).ok());
  EXPECT_EQ(send_one(to("a", "1")).state, SendResult::State::accepted);
  expect_over(send_one(to("a", "4")));
}

TEST_F(BulkCountsTest, BatchesOverTheLimitAreBulkAndItsItemsAreRefusedOneByOne) {
  const auto small = send({to("a", "1", false), to("a", "2", false), to("a", "3", false)});
  for (const SendResult& result : small) EXPECT_TRUE(result.ok());
  EXPECT_EQ(rows(), 0U);
  const auto large = send({to("a", "4", false), to("a", "5", false), to("b", "6", false),
                           to("a", "7", false), to_group("g1", "x")});
  EXPECT_TRUE(large[0].ok());
  EXPECT_TRUE(large[1].ok());
  EXPECT_TRUE(large[2].ok());
  expect_over(large[3]);
  EXPECT_TRUE(large[4].ok());
  EXPECT_EQ(rows(), 2U);
}

TEST_F(BulkCountsTest, ARehearsalTellsAndCountsNothing) {
  EXPECT_TRUE(send_one(to("a", "1")).ok());
  for (int i = 0; i < 2; ++i) {
    std::promise<std::vector<SendResult>> told;
    ASSERT_TRUE(router_->post_rehearsal(
        {to("a", "1"), to("a", "2"), to("a", "3")},
        [&told](std::vector<SendResult> results) { told.set_value(std::move(results)); }));
    const auto results = told.get_future().get();
    EXPECT_EQ(results[0].state, SendResult::State::duplicate);
    EXPECT_TRUE(results[1].ok());
    expect_over(results[2]);
  }
  EXPECT_TRUE(send_one(to("a", "9")).ok());
}

TEST_F(BulkCountsTest, ARehearsalKnowsWhatWasCountedTheDayBefore) {
  EXPECT_TRUE(send_one(to("a", "1")).ok());
  clock_.now_ms += kToTheNextDayMs;
  std::promise<std::vector<SendResult>> told;
  ASSERT_TRUE(router_->post_rehearsal(
      {to("a", "1"), to("a", "2"), to("a", "3"), to("a", "4")},
      [&told](std::vector<SendResult> results) { told.set_value(std::move(results)); }));
  const auto results = told.get_future().get();
  EXPECT_EQ(results[0].state, SendResult::State::duplicate);
  EXPECT_TRUE(results[1].ok());
  EXPECT_TRUE(results[2].ok());
  expect_over(results[3]);
}

TEST_F(BulkCountsTest, AllOrNoneIsNoneWhenOnePersonHasHadEnough) {
  std::vector<Command> commands;
  for (const char* number : {"1", "2", "3", "4"}) commands.emplace_back(to("a", number, false));
  std::promise<TransactionResult> told;
  ASSERT_TRUE(router_->post_all(std::move(commands), [&told](TransactionResult result) {
    told.set_value(std::move(result));
  }));
  const TransactionResult result = told.get_future().get();
  ASSERT_FALSE(result.made());
  EXPECT_EQ(result.failed, 2U);
  EXPECT_EQ(result.error().reason(), raw(Reason::receiver_cap));
}

TEST_F(BulkCountsTest, CountsOfOtherDaysAreForgotten) {
  EXPECT_TRUE(send_one(to("a", "1")).ok());
  clock_.now_ms += kToTheNextDayMs;
  EXPECT_TRUE(send_one(to("a", "2")).ok());
  EXPECT_EQ(rows(), 2U);
  const auto today = static_cast<std::uint32_t>(clock_.now_ms / kDayMs);
  for (std::uint16_t i = 0; i < database_->partitions(); ++i) {
    ASSERT_TRUE(change(ForgetBulkCounts{static_cast<PartitionId>(i), today}).has_value());
  }
  EXPECT_EQ(rows(), 1U);
  EXPECT_TRUE(send_one(to("a", "3")).ok());
  expect_over(send_one(to("a", "4")));
}

}  // namespace
}  // namespace jindou::partition
