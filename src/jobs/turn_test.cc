// What a turn of a job takes, which results hold, and what is recorded of it.
#include "jobs/turn.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace jindou::jobs {
namespace {

using State = JobResult::State;

SendResult accepted(std::uint64_t id) {
  SendResult result;
  result.state = SendResult::State::accepted;
  result.message_id = static_cast<MessageId>(id);
  return result;
}
SendResult refused(Errc code) { return SendResult::refuse(Reason::in_denylist, code); }
SendResult unknown() { return {}; }

class TurnTest : public testing::Test {
 protected:
  TurnTest() {
    job_.id = "018bcfe5680000000000000000000001";
    job_.state = JobState::running;
    job_.sealed = true;
  }
  // A message without a number of its sender's, still to be tried.
  JobItem& add(State state = State::pending) {
    JobItem item;
    item.message.payload = "payload";
    item.message.channel =
        ChannelKey("g" + std::to_string(chunk_.items.size()), ChannelType::group);
    JobResult result;
    result.state = state;
    chunk_.items.push_back(item);
    chunk_.results.push_back(result);
    job_.counts.items = chunk_.first + chunk_.items.size();
    return chunk_.items.back();
  }
  void add_unreadable() {
    add(State::unreadable).refusal = JobItem::Refusal{Errc::invalid, "no item"};
    ++job_.counts.unreadable;
  }
  void add_many(int count) {
    for (int i = 0; i < count; ++i) add();
  }
  Turn plan(std::size_t items_max = 100) {
    TurnLimits limits;
    limits.items_max = items_max;
    return plan_turn(job_, chunk_, limits);
  }
  static std::vector<std::uint64_t> open_of(const Turn& turn) {
    std::vector<std::uint64_t> out;
    for (const Turn::Open& open : turn.open) out.push_back(open.index);
    return out;
  }

  Job job_;
  partition::JobChunk chunk_;
};

TEST_F(TurnTest, TakesWhatIsToBeTriedFromTheCursorOn) {
  chunk_.first = 10;
  add(State::accepted);
  add_unreadable();
  add();
  add(State::refused);
  add();
  job_.cursor = 11;
  const Turn turn = plan();
  EXPECT_EQ(turn.from, 11U);
  EXPECT_EQ(turn.to, 15U);
  EXPECT_EQ(open_of(turn), (std::vector<std::uint64_t>{12, 13, 14}));
  EXPECT_TRUE(turn.is_at(job_));
}

TEST_F(TurnTest, HasBounds) {
  add_many(10);
  EXPECT_EQ(plan(4).to, 4U);
  chunk_.items[1].message.payload = std::string(std::size_t{300} << 10, 'x');
  const Turn small = plan();
  EXPECT_EQ(small.to, 1U) << "the second does not fit";
  job_.cursor = 1;
  const Turn large = plan();
  EXPECT_EQ(large.to, 2U) << "by itself it does";
}

TEST_F(TurnTest, NumbersFollowFromTheJobAndTheIndex) {
  chunk_.first = 5;
  add();
  SendCommand& own = add().message;
  own.idempotent = true;
  own.client_msg_no = "mine";
  job_.cursor = 5;
  CallerIdentity identity;
  identity.name = "ann";
  const auto caller = std::make_shared<const CallerIdentity>(identity);
  const auto messages = messages_of(plan(), job_.id, chunk_, caller);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].client_msg_no, job_.id + "-5");
  EXPECT_TRUE(messages[0].idempotent);
  EXPECT_EQ(messages[0].channel.id, "g0");
  EXPECT_EQ(messages[1].client_msg_no, "mine");
  EXPECT_EQ(messages[1].caller, caller);
  ASSERT_NE(messages[1].job, nullptr);
  EXPECT_EQ(*messages[1].job, job_.id);
}

TEST_F(TurnTest, WhatMayPassStaysOpen) {
  add_many(6);
  Turn turn = plan();
  take_results(turn, {accepted(1), refused(Errc::denied), refused(Errc::overloaded), unknown(),
                      refused(Errc::not_owner), accepted(2)});
  EXPECT_EQ(open_of(turn), (std::vector<std::uint64_t>{2, 3, 4}));
  ASSERT_EQ(turn.results.size(), 3U);
  EXPECT_EQ(turn.results[1].second.state, State::refused);
  EXPECT_EQ(messages_of(turn, job_.id, chunk_, nullptr)[0].client_msg_no, job_.id + "-2");
  const auto part = record_of(turn, job_);
  ASSERT_TRUE(part);
  EXPECT_EQ(part->to, 2U) << "what is open is not recorded, nor what is behind it";
  EXPECT_EQ(part->results.size(), 2U);
  take_results(turn, {accepted(3), accepted(4), accepted(5)});
  const auto all = record_of(turn, job_);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->to, 6U);
  ASSERT_EQ(all->results.size(), 6U);
  for (std::uint64_t i = 0; i < 6; ++i) EXPECT_EQ(all->results[i].first, i);
}

TEST_F(TurnTest, NothingIsRecordedOfATurnWhoseFirstItemIsOpen) {
  add_many(2);
  Turn turn = plan();
  take_results(turn, {unknown(), accepted(1)});
  EXPECT_FALSE(record_of(turn, job_).has_value());
  job_.state = JobState::cancelled;
  EXPECT_FALSE(record_of(plan(), job_).has_value()) << "nothing of it was tried";
  const auto all = record_of(turn, job_);
  ASSERT_TRUE(all) << "of a job that has ended nothing is tried again";
  EXPECT_EQ(all->to, 2U);
  EXPECT_EQ(all->results[0].second.state, State::unknown);
}

// A repeat after a crash finds its own messages; those of a caller's number may be another's.
TEST_F(TurnTest, OnlyNumbersOfTheCallerHaveDuplicates) {
  add();
  add().message.idempotent = true;
  Turn turn = plan();
  SendResult duplicate = accepted(7);
  duplicate.state = SendResult::State::duplicate;
  take_results(turn, {duplicate, duplicate});
  EXPECT_EQ(turn.results[0].second.state, State::accepted);
  EXPECT_EQ(turn.results[0].second.message_id, static_cast<MessageId>(7));
  EXPECT_EQ(turn.results[1].second.state, State::duplicate);
}

TEST_F(TurnTest, RefusalsAreToldInTheWordsOfTheSend) {
  SendResult sent = SendResult::refuse(Reason::moderated, Errc::denied);
  Moderation found;
  found.refused = true;
  found.reason = "no";
  found.found_by = {"banned"};
  sent.moderation = std::make_shared<const Moderation>(found);
  SendResult told = send_result_of(job_result_of(sent));
  ASSERT_NE(told.moderation, nullptr);
  EXPECT_EQ(*told.moderation, found);
  sent = SendResult::refuse(Reason::in_denylist, Errc::denied);
  sent.cause = SendResult::Cause::key_sender;
  told = send_result_of(job_result_of(sent));
  EXPECT_EQ(told.cause, SendResult::Cause::key_sender);
  EXPECT_EQ(told.moderation, nullptr);
}

TEST_F(TurnTest, WhatIsNotStoredIsNotSentAgain) {
  add().message.flags.no_persist = true;
  add().message.flags.no_persist = true;
  Turn turn = plan();
  take_results(turn, {unknown(), refused(Errc::overloaded)});
  EXPECT_EQ(open_of(turn), std::vector<std::uint64_t>{1});
  EXPECT_EQ(turn.results[0].second.state, State::unknown);
}

TEST_F(TurnTest, StopsAtTheFirstRefusal) {
  job_.options.stops_on_refusal = true;
  add_many(3);
  Turn turn = plan();
  EXPECT_EQ(turn.to, 1U);
  take_results(turn, {refused(Errc::denied)});
  const auto record = record_of(turn, job_);
  ASSERT_TRUE(record && record->stop);
  EXPECT_EQ(*record->stop, JobAction::fail);
  EXPECT_EQ(record->reason,
            "item 0 was refused, and on_error is stop: what follows it was not sent");
}

TEST_F(TurnTest, StopsAtALineThatIsNoMessage) {
  job_.options.stops_on_refusal = true;
  add_unreadable();
  add();
  Turn turn = plan();
  EXPECT_EQ(turn.to, 1U);
  EXPECT_TRUE(turn.open.empty());
  EXPECT_EQ(*record_of(turn, job_)->stop, JobAction::fail);
  // A later pass goes on behind it.
  job_.pass = 2;
  job_.reached = 1;
  turn = plan();
  EXPECT_EQ(open_of(turn), std::vector<std::uint64_t>{1});
}

// A pass after a failure comes to most of the lines for the first time.
TEST_F(TurnTest, ARetryStopsAtTheNextLineThatIsNoMessage) {
  job_.options.stops_on_refusal = true;
  add_unreadable();
  add_unreadable();
  add();
  job_.pass = 2;
  job_.reached = 1;
  const Turn turn = plan();
  EXPECT_EQ(turn.to, 2U);
  EXPECT_TRUE(turn.open.empty());
  const auto record = record_of(turn, job_);
  ASSERT_TRUE(record && record->stop);
  EXPECT_EQ(*record->stop, JobAction::fail);
  EXPECT_TRUE(record->reason.starts_with("item 1 was refused"));
}

TEST_F(TurnTest, PausesBehindTheCanary) {
  job_.options.canary_items = 3;
  add_many(10);
  Turn turn = plan();
  EXPECT_EQ(turn.to, 3U);
  take_results(turn, {accepted(1), accepted(2), accepted(3)});
  const auto record = record_of(turn, job_);
  ASSERT_TRUE(record && record->stop);
  EXPECT_EQ(*record->stop, JobAction::pause);
  job_.cursor = 3;
  turn = plan();
  EXPECT_EQ(turn.to, 10U);
  take_results(turn, std::vector<SendResult>(7, accepted(9)));
  EXPECT_FALSE(record_of(turn, job_)->stop.has_value());
}

// Of a job that has failed before its canary, or at its last item, no canary was looked at yet.
TEST_F(TurnTest, ARetryPausesBehindACanaryThatWasNotSentYet) {
  job_.options.canary_items = 3;
  add(State::accepted);
  add(State::refused);
  add_many(8);
  job_.pass = 2;
  for (const std::uint64_t reached : {2U, 3U}) {
    job_.reached = reached;
    Turn turn = plan();
    ASSERT_EQ(turn.to, 3U);
    take_results(turn, {accepted(2), accepted(3)});
    const auto record = record_of(turn, job_);
    ASSERT_TRUE(record && record->stop);
    EXPECT_EQ(*record->stop, JobAction::pause);
  }
  // When it was resumed behind it, it does not wait there again.
  job_.reached = 4;
  EXPECT_EQ(plan().to, 10U);
}

TEST_F(TurnTest, APassOverWhatHasFailedTakesNothingThatWasNeverTried) {
  add(State::refused);
  add(State::accepted);
  add(State::unknown);
  add_many(5);
  job_.pass = 2;
  job_.reached = 3;
  job_.only_failed = true;
  const Turn turn = plan();
  EXPECT_EQ(turn.to, 3U);
  EXPECT_EQ(open_of(turn), (std::vector<std::uint64_t>{0, 2}));
}

TEST_F(TurnTest, FailsWhenTooManyAreRefused) {
  job_.options.refused_ppm_max = 100'000;  // a tenth
  add_many(100);
  const auto stop_after = [this](std::size_t refusals) {
    Turn turn = plan();
    std::vector<SendResult> results(100, accepted(1));
    for (std::size_t i = 0; i < refusals; ++i) results[i] = refused(Errc::denied);
    take_results(turn, results);
    return record_of(turn, job_)->stop;
  };
  EXPECT_FALSE(stop_after(10).has_value());
  EXPECT_EQ(stop_after(11), JobAction::fail);
  job_.cursor = 50;
  Turn few = plan();
  take_results(few, std::vector<SendResult>(50, refused(Errc::denied)));
  EXPECT_FALSE(record_of(few, job_)->stop.has_value()) << "50 say nothing yet";
}

// Items that an earlier pass has tried count once, as this pass finds them.
TEST_F(TurnTest, ARetryIsJudgedByWhatItFindsItself) {
  job_.options.refused_ppm_max = 50'000;
  for (int i = 0; i < 300; ++i) add(State::refused);
  add_many(100);
  job_.counts.refused = 300;
  job_.reached = 300;
  job_.pass = 2;
  const auto stop_after = [this](std::size_t items, std::size_t refusals) {
    Turn turn = plan(items);
    std::vector<SendResult> results(items, accepted(1));
    for (std::size_t i = 0; i < refusals; ++i) results[i] = refused(Errc::denied);
    take_results(turn, results);
    return record_of(turn, job_)->stop;
  };
  EXPECT_FALSE(stop_after(300, 15).has_value()) << "all of them were tried again";
  EXPECT_EQ(stop_after(300, 16), JobAction::fail);
  EXPECT_FALSE(stop_after(400, 20).has_value()) << "with some that were never tried";
  EXPECT_EQ(stop_after(400, 21), JobAction::fail);
}

// However small its turns are.
TEST_F(TurnTest, ARetryIsNotJudgedBeforeItIsBehindWhatWasTried) {
  job_.options.refused_ppm_max = 50'000;
  for (int i = 0; i < 200; ++i) add(State::refused);
  add_many(10);
  job_.counts.refused = 200;
  job_.reached = 200;
  job_.pass = 2;
  while (job_.cursor < 210) {
    Turn turn = plan(1);
    ASSERT_EQ(turn.open.size(), 1U);
    take_results(turn, {accepted(1)});
    const auto record = record_of(turn, job_);
    ASSERT_TRUE(record);
    EXPECT_FALSE(record->stop.has_value()) << job_.cursor;
    if (job_.cursor < 200) --job_.counts.refused;
    ++job_.counts.accepted;
    job_.cursor = record->to;
    job_.reached = std::max(job_.reached, job_.cursor);
  }
}

}  // namespace
}  // namespace jindou::jobs
