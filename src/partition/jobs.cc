#include "partition/jobs.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "store/job_records.h"
#include "store/keys.h"

namespace jindou::partition {

namespace {

using store::KeyKind;
using store::Table;

// Removed in one command: small enough to pass between two sends unnoticed.
constexpr std::size_t kReclaimedMax = 50;

// Rounded up.
std::uint64_t items_of_share(std::uint64_t items, std::uint32_t ppm) {
  constexpr std::uint64_t kAll = 1'000'000;
  return items / kAll * ppm + (items % kAll * ppm + kAll - 1) / kAll;
}

constexpr const char* kOnlyFailedIsOver =
    "what had failed was tried again, and nothing else: a retry sends what was never tried";

// Null for what is pending, which nobody counts.
std::uint64_t* count_of(JobCounts& counts, JobResult::State state) {
  switch (state) {
    case JobResult::State::accepted: return &counts.accepted;
    case JobResult::State::duplicate: return &counts.duplicate;
    case JobResult::State::refused: return &counts.refused;
    case JobResult::State::unknown: return &counts.unknown;
    case JobResult::State::unreadable: return &counts.unreadable;
    case JobResult::State::pending: break;
  }
  return nullptr;
}

void recount(JobCounts& counts, JobResult::State before, JobResult::State after) {
  if (std::uint64_t* const count = count_of(counts, before); count != nullptr) --*count;
  if (std::uint64_t* const count = count_of(counts, after); count != nullptr) ++*count;
}

void touch(Job& job, std::int64_t now_ms) { job.changed_ms = std::max(job.changed_ms, now_ms); }

std::string reason_of(const std::string& text) { return text.substr(0, kJobReasonBytesMax); }

Error impossible(JobState state, JobAction action) {
  std::string text = "a job that is ";
  text += job_state_name(state);
  text += " takes no ";
  text += job_action_name(action);
  return Error(Errc::conflict, std::move(text));
}

std::vector<JobResult> results_at_first(const store::JobInput& input) {
  std::vector<JobResult> results(input.items);
  for (const auto& refused : input.refused) {
    JD_ASSERT(refused.place < input.items);
    JobResult& result = results[refused.place];
    result.state = JobResult::State::unreadable;
    result.code = refused.code;
  }
  return results;
}

Error is_kept_batch() {
  return Error(Errc::invalid, "a batch that a request has sent is no job that could be sent");
}

Result<void> check_chunk(const store::JobInput& input) {
  const bool fits = input.items <= kJobChunkItemsMax &&
                    (input.items <= 1 || input.bytes.size() <= kJobChunkBytesMax);
  if (fits) return {};
  return Error(Errc::too_large, "a chunk of input is larger than it may be");
}

// False: the job goes on, or another one runs it.
bool settle(Job& job, std::uint64_t runner) {
  if (runner == 0 || runner != job.runner || is_runnable(job.state)) return false;
  job.runner = 0;
  job.settled = true;
  return true;
}

// Whether it moves nothing.
bool only_settles(const AdvanceJob& command) {
  return command.settled_by != 0 && command.to == command.from && command.results.empty() &&
         !command.stop;
}

// Whether somebody begins to run the job who has not run it until now.
bool takes_over(const Job& job, const ChangeJob& command) {
  return command.action == JobAction::start && command.runner != 0 && command.runner != job.runner;
}

Result<void> set_runner(Job& job, const ChangeJob& start) {
  if (start.runner != 0 && start.runner_before != job.runner) {
    return Error(Errc::conflict, "somebody else runs the job");
  }
  job.runner = start.runner;
  job.settled = false;
  return {};
}

// Whether the results that are told are of items that may have one, in their order.
bool are_in_order(const AdvanceJob& command) {
  std::uint64_t next = command.from;
  for (const auto& [index, result] : command.results) {
    const bool told =
        result.state != JobResult::State::pending && result.state != JobResult::State::unreadable;
    if (index < next || index >= command.to || !told) return false;
    next = index + 1;
  }
  return true;
}

}  // namespace

Jobs::Jobs(store::PartitionReader reader, const JobLimits& limits)
    : partition_(reader.partition()), reader_(reader), limits_(limits) {}

Result<void> Jobs::open() {
  jobs_.clear();
  recent_.clear();
  removed_.clear();
  const std::string prefix = store::job_prefix(partition_);
  Result<void> decoded;
  JD_RETURN_IF_ERROR(reader_.scan(Table::main, prefix, store::after_prefix(prefix),
                                  [&](std::string_view key, std::string_view value) {
                                    const std::string id(store::id_of_job_key(key));
                                    auto job = store::decode_job(value, id);
                                    if (!job) {
                                      decoded = std::move(job).error();
                                      return false;
                                    }
                                    jobs_.emplace(id, std::move(*job));
                                    return true;
                                  }));
  return decoded;
}

Result<void> Jobs::evaluate(const BeginJob& command, Txn& txn) {
  JD_ASSERT(is_job_id(command.job));
  if (jobs_.contains(command.job) || removed_.contains(command.job)) {
    return Error(Errc::conflict, "there is a job with that id");
  }
  const JobOptions& options = command.options;
  if (options.name.size() > kJobNameBytesMax || options.caller_name.size() > kJobNameBytesMax) {
    return Error(Errc::invalid, "the name of a job has at most 128 bytes");
  }
  if (jobs_.size() >= limits_.per_partition_max) {
    return Error(Errc::overloaded,
                 "there are as many jobs as there may be (jobs.perPartitionMax): delete some that "
                 "have ended");
  }
  Job job;
  job.id = command.job;
  job.options = command.options;
  job.created_ms = command.now_ms;
  touch(job, command.now_ms);
  put(std::move(job), txn);
  return {};
}

Result<void> Jobs::evaluate(const AppendJobInput& command, Txn& txn) {
  const store::JobInput& input = command.input;
  JD_ASSERT(input.items > 0);
  JD_TRY(Job job, find(command.job));
  if (job.options.kind == JobKind::batch) return is_kept_batch();
  if (job.state != JobState::uploading) {
    return Error(Errc::conflict, "the job takes no more input");
  }
  JD_RETURN_IF_ERROR(check_chunk(input));
  if (command.first < job.counts.items) {
    JD_TRY(const Chunk known, load_results(job.id, command.first));
    if (known && known->size() == input.items) return {};
  }
  if (command.first != job.counts.items) {
    return Error(Errc::conflict, "this is not the input that comes next");
  }
  JD_RETURN_IF_ERROR(check_room(job, input.bytes.size()));
  txn.put(store::job_chunk_key(partition_, KeyKind::job_input, job.id, command.first), input.bytes);
  put_results(job.id, command.first, results_at_first(input), txn);
  job.counts.items += input.items;
  job.counts.unreadable += input.refused.size();
  job.input_bytes += input.bytes.size();
  touch(job, command.now_ms);
  put(std::move(job), txn);
  return {};
}

Result<void> Jobs::evaluate(const KeepSent& command, Txn& txn) {
  const store::JobInput& input = command.input;
  JD_TRY(Job job, find(command.job));
  if (job.options.kind != JobKind::batch || command.results.size() != input.items) {
    return Error(Errc::invalid, "these are not the items of a batch that was sent");
  }
  const std::uint64_t end_of_input = command.first + input.items;
  if (end_of_input == job.counts.items && (input.items > 0 || job.sealed) &&
      job.sealed == command.last) {
    return {};
  }
  if (job.state != JobState::uploading) {
    return Error(Errc::conflict, "the batch is " + std::string(job_state_name(job.state)) +
                                     " and takes no more items");
  }
  if (command.first != job.counts.items) {
    return Error(Errc::conflict, "these are not the items of the batch that come next");
  }
  JD_RETURN_IF_ERROR(check_chunk(input));
  JD_RETURN_IF_ERROR(check_room(job, input.bytes.size()));
  std::vector<JobResult> results = results_at_first(input);
  for (std::size_t place = 0; place < results.size(); ++place) {
    if (results[place].state != JobResult::State::unreadable) {
      results[place] = command.results[place];
      const bool has_result = results[place].state != JobResult::State::pending &&
                              results[place].state != JobResult::State::unreadable;
      if (!has_result) return Error(Errc::invalid, "the result of an item is missing");
    }
    recount(job.counts, JobResult::State::pending, results[place].state);
  }
  if (input.items > 0) {
    txn.put(store::job_chunk_key(partition_, KeyKind::job_input, job.id, command.first),
            input.bytes);
    put_results(job.id, command.first, results, txn);
  }
  job.counts.items = end_of_input;
  job.input_bytes += input.bytes.size();
  job.cursor = job.reached = job.chunk = end_of_input;
  touch(job, command.now_ms);
  if (command.last) {
    job.sealed = true;
    job.sealed_ms = command.now_ms;
    job.reason = reason_of(command.reason);
    end(job, JobState::done, command.now_ms, txn);
  }
  put(std::move(job), txn);
  return {};
}

Result<void> Jobs::check_room(const Job& job, std::size_t bytes) const {
  if (job.input_bytes + bytes > limits_.input_bytes_max) {
    return Error(Errc::too_large,
                 "the input of the job is larger than jobs.inputBytesMax: make several jobs of it");
  }
  std::uint64_t sum = bytes;
  for (const auto& [id, other] : jobs_) sum += other.input_bytes;
  if (sum <= limits_.input_bytes_max) return {};
  return Error(Errc::overloaded,
               "the jobs that there are have as much input as they may have (jobs.inputBytesMax): "
               "delete some that have ended");
}

Result<void> Jobs::evaluate(const SealJob& command, Txn& txn) {
  JD_TRY(Job job, find(command.job));
  if (job.options.kind == JobKind::batch) return is_kept_batch();
  const bool is_whole = job.counts.items == command.items;
  if (job.sealed && is_whole) return {};
  const auto next = next_job_state(job.state, JobAction::seal);
  if (!next) return impossible(job.state, JobAction::seal);
  if (!is_whole) {
    return Error(Errc::conflict, "the upload is not complete: " + std::to_string(job.counts.items) +
                                     " items of " + std::to_string(command.items) + " are there");
  }
  job.sealed = true;
  job.sealed_ms = command.now_ms;
  job.state = *next;
  if (command.canary_ppm > 0) {
    job.options.canary_items = items_of_share(job.counts.items, command.canary_ppm);
  }
  touch(job, command.now_ms);
  if (job.counts.items == 0) end(job, JobState::done, command.now_ms, txn);
  put(std::move(job), txn);
  return {};
}

Result<void> Jobs::evaluate(const AdvanceJob& command, Txn& txn) {
  JD_TRY(Job job, find(command.job));
  if (!job.sealed || command.pass != job.pass || command.from != job.cursor) {
    return Error(Errc::conflict, "the job is not where it was: somebody else runs it");
  }
  if (only_settles(command)) {
    if (job.settled) return {};
    if (!settle(job, command.settled_by)) {
      return Error(Errc::conflict, "the job goes on, or somebody else runs it");
    }
    put(std::move(job), txn);
    return {};
  }
  const bool stops = command.stop.has_value();
  const bool can_stop =
      !stops || *command.stop == JobAction::pause || *command.stop == JobAction::fail;
  if (command.to <= command.from || command.to > job.counts.items || !can_stop ||
      !are_in_order(command)) {
    return Error(Errc::invalid, "the results are not of the items that come next");
  }
  if (job.only_failed && command.to > job.reached) {
    return Error(Errc::invalid, "the pass ends before these items");
  }
  JD_TRY(Chunk chunk, load_results(job.id, job.chunk));
  if (!chunk) return Error(Errc::storage, "the results of a job are gone");
  if (command.to <= job.chunk + chunk->size()) {
    JD_RETURN_IF_ERROR(move_in_chunk(job, command, std::move(*chunk), txn));
  } else {
    JD_RETURN_IF_ERROR(jump(job, command));
  }
  if (!command.results.empty()) job.times.add(command.took_ms, command.results.size());
  job.cursor = command.to;
  job.reached = std::max(job.reached, job.cursor);
  touch(job, command.now_ms);
  const bool is_last = job.cursor == job.counts.items;
  const bool fails = stops && *command.stop == JobAction::fail;
  const bool is_over = job.only_failed && job.cursor == job.reached && !is_last && !fails;
  std::optional<JobAction> action = command.stop;
  if (is_last) action = JobAction::finish;
  if (is_over) action = JobAction::fail;
  const auto next = action ? next_job_state(job.state, *action) : std::nullopt;
  if (next && *next != job.state) {
    job.reason = is_over ? kOnlyFailedIsOver : reason_of(command.reason);
    if (is_last) job.reason.clear();
    job.state = *next;
    if (is_ended(*next)) end(job, *next, command.now_ms, txn);
  }
  settle(job, command.settled_by);
  put(std::move(job), txn);
  return {};
}

Result<void> Jobs::move_in_chunk(Job& job, const AdvanceJob& command,
                                 std::vector<JobResult> results, Txn& txn) {
  for (const auto& [index, result] : command.results) {
    JobResult& known = results[index - job.chunk];
    if (!known.is_to_try()) {
      return Error(Errc::invalid, "an item has a result that does not change any more");
    }
    recount(job.counts, known.state, result.state);
    known = result;
  }
  for (std::uint64_t index = command.from; index < command.to; ++index) {
    if (results[index - job.chunk].state == JobResult::State::pending) {
      return Error(Errc::invalid, "the result of an item is missing");
    }
  }
  if (!command.results.empty()) put_results(job.id, job.chunk, results, txn);
  const std::uint64_t end = job.chunk + results.size();
  if (command.to == end) job.chunk = end;
  return {};
}

Result<void> Jobs::jump(Job& job, const AdvanceJob& command) const {
  bool is_begin = command.to == job.counts.items;
  if (!is_begin) {
    JD_TRY(const Chunk chunk, load_results(job.id, command.to));
    is_begin = chunk.has_value();
  }
  if (!command.results.empty() || command.to > job.reached || !is_begin) {
    return Error(Errc::invalid, "the results are of more than one chunk");
  }
  job.chunk = command.to;
  return {};
}

Result<void> Jobs::evaluate(const ChangeJob& command, Txn& txn) {
  JD_TRY(Job job, find(command.job));
  if (command.action == JobAction::seal || command.action == JobAction::finish) {
    return Error(Errc::invalid, "a job is sealed and finished by what it is given");
  }
  const auto next = next_job_state(job.state, command.action);
  if (!next) return impossible(job.state, command.action);
  const bool is_same = *next == job.state;
  if (is_same && !takes_over(job, command)) return {};
  if (command.action == JobAction::start) JD_RETURN_IF_ERROR(set_runner(job, command));
  if (is_same) {
    put(std::move(job), txn);
    return {};
  }
  if (command.action == JobAction::retry) {
    if (job.options.kind == JobKind::batch) {
      return Error(Errc::conflict, "a batch that a request has sent is sent again by its caller");
    }
    if (!job.sealed) {
      return Error(Errc::conflict, "the upload of the job was not complete: make another one");
    }
    if (job.counts.failed() == 0 && job.counts.decided() == job.counts.items) {
      return Error(Errc::conflict, "nothing of the job has failed");
    }
    if (command.only_failed && job.counts.failed() == 0) {
      return Error(Errc::conflict, "nothing of the job was refused or is unknown");
    }
    job.only_failed = command.only_failed && job.reached < job.counts.items;
    ++job.pass;
    job.cursor = 0;
    job.chunk = 0;
    job.ended_ms = 0;
  }
  job.state = *next;
  job.reason = reason_of(command.reason);
  touch(job, command.now_ms);
  if (command.action == JobAction::start && job.started_ms == 0) job.started_ms = command.now_ms;
  if (is_ended(*next)) end(job, *next, command.now_ms, txn);
  put(std::move(job), txn);
  return {};
}

Result<void> Jobs::evaluate(const SetJobRate& command, Txn& txn) {
  JD_TRY(Job job, find(command.job));
  if (is_ended(job.state)) {
    return Error(Errc::conflict,
                 "a job that is " + std::string(job_state_name(job.state)) + " has no rate");
  }
  if (job.options.rate == command.rate) return {};
  job.options.rate = command.rate;
  touch(job, command.now_ms);
  put(std::move(job), txn);
  return {};
}

Result<void> Jobs::evaluate(const CountReach& command, Txn& txn) {
  JD_TRY(Job job, find(command.job));
  if (command.reach.empty()) return {};
  job.reach += command.reach;
  put(std::move(job), txn);
  return {};
}

Result<void> Jobs::evaluate(const DeleteJob& command, Txn& txn) {
  JD_TRY(const Job job, find(command.job));
  if (!is_ended(job.state)) {
    return Error(Errc::conflict, "a job that is " + std::string(job_state_name(job.state)) +
                                     " cannot be deleted: cancel it first");
  }
  remove(command.job, txn);
  return {};
}

Result<void> Jobs::evaluate(const ReclaimJobs& command, Txn& txn) {
  std::vector<std::string> over;
  std::vector<Job> left;
  for (const auto& [id, job] : jobs_) {
    if (over.size() + left.size() == kReclaimedMax) break;
    if (!is_reclaimed(job, command)) continue;
    if (is_ended(job.state)) {
      over.push_back(id);
    } else {
      left.push_back(job);
    }
  }
  for (const std::string& id : over) remove(id, txn);
  for (Job& job : left) {
    job.reason = "the upload stood still for too long (jobs.uploadIdle)";
    touch(job, command.now_ms);
    end(job, JobState::failed, command.now_ms, txn);
    put(std::move(job), txn);
  }
  return {};
}

void Jobs::end(Job& job, JobState state, std::int64_t now_ms, Txn& txn) {
  job.state = state;
  job.ended_ms = now_ms;
  job.only_failed = false;
  if (job.has_all_input()) return;
  erase_chunks(job.id, txn);
  job.input_bytes = 0;
}

Result<Job> Jobs::find(const std::string& id) const {
  const auto known = jobs_.find(id);
  if (known == jobs_.end()) return Error(Errc::not_found, "there is no such job");
  return known->second;
}

void Jobs::put(Job job, Txn& txn) {
  std::optional<Job> before;
  if (const auto known = jobs_.find(job.id); known != jobs_.end()) before = known->second;
  txn.undo([this, id = job.id, before = std::move(before)] {
    if (before) {
      jobs_[id] = *before;
    } else {
      jobs_.erase(id);
    }
  });
  txn.put(store::job_key(partition_, job.id), store::encode(job));
  jobs_[job.id] = std::move(job);
}

void Jobs::remove(const std::string& id, Txn& txn) {
  txn.undo([this, before = jobs_.at(id)] {
    jobs_[before.id] = before;
    removed_.erase(before.id);
  });
  txn.erase(store::job_key(partition_, id));
  erase_chunks(id, txn);
  removed_[id] = txn.position();
  jobs_.erase(id);
}

void Jobs::erase_chunks(const std::string& id, Txn& txn) {
  for (const KeyKind kind : {KeyKind::job_input, KeyKind::job_results}) {
    const std::string prefix = store::job_chunk_prefix(partition_, kind, id);
    txn.erase_range(prefix, store::after_prefix(prefix));
  }
}

Result<Jobs::Chunk> Jobs::load_results(const std::string& id, std::uint64_t first) const {
  const std::string row = store::job_chunk_key(partition_, KeyKind::job_results, id, first);
  std::string value;
  if (const std::string* recent = recent_.find(row)) {
    value = *recent;
  } else {
    JD_TRY(const bool exists, reader_.get(Table::main, row, value));
    if (!exists) return Chunk();
  }
  JD_TRY(std::vector<JobResult> results, store::decode_job_results(value));
  return Chunk(std::move(results));
}

void Jobs::put_results(const std::string& id, std::uint64_t first,
                       const std::vector<JobResult>& results, Txn& txn) {
  const std::string row = store::job_chunk_key(partition_, KeyKind::job_results, id, first);
  std::string bytes = store::encode(results);
  txn.put(row, bytes);
  recent_.remember(row, std::move(bytes), txn);
}

void Jobs::trim(std::uint64_t durable) {
  recent_.trim(durable);
  std::erase_if(removed_, [durable](const auto& entry) { return entry.second <= durable; });
}

void Jobs::describe(StateLines& lines) const {
  for (const auto& [id, job] : jobs_) lines.add("job", id, store::encode(job));
  recent_.for_each([&lines](const auto& row, const std::string& bytes, auto position) {
    lines.add("job results", row, bytes, position);
  });
  for (const auto& [id, position] : removed_) lines.add("removed job", id, position);
}

}  // namespace jindou::partition
