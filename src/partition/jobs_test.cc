// A job is what was uploaded, goes from state to state as it may, and counts what became of its
// items; two who run it do not both move it; nothing is left of one that is deleted.
#include "partition/jobs.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "partition/job_reader.h"
#include "partition/simulation/lone_partition.h"
#include "store/job_records.h"
#include "store/keys.h"

namespace jindou::partition {
namespace {

using simulation::LonePartition;
using simulation::MemoryStore;

SendCommand message(const std::string& text) {
  SendCommand command;
  command.channel = ChannelKey("g1", ChannelType::group);
  command.from_uid = "u1";
  command.client_msg_no = text;
  command.idempotent = true;
  command.payload = text;
  return command;
}

// "m": a message, "x": none.
store::JobInput input(const std::string& items, std::size_t payload_bytes = 1) {
  store::JobInputBuilder builder;
  SendCommand readable = message("p");
  readable.payload = std::string(payload_bytes, 'p');
  for (const char item : items) {
    const bool fits =
        item == 'm' ? builder.add(readable) : builder.refuse(Errc::invalid, "it is no message");
    EXPECT_TRUE(fits);
  }
  return builder.take();
}

JobResult result(char letter) {
  JobResult result;
  switch (letter) {
    case 'a': result.state = JobResult::State::accepted; break;
    case 'd': result.state = JobResult::State::duplicate; break;
    case 'r': result.state = JobResult::State::refused; break;
    case 'u': result.state = JobResult::State::unknown; break;
    case 'x': result.state = JobResult::State::unreadable; break;
    default: break;
  }
  if (result.ok()) result.message_id = MessageId{1};
  if (letter == 'r') result.code = Errc::denied;
  return result;
}

char letter_of(const JobResult& result) { return "-adrux"[static_cast<int>(result.state)]; }

class JobsTest : public ::testing::Test {
 protected:
  using Outcome = std::optional<Errc>;

  JobReader reader() const {
    return JobReader(store::PartitionReaders(world_->memory, PartitionMap(1)));
  }
  void restart(const PartitionOptions& options = {}) {
    const MemoryStore kept = world_->memory;
    world_ = std::make_unique<LonePartition>(kept, options);
  }
  Outcome begin(const std::string& id) { return world_->run(BeginJob{id, {}, ++now_ms_}); }
  Outcome append(const std::string& id, std::uint64_t first, const std::string& items,
                 std::size_t payload_bytes = 1) {
    return world_->run(AppendJobInput{id, first, input(items, payload_bytes), ++now_ms_});
  }
  Outcome seal(const std::string& id, std::uint64_t items) {
    return world_->run(SealJob{id, items, ++now_ms_});
  }
  Outcome change(const std::string& id, JobAction action, const std::string& reason = "") {
    return world_->run(ChangeJob{id, action, reason, ++now_ms_});
  }
  Outcome retry_failed(const std::string& id) {
    ChangeJob retry;
    retry.job = id;
    retry.action = JobAction::retry;
    retry.now_ms = ++now_ms_;
    retry.only_failed = true;
    return world_->run(retry);
  }
  // Somebody begins to run it who thinks that `before` has until now.
  Outcome run_as(const std::string& id, std::uint64_t runner, std::uint64_t before) {
    return world_->run(ChangeJob{id, JobAction::start, "", ++now_ms_, runner, before});
  }
  // Of the items that have results by these letters nothing is on its way, nor of others.
  Outcome settle(const std::string& id, std::uint64_t runner, const std::string& letters = "",
                 std::optional<JobAction> stop = {}) {
    AdvanceJob settling = step(id, letters);
    settling.settled_by = runner;
    settling.stop = stop;
    settling.now_ms = ++now_ms_;
    return world_->run(settling);
  }
  // The letters are results of the items from the cursor on; '.': none is told.
  AdvanceJob step(const std::string& id, const std::string& letters) const {
    const Job job = load(id);
    AdvanceJob advance;
    advance.job = id;
    advance.pass = job.pass;
    advance.from = job.cursor;
    advance.to = job.cursor + letters.size();
    advance.now_ms = now_ms_;
    for (std::size_t i = 0; i < letters.size(); ++i) {
      if (letters[i] == '.') continue;
      advance.results.emplace_back(job.cursor + i, result(letters[i]));
    }
    return advance;
  }
  Outcome advance(const std::string& id, const std::string& letters) {
    ++now_ms_;
    return world_->run(step(id, letters));
  }
  // Begun, given these chunks and sealed.
  void make(const std::string& id, const std::vector<std::string>& chunks) {
    EXPECT_FALSE(begin(id));
    std::uint64_t items = 0;
    for (const std::string& chunk : chunks) {
      EXPECT_FALSE(append(id, items, chunk));
      items += chunk.size();
    }
    EXPECT_FALSE(seal(id, items));
  }
  // And started.
  void start(const std::string& id, const std::vector<std::string>& chunks) {
    make(id, chunks);
    EXPECT_FALSE(change(id, JobAction::start));
  }

  Job load(const std::string& id) const {
    const auto job = reader().load_job(id).value();
    EXPECT_TRUE(job.has_value()) << id;
    return job.value_or(Job());
  }
  JobState state(const std::string& id) const { return load(id).state; }
  // Of all items, by letters.
  std::string results(const std::string& id) const {
    std::string letters;
    while (const auto chunk = reader().load_results(id, letters.size()).value()) {
      EXPECT_EQ(chunk->first, letters.size());
      for (const JobResult& result : chunk->results) letters += letter_of(result);
    }
    return letters;
  }
  std::size_t rows_of_jobs() const {
    std::size_t rows = 0;
    for (const auto& [key, value] : world_->rows()) {
      const store::KeyKind kind = store::kind_of_key(key);
      if (kind >= store::KeyKind::job && kind <= store::KeyKind::job_results) ++rows;
    }
    return rows;
  }

  std::unique_ptr<LonePartition> world_ = std::make_unique<LonePartition>(MemoryStore());
  std::int64_t now_ms_ = 1000;
  const std::string a_ = std::string(kJobIdBytes, 'a');
  const std::string b_ = std::string(kJobIdBytes, 'b');
  const std::string c_ = std::string(kJobIdBytes, 'c');
};

TEST_F(JobsTest, GoesFromUploadToItsEnd) {
  JobOptions options;
  options.name = "news";
  options.rate = 7;
  EXPECT_FALSE(world_->run(BeginJob{a_, options, 5}));
  EXPECT_EQ(load(a_).options, options);
  EXPECT_EQ(load(a_).created_ms, 5);
  EXPECT_EQ(state(a_), JobState::uploading);
  EXPECT_FALSE(append(a_, 0, "mxm"));
  EXPECT_FALSE(append(a_, 3, "mm"));
  EXPECT_FALSE(seal(a_, 5));
  EXPECT_EQ(state(a_), JobState::ready);
  EXPECT_EQ(results(a_), "-x---");
  EXPECT_FALSE(change(a_, JobAction::start));
  EXPECT_EQ(state(a_), JobState::running);

  EXPECT_FALSE(advance(a_, "a."));
  EXPECT_EQ(load(a_).cursor, 2U);
  EXPECT_EQ(load(a_).chunk, 0U);
  EXPECT_FALSE(advance(a_, "r"));
  EXPECT_EQ(load(a_).chunk, 3U);
  EXPECT_FALSE(advance(a_, "du"));
  const Job done = load(a_);
  EXPECT_EQ(done.state, JobState::done);
  EXPECT_EQ(done.ended_ms, now_ms_);
  EXPECT_EQ(done.changed_ms, now_ms_);
  EXPECT_EQ(done.counts, (JobCounts{5, 1, 1, 1, 1, 1}));
  EXPECT_EQ(done.counts.decided(), 5U);
  EXPECT_EQ(done.counts.failed(), 2U);
  EXPECT_EQ(results(a_), "axrdu");
  EXPECT_EQ(reader().load_results(a_, 2).value()->results[2].code, Errc::denied);
}

TEST_F(JobsTest, KnowsHowLongResultsTook) {
  start(a_, {"mmmm"});
  AdvanceJob first = step(a_, "ad");
  first.took_ms = 7;
  EXPECT_FALSE(world_->run(first));
  AdvanceJob second = step(a_, ".r");
  EXPECT_EQ(world_->run(second), Errc::invalid);
  second = step(a_, "r");
  second.took_ms = 20;
  EXPECT_FALSE(world_->run(second));
  restart();
  EXPECT_EQ(load(a_).times.items(), 3U);
  EXPECT_EQ(load(a_).times.within(0.6), 8U);
  EXPECT_EQ(load(a_).times.within(1), 24U);
}

TEST_F(JobsTest, InputIsFoundByTheIndexOfAnItem) {
  start(a_, {"mx", "mmm"});
  const auto chunk = reader().load_chunk(a_, 3).value();
  ASSERT_TRUE(chunk.has_value());
  EXPECT_EQ(chunk->first, 2U);
  ASSERT_EQ(chunk->items.size(), 3U);
  EXPECT_EQ(chunk->results.size(), 3U);
  EXPECT_EQ(chunk->items[0].message.channel, ChannelKey("g1", ChannelType::group));
  EXPECT_EQ(chunk->items[0].message.payload, "p");
  EXPECT_EQ(reader().load_input(a_, 1).value()->first, 0U);
  EXPECT_EQ(reader().load_input(a_, 1).value()->items[1].refusal->text, "it is no message");
  EXPECT_FALSE(reader().load_input(a_, 5).value().has_value());
  EXPECT_FALSE(reader().load_results(a_, ~std::uint64_t{0}).value().has_value());
  EXPECT_FALSE(reader().load_chunk(b_, 0).value().has_value());
  EXPECT_FALSE(reader().load_chunk("no id", 0).value().has_value());
  EXPECT_FALSE(reader().load_job("no id").value().has_value());
}

TEST_F(JobsTest, InputComesInOrderAndMayBeRepeated) {
  EXPECT_EQ(append(a_, 0, "m"), Errc::not_found);
  EXPECT_FALSE(begin(a_));
  EXPECT_EQ(begin(a_), Errc::conflict);
  EXPECT_EQ(append(a_, 1, "m"), Errc::conflict);
  EXPECT_FALSE(append(a_, 0, "mm"));
  EXPECT_FALSE(append(a_, 0, "mm"));
  EXPECT_EQ(append(a_, 0, "m"), Errc::conflict);
  EXPECT_EQ(append(a_, 1, "m"), Errc::conflict);
  EXPECT_EQ(append(a_, 3, "m"), Errc::conflict);
  EXPECT_FALSE(append(a_, 2, "m"));
  EXPECT_EQ(load(a_).counts.items, 3U);
  EXPECT_EQ(load(a_).input_bytes, input("mm").bytes.size() + input("m").bytes.size());
  EXPECT_EQ(seal(a_, 2), Errc::conflict);
  EXPECT_EQ(state(a_), JobState::uploading);
  EXPECT_FALSE(seal(a_, 3));
  EXPECT_FALSE(seal(a_, 3));
  EXPECT_EQ(seal(a_, 4), Errc::conflict);
  EXPECT_EQ(append(a_, 3, "m"), Errc::conflict);
  AdvanceJob nobody;
  nobody.job = b_;
  EXPECT_EQ(world_->run(nobody), Errc::not_found);
}

TEST_F(JobsTest, ARepeatIsKnownBeforeTheFirstIsDurable) {
  EXPECT_FALSE(begin(a_));
  const auto first = world_->begin(AppendJobInput{a_, 0, input("mm"), 2});
  const auto again = world_->begin(AppendJobInput{a_, 0, input("mm"), 3});
  const auto other = world_->begin(AppendJobInput{a_, 0, input("m"), 4});
  const auto sealed = world_->begin(SealJob{a_, 2, 5});
  world_->settle();
  EXPECT_FALSE(*first);
  EXPECT_FALSE(*again);
  EXPECT_EQ(*other, Errc::conflict);
  EXPECT_FALSE(*sealed);
  EXPECT_EQ(load(a_).counts.items, 2U);
}

TEST_F(JobsTest, AShareForTheCanaryBecomesANumberWithTheLastItem) {
  for (const auto& [ppm, items] :
       {std::pair{1U, 1U}, {333'333U, 1U}, {333'334U, 2U}, {500'000U, 2U}, {1'000'000U, 3U}}) {
    restart();
    EXPECT_FALSE(begin(a_));
    EXPECT_FALSE(append(a_, 0, "mmm"));
    EXPECT_FALSE(world_->run(SealJob{a_, 3, ++now_ms_, ppm}));
    EXPECT_EQ(load(a_).options.canary_items, items) << ppm;
    EXPECT_FALSE(change(a_, JobAction::cancel));
    EXPECT_FALSE(world_->run(DeleteJob{a_}));
  }
}

TEST_F(JobsTest, OneWithoutItemsIsDoneAtOnce) {
  EXPECT_FALSE(begin(a_));
  EXPECT_FALSE(seal(a_, 0));
  EXPECT_EQ(state(a_), JobState::done);
  EXPECT_EQ(load(a_).ended_ms, now_ms_);
  EXPECT_EQ(change(a_, JobAction::retry), Errc::conflict);
}

TEST_F(JobsTest, OnlyOneOfTwoWhoRunItMovesIt) {
  start(a_, {"mmm"});
  const AdvanceJob mine = step(a_, "a");
  const AdvanceJob theirs = step(a_, "aa");
  const auto first = world_->begin(mine);
  const auto second = world_->begin(theirs);
  world_->settle();
  EXPECT_FALSE(*first);
  EXPECT_EQ(*second, Errc::conflict);
  EXPECT_EQ(results(a_), "a--");
  // Told again: it was done.
  EXPECT_EQ(world_->run(mine), Errc::conflict);
  AdvanceJob later = step(a_, "aa");
  later.pass = 2;
  EXPECT_EQ(world_->run(later), Errc::conflict);
  later.pass = 1;
  EXPECT_FALSE(world_->run(later));
  EXPECT_FALSE(begin(b_));
  EXPECT_FALSE(append(b_, 0, "m"));
  EXPECT_EQ(advance(b_, "a"), Errc::conflict);
}

TEST_F(JobsTest, ResultsAreOfTheItemsThatComeNext) {
  start(a_, {"mxm", "mm"});
  const Job before = load(a_);
  EXPECT_EQ(advance(a_, ""), Errc::invalid);
  EXPECT_EQ(advance(a_, "..."), Errc::invalid);   // of pending ones
  EXPECT_EQ(advance(a_, "aa"), Errc::invalid);    // of one that is no message
  EXPECT_EQ(advance(a_, "-"), Errc::invalid);     // pending is no result
  EXPECT_EQ(advance(a_, "x"), Errc::invalid);     // nor is this
  EXPECT_EQ(advance(a_, "a.aa"), Errc::invalid);  // of two chunks
  EXPECT_EQ(advance(a_, "a.aaaa"), Errc::invalid);
  AdvanceJob twice = step(a_, "a.a");
  twice.results.emplace_back(2, result('a'));
  EXPECT_EQ(world_->run(twice), Errc::invalid);
  AdvanceJob behind = step(a_, "a");
  behind.results.emplace_back(2, result('a'));
  EXPECT_EQ(world_->run(behind), Errc::invalid);
  AdvanceJob resumes = step(a_, "a");
  resumes.stop = JobAction::resume;
  EXPECT_EQ(world_->run(resumes), Errc::invalid);
  EXPECT_EQ(load(a_), before);
  EXPECT_EQ(results(a_), "-x---");
  EXPECT_FALSE(advance(a_, "a.a"));
}

TEST_F(JobsTest, WhatWasOnItsWayIsRecorded) {
  start(a_, {"mmm"});
  EXPECT_FALSE(change(a_, JobAction::pause, "wait"));
  EXPECT_FALSE(advance(a_, "a"));
  EXPECT_EQ(state(a_), JobState::paused);
  EXPECT_EQ(load(a_).reason, "wait");
  EXPECT_FALSE(change(a_, JobAction::resume));
  EXPECT_EQ(state(a_), JobState::ready);
  EXPECT_EQ(load(a_).reason, "");
  EXPECT_FALSE(advance(a_, "a"));
  EXPECT_FALSE(change(a_, JobAction::pause));
  EXPECT_FALSE(advance(a_, "a"));
  EXPECT_EQ(state(a_), JobState::done);

  start(b_, {"mm"});
  EXPECT_FALSE(change(b_, JobAction::cancel, "wrong text"));
  const std::int64_t ended = now_ms_;
  EXPECT_FALSE(advance(b_, "aa"));
  EXPECT_EQ(state(b_), JobState::cancelled);
  EXPECT_EQ(load(b_).counts.accepted, 2U);
  EXPECT_EQ(load(b_).ended_ms, ended);
}

TEST_F(JobsTest, StopsTogetherWithTheResultsThatMakeItStop) {
  start(a_, {"mmm"});
  AdvanceJob stops = step(a_, "r");
  stops.stop = JobAction::fail;
  stops.reason = std::string(kJobReasonBytesMax + 1, 'r');
  EXPECT_FALSE(world_->run(stops));
  EXPECT_EQ(state(a_), JobState::failed);
  EXPECT_EQ(load(a_).reason, std::string(kJobReasonBytesMax, 'r'));
  EXPECT_EQ(results(a_), "r--");

  start(b_, {"mm"});
  AdvanceJob canary = step(b_, "a");
  canary.stop = JobAction::pause;
  canary.reason = "the canary is over";
  EXPECT_FALSE(world_->run(canary));
  EXPECT_EQ(state(b_), JobState::paused);
  EXPECT_EQ(load(b_).reason, "the canary is over");
  AdvanceJob last = step(b_, "r");
  last.stop = JobAction::fail;
  last.reason = "too late";
  EXPECT_FALSE(world_->run(last));
  EXPECT_EQ(state(b_), JobState::done);
  EXPECT_EQ(load(b_).reason, "");
}

TEST_F(JobsTest, IsSettledWhenWhoRunsItHasHeardOfAllThatHeSent) {
  make(a_, {"mmmm"});
  EXPECT_TRUE(load(a_).is_settled()) << "nobody has begun to send it";
  EXPECT_FALSE(run_as(a_, 7, 0));
  EXPECT_EQ(load(a_).runner, 7U);
  EXPECT_FALSE(load(a_).is_settled());
  EXPECT_FALSE(settle(a_, 7, "a"));
  EXPECT_FALSE(load(a_).is_settled()) << "it goes on";
  EXPECT_EQ(settle(a_, 7), Errc::conflict);
  EXPECT_FALSE(change(a_, JobAction::pause, "wait"));
  EXPECT_FALSE(load(a_).is_settled());
  EXPECT_EQ(settle(a_, 8), Errc::conflict) << "of somebody else";
  Job job = load(a_);
  EXPECT_FALSE(settle(a_, 7));
  job.runner = 0;
  job.settled = true;
  EXPECT_EQ(load(a_), job) << "and nothing else";
  EXPECT_FALSE(settle(a_, 7));
  restart();
  EXPECT_EQ(load(a_), job);
  // Until somebody sends it again, also one who does not say who he is.
  EXPECT_FALSE(change(a_, JobAction::resume));
  EXPECT_TRUE(load(a_).is_settled());
  EXPECT_FALSE(change(a_, JobAction::start));
  EXPECT_FALSE(load(a_).is_settled());
  EXPECT_FALSE(run_as(a_, 9, 0));
  EXPECT_FALSE(change(a_, JobAction::cancel));
  // Together with what was on its way.
  EXPECT_FALSE(advance(a_, "a"));
  EXPECT_FALSE(load(a_).is_settled());
  EXPECT_FALSE(settle(a_, 9, "a"));
  EXPECT_TRUE(load(a_).is_settled());
  EXPECT_EQ(results(a_), "aaa-");
}

TEST_F(JobsTest, IsSettledTogetherWithTheResultsThatMakeItStop) {
  for (const std::string& id : {a_, b_, c_}) {
    make(id, {"mm"});
    EXPECT_FALSE(run_as(id, 7, 0));
  }
  EXPECT_FALSE(settle(a_, 7, "ar"));
  EXPECT_EQ(state(a_), JobState::done);
  EXPECT_FALSE(settle(b_, 7, "r", JobAction::fail));
  EXPECT_EQ(state(b_), JobState::failed);
  EXPECT_FALSE(settle(c_, 7, "a", JobAction::pause));
  EXPECT_EQ(state(c_), JobState::paused);
  for (const std::string& id : {a_, b_, c_}) EXPECT_TRUE(load(id).is_settled()) << id;
  EXPECT_FALSE(change(a_, JobAction::retry));
  EXPECT_FALSE(run_as(a_, 8, 0));
  EXPECT_FALSE(load(a_).is_settled());
}

TEST_F(JobsTest, WhoTakesAJobOverKnowsWhoRanIt) {
  make(a_, {"mm"});
  EXPECT_FALSE(run_as(a_, 7, 0));
  EXPECT_FALSE(run_as(a_, 7, 0)) << "it was done";
  EXPECT_EQ(run_as(a_, 8, 0), Errc::conflict);
  Job job = load(a_);
  EXPECT_EQ(job.runner, 7U);
  EXPECT_FALSE(run_as(a_, 8, 7));
  job.runner = 8;
  EXPECT_EQ(load(a_), job) << "and nothing else";
  EXPECT_FALSE(change(a_, JobAction::pause));
  EXPECT_EQ(settle(a_, 7), Errc::conflict);
  EXPECT_EQ(run_as(a_, 9, 8), Errc::conflict) << "it is not to be sent";
  EXPECT_FALSE(change(a_, JobAction::resume));
  EXPECT_EQ(run_as(a_, 9, 7), Errc::conflict);
  EXPECT_EQ(state(a_), JobState::ready);
  EXPECT_FALSE(run_as(a_, 9, 8));
  EXPECT_FALSE(settle(a_, 9, "aa"));
  EXPECT_TRUE(load(a_).is_settled());
}

TEST_F(JobsTest, AnotherPassTriesWhatHasFailed) {
  start(a_, {"mx", "mm", "mmm"});
  EXPECT_FALSE(advance(a_, "a."));
  EXPECT_FALSE(advance(a_, "ad"));
  EXPECT_FALSE(advance(a_, "rau"));
  EXPECT_EQ(state(a_), JobState::done);
  EXPECT_FALSE(change(a_, JobAction::retry));
  Job job = load(a_);
  EXPECT_EQ(job.state, JobState::ready);
  EXPECT_EQ(job.pass, 2U);
  EXPECT_EQ(job.cursor, 0U);
  EXPECT_EQ(job.reached, 7U);
  EXPECT_EQ(job.ended_ms, 0);
  restart();
  EXPECT_FALSE(change(a_, JobAction::start));
  // What did not fail is passed by, whole chunks at a time.
  EXPECT_EQ(advance(a_, "..."), Errc::invalid);
  EXPECT_EQ(advance(a_, "....r"), Errc::invalid);
  EXPECT_EQ(advance(a_, "r"), Errc::invalid);
  EXPECT_FALSE(advance(a_, "...."));
  EXPECT_EQ(load(a_).chunk, 4U);
  EXPECT_FALSE(advance(a_, "a.u"));
  job = load(a_);
  EXPECT_EQ(job.state, JobState::done);
  EXPECT_EQ(job.counts, (JobCounts{7, 4, 1, 0, 1, 1}));
  EXPECT_EQ(results(a_), "axadaau");
  EXPECT_FALSE(change(a_, JobAction::retry));
  EXPECT_FALSE(advance(a_, "......."));
  EXPECT_EQ(state(a_), JobState::done);
  EXPECT_FALSE(change(a_, JobAction::retry));
  EXPECT_FALSE(advance(a_, "...."));
  EXPECT_FALSE(advance(a_, "..a"));
  EXPECT_EQ(change(a_, JobAction::retry), Errc::conflict);
}

TEST_F(JobsTest, AnotherPassGoesOnWhereOneFailed) {
  start(a_, {"mm", "mm"});
  AdvanceJob stops = step(a_, "r");
  stops.stop = JobAction::fail;
  EXPECT_FALSE(world_->run(stops));
  EXPECT_FALSE(change(a_, JobAction::retry));
  EXPECT_EQ(load(a_).reached, 1U);
  // What was never tried cannot be passed by.
  EXPECT_EQ(advance(a_, "...."), Errc::invalid);
  EXPECT_EQ(advance(a_, "a."), Errc::invalid);
  EXPECT_FALSE(advance(a_, "aa"));
  EXPECT_FALSE(advance(a_, "aa"));
  EXPECT_EQ(load(a_).counts, (JobCounts{4, 4, 0, 0, 0, 0}));
}

TEST_F(JobsTest, APassOverWhatHasFailedLeavesWhatWasNeverTried) {
  start(a_, {"mm", "mmm"});
  EXPECT_FALSE(advance(a_, "ar"));
  AdvanceJob stops = step(a_, "u");
  stops.stop = JobAction::fail;
  EXPECT_FALSE(world_->run(stops));
  EXPECT_FALSE(retry_failed(a_));
  restart();
  EXPECT_FALSE(change(a_, JobAction::start));
  EXPECT_FALSE(advance(a_, ".a"));
  EXPECT_EQ(advance(a_, "aa"), Errc::invalid) << "the second was never tried";
  EXPECT_FALSE(change(a_, JobAction::pause));
  EXPECT_FALSE(change(a_, JobAction::resume));
  EXPECT_FALSE(advance(a_, "r"));
  const Job job = load(a_);
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_TRUE(job.reason.starts_with("what had failed was tried again")) << job.reason;
  EXPECT_EQ(job.counts, (JobCounts{5, 2, 0, 1, 0, 0}));
  EXPECT_GT(job.ended_ms, 0);
  EXPECT_FALSE(job.only_failed);
  EXPECT_EQ(change(a_, JobAction::resume), Errc::conflict);
  // Again, as often as it takes.
  EXPECT_FALSE(retry_failed(a_));
  EXPECT_FALSE(advance(a_, ".."));
  EXPECT_FALSE(advance(a_, "a"));
  EXPECT_EQ(state(a_), JobState::failed);
  EXPECT_EQ(retry_failed(a_), Errc::conflict) << "nothing of it has failed";
  EXPECT_FALSE(change(a_, JobAction::retry));
  EXPECT_FALSE(advance(a_, ".."));
  EXPECT_FALSE(advance(a_, ".aa"));
  EXPECT_EQ(state(a_), JobState::done);
  EXPECT_EQ(results(a_), "aaaaa");
}

TEST_F(JobsTest, APassOverWhatHasFailedKeepsTheReasonItIsStoppedFor) {
  start(a_, {"mmm"});
  AdvanceJob stops = step(a_, "r");
  stops.stop = JobAction::fail;
  EXPECT_FALSE(world_->run(stops));
  for (const JobAction stop : {JobAction::fail, JobAction::pause}) {
    EXPECT_FALSE(retry_failed(a_));
    stops = step(a_, "r");
    stops.stop = stop;
    stops.reason = "told";
    EXPECT_FALSE(world_->run(stops));
    EXPECT_EQ(state(a_), JobState::failed) << "nothing is left of the pass that could go on";
    EXPECT_EQ(load(a_).reason == "told", stop == JobAction::fail);
  }
}

TEST_F(JobsTest, WhenAllWasTriedAPassOverWhatHasFailedIsAnyPass) {
  start(a_, {"mm"});
  EXPECT_FALSE(advance(a_, "ra"));
  EXPECT_FALSE(retry_failed(a_));
  EXPECT_FALSE(load(a_).only_failed);
  EXPECT_FALSE(advance(a_, "a."));
  EXPECT_EQ(state(a_), JobState::done);
  EXPECT_EQ(retry_failed(a_), Errc::conflict);
}

TEST_F(JobsTest, WhatCannotBeDoneChangesNothing) {
  start(a_, {"mm"});
  EXPECT_FALSE(advance(a_, "aa"));
  const Job done = load(a_);
  for (const JobAction action : {JobAction::start, JobAction::pause, JobAction::resume,
                                 JobAction::cancel, JobAction::fail, JobAction::retry}) {
    EXPECT_EQ(change(a_, action), Errc::conflict) << job_action_name(action);
  }
  EXPECT_EQ(change(a_, JobAction::seal), Errc::invalid);
  EXPECT_EQ(change(a_, JobAction::finish), Errc::invalid);
  EXPECT_EQ(world_->run(SetJobRate{a_, 5, 1}), Errc::conflict);
  EXPECT_EQ(load(a_), done);
  EXPECT_EQ(change(b_, JobAction::pause), Errc::not_found);
  EXPECT_EQ(world_->run(SetJobRate{b_, 5, 1}), Errc::not_found);
  EXPECT_EQ(world_->run(DeleteJob{b_}), Errc::not_found);

  // Twice is as good as once.
  start(b_, {"m"});
  EXPECT_FALSE(change(b_, JobAction::pause, "one"));
  const Job paused = load(b_);
  EXPECT_FALSE(change(b_, JobAction::pause, "two"));
  EXPECT_EQ(load(b_), paused);
  JobOptions options;
  options.name = std::string(kJobNameBytesMax + 1, 'n');
  EXPECT_EQ(world_->run(BeginJob{c_, options, 1}), Errc::invalid);
}

TEST_F(JobsTest, TheRateIsThatOfItsLastChange) {
  start(a_, {"m"});
  EXPECT_FALSE(world_->run(SetJobRate{a_, 5, ++now_ms_}));
  EXPECT_EQ(load(a_).options.rate, 5U);
  EXPECT_EQ(load(a_).changed_ms, now_ms_);
  restart();
  EXPECT_EQ(load(a_).options.rate, 5U);
  // A clock that was set back changes nothing of that.
  EXPECT_FALSE(world_->run(SetJobRate{a_, 6, 1}));
  EXPECT_EQ(load(a_).changed_ms, now_ms_);
}

TEST_F(JobsTest, WhomItHasReachedIsAddedUpInEveryState) {
  start(a_, {"mm"});
  const std::int64_t changed_ms = load(a_).changed_ms;
  EXPECT_FALSE(world_->run(CountReach{a_, {1, 10, 4}}));
  EXPECT_EQ(load(a_).reach, (JobReach{1, 10, 4}));
  EXPECT_EQ(load(a_).changed_ms, changed_ms);
  // The last ones come when the job has ended.
  EXPECT_FALSE(advance(a_, "aa"));
  const Job done = load(a_);
  EXPECT_FALSE(world_->run(CountReach{a_, {}}));
  EXPECT_EQ(load(a_), done);
  EXPECT_FALSE(world_->run(CountReach{a_, {1, 3, 0}}));
  restart();
  EXPECT_EQ(load(a_).reach, (JobReach{2, 13, 4}));
  EXPECT_EQ(load(a_).reach.left_offline(), 9U);
  EXPECT_EQ(load(a_).counts, done.counts);
  EXPECT_EQ(world_->run(CountReach{b_, {1, 1, 1}}), Errc::not_found);
}

TEST_F(JobsTest, AnUploadThatWasCutLeavesItsRecordOnly) {
  EXPECT_FALSE(begin(a_));
  EXPECT_FALSE(append(a_, 0, "mxm"));
  EXPECT_FALSE(change(a_, JobAction::fail, "the upload was cut"));
  EXPECT_EQ(state(a_), JobState::failed);
  EXPECT_EQ(load(a_).reason, "the upload was cut");
  EXPECT_EQ(load(a_).counts.items, 3U);
  EXPECT_EQ(load(a_).input_bytes, 0U);
  EXPECT_EQ(rows_of_jobs(), 1U);
  EXPECT_EQ(change(a_, JobAction::retry), Errc::conflict);
  EXPECT_EQ(append(a_, 3, "m"), Errc::conflict);
  EXPECT_EQ(seal(a_, 3), Errc::conflict);
}

TEST_F(JobsTest, NothingIsLeftOfOneThatIsDeleted) {
  start(a_, {"mm", "m"});
  EXPECT_EQ(world_->run(DeleteJob{a_}), Errc::conflict);
  EXPECT_EQ(rows_of_jobs(), 5U);
  EXPECT_FALSE(change(a_, JobAction::cancel));
  start(b_, {"m"});
  EXPECT_FALSE(world_->run(DeleteJob{a_}));
  EXPECT_EQ(rows_of_jobs(), 3U);
  EXPECT_FALSE(reader().load_job(a_).value().has_value());
  EXPECT_EQ(results(a_), "");
  EXPECT_EQ(world_->run(DeleteJob{a_}), Errc::not_found);
  restart();
  EXPECT_EQ(world_->run(DeleteJob{a_}), Errc::not_found);
  EXPECT_EQ(results(b_), "-");
}

TEST_F(JobsTest, AnIdIsFreeWhenNothingOfItCanBeReadAnyMore) {
  start(a_, {"mm", "mm"});
  EXPECT_FALSE(change(a_, JobAction::cancel));
  const auto gone = world_->begin(DeleteJob{a_});
  const auto again = world_->begin(BeginJob{a_, {}, 1});
  world_->settle();
  EXPECT_FALSE(*gone);
  EXPECT_EQ(*again, Errc::conflict);
  EXPECT_FALSE(begin(a_));
  EXPECT_FALSE(append(a_, 0, "mmm"));
  // A chunk of the one before began here.
  EXPECT_EQ(append(a_, 2, "mm"), Errc::conflict);
}

TEST_F(JobsTest, ThereAreAsManyAsThereMayBe) {
  PartitionOptions options;
  options.jobs.per_partition_max = 2;
  restart(options);
  EXPECT_FALSE(begin(a_));
  EXPECT_FALSE(begin(b_));
  EXPECT_EQ(begin(c_), Errc::overloaded);
  EXPECT_FALSE(change(a_, JobAction::cancel));
  EXPECT_EQ(begin(c_), Errc::overloaded);
  EXPECT_FALSE(world_->run(DeleteJob{a_}));
  EXPECT_FALSE(begin(c_));
}

TEST_F(JobsTest, InputIsBounded) {
  PartitionOptions options;
  options.jobs.input_bytes_max = 1000;
  restart(options);
  EXPECT_FALSE(begin(a_));
  EXPECT_EQ(append(a_, 0, "m", 1001), Errc::too_large);
  EXPECT_FALSE(append(a_, 0, "m", 600));
  EXPECT_EQ(append(a_, 1, "m", 400), Errc::too_large);
  EXPECT_FALSE(begin(b_));
  EXPECT_EQ(append(b_, 0, "m", 600), Errc::overloaded);
  restart(options);
  EXPECT_EQ(append(b_, 0, "m", 600), Errc::overloaded);
  EXPECT_EQ(load(b_).counts.items, 0U);
  EXPECT_FALSE(change(a_, JobAction::cancel));
  EXPECT_FALSE(append(b_, 0, "m", 600));

  // What no builder makes.
  store::JobInput large = input("mm");
  large.bytes.resize(kJobChunkBytesMax + 1);
  EXPECT_EQ(world_->run(AppendJobInput{b_, 1, large, 1}), Errc::too_large);
  large = input("m");
  large.items = kJobChunkItemsMax + 1;
  EXPECT_EQ(world_->run(AppendJobInput{b_, 1, large, 1}), Errc::too_large);
}

TEST_F(JobsTest, OldOnesAreForgotten) {
  EXPECT_FALSE(world_->run(BeginJob{a_, {}, 100}));
  EXPECT_FALSE(world_->run(SealJob{a_, 0, 200}));
  EXPECT_FALSE(world_->run(BeginJob{b_, {}, 150}));
  EXPECT_FALSE(world_->run(AppendJobInput{b_, 0, input("m"), 300}));
  start(c_, {"m"});
  EXPECT_FALSE(world_->run(ReclaimJobs{simulation::kPartition, 199, 299, 5000}));
  EXPECT_EQ(state(a_), JobState::done);
  EXPECT_EQ(state(b_), JobState::uploading);
  EXPECT_FALSE(world_->run(ReclaimJobs{simulation::kPartition, 200, 300, 5000}));
  EXPECT_FALSE(reader().load_job(a_).value().has_value());
  EXPECT_EQ(state(b_), JobState::failed);
  EXPECT_NE(load(b_).reason.find("jobs.uploadIdle"), std::string::npos);
  EXPECT_EQ(load(b_).ended_ms, 5000);
  EXPECT_FALSE(world_->run(ReclaimJobs{simulation::kPartition, 5000, 5000, 6000}));
  EXPECT_FALSE(reader().load_job(b_).value().has_value());
  // One that runs has all the time it needs.
  EXPECT_EQ(state(c_), JobState::running);
  EXPECT_EQ(rows_of_jobs(), 3U);
}

TEST_F(JobsTest, AreListedTheNewestFirst) {
  for (const std::string& id : {b_, a_, c_}) EXPECT_FALSE(begin(id));
  EXPECT_FALSE(change(b_, JobAction::cancel));
  const auto ids = [this](std::string_view before, std::size_t count) {
    std::string letters;
    const auto found = reader().load_jobs(before, count).value();
    for (const Job& job : found) letters += job.id[0];
    return letters;
  };
  EXPECT_EQ(ids("", 10), "cba");
  EXPECT_EQ(ids("", 2), "cb");
  EXPECT_EQ(ids(b_, 10), "a");
  EXPECT_EQ(ids(c_, 1), "b");
  EXPECT_EQ(ids(a_, 10), "");
  const auto unfinished = reader().load_unfinished(simulation::kPartition).value();
  ASSERT_EQ(unfinished.size(), 2U);
  EXPECT_EQ(unfinished[0].id, a_);
  EXPECT_EQ(unfinished[1].id, c_);
}

class KeptBatchTest : public JobsTest {
 protected:
  void SetUp() override { EXPECT_FALSE(begin_batch(kBatch)); }
  Outcome begin_batch(const std::string& id) {
    JobOptions options;
    options.kind = JobKind::batch;
    return world_->run(BeginJob{id, options, ++now_ms_});
  }
  // `letters`: results, 'x' of an item that is no message.
  Outcome keep(std::uint64_t first, const std::string& letters, bool last = false,
               const std::string& id = kBatch) {
    KeepSent kept;
    kept.job = id;
    kept.first = first;
    std::string items = letters;
    for (char& item : items) item = item == 'x' ? 'x' : 'm';
    kept.input = letters.empty() ? store::JobInput() : input(items);
    for (const char letter : letters) kept.results.push_back(result(letter));
    kept.last = last;
    if (last) kept.reason = reason_;
    kept.now_ms = ++now_ms_;
    return world_->run(kept);
  }

  static inline const std::string kBatch = std::string(kJobIdBytes, 'e');
  std::string reason_;
};

TEST_F(KeptBatchTest, IsDoneWithItsLastItems) {
  EXPECT_FALSE(keep(0, "axr"));
  EXPECT_EQ(state(kBatch), JobState::uploading);
  EXPECT_FALSE(keep(3, "du", true));
  const Job job = load(kBatch);
  EXPECT_EQ(job.state, JobState::done);
  EXPECT_TRUE(job.sealed);
  EXPECT_EQ(job.counts, (JobCounts{5, 1, 1, 1, 1, 1}));
  EXPECT_EQ(job.cursor, 5U);
  EXPECT_EQ(results(kBatch), "axrdu");
  EXPECT_FALSE(job.is_settled()) << "an item may be on its way of which nothing was heard";
  restart();
  EXPECT_EQ(load(kBatch), job);
  EXPECT_EQ(results(kBatch), "axrdu");
}

TEST_F(KeptBatchTest, MayEndWithNothingMore) {
  EXPECT_FALSE(keep(0, "a"));
  EXPECT_FALSE(keep(1, "", true));
  EXPECT_EQ(state(kBatch), JobState::done);
  EXPECT_EQ(results(kBatch), "a");
  const std::string empty(kJobIdBytes, 'f');
  EXPECT_FALSE(begin_batch(empty));
  EXPECT_FALSE(keep(0, "", true, empty));
  EXPECT_EQ(state(empty), JobState::done);
}

TEST_F(KeptBatchTest, ARepeatIsDoneAlready) {
  EXPECT_FALSE(keep(0, "ar"));
  EXPECT_FALSE(keep(0, "ar"));
  EXPECT_FALSE(keep(2, "d", true));
  const Job job = load(kBatch);
  EXPECT_FALSE(keep(2, "d", true));
  EXPECT_EQ(load(kBatch), job);
  EXPECT_EQ(results(kBatch), "ard");
}

TEST_F(KeptBatchTest, WhatDoesNotFitChangesNothing) {
  EXPECT_FALSE(keep(0, "a"));
  const Job job = load(kBatch);
  EXPECT_EQ(keep(2, "a"), Errc::conflict);
  EXPECT_EQ(keep(1, "-"), Errc::invalid) << "without a result";
  KeepSent uneven;
  uneven.job = kBatch;
  uneven.first = 1;
  uneven.input = input("mm");
  uneven.results = {result('a')};
  EXPECT_EQ(world_->run(uneven), Errc::invalid);
  EXPECT_EQ(load(kBatch), job);
  EXPECT_FALSE(begin(a_));
  EXPECT_EQ(keep(0, "a", false, a_), Errc::invalid) << "of a job that is sent";
  EXPECT_EQ(keep(0, "a", false, b_), Errc::not_found);
  EXPECT_FALSE(keep(1, "a", true));
  EXPECT_EQ(keep(2, "a"), Errc::conflict);
}

TEST_F(KeptBatchTest, TellsWhyThereAreNoMore) {
  EXPECT_FALSE(keep(0, "a"));
  EXPECT_EQ(load(kBatch).reason, "");
  reason_ = "the upload was cut";
  EXPECT_FALSE(keep(1, "r", true));
  EXPECT_EQ(load(kBatch).reason, "the upload was cut");
  EXPECT_EQ(state(kBatch), JobState::done);
}

// It was sent, and who has it may want it back.
TEST_F(KeptBatchTest, WhatItHasStaysWhenTheRestIsLost) {
  EXPECT_FALSE(keep(0, "axr"));
  EXPECT_FALSE(change(kBatch, JobAction::fail, "the disk was full"));
  const Job job = load(kBatch);
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_FALSE(job.sealed);
  EXPECT_TRUE(job.has_all_input());
  EXPECT_EQ(job.counts, (JobCounts{3, 1, 0, 1, 0, 1}));
  EXPECT_GT(job.input_bytes, 0U);
  EXPECT_EQ(results(kBatch), "axr");
  EXPECT_EQ(keep(3, "a"), Errc::conflict);
  EXPECT_EQ(keep(3, "", true), Errc::conflict);
  EXPECT_EQ(change(kBatch, JobAction::retry), Errc::conflict);
  // Neither does one that stands still lose any, nor one that is cancelled.
  const std::string idle(kJobIdBytes, 'f');
  EXPECT_FALSE(begin_batch(idle));
  EXPECT_FALSE(keep(0, "d", false, idle));
  ReclaimJobs reclaim;
  reclaim.partition = simulation::kPartition;
  reclaim.uploads_by_ms = now_ms_;
  reclaim.now_ms = ++now_ms_;
  EXPECT_FALSE(world_->run(reclaim));
  EXPECT_EQ(state(idle), JobState::failed);
  EXPECT_EQ(results(idle), "d");
  EXPECT_FALSE(begin_batch(a_));
  EXPECT_FALSE(keep(0, "a", false, a_));
  EXPECT_FALSE(change(a_, JobAction::cancel));
  EXPECT_EQ(results(a_), "a");
  for (const std::string& id : {kBatch, idle, a_}) EXPECT_FALSE(world_->run(DeleteJob{id}));
  EXPECT_EQ(rows_of_jobs(), 0U);
}

// Whoever runs jobs would send it a second time.
TEST_F(KeptBatchTest, IsNeverSent) {
  EXPECT_EQ(append(kBatch, 0, "m"), Errc::invalid);
  EXPECT_EQ(seal(kBatch, 0), Errc::invalid);
  EXPECT_FALSE(keep(0, "ru", true));
  EXPECT_EQ(change(kBatch, JobAction::retry), Errc::conflict);
  EXPECT_EQ(change(kBatch, JobAction::resume), Errc::conflict);
  EXPECT_FALSE(world_->run(DeleteJob{kBatch}));
  EXPECT_EQ(rows_of_jobs(), 0U);
}

}  // namespace
}  // namespace jindou::partition
