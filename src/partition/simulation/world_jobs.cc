// Jobs are begun, and everything is asked for that can be done with them. Those of one partition
// nobody runs, and results are made up; those of the others are worked through, by whom
// world_job_work.cc lets take steps.
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

constexpr std::size_t kJobsMax = 6;

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
    case 1:
      if (chance(50)) return static_cast<void>(ask(CountReach{id, {1, roll(4), roll(2)}}));
      return static_cast<void>(ask(SetJobRate{id, roll(3), now_ms}));
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
      if (job.state == JobState::ready && chance(is_made_up(id) ? 60 : 5)) {
        change.action = JobAction::start;
      }
      if (job.state == JobState::paused && chance(60)) change.action = JobAction::resume;
      if (is_ended(job.state) && chance(60)) change.action = JobAction::retry;
      change.reason = "r" + std::to_string(++generated_);
      change.now_ms = now_ms;
      if (change.action == JobAction::retry) {
        retried_jobs_.insert(id);
        change.only_failed = chance(50);
      }
      if (change.action == JobAction::start && chance(80)) {
        change.runner = chance(80) ? ++generated_ : 1 + roll(3);
        change.runner_before = chance(90) ? job.runner : roll(3);
      }
      return static_cast<void>(ask(std::move(change)));
    }
    case 6: {
      // It may be gone by then, and nothing is sent under one id twice.
      if (!is_made_up(id)) return;
      BeginJob begin;
      begin.job = id;
      begin.now_ms = now_ms;
      return static_cast<void>(ask(std::move(begin)));
    }
    default:
      if (job.state != JobState::uploading) {
        if (is_made_up(id)) advance_job(job);
        return;
      }
      // Of what was or is to be done with messages all is given by whoever begins it.
      if (!is_made_up(id) && job.options.kind != JobKind::send) return;
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
  begin.now_ms = clock_.wall_ms();
  begin.options = some_job_options();
  if (!is_made_up(id)) {
    const bool at_once = gathering_ == nullptr && !failing_reads_;
    if (at_once && chance(20)) return begin_kept_batch(std::move(begin));
    if (at_once && chance(50) && begin_revision(begin)) return;
  } else if (chance(60)) {
    constexpr JobKind kKinds[] = {JobKind::recall, JobKind::edit, JobKind::batch};
    begin.options.kind = kKinds[roll(std::size(kKinds))];
    begin.options.source = "s" + std::to_string(generated_);
  }
  ask(begin);
  if (chance(30)) return;
  if (begin.options.kind == JobKind::batch) return keep_sent(id, 0);
  std::uint64_t items = 0;
  for (auto n = roll(4); n > 0; --n) items = append_job_input(id, items);
  ask(SealJob{id, items, begin.now_ms});
  if (is_made_up(id)) ask(ChangeJob{id, JobAction::start, "", begin.now_ms, ++generated_, 0});
}

JobOptions World::some_job_options() {
  JobOptions options;
  options.name = "job " + std::to_string(++generated_);
  options.rate = roll(3);
  options.stops_on_refusal = chance(15);
  if (chance(15)) options.canary_items = 1 + roll(3);
  // A send that is held back, and may be taken back before it begins.
  if (chance(20)) {
    options.not_before_ms = clock_.wall_ms() + static_cast<std::int64_t>(roll(40'000));
  }
  return options;
}

std::optional<Job> World::find_batch() {
  const auto known = JobReader(readers()).load_jobs("", 100);
  if (!known) {
    fail("jobs cannot be read");
    return std::nullopt;
  }
  std::vector<Job> batches;
  for (const Job& job : *known) {
    const bool sends = job.options.kind == JobKind::send || job.options.kind == JobKind::batch;
    const bool is_whole = is_ended(job.state) && job.has_all_input() && job.counts.items > 0;
    if (sends && is_whole && !is_made_up(job.id)) batches.push_back(job);
  }
  if (batches.empty()) return std::nullopt;
  return batches[roll(batches.size())];
}

// As POST /batches/{id}/recall and /edit do.
bool World::begin_revision(BeginJob begin) {
  const auto batch = find_batch();
  if (!batch) return false;
  JobOptions options;
  options.name = begin.options.name;
  options.rate = begin.options.rate;
  options.kind = JobKind::recall;
  options.source = batch->id;
  options.operator_uid = "u" + std::to_string(roll(4));
  std::string payload;
  if (chance(40) && edited_batches_.insert(batch->id).second) {
    options.kind = JobKind::edit;
    payload = "edit of " + options.name;
  }
  begin.options = options;
  ask(begin);
  const JobReader reader(readers());
  const JobWork& work = sites_[0]->work();
  Withdrawn withdrawn;
  withdrawn.batch = batch->id;
  std::uint64_t items = 0;
  for (std::uint64_t index = 0; index < batch->counts.items;) {
    const auto chunk = reader.load_chunk(batch->id, index);
    if (!chunk || !*chunk) {
      fail("the input of a batch cannot be read");
      return true;
    }
    for (std::size_t place = 0; place < (*chunk)->items.size(); ++place) {
      const SendCommand& sent = (*chunk)->items[place].message;
      if ((*chunk)->items[place].refusal) continue;
      withdrawn.numbers.push_back(sent.idempotent
                                      ? sent.client_msg_no
                                      : work.number_of(batch->id, (*chunk)->first + place));
    }
    AppendJobInput append;
    append.job = begin.job;
    append.first = items;
    append.now_ms = begin.now_ms;
    if (work.may_have_sent(*batch, index)) append.input = work.revise(*batch, **chunk, payload);
    index = (*chunk)->first + (*chunk)->items.size();
    items += append.input.items;
    if (append.input.items > 0) ask(std::move(append));
  }
  withdrawn.items = items;
  ask(SealJob{begin.job, items, begin.now_ms});
  // Otherwise something may come that it does not know of.
  if (options.kind == JobKind::recall && batch->is_settled()) withdrawn_[begin.job] = withdrawn;
  return true;
}

void World::begin_kept_batch(BeginJob begin) {
  begin.options.kind = JobKind::batch;
  ask(begin);
  std::vector<SendCommand> commands;
  store::JobInputBuilder input;
  for (auto n = 1 + roll(4); n > 0; --n) {
    SendCommand& message = commands.emplace_back(some_job_message());
    message.idempotent = true;
    message.client_msg_no = "n" + message.payload.str();
    input.add(message);
  }
  KeepSent kept;
  kept.job = begin.job;
  kept.last = true;
  kept.input = input.take();
  note_job_messages(commands);
  send(std::move(commands), {}, [this, kept](const std::vector<SendResult>& results) {
    KeepSent told = kept;
    for (const SendResult& result : results) told.results.push_back(job_result_of(result));
    kept_.push_back(std::move(told));
  });
}

SendCommand World::some_job_message() {
  SendCommand message;
  message.channel = ChannelKey("g" + std::to_string(roll(7)), ChannelType::group);
  message.from_uid = "u" + std::to_string(roll(4));
  message.payload = std::string(kJobPayload) + std::to_string(++generated_);
  return message;
}

store::JobInput World::some_job_input() {
  store::JobInputBuilder builder;
  for (auto n = 1 + roll(4); n > 0; --n) {
    if (chance(15)) {
      builder.refuse(chance(50) ? Errc::invalid : Errc::too_large, "it is no message");
      continue;
    }
    SendCommand message = some_job_message();
    message.idempotent = chance(70);
    if (message.idempotent) message.client_msg_no = "n" + message.payload.str();
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

// As if somebody ran the job: results of some of the next items, or of none that was ever refused.
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

void World::tell_of_jobs() {
  for (KeepSent& kept : std::exchange(kept_, {})) {
    kept.now_ms = clock_.wall_ms();
    ask(std::move(kept));
  }
}

}  // namespace jindou::partition::simulation
