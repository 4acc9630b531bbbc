#include "jobs/revision.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "partition/change.h"

namespace jindou::jobs {
namespace {

Message stored() {
  Message message;
  message.id = MessageId{2050};
  message.seq = MessageSeq{7};
  message.channel = ChannelKey("g1", ChannelType::group);
  message.from_uid = "u1";
  message.payload = "as it was";
  return message;
}

Job job_of(JobKind kind) {
  Job job;
  job.options.kind = kind;
  job.options.operator_uid = "admin";
  return job;
}

JobItem item_of(const std::string& payload = "") {
  JobItem item;
  item.message.payload = payload;
  return item;
}

// Messages of a batch, by what became of them, the third without a number of its own.
partition::JobChunk chunk_of(const std::vector<JobResult::State>& states) {
  partition::JobChunk chunk;
  for (const JobResult::State state : states) {
    JobItem& item = chunk.items.emplace_back();
    item.message.channel = ChannelKey("g1", ChannelType::group);
    item.message.from_uid = "u1";
    item.message.idempotent = chunk.items.size() != 3;
    if (item.message.idempotent) {
      item.message.client_msg_no = "n" + std::to_string(chunk.items.size() - 1);
    }
    JobResult& result = chunk.results.emplace_back();
    result.state = state;
    if (result.ok()) result.message_id = static_cast<MessageId>(1000 + chunk.items.size());
  }
  return chunk;
}

std::vector<std::string> numbers_of(const std::vector<Revised>& revised) {
  std::vector<std::string> numbers;
  for (const Revised& one : revised) {
    numbers.push_back(one.message.client_msg_no + (raw(one.id) == 0 ? " unknown" : ""));
  }
  return numbers;
}

TEST(RevisedOf, WhatWasSentAndWhatMayHaveBeen) {
  using State = JobResult::State;
  Job batch;
  batch.id = "j";
  batch.state = JobState::done;
  batch.started_ms = 1;
  batch.counts.items = batch.cursor = batch.reached = 4;
  const auto chunk = chunk_of({State::accepted, State::refused, State::duplicate, State::unknown});
  EXPECT_EQ(numbers_of(revised_of(batch, chunk, "")),
            (std::vector<std::string>{"n0", "j-2", "n3 unknown"}));
  const auto edited = revised_of(batch, chunk, "as it is");
  EXPECT_EQ(edited[1].message.payload, "as it is");
  EXPECT_EQ(edited[0].message.payload.view().data(), edited[2].message.payload.view().data())
      << "a thousand of them may have a large one";
}

TEST(RevisedOf, BehindTheCursorOfAJobThatWasStoppedAndIsNotSettledAnythingMayBeThere) {
  using State = JobResult::State;
  Job batch;
  batch.id = "j";
  batch.state = JobState::cancelled;
  batch.started_ms = 1;
  batch.counts.items = 4;
  batch.cursor = batch.reached = 1;
  const auto chunk = chunk_of({State::refused, State::pending, State::pending, State::pending});
  EXPECT_EQ(numbers_of(revised_of(batch, chunk, "")),
            (std::vector<std::string>{"n1 unknown", "j-2 unknown", "n3 unknown"}));
  batch.settled = true;
  EXPECT_TRUE(revised_of(batch, chunk, "").empty());
  EXPECT_TRUE(may_have_sent(batch, 3));
  EXPECT_FALSE(may_have_sent(batch, 4));
}

TEST(PlanRevision, AMessageIsRecalledAndClientsAreTold) {
  const RevisionStep step = plan_revision(job_of(JobKind::recall), item_of(), stored());
  ASSERT_FALSE(step.result.has_value());
  ASSERT_EQ(step.commands.size(), 2U);
  const auto& change = std::get<partition::Change>(step.commands[0]);
  const auto& recall = std::get<partition::RecallMessage>(change);
  EXPECT_EQ(recall.seq, 7U);
  EXPECT_EQ(recall.id, MessageId{2050});
  EXPECT_EQ(recall.operator_uid, "admin");
  EXPECT_TRUE(std::get<SendCommand>(step.commands[1]).flags.sync_once);
  EXPECT_EQ(step.when_made.state, SendResult::State::accepted);
  EXPECT_EQ(step.when_made.message_seq, MessageSeq{7});
}

TEST(PlanRevision, AnEditMakesTheNextVersion) {
  Message edited = stored();
  edited.revision.emplace();
  edited.revision->version = 4;
  const RevisionStep step = plan_revision(job_of(JobKind::edit), item_of("as it is"), edited);
  ASSERT_EQ(step.commands.size(), 2U);
  const auto& change = std::get<partition::Change>(step.commands[0]);
  const auto& edit = std::get<partition::EditMessage>(change);
  EXPECT_EQ(edit.version, 5U);
  EXPECT_EQ(edit.payload, "as it is");
  EXPECT_EQ(edit.operator_uid, "admin");
}

TEST(PlanRevision, WhatIsDoneIsADuplicate) {
  Message recalled = stored();
  recalled.revision.emplace();
  recalled.revision->recalled = true;
  const auto state = [](const RevisionStep& step) {
    EXPECT_TRUE(step.commands.empty());
    return step.result.value().state;
  };
  EXPECT_EQ(state(plan_revision(job_of(JobKind::recall), item_of(), recalled)),
            SendResult::State::duplicate);
  EXPECT_EQ(state(plan_revision(job_of(JobKind::edit), item_of("as it was"), stored())),
            SendResult::State::duplicate);
}

TEST(PlanRevision, WhatCannotBeDoneIsRefused) {
  Message recalled = stored();
  recalled.revision.emplace();
  recalled.revision->recalled = true;
  Message command = stored();
  command.flags.sync_once = true;
  const auto code = [](const RevisionStep& step) {
    EXPECT_EQ(step.result.value().state, SendResult::State::refused);
    return step.result.value().code;
  };
  EXPECT_EQ(code(plan_revision(job_of(JobKind::edit), item_of("x"), recalled)), Errc::conflict);
  for (const JobKind kind : {JobKind::recall, JobKind::edit}) {
    EXPECT_EQ(code(plan_revision(job_of(kind), item_of("x"), std::nullopt)), Errc::not_found);
    EXPECT_EQ(code(plan_revision(job_of(kind), item_of("x"), command)), Errc::invalid);
  }
}

TEST(ResultOfRevision, WhatMayPassIsTriedAgain) {
  SendResult when_made;
  when_made.state = SendResult::State::accepted;
  const auto of = [&when_made](Errc code) {
    partition::TransactionResult result;
    result.commands.emplace_back(Error(code));
    result.commands.emplace_back(Error(code));
    result.failed = 0;
    return result_of(result, when_made);
  };
  for (const Errc code : {Errc::conflict, Errc::overloaded, Errc::unavailable, Errc::deadline,
                          Errc::unknown_outcome, Errc::not_owner}) {
    EXPECT_EQ(of(code).code, Errc::overloaded) << errc_name(code);
  }
  EXPECT_EQ(of(Errc::not_found).code, Errc::not_found);
  EXPECT_EQ(of(Errc::not_found).state, SendResult::State::refused);
  EXPECT_EQ(result_of({}, when_made).state, SendResult::State::accepted);
}

TEST(BatchTimes, AreThoseOfTheBatchAndNotLaterThanItsRevision) {
  Job revision = job_of(JobKind::recall);
  revision.options.source = "0000000003e8" + std::string(20, '0');
  revision.created_ms = 9'000;
  const auto over_ms = [&revision](const std::optional<Job>& source) {
    const BatchTime time = batch_time(revision, source, std::chrono::milliseconds(100));
    EXPECT_EQ(time.began_ms, 1'000);
    return time.over_ms;
  };
  Job source;
  source.state = JobState::done;
  source.ended_ms = 5'000;
  EXPECT_EQ(over_ms(source), 5'100);
  // In another pass, which ends later.
  source.ended_ms = 20'000;
  EXPECT_EQ(over_ms(source), 9'100);
  source.state = JobState::running;
  source.ended_ms = 0;
  EXPECT_EQ(over_ms(source), 9'100);
  EXPECT_EQ(over_ms(std::nullopt), 9'100);
}

}  // namespace
}  // namespace jindou::jobs
