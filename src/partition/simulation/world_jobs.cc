#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "partition/job_reader.h"
#include "partition/simulation/world.h"
#include "store/job_records.h"

namespace jindou::partition::simulation {

namespace {

// Of the names of jobs whose items are sent; of others results are made up.
constexpr std::string_view kRun = "run ";

bool is_run(const Job& job) { return job.options.name.starts_with(kRun); }

constexpr std::size_t kJobsMax = 4;

// Null: it is not there.
const Message* find_in(const std::map<ChannelKey, std::map<std::uint64_t, Message>>& stored,
                       const ChannelKey& log, std::uint64_t seq) {
  const auto messages = stored.find(log);
  if (messages == stored.end()) return nullptr;
  const auto message = messages->second.find(seq);
  return message == messages->second.end() ? nullptr : &message->second;
}

constexpr JobAction kActions[] = {JobAction::start,  JobAction::pause, JobAction::resume,
                                  JobAction::cancel, JobAction::fail,  JobAction::retry};

}  // namespace

// Few at a time, so that commands meet jobs in all states. What is durable may be behind what was
// asked for.
void World::change_jobs() {
  const auto stored = JobReader(readers()).load_jobs("", kJobsMax);
  if (!stored) return fail("jobs cannot be read");
  if (stored->size() < kJobsMax && chance(stored->empty() ? 100 : 20)) {
    const std::string number = std::to_string(++generated_);
    return begin_job(std::string(kJobIdBytes - number.size(), 'a') + number);
  }
  const Job& job = (*stored)[roll(stored->size())];
  const std::string& id = job.id;
  const std::int64_t now_ms = clock_.wall_ms();
  switch (roll(12)) {
    case 0: return static_cast<void>(ask(DeleteJob{id}));
    case 1: return static_cast<void>(ask(SetJobRate{id, roll(3), now_ms}));
    case 2: {
      ReclaimJobs reclaim;
      reclaim.partition = partition_for(id, kPartitions);
      reclaim.now_ms = now_ms;
      reclaim.ended_by_ms = now_ms - static_cast<std::int64_t>(roll(60'000));
      reclaim.uploads_by_ms = now_ms - static_cast<std::int64_t>(roll(60'000));
      return static_cast<void>(ask(reclaim));
    }
    case 3: {
      SealJob seal;
      seal.job = id;
      seal.items = job.counts.items + (chance(10) ? 1 : 0);
      seal.now_ms = now_ms;
      return static_cast<void>(ask(std::move(seal)));
    }
    case 4:
    case 5: {
      // Mostly one that brings the job on.
      ChangeJob change;
      change.job = id;
      change.action = kActions[roll(std::size(kActions))];
      if (job.state == JobState::ready && chance(60)) change.action = JobAction::start;
      if (job.state == JobState::paused && chance(60)) change.action = JobAction::resume;
      if (is_ended(job.state) && chance(60)) change.action = JobAction::retry;
      change.reason = "r" + std::to_string(++generated_);
      change.now_ms = now_ms;
      if (change.action == JobAction::start && chance(80)) {
        change.runner = chance(80) ? ++generated_ : 1 + roll(3);
        change.runner_before = chance(90) ? job.runner : roll(3);
      }
      return static_cast<void>(ask(std::move(change)));
    }
    case 6: {
      BeginJob begin;
      begin.job = id;
      begin.now_ms = now_ms;
      return static_cast<void>(ask(std::move(begin)));
    }
    default:
      if (job.state != JobState::uploading) return is_run(job) ? run_job(job) : advance_job(job);
      // Now and then what is there already, or not yet.
      const std::uint64_t first = chance(20) ? roll(job.counts.items + 3) : job.counts.items;
      if (job.options.kind == JobKind::batch && chance(80)) {
        keep_sent(id, first);
      } else {
        append_job_input(id, first);
      }
  }
}

// Mostly with all of its input, and under way.
void World::begin_job(const std::string& id) {
  BeginJob begin;
  begin.job = id;
  begin.options.name = chance(60) ? kRun : "told ";
  begin.options.name += std::to_string(++generated_);
  begin.options.rate = roll(3);
  if (!begin.options.name.starts_with(kRun) && chance(60)) {
    constexpr JobKind kKinds[] = {JobKind::recall, JobKind::edit, JobKind::batch};
    begin.options.kind = kKinds[roll(std::size(kKinds))];
    begin.options.source = "s" + std::to_string(generated_);
  }
  begin.now_ms = clock_.wall_ms();
  ask(begin);
  if (chance(30)) return;
  if (begin.options.kind == JobKind::batch) return keep_sent(id, 0);
  std::uint64_t items = 0;
  for (auto n = roll(4); n > 0; --n) items = append_job_input(id, items);
  ask(SealJob{id, items, begin.now_ms});
  ask(ChangeJob{id, JobAction::start, "", begin.now_ms, ++generated_, 0});
}

store::JobInput World::some_job_input() {
  store::JobInputBuilder builder;
  for (auto n = 1 + roll(4); n > 0; --n) {
    if (chance(15)) {
      builder.refuse(chance(50) ? Errc::invalid : Errc::too_large, "it is no message");
      continue;
    }
    SendCommand message;
    message.channel = ChannelKey("g" + std::to_string(roll(7)), ChannelType::group);
    message.from_uid = "u" + std::to_string(roll(4));
    message.client_msg_no = "n of a job " + std::to_string(++generated_);
    message.idempotent = true;
    message.payload = "p" + message.client_msg_no;
    builder.add(message);
  }
  return builder.take();
}

JobResult World::some_job_result() {
  JobResult result;
  result.state = static_cast<JobResult::State>(1 + roll(4));
  if (result.ok()) {
    result.message_id = static_cast<MessageId>(++generated_);
    result.message_seq = static_cast<MessageSeq>(roll(100));
    return result;
  }
  result.code = chance(50) ? Errc::denied : Errc::deadline;
  result.reason = Reason::ban;
  if (result.state == JobResult::State::refused && chance(30)) {
    auto words = std::make_shared<RefusalWords>();
    words->text = "t" + std::to_string(roll(3));
    words->found_by = {"list"};
    result.words = std::move(words);
  }
  return result;
}

std::uint64_t World::append_job_input(const std::string& id, std::uint64_t first) {
  AppendJobInput append;
  append.job = id;
  append.now_ms = clock_.wall_ms();
  append.first = first;
  append.input = some_job_input();
  const std::uint64_t next = first + append.input.items;
  ask(std::move(append));
  return next;
}

// As a request that has sent them.
void World::keep_sent(const std::string& id, std::uint64_t first) {
  KeepSent kept;
  kept.job = id;
  kept.first = first;
  kept.now_ms = clock_.wall_ms();
  kept.last = chance(30);
  if (kept.last && first > 0) kept.reason = "it was cut behind " + std::to_string(first);
  if (!kept.last || chance(70)) kept.input = some_job_input();
  for (std::uint32_t i = 0; i < kept.input.items; ++i) {
    kept.results.push_back(chance(2) ? JobResult() : some_job_result());
  }
  ask(std::move(kept));
}

// As whoever runs the job: results of some of the next items, or of none that was ever refused.
void World::advance_job(const Job& job) {
  AdvanceJob advance;
  advance.job = job.id;
  advance.pass = job.pass + (chance(3) ? 1 : 0);
  advance.from = job.cursor;
  if (chance(5)) advance.from = roll(job.counts.items + 1);
  advance.now_ms = clock_.wall_ms();
  advance.took_ms = roll(1000);
  const auto chunk = JobReader(readers()).load_results(job.id, advance.from);
  if (!chunk) return fail("the results of a job cannot be read");
  const std::uint64_t first = *chunk ? (*chunk)->first : 0;
  const std::uint64_t end = *chunk ? first + (*chunk)->results.size() : 0;
  advance.to = advance.from + 1 + roll(4);
  if (*chunk && chance(90)) advance.to = std::min(advance.to, end);
  if (chance(10) && job.reached > advance.from) advance.to = job.reached;
  for (std::uint64_t index = advance.from; index < std::min(advance.to, end); ++index) {
    if (!(*chunk)->results[index - first].is_to_try() || chance(3)) continue;
    advance.results.emplace_back(index, some_job_result());
  }
  if (chance(10)) advance.stop = chance(50) ? JobAction::pause : JobAction::fail;
  if (advance.stop) advance.reason = "s" + std::to_string(++generated_);
  if (chance(50)) advance.settled_by = chance(90) ? job.runner : 1 + roll(3);
  if (chance(20)) {
    advance.to = advance.from;
    advance.results.clear();
    advance.stop.reset();
  }
  ask(std::move(advance));
}

void World::run_job(const Job& job) {
  if (!is_runnable(job.state)) return;
  const auto chunk = JobReader(readers()).load_chunk(job.id, job.cursor);
  if (!chunk) return fail("the input of a job cannot be read");
  if (!*chunk) return;
  const std::uint64_t first = (*chunk)->first;
  AdvanceJob advance;
  advance.job = job.id;
  advance.pass = job.pass;
  advance.from = job.cursor;
  advance.to = std::min(job.cursor + 1 + roll(4), first + (*chunk)->items.size());
  advance.settled_by = job.runner;
  std::vector<SendCommand> commands;
  std::vector<std::uint64_t> indices;
  for (std::uint64_t index = advance.from; index < advance.to; ++index) {
    if (!(*chunk)->results[index - first].is_to_try()) continue;
    commands.push_back((*chunk)->items[index - first].message);
    indices.push_back(index);
  }
  if (commands.empty()) return job_steps_.push_back(std::move(advance));
  send(std::move(commands), {}, [this, advance, indices](const std::vector<SendResult>& results) {
    AdvanceJob step = advance;
    for (std::size_t i = 0; i < results.size(); ++i) {
      // Of what may be otherwise later nothing is told: it is sent again, from the cursor on.
      const bool is_decided = results[i].ok() || (results[i].state == SendResult::State::refused &&
                                                  !errc_retriable(results[i].code));
      if (!is_decided) return;
      step.results.emplace_back(indices[i], job_result_of(results[i]));
    }
    job_steps_.push_back(std::move(step));
  });
}

void World::tell_of_jobs() {
  for (AdvanceJob& step : std::exchange(job_steps_, {})) {
    step.now_ms = clock_.wall_ms();
    ask(std::move(step));
  }
}

void World::check_jobs(const std::map<ChannelKey, std::map<std::uint64_t, Message>>& stored) {
  const JobReader reader(readers());
  const auto jobs = reader.load_jobs("", 100);
  if (!jobs) return fail("jobs cannot be read");
  for (const Job& job : *jobs) {
    if (!is_run(job)) continue;
    for (std::uint64_t at = 0; at < job.reached;) {
      const auto chunk = reader.load_chunk(job.id, at);
      if (!chunk || !*chunk) return fail("a chunk is missing in job " + job.id);
      for (std::size_t i = 0; i < (*chunk)->items.size(); ++i) {
        const JobResult& result = (*chunk)->results[i];
        if (!result.ok()) continue;
        const SendCommand& sent = (*chunk)->items[i].message;
        const Message* const message = find_in(stored, sent.channel, raw(result.message_seq));
        if (message == nullptr) {
          if (removals_.may_be_gone(sent.channel, raw(result.message_seq))) continue;
          return fail("a message of job " + job.id + " is missing");
        }
        if (message->id != result.message_id || message->client_msg_no != sent.client_msg_no) {
          return fail("the result of an item is that of another message, job " + job.id);
        }
        ++summary_.job_items;
      }
      at = (*chunk)->first + (*chunk)->items.size();
    }
  }
}

}  // namespace jindou::partition::simulation
