// The runner over the real core: every item is sent once and counted rightly, whatever happens in
// between.
#include "jobs/runner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "partition/core_fixture.h"
#include "store/job_records.h"

namespace jindou::jobs {
namespace {

using namespace std::chrono_literals;

// What the core does not answer.
class Lost final : public partition::PendingSend {
 public:
  Lost(std::size_t items, partition::SendDone done) : items_(items), done_(std::move(done)) {}
  void expire() override { done_(std::vector<SendResult>(items_)); }
  std::vector<SendCommand> take_back() override { return {}; }

 private:
  std::size_t items_;
  partition::SendDone done_;
};

class RunnerTest : public partition::Core {
 protected:
  using Commands = std::vector<SendCommand>;

  void SetUp() override {
    clock_.now_ms = real_clock_.wall_ms() - std::chrono::milliseconds(core_begins_ago_).count();
    Core::SetUp();
  }
  void TearDown() override {
    runner_.reset();
    Core::TearDown();
  }

  void start() {
    RunnerDeps deps{
        .readers = {*database_, PartitionMap(database_->partitions())},
        .clock = real_clock_,
        .random = random_,
        .owned = *owned_,
        .changed = changed_jobs_,
        .post_send = [this](Commands&& commands, partition::SendDone done)
            -> Result<std::shared_ptr<partition::PendingSend>> {
          {
            const MutexLock lock(mutex_);
            for (const SendCommand& command : commands) sent_.push_back(command.payload.str());
            turns_.push_back(commands.size());
          }
          if (refusals_.fetch_sub(1) > 0) return Error(Errc::overloaded);
          refusals_.store(0);
          if (losses_.fetch_sub(1) > 0) {
            return std::shared_ptr<partition::PendingSend>(
                std::make_shared<Lost>(commands.size(), std::move(done)));
          }
          losses_.store(0);
          auto altered = [this, done = std::move(done)](std::vector<SendResult> results) {
            if (alter_) alter_(results);
            done(std::move(results));
          };
          return router_->post_send(std::move(commands), std::move(altered));
        },
        .post_change = [this](partition::Change change,
                              std::function<void(Result<void>)> done) -> Result<void> {
          if (loses_records_.load() && std::holds_alternative<partition::AdvanceJob>(change)) {
            return Error(Errc::unavailable);
          }
          return router_->post_change(std::move(change), std::move(done));
        },
        .post_all =
            [this](std::vector<partition::Command> commands, partition::Transaction::Done done) {
              return router_->post_all(std::move(commands), std::move(done));
            },
        .history = *history_,
        .options = [this] { return options_now_; },
        .find_key =
            [this](std::string_view name) {
              const MutexLock lock(mutex_);
              return key_ != nullptr && key_->name == name ? key_ : nullptr;
            },
    };
    runner_ = std::make_unique<Runner>(std::move(deps));
    if (has_thread_) runner_->start();
  }
  void stop() { runner_.reset(); }

  partition::JobReader reader() {
    return partition::JobReader(
        store::PartitionReaders(*database_, PartitionMap(database_->partitions())));
  }
  std::string begin_job(const JobOptions& options = {}) {
    const std::string id = make_job_id(real_clock_.wall_ms(), random_);
    partition::BeginJob begun;
    begun.job = id;
    begun.options = options;
    begun.now_ms = real_clock_.wall_ms();
    EXPECT_TRUE(change(begun));
    return id;
  }
  void fill(const std::string& id, const Commands& messages) {
    store::JobInputBuilder input;
    std::uint64_t first = 0;
    const auto flush = [&] {
      partition::AppendJobInput chunk;
      chunk.job = id;
      chunk.first = first;
      first += input.items();
      chunk.input = input.take();
      chunk.now_ms = real_clock_.wall_ms();
      const auto done = change(chunk);
      EXPECT_TRUE(done) << done.error().text();
    };
    for (const SendCommand& message : messages) {
      if (input.add(message)) continue;
      flush();
      EXPECT_TRUE(input.add(message));
    }
    if (!input.empty()) flush();
    partition::SealJob sealed;
    sealed.job = id;
    sealed.items = messages.size();
    sealed.now_ms = real_clock_.wall_ms();
    EXPECT_TRUE(change(sealed));
  }
  std::string make_job(const Commands& messages, const JobOptions& options = {}) {
    std::string id = begin_job(options);
    fill(id, messages);
    return id;
  }
  // Of all that the job has sent, as it says.
  std::string make_revision(JobKind kind, const std::string& source, const Payload& payload = {},
                            const std::vector<SendCommand>& unknown = {}) {
    JobOptions options;
    options.kind = kind;
    options.source = source;
    options.operator_uid = "admin";
    std::string id = begin_job(options);
    store::JobInputBuilder input;
    std::uint64_t items = 0;
    const auto flush = [&] {
      if (input.empty()) return;
      partition::AppendJobInput append;
      append.job = id;
      append.first = items;
      items += input.items();
      append.input = input.take();
      append.now_ms = real_clock_.wall_ms();
      EXPECT_TRUE(change(append));
    };
    const auto add = [&](SendCommand message, MessageId revised) {
      message.payload = payload;
      message.idempotent = true;
      if (input.add_revised(message, revised)) return;
      flush();
      EXPECT_TRUE(input.add_revised(message, revised));
    };
    const std::uint64_t all = source.empty() ? 0 : load(source).counts.items;
    for (std::uint64_t index = 0; index < all;) {
      const auto chunk = reader().load_chunk(source, index);
      for (std::size_t i = 0; i < (*chunk)->items.size(); ++i, ++index) {
        const JobResult& result = (*chunk)->results[i];
        if (result.ok()) add((*chunk)->items[i].message, result.message_id);
      }
    }
    for (const SendCommand& message : unknown) add(message, MessageId{});
    flush();
    partition::SealJob sealed;
    sealed.job = id;
    sealed.items = items;
    sealed.now_ms = real_clock_.wall_ms();
    EXPECT_TRUE(change(sealed));
    return id;
  }
  // Without numbers of their sender.
  static Commands messages(int count, const std::string& group = "g1",
                           const std::string& prefix = "m") {
    Commands out;
    for (int i = 0; i < count; ++i) {
      SendCommand message = to_group(group, prefix + std::to_string(i));
      message.client_msg_no.clear();
      out.push_back(std::move(message));
    }
    return out;
  }
  static std::vector<std::string> expected(int count, const std::string& prefix = "m") {
    std::vector<std::string> out;
    for (int i = 0; i < count; ++i) out.push_back(prefix + std::to_string(i));
    return out;
  }
  // All payloads of a group, in their order.
  std::vector<std::string> stored(const std::string& group) {
    partition::RangeQuery query;
    query.channel = ChannelKey(group, ChannelType::group);
    query.limit = 10'000;
    std::vector<std::string> out;
    const auto page = history_->load_range(query);
    EXPECT_TRUE(page && !page->more);
    for (const Message& message : page->messages) out.push_back(message.payload.str());
    return out;
  }
  Job load(const std::string& id) {
    const auto job = reader().load_job(id);
    EXPECT_TRUE(job && *job);
    return job && *job ? **job : Job();
  }
  Job wait_for(const std::string& id, const std::function<bool(const Job&)>& condition) {
    for (int i = 0; i < 12'000; ++i) {  // a minute
      Job job = load(id);
      if (condition(job)) return job;
      std::this_thread::sleep_for(5ms);
    }
    const Job job = load(id);
    ADD_FAILURE() << job_state_name(job.state) << " at " << job.cursor << ": " << job.reason;
    return job;
  }
  Job wait_for(const std::string& id, JobState state) {
    return wait_for(id, [state](const Job& job) { return job.state == state; });
  }
  Result<void> act(const std::string& id, JobAction action) {
    partition::ChangeJob wanted;
    wanted.job = id;
    wanted.action = action;
    wanted.now_ms = real_clock_.wall_ms();
    return change(wanted);
  }
  void deny(const std::string& group, const std::string& uid) {
    partition::ChangeMembers deny;
    deny.channel = ChannelKey(group, ChannelType::group);
    deny.list = partition::MemberList::denylist;
    deny.uids = {uid};
    ASSERT_TRUE(change(deny));
  }

  // The only key that there is.
  void set_key(const std::string& name, Scopes scopes) {
    auto key = std::make_shared<ApiKey>();
    key->name = name;
    key->scopes = scopes;
    const MutexLock lock(mutex_);
    key_ = std::move(key);
  }

  // A job that has ended with a turn on its way, and nobody knows what became of that.
  std::string make_abandoned_job(const Commands& messages) {
    std::string id = make_job(messages);
    EXPECT_TRUE(act(id, JobAction::start));
    EXPECT_TRUE(act(id, JobAction::cancel));
    return id;
  }

  SystemClock real_clock_;
  std::chrono::hours core_begins_ago_{0};  // before the clock of the runner
  RunnerOptions options_now_;
  bool has_thread_ = true;        // else it is stepped
  std::atomic<int> refusals_{0};  // of post_send, next
  std::atomic<int> losses_{0};    // that are never answered, next
  std::atomic<bool> loses_records_{false};
  std::function<void(std::vector<SendResult>&)> alter_;  // what comes back
  Mutex mutex_;
  ApiKeyPtr key_ JD_GUARDED_BY(mutex_);
  std::vector<std::string> sent_ JD_GUARDED_BY(mutex_);   // payloads
  std::vector<std::size_t> turns_ JD_GUARDED_BY(mutex_);  // items of each
  std::unique_ptr<Runner> runner_;
};

TEST_F(RunnerTest, SendsEachItemOnceInItsOrder) {
  start();
  const std::string id = make_job(messages(2300));
  const Job job = wait_for(id, JobState::done);
  EXPECT_EQ(job.counts.accepted, 2300U);
  EXPECT_EQ(job.counts.decided(), 2300U);
  EXPECT_EQ(job.cursor, 2300U);
  EXPECT_GT(job.started_ms, 0);
  EXPECT_EQ(job.times.items(), 2300U);
  EXPECT_EQ(stored("g1"), expected(2300));
  const auto chunk = reader().load_chunk(id, 17);
  ASSERT_TRUE(chunk && *chunk);
  EXPECT_EQ(raw((*chunk)->results[17].message_seq), 18U);
  std::string text;
  runner_->append_metrics(text);
  EXPECT_NE(text.find("jindou_job_items_total{outcome=\"accepted\"} 2300"), std::string::npos);
}

TEST_F(RunnerTest, FindsTheJobsThatAreThere) {
  const std::string id = make_job(messages(3));
  start();
  EXPECT_EQ(wait_for(id, JobState::done).counts.accepted, 3U);
}

TEST_F(RunnerTest, WithoutItsThreadItGoesAsFarAsItIsStepped) {
  has_thread_ = false;
  start();
  const std::string id = make_job(messages(3));
  EXPECT_EQ(load(id).state, JobState::ready);
  for (int i = 0; i < 12'000 && !is_ended(load(id).state); ++i) {
    runner_->step_now();
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(load(id).counts.accepted, 3U);
}

TEST_F(RunnerTest, RefusedItemsDoNotStopTheOthers) {
  deny("g1", "bad");
  Commands items = messages(5);
  items[2].from_uid = "bad";
  start();
  const std::string id = make_job(items);
  const Job job = wait_for(id, JobState::done);
  EXPECT_EQ(job.counts.accepted, 4U);
  EXPECT_EQ(job.counts.refused, 1U);
  const auto chunk = reader().load_chunk(id, 0);
  ASSERT_TRUE(chunk && *chunk);
  EXPECT_EQ((*chunk)->results[2].reason, Reason::in_denylist);
}

TEST_F(RunnerTest, ARetryTriesWhatFailed) {
  deny("g1", "bad");
  Commands items = messages(700);
  items[2].from_uid = items[650].from_uid = "bad";
  start();
  const std::string id = make_job(items);
  ASSERT_EQ(wait_for(id, JobState::done).counts.refused, 2U);
  EXPECT_TRUE(act(id, JobAction::retry));
  ASSERT_EQ(wait_for(id, JobState::done).pass, 2U);
  partition::ChangeMembers allow;
  allow.channel = ChannelKey("g1", ChannelType::group);
  allow.list = partition::MemberList::denylist;
  allow.operation = partition::ChangeMembers::Operation::remove;
  allow.uids = {"bad"};
  ASSERT_TRUE(change(allow));
  {
    const MutexLock lock(mutex_);
    sent_.clear();
  }
  EXPECT_TRUE(act(id, JobAction::retry));
  const Job job = wait_for(
      id, [](const Job& found) { return found.state == JobState::done && found.pass == 3; });
  EXPECT_EQ(job.counts.accepted, 700U);
  EXPECT_EQ(job.counts.refused, 0U);
  const MutexLock lock(mutex_);
  EXPECT_EQ(sent_, (std::vector<std::string>{"m2", "m650"}));
}

TEST_F(RunnerTest, AFullCoreIsWaitedFor) {
  refusals_ = 4;
  start();
  const std::string id = make_job(messages(10));
  const Job job = wait_for(id, JobState::done);
  EXPECT_EQ(job.counts.accepted, 10U);
  EXPECT_EQ(stored("g1"), expected(10));
}

// What came back as unknown may have been stored: it is sent again and found.
TEST_F(RunnerTest, WhatMayPassIsTriedAgainAndNeverRefused) {
  std::atomic<int> times{0};
  alter_ = [&times](std::vector<SendResult>& results) {
    if (times.fetch_add(1) > 1) return;
    for (std::size_t i = 0; i < results.size(); i += 3) results[i] = SendResult();
    if (results.size() > 1) results[1] = SendResult::refuse(Reason::system_error, Errc::storage);
  };
  start();
  Commands items = messages(10);
  items[3].idempotent = true;
  items[3].client_msg_no = "mine";
  const std::string id = make_job(items);
  const Job job = wait_for(id, JobState::done);
  EXPECT_EQ(job.counts.accepted, 9U);
  EXPECT_EQ(job.counts.duplicate, 1U) << "a number of the caller's";
  EXPECT_EQ(stored("g1"), expected(10));
}

// What of its record changes meanwhile is not what it waits for.
TEST_F(RunnerTest, ItWaitsAsLongAsItIsToldToWhileItsReachIsCounted) {
  std::atomic<int> times{0};
  alter_ = [&times](std::vector<SendResult>& results) {
    if (times.fetch_add(1) > 0) return;
    SendResult later = SendResult::refuse(Reason::rate_limit, Errc::rate_limited);
    later.retry_after_ms = 1'500;
    std::fill(results.begin(), results.end(), later);
  };
  start();
  const auto begun = real_clock_.steady();
  const std::string id = make_job(messages(3));
  for (int i = 0; i < 12'000 && times.load() == 0; ++i) std::this_thread::sleep_for(5ms);
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(50ms);
    EXPECT_TRUE(change(partition::CountReach{id, {1, 2, 1}}));
  }
  EXPECT_EQ(wait_for(id, JobState::done).counts.accepted, 3U);
  EXPECT_GE(real_clock_.steady() - begun, 1'500ms);
  EXPECT_EQ(times.load(), 2);
}

TEST_F(RunnerTest, ATurnThatWasNotRecordedIsFoundAgain) {
  loses_records_ = true;
  options_now_.turn_items = 50;
  start();
  const std::string id = make_job(messages(200));
  for (int i = 0; i < 2000 && stored("g1").size() < 50; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(stored("g1").size(), 50U);
  stop();
  EXPECT_EQ(load(id).cursor, 0U);
  loses_records_ = false;
  start();
  const Job job = wait_for(id, JobState::done);
  EXPECT_EQ(job.counts.accepted, 200U);
  EXPECT_EQ(job.counts.duplicate, 0U);
  EXPECT_EQ(stored("g1"), expected(200));
}

TEST_F(RunnerTest, StopsAndGoesOnWhereItWas) {
  options_now_.turn_items = 10;
  std::string id;
  for (int i = 0; i < 5; ++i) {
    start();
    if (id.empty()) id = make_job(messages(600));
    const std::uint64_t cursor = load(id).cursor;
    wait_for(id, [cursor](const Job& job) { return job.cursor > cursor; });
    stop();
  }
  start();
  EXPECT_EQ(wait_for(id, JobState::done).counts.accepted, 600U);
  EXPECT_EQ(stored("g1"), expected(600));
  const MutexLock lock(mutex_);
  EXPECT_EQ(sent_.size(), 600U) << "what was sent was recorded before the end";
}

TEST_F(RunnerTest, PausesResumesAndCancels) {
  options_now_.turn_items = 10;
  JobOptions slow;
  slow.rate = 200;
  start();
  const std::string id = make_job(messages(1000), slow);
  wait_for(id, [](const Job& job) { return job.cursor > 0; });
  EXPECT_TRUE(act(id, JobAction::pause));
  stop();  // the turn that was under way ends first, and is recorded
  start();
  const Job paused = load(id);
  EXPECT_EQ(paused.state, JobState::paused);
  EXPECT_LT(paused.cursor, 1000U);
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(load(id).cursor, paused.cursor);
  EXPECT_EQ(stored("g1").size(), paused.cursor);
  EXPECT_TRUE(act(id, JobAction::resume));
  wait_for(id, [&paused](const Job& job) { return job.cursor > paused.cursor; });
  EXPECT_TRUE(act(id, JobAction::cancel));
  stop();
  const Job cancelled = load(id);
  EXPECT_EQ(cancelled.state, JobState::cancelled);
  EXPECT_EQ(cancelled.counts.accepted, cancelled.cursor);
  EXPECT_EQ(stored("g1"), expected(static_cast<int>(cancelled.cursor)));
  EXPECT_FALSE(act(id, JobAction::pause));
}

// What the core did not take while a job was cancelled is tried no more.
TEST_F(RunnerTest, ACancelledJobThatWaitsIsLetGoOf) {
  refusals_ = 1'000'000;
  start();
  const std::string id = make_job(messages(10));
  wait_for(id, JobState::running);
  EXPECT_TRUE(act(id, JobAction::cancel));
  std::this_thread::sleep_for(100ms);
  refusals_ = 0;
  std::this_thread::sleep_for(200ms);
  EXPECT_TRUE(stored("g1").empty());
  EXPECT_EQ(load(id).counts.decided(), 0U);
}

TEST_F(RunnerTest, ObeysTheRate) {
  JobOptions slow;
  slow.rate = 20;
  start();
  const auto begun = real_clock_.steady();
  const std::string id = make_job(messages(30), slow);
  wait_for(id, JobState::done);
  EXPECT_GE(real_clock_.steady() - begun, 900ms);
  const MutexLock lock(mutex_);
  EXPECT_EQ(turns_, (std::vector<std::size_t>{10, 10, 10}));
}

TEST_F(RunnerTest, BeginsWhenItsTimeHasCome) {
  JobOptions later;
  later.not_before_ms = real_clock_.wall_ms() + 700;
  start();
  const std::string id = make_job(messages(3), later);
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(load(id).state, JobState::ready);
  const Job job = wait_for(id, JobState::done);
  EXPECT_GE(job.started_ms, later.not_before_ms);
}

TEST_F(RunnerTest, SendsInItsDailyWindowOnly) {
  const auto minute = static_cast<std::uint32_t>(real_clock_.wall_ms() / 60'000 % (24 * 60));
  const auto later = [minute](std::uint32_t minutes) { return (minute + minutes) % (24 * 60); };
  JobOptions open;
  open.window = {later(24 * 60 - 60), later(60), 0};
  JobOptions closed;
  closed.window = {later(60), later(120), 0};
  start();
  const std::string waits = make_job(messages(3, "g2"), closed);
  wait_for(make_job(messages(3), open), JobState::done);
  // In another zone it is another time of the day.
  closed.window.offset_min = 90;
  wait_for(make_job(messages(3, "g3"), closed), JobState::done);
  // Fourteen hours ahead at any time of the year.
  closed.window.zone = "Pacific/Kiritimati";
  const std::string named = make_job(messages(3, "g2"), closed);
  open.window = {later(13 * 60), later(15 * 60), 0, "Pacific/Kiritimati"};
  wait_for(make_job(messages(3, "g4"), open), JobState::done);
  EXPECT_EQ(load(named).state, JobState::ready);
  EXPECT_EQ(load(waits).state, JobState::ready);
  EXPECT_TRUE(stored("g2").empty());
}

TEST_F(RunnerTest, JobsTakeTurns) {
  options_now_.turn_items = 10;
  options_now_.items_in_flight_max = 10;
  const std::string first = make_job(messages(200, "g1", "a"));
  const std::string second = make_job(messages(200, "g2", "b"));
  start();
  wait_for(first, JobState::done);
  wait_for(second, JobState::done);
  const MutexLock lock(mutex_);
  ASSERT_EQ(sent_.size(), 400U);
  const auto of_first = std::count_if(sent_.begin(), sent_.begin() + 100,
                                      [](const std::string& text) { return text[0] == 'a'; });
  EXPECT_GE(of_first, 40);
  EXPECT_LE(of_first, 60);
}

TEST_F(RunnerTest, StopsWhereItIsToldTo) {
  deny("g1", "bad");
  Commands items = messages(10);
  items[3].from_uid = "bad";
  JobOptions strict;
  strict.stops_on_refusal = true;
  JobOptions canary;
  canary.canary_items = 4;
  start();
  const std::string stopped = make_job(items, strict);
  const Job failed = wait_for(stopped, JobState::failed);
  EXPECT_EQ(failed.counts.accepted, 3U);
  EXPECT_EQ(failed.counts.refused, 1U);
  EXPECT_EQ(stored("g1"), expected(3));
  const std::string tried = make_job(messages(10, "g2"), canary);
  EXPECT_EQ(wait_for(tried, JobState::paused).counts.accepted, 4U);
  EXPECT_TRUE(act(tried, JobAction::resume));
  EXPECT_EQ(wait_for(tried, JobState::done).counts.accepted, 10U);
}

// What is not heard of is sent again.
TEST_F(RunnerTest, RecallsWhatAnotherJobHasSent) {
  start();
  Commands items = messages(700);
  for (std::size_t i = 0; i < items.size(); i += 2) items[i].channel.id = "g2";
  const std::string sent = make_job(items);
  wait_for(sent, JobState::done);
  const std::string recall = make_revision(JobKind::recall, sent);
  const Job done = wait_for(recall, JobState::done);
  EXPECT_EQ(done.counts.accepted, 700U);
  for (const char* group : {"g1", "g2"}) {
    EXPECT_EQ(stored(group), std::vector<std::string>(350, std::string(kRecalledPayload)));
  }
  // Once more does no harm, and is counted.
  const Job again = wait_for(make_revision(JobKind::recall, sent), JobState::done);
  EXPECT_EQ(again.counts, (JobCounts{700, 0, 700, 0, 0, 0}));
  const Job late = wait_for(make_revision(JobKind::edit, sent, "too late"), JobState::done);
  EXPECT_EQ(late.counts, (JobCounts{700, 0, 0, 700, 0, 0}));
}

TEST_F(RunnerTest, EditsEachMessageOnceWhateverHappens) {
  start();
  const std::string sent = make_job(messages(600));
  wait_for(sent, JobState::done);
  // What is done is not recorded, and done again by whoever comes next.
  loses_records_ = true;
  const std::string edit = make_revision(JobKind::edit, sent, "as it is");
  const auto edited = [this] { return stored("g1").front() == "as it is"; };
  for (int i = 0; i < 12'000 && !edited(); ++i) std::this_thread::sleep_for(5ms);
  stop();
  loses_records_ = false;
  start();
  const Job done = wait_for(edit, JobState::done);
  EXPECT_EQ(done.counts.accepted + done.counts.duplicate, 600U);
  EXPECT_GT(done.counts.duplicate, 0U);
  EXPECT_EQ(stored("g1"), std::vector<std::string>(600, "as it is"));
  const auto first = history_->load_by_seq(ChannelKey("g1", ChannelType::group), MessageSeq{1});
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->revision->version, 1U);
  EXPECT_EQ((*first)->revision->operator_uid, "admin");
}

TEST_F(RunnerTest, WaitsForWhatWasOnItsWayWhenItsJobEnded) {
  options_now_.send_timeout = 3s;
  const std::string sent = make_abandoned_job(messages(1));
  SendCommand late = to_group("g1", "late", "late-1");
  const SendCommand never = to_group("g1", "never", "never-1");
  SendCommand others = to_group("g1", "of somebody else", "others-1");
  others.from_uid = "u2";
  send({others});
  others.from_uid = "u1";
  start();
  const std::string recall = make_revision(JobKind::recall, sent, {}, {late, never, others});
  wait_for(recall, JobState::running);
  send({late});
  const Job done = wait_for(recall, JobState::done);
  EXPECT_EQ(done.counts, (JobCounts{3, 1, 0, 2, 0, 0}));
  EXPECT_EQ(stored("g1"), (std::vector<std::string>{"of somebody else", "{}"}));
  EXPECT_EQ(reader().load_results(recall, 1).value()->results[1].code, Errc::not_found);
}

TEST_F(RunnerTest, RecallsTheMessageOfItsOwnSenderUnderANumberOfTwo) {
  options_now_.send_timeout = 100ms;
  const SendCommand own = to_group("g1", "own", "n");
  SendCommand other = to_group("g1", "of another", "n");
  other.from_uid = "u2";
  send({other});
  const std::string sent = make_abandoned_job({own});
  send({own});
  start();
  const Job done = wait_for(make_revision(JobKind::recall, sent, {}, {own}), JobState::done);
  EXPECT_EQ(done.counts, (JobCounts{1, 1, 0, 0, 0, 0}));
  EXPECT_EQ(stored("g1"), (std::vector<std::string>{"of another", std::string(kRecalledPayload)}));
}

TEST_F(RunnerTest, LeavesWhatWasSentUnderANumberAfterItsJob) {
  options_now_.send_timeout = 100ms;
  const SendCommand later = to_group("g1", "of a later job", "n");
  const std::string sent = make_abandoned_job({later});
  clock_.now_ms += 24h / 1ms;
  send({later});
  start();
  const Job done = wait_for(make_revision(JobKind::recall, sent, {}, {later}), JobState::done);
  EXPECT_EQ(done.counts, (JobCounts{1, 0, 0, 1, 0, 0}));
  EXPECT_EQ(stored("g1"), std::vector<std::string>{"of a later job"});
}

// What was sent longer ago than repeats are recognised.
class OldMessages : public RunnerTest {
 protected:
  OldMessages() {
    core_begins_ago_ = 8 * 24h;
    options_now_.send_timeout = 100ms;
  }
  void send_old(const SendCommand& message) {
    send({message});
    clock_.now_ms += core_begins_ago_ / 1ms;
  }
};

TEST_F(OldMessages, AreNotRecalledForAJobThatHasNotSentTheirNumbersAgain) {
  const SendCommand reminder = to_group("g1", "old", "n");
  send_old(reminder);
  const std::string unsent = make_abandoned_job({reminder});
  start();
  const std::string recall = make_revision(JobKind::recall, unsent, {}, {reminder});
  EXPECT_EQ(wait_for(recall, JobState::done).counts, (JobCounts{1, 0, 0, 1, 0, 0}));
  EXPECT_EQ(stored("g1"), std::vector<std::string>{"old"});
}

TEST_F(OldMessages, StayWhenWhatTheJobHasSentAgainIsRecalled) {
  const SendCommand reminder = to_group("g1", "old", "n");
  send_old(reminder);
  const std::string sent = make_abandoned_job({reminder});
  send({reminder});
  start();
  const std::string recall = make_revision(JobKind::recall, sent, {}, {reminder});
  EXPECT_EQ(wait_for(recall, JobState::done).counts, (JobCounts{1, 1, 0, 0, 0, 0}));
  EXPECT_EQ(stored("g1"), (std::vector<std::string>{"old", std::string(kRecalledPayload)}));
}

// Nothing below may wait for the time of a send.
class SettledJobs : public RunnerTest {
 protected:
  SettledJobs() {
    options_now_.send_timeout = 10min;
    options_now_.turn_items = 10;
  }
  static bool is_settled(const Job& job) { return job.is_settled(); }
  std::string make_slow_job() {
    JobOptions slow;
    slow.rate = 200;
    return make_job(messages(1000), slow);
  }
  Job wait_for_progress(const std::string& id) {
    return wait_for(id, [from = load(id).cursor](const Job& job) { return job.cursor > from; });
  }
  // What the runner had to do for others is done.
  void let_it_work() { wait_for(make_job(messages(1, "g9")), JobState::done); }
};

TEST_F(SettledJobs, WhatAStoppedJobHasSentIsRecalledAtOnce) {
  start();
  const std::string sent = make_slow_job();
  wait_for_progress(sent);
  ASSERT_TRUE(act(sent, JobAction::cancel));
  const Commands unsent = {to_group("g1", "never", "never-1")};
  const Job done = wait_for(make_revision(JobKind::recall, sent, {}, unsent), JobState::done);
  EXPECT_EQ(done.counts.refused, 1U);
  const Job cancelled = load(sent);
  EXPECT_TRUE(cancelled.is_settled());
  // It may have been on its way when the recall was made of what was known then.
  EXPECT_LE(done.counts.accepted, cancelled.counts.accepted);
  const Job rest = wait_for(make_revision(JobKind::recall, sent), JobState::done);
  EXPECT_EQ(rest.counts.decided(), cancelled.counts.accepted);
  EXPECT_EQ(stored("g1"),
            std::vector<std::string>(cancelled.counts.accepted, std::string(kRecalledPayload)));
}

TEST_F(SettledJobs, JobsAreSettledWhateverStopsThem) {
  deny("g2", "bad");
  Commands refused = messages(3, "g2");
  refused[1].from_uid = "bad";
  JobOptions strict;
  strict.stops_on_refusal = true;
  JobOptions canary;
  canary.canary_items = 2;
  start();
  EXPECT_TRUE(wait_for(make_job(messages(3, "g3")), JobState::done).is_settled());
  EXPECT_TRUE(wait_for(make_job(refused, strict), JobState::failed).is_settled());
  EXPECT_TRUE(wait_for(make_job(messages(3, "g4"), canary), JobState::paused).is_settled());
  const std::string id = make_slow_job();
  wait_for_progress(id);
  EXPECT_TRUE(act(id, JobAction::pause));
  EXPECT_EQ(wait_for(id, is_settled).state, JobState::paused);
  // Whoever goes on knows that nothing was on its way.
  stop();
  start();
  EXPECT_TRUE(act(id, JobAction::resume));
  EXPECT_FALSE(wait_for_progress(id).is_settled());
  EXPECT_TRUE(act(id, JobAction::cancel));
  EXPECT_EQ(wait_for(id, is_settled).state, JobState::cancelled);
}

TEST_F(SettledJobs, AtOnceWhileTheyWaitToBeTriedAgain) {
  options_now_.retry_max = 10min;
  alter_ = [](std::vector<SendResult>& results) {
    SendResult later = SendResult::refuse(Reason::rate_limit, Errc::rate_limited);
    later.retry_after_ms = 600'000;
    std::fill(results.begin(), results.end(), later);
  };
  start();
  const std::string id = make_job(messages(3));
  for (int i = 0; i < 12'000 && stored("g1").empty(); ++i) std::this_thread::sleep_for(5ms);
  std::this_thread::sleep_for(50ms);
  EXPECT_TRUE(change(partition::CountReach{id, {1, 2, 1}}));
  EXPECT_TRUE(act(id, JobAction::cancel));
  EXPECT_EQ(wait_for(id, is_settled).state, JobState::cancelled);
}

TEST_F(SettledJobs, NotWhileATurnIsOpen) {
  losses_ = 1;
  start();
  const std::string id = make_job(messages(3));
  for (int i = 0; i < 6'000 && losses_ != 0; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_TRUE(act(id, JobAction::cancel));
  let_it_work();
  EXPECT_FALSE(load(id).is_settled());
}

// It may be stored later.
TEST_F(SettledJobs, NotWhenWhatWasSentHadNoAnswer) {
  std::atomic<bool> loses{true};
  alter_ = [&loses](std::vector<SendResult>& results) {
    if (loses.load()) results.back() = SendResult();
  };
  start();
  const std::string id = make_job(messages(3));
  for (int i = 0; i < 6'000 && stored("g1").empty(); ++i) std::this_thread::sleep_for(5ms);
  EXPECT_TRUE(act(id, JobAction::cancel));
  EXPECT_EQ(wait_for(id, [](const Job& job) { return job.cursor == 3; }).counts.unknown, 1U);
  loses = false;
  let_it_work();
  EXPECT_FALSE(load(id).is_settled());
}

// Who ran it before may have something on its way.
TEST_F(SettledJobs, NotForBeingDeleted) {
  const SendCommand late = to_group("g1", "late", "late-1");
  const std::string sent = make_abandoned_job({late});
  const std::string recall = make_revision(JobKind::recall, sent, {}, {late});
  ASSERT_TRUE(change(partition::DeleteJob{sent}));
  start();
  let_it_work();
  EXPECT_FALSE(is_ended(load(recall).state));
  send({late});
  EXPECT_EQ(wait_for(recall, JobState::done).counts, (JobCounts{1, 1, 0, 0, 0, 0}));
  EXPECT_EQ(stored("g1"), std::vector<std::string>{std::string(kRecalledPayload)});
}

TEST_F(SettledJobs, NotByOneWhoTookTheJobOver) {
  start();
  const std::string id = make_slow_job();
  const std::uint64_t first = wait_for_progress(id).runner;
  stop();
  start();
  const std::uint64_t second = wait_for_progress(id).runner;
  EXPECT_NE(first, 0U);
  EXPECT_NE(second, first);
  EXPECT_TRUE(act(id, JobAction::cancel));
  let_it_work();
  EXPECT_FALSE(load(id).is_settled());
}

TEST_F(RunnerTest, GivesUpWhatIsLate) {
  options_now_.send_timeout = 50ms;
  losses_ = 2;
  start();
  const std::string id = make_job(messages(5));
  EXPECT_EQ(wait_for(id, JobState::done).counts.accepted, 5U);
  EXPECT_EQ(stored("g1"), expected(5));
}

TEST_F(RunnerTest, LetsGoOfAPartitionThatIsLost) {
  options_now_.turn_items = 10;
  JobOptions slow;
  slow.rate = 100;
  start();
  const std::string id = make_job(messages(100), slow);
  const PartitionId partition = reader().partition_of(id);
  wait_for(id, [](const Job& job) { return job.cursor > 0; });
  ASSERT_TRUE(move(partition, false));
  std::this_thread::sleep_for(200ms);
  const std::uint64_t cursor = load(id).cursor;
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(load(id).cursor, cursor);
  ASSERT_TRUE(move(partition, true));
  EXPECT_EQ(wait_for(id, JobState::done).counts.accepted, 100U);
  EXPECT_EQ(stored("g1"), expected(100));
}

TEST_F(RunnerTest, AJobOfAKeyStopsWhenTheKeyIsGone) {
  set_key("orders", Scope::send);
  JobOptions options;
  options.caller_kind = CallerIdentity::Kind::key;
  options.caller_name = "orders";
  options.canary_items = 3;
  start();
  const std::string id = make_job(messages(5), options);
  wait_for(id, JobState::paused);
  set_key("another", Scope::send);
  EXPECT_TRUE(act(id, JobAction::resume));
  const Job job = wait_for(id, JobState::failed);
  EXPECT_EQ(job.counts.accepted, 3U);
  EXPECT_NE(job.reason.find("the API key orders"), std::string::npos) << job.reason;
  EXPECT_EQ(stored("g1"), expected(3));
  // It may go on with the key, where it was: nothing behind the canary has been tried.
  set_key("orders", Scope::administer);
  EXPECT_TRUE(act(id, JobAction::retry));
  wait_for(id, JobState::paused);
  EXPECT_TRUE(act(id, JobAction::resume));
  wait_for(id, JobState::done);
  EXPECT_EQ(stored("g1"), expected(5));
}

TEST_F(RunnerTest, AJobOfAKeyThatMayNotSendAnyMoreIsStopped) {
  set_key("orders", Scope::read);
  JobOptions options;
  options.caller_kind = CallerIdentity::Kind::key;
  options.caller_name = "orders";
  start();
  const std::string id = make_job(messages(2), options);
  wait_for(id, JobState::failed);
  EXPECT_EQ(stored("g1"), expected(0));
}

}  // namespace
}  // namespace jindou::jobs
