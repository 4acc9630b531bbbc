// What was refused is found by its channel and number, the last one first, as long as there is room
// and time for it; since when everything is there is told.
#include "partition/refusals.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "partition/send_batch.h"
#include "partition/simulation/lone_partition.h"

namespace jindou::partition {
namespace {

class MovedClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return ms; }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
  std::int64_t ms = 1'000'000;
};

const ChannelKey kGroup("g1", ChannelType::group);

SendCommand message(const std::string& number) {
  SendCommand command;
  command.channel = kGroup;
  command.from_uid = "u1";
  command.client_msg_no = number;
  return command;
}

SendResult refused(Reason reason, Errc code = Errc::denied) {
  return SendResult::refuse(reason, code);
}

class RefusalsTest : public ::testing::Test {
 protected:
  void limit(std::size_t bytes, std::chrono::milliseconds keep) {
    refusals_ = std::make_unique<Refusals>(clock_, RefusalLimits{bytes, keep});
  }
  bool knows(const std::string& number) { return refusals_->find(kGroup, number).has_value(); }

  MovedClock clock_;
  std::unique_ptr<Refusals> refusals_ = std::make_unique<Refusals>(clock_, RefusalLimits{});
};

TEST_F(RefusalsTest, TheLastOneOfANumberIsFound) {
  refusals_->add(message("n1"), refused(Reason::rate_limit, Errc::rate_limited));
  ++clock_.ms;
  SendResult moderated = refused(Reason::moderated);
  Moderation moderation;
  moderation.refused = true;
  moderation.reason = "no casinos";
  moderation.found_by = {"banned"};
  moderated.moderation = std::make_shared<const Moderation>(moderation);
  refusals_->add(message("n1"), moderated);
  const auto found = refusals_->find(kGroup, "n1");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->at_ms, 1'000'001);
  EXPECT_EQ(found->from_uid, "u1");
  EXPECT_EQ(found->result.reason, Reason::moderated);
  ASSERT_NE(found->result.words, nullptr);
  EXPECT_EQ(found->result.words->text, "no casinos");
  EXPECT_FALSE(refusals_->find(ChannelKey("g1", ChannelType::person), "n1"));
  EXPECT_FALSE(knows("n2"));
  EXPECT_EQ(refusals_->since_ms(), 1'000'000);
}

TEST_F(RefusalsTest, TheOldestMakeRoomAndItIsToldSinceWhenAllAreThere) {
  limit(2'000, std::chrono::hours(1));
  for (int i = 0; i < 100; ++i) {
    ++clock_.ms;
    refusals_->add(message("n" + std::to_string(i)), refused(Reason::ban));
  }
  EXPECT_FALSE(knows("n0"));
  EXPECT_TRUE(knows("n99"));
  int first = 0;
  while (!knows("n" + std::to_string(first))) ++first;
  EXPECT_LT(first, 99);
  EXPECT_EQ(refusals_->since_ms(), 1'000'000 + first + 1);
  // One that is larger than all of it leaves nothing.
  SendCommand large = message("large");
  large.from_uid = std::string(3'000, 'u');
  refusals_->add(large, refused(Reason::ban));
  EXPECT_FALSE(knows("large"));
  EXPECT_FALSE(knows("n99"));
}

TEST_F(RefusalsTest, TheirTimeEnds) {
  limit(1 << 20, std::chrono::milliseconds(100));
  refusals_->add(message("n1"), refused(Reason::ban));
  clock_.ms += 99;
  EXPECT_TRUE(knows("n1"));
  ++clock_.ms;
  EXPECT_FALSE(knows("n1"));
  EXPECT_EQ(refusals_->since_ms(), 1'000'001);
}

TEST_F(RefusalsTest, WhatIsTriedAgainOrKnownElsewhereOrWasNotRefusedIsNotRemembered) {
  SendCommand of_job = message("j1");
  of_job.job = std::make_shared<const std::string>("job");
  refusals_->add(of_job, refused(Reason::system_error, Errc::overloaded));
  EXPECT_FALSE(knows("j1"));
  refusals_->add(of_job, refused(Reason::ban));
  EXPECT_TRUE(knows("j1"));
  of_job.client_msg_no = "job-7";
  refusals_->add(of_job, refused(Reason::ban));
  EXPECT_FALSE(knows("job-7"));
  SendResult accepted;
  accepted.state = SendResult::State::accepted;
  refusals_->add(message("n1"), accepted);
  EXPECT_FALSE(knows("n1"));
  limit(0, std::chrono::hours(1));
  refusals_->add(message("n2"), refused(Reason::ban));
  EXPECT_FALSE(knows("n2"));
  EXPECT_FALSE(refusals_->on());
}

// Its messages have left their commands by then.
TEST(RefusedCommit, BehindOneThatFailedIsRemembered) {
  simulation::LonePartition lone(simulation::MemoryStore{});
  Refusals refusals(lone.clock, RefusalLimits{});
  ChangeMembers members;
  members.channel = kGroup;
  members.operation = ChangeMembers::Operation::add;
  members.uids = {"u1", "u2"};
  ASSERT_FALSE(lone.run(Change(members)).has_value());
  const ChannelKey empty("a group without members", ChannelType::group);
  std::vector<SendResult> answer;
  const auto begin = [&](std::vector<SendCommand> commands) {
    load_inboxes(commands, lone.inboxes());
    SendBatch::Part part{simulation::kPartition, {}};
    for (std::uint32_t item = 0; item < commands.size(); ++item) part.items.push_back(item);
    auto batch = std::make_shared<SendBatch>(
        std::move(commands), std::vector<SendBatch::Part>{part}, nullptr, CommandRouter::kNever,
        [&answer](const std::vector<SendResult>& results) { answer = results; });
    batch->remember_refusals_in(&refusals);
    lone.partition().execute(batch, 0);
    lone.partition().pump();
  };
  begin({message("failed")});
  SendCommand unheard = message("unheard");
  unheard.channel = empty;
  begin({unheard, message("heard")});
  ASSERT_EQ(lone.memory.pending_commits(), 2U);
  lone.memory.fail_one(/*applied=*/false);
  ASSERT_EQ(answer.size(), 2U);
  EXPECT_EQ(answer[0].code, Errc::unavailable);
  EXPECT_EQ(answer[1].code, Errc::unavailable);
  EXPECT_FALSE(refusals.find(kGroup, "failed")) << "it may be stored";
  ASSERT_TRUE(refusals.find(empty, "unheard"));
  const auto heard = refusals.find(kGroup, "heard");
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->from_uid, "u1");
  EXPECT_EQ(heard->result.code, Errc::unavailable);
}

}  // namespace
}  // namespace jindou::partition
