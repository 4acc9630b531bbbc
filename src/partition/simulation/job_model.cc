#include "partition/simulation/job_model.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "model/job.h"
#include "partition/command_variant.h"
#include "store/job_records.h"
#include "store/keys.h"

namespace jindou::partition::simulation {

namespace {

using store::KeyKind;
using Rows = JobModel::Rows;

// A job as one list of items.
struct ItemList {
  Job job;
  std::map<std::uint64_t, std::string> inputs;  // by the index of the first item
  std::vector<JobResult> items;

  bool begins_chunk(std::uint64_t index) const { return inputs.contains(index); }
  // Behind the chunk that begins at `first`.
  std::uint64_t end_of(std::uint64_t first) const {
    const auto next = inputs.upper_bound(first);
    return next == inputs.end() ? items.size() : next->first;
  }
  // What was sent by a request stays.
  bool is_dropped() const {
    return !job.sealed && is_ended(job.state) && job.options.kind != JobKind::batch;
  }
};

// None when the rows are those of no job, or do not belong together.
std::optional<ItemList> read(const Rows& rows) {
  ItemList list;
  bool has_job = false;
  for (const auto& [key, bytes] : rows) {
    switch (store::kind_of_key(key)) {
      case KeyKind::job: {
        auto job = store::decode_job(bytes, store::id_of_job_key(key));
        if (!job) return std::nullopt;
        list.job = std::move(*job);
        has_job = true;
        break;
      }
      case KeyKind::job_input: {
        list.inputs.emplace(store::first_of_job_chunk_key(key), bytes);
        break;
      }
      default: {
        const auto results = store::decode_job_results(bytes);
        if (!results || store::first_of_job_chunk_key(key) != list.items.size()) {
          return std::nullopt;
        }
        list.items.insert(list.items.end(), results->begin(), results->end());
      }
    }
  }
  if (!has_job) return std::nullopt;
  return list;
}

// Everything that follows from the items is counted anew.
Rows write(ItemList list, PartitionId partition) {
  Job& job = list.job;
  if (!list.is_dropped()) {
    job.counts = {};
    job.input_bytes = 0;
    job.counts.items = list.items.size();
    for (const auto& [first, bytes] : list.inputs) job.input_bytes += bytes.size();
    for (const JobResult& item : list.items) {
      switch (item.state) {
        case JobResult::State::pending: break;
        case JobResult::State::accepted: ++job.counts.accepted; break;
        case JobResult::State::duplicate: ++job.counts.duplicate; break;
        case JobResult::State::refused: ++job.counts.refused; break;
        case JobResult::State::unknown: ++job.counts.unknown; break;
        case JobResult::State::unreadable: ++job.counts.unreadable; break;
      }
    }
    job.chunk = job.cursor;
    while (job.chunk < job.counts.items && !list.begins_chunk(job.chunk)) --job.chunk;
  }
  Rows rows;
  rows[store::job_key(partition, job.id)] = store::encode(job);
  for (const auto& [first, bytes] : list.inputs) {
    rows[store::job_chunk_key(partition, KeyKind::job_input, job.id, first)] = bytes;
    const auto begin = list.items.begin();
    const std::vector<JobResult> results(begin + static_cast<std::ptrdiff_t>(first),
                                         begin + static_cast<std::ptrdiff_t>(list.end_of(first)));
    rows[store::job_chunk_key(partition, KeyKind::job_results, job.id, first)] =
        store::encode(results);
  }
  return rows;
}

void end(ItemList& list, JobState state, std::int64_t now_ms) {
  list.job.state = state;
  list.job.ended_ms = now_ms;
  list.job.only_failed = false;
  if (!list.is_dropped()) return;
  list.inputs.clear();
  list.items.clear();
  list.job.input_bytes = 0;
}

void touch(ItemList& list, std::int64_t now_ms) {
  list.job.changed_ms = std::max(list.job.changed_ms, now_ms);
}

void append(ItemList& list, const AppendJobInput& command) {
  if (list.job.options.kind == JobKind::batch) return;
  if (list.job.state != JobState::uploading || command.first != list.items.size()) return;
  list.inputs[command.first] = command.input.bytes;
  const auto items = *store::decode_job_input(command.input.bytes);
  for (const JobItem& item : items) {
    JobResult& result = list.items.emplace_back();
    if (!item.refusal) continue;
    result.state = JobResult::State::unreadable;
    result.code = item.refusal->code;
  }
  touch(list, command.now_ms);
}

void keep(ItemList& list, const KeepSent& command) {
  Job& job = list.job;
  if (job.options.kind != JobKind::batch || command.results.size() != command.input.items) return;
  if (job.state != JobState::uploading || command.first != list.items.size()) return;
  std::vector<JobItem> items;
  if (command.input.items > 0) items = *store::decode_job_input(command.input.bytes);
  for (std::size_t place = 0; place < items.size(); ++place) {
    const bool decided = command.results[place].state != JobResult::State::pending &&
                         command.results[place].state != JobResult::State::unreadable;
    if (!items[place].refusal && !decided) return;
  }
  for (std::size_t place = 0; place < items.size(); ++place) {
    JobResult& result = list.items.emplace_back(command.results[place]);
    if (!items[place].refusal) continue;
    result = JobResult();
    result.state = JobResult::State::unreadable;
    result.code = items[place].refusal->code;
  }
  if (!items.empty()) list.inputs[command.first] = command.input.bytes;
  job.cursor = job.reached = list.items.size();
  touch(list, command.now_ms);
  if (!command.last) return;
  job.sealed = true;
  job.sealed_ms = command.now_ms;
  job.reason = command.reason;
  end(list, JobState::done, command.now_ms);
}

void seal(ItemList& list, const SealJob& command) {
  if (list.job.options.kind == JobKind::batch) return;
  if (list.job.state != JobState::uploading || command.items != list.items.size()) return;
  list.job.sealed = true;
  list.job.sealed_ms = command.now_ms;
  list.job.state = JobState::ready;
  touch(list, command.now_ms);
  if (list.items.empty()) end(list, JobState::done, command.now_ms);
}

void settle(Job& job, std::uint64_t runner) {
  if (runner == 0 || runner != job.runner || is_runnable(job.state)) return;
  job.runner = 0;
  job.settled = true;
}

bool can_advance(const ItemList& list, const AdvanceJob& command) {
  const Job& job = list.job;
  if (!job.sealed || command.pass != job.pass || command.from != job.cursor) return false;
  if (command.to <= command.from || command.to > list.items.size()) return false;
  if (job.only_failed && command.to > job.reached) return false;
  std::uint64_t chunk = command.from;
  while (!list.begins_chunk(chunk)) --chunk;
  if (command.to > list.end_of(chunk)) {
    const bool is_begin = list.begins_chunk(command.to) || command.to == list.items.size();
    return command.results.empty() && is_begin && command.to <= job.reached;
  }
  std::map<std::uint64_t, JobResult> told(command.results.begin(), command.results.end());
  if (told.size() != command.results.size()) return false;
  for (const auto& [index, result] : told) {
    if (index < command.from || index >= command.to || !list.items[index].is_to_try()) return false;
  }
  for (std::uint64_t index = command.from; index < command.to; ++index) {
    const bool is_pending = list.items[index].state == JobResult::State::pending;
    if (is_pending && !told.contains(index)) return false;
  }
  return true;
}

void end_advance(ItemList& list, const AdvanceJob& command) {
  Job& job = list.job;
  if (is_ended(job.state)) return;
  if (command.to == list.items.size()) {
    job.reason.clear();
    end(list, JobState::done, command.now_ms);
  } else if (command.stop == JobAction::fail) {
    job.reason = command.reason;
    end(list, JobState::failed, command.now_ms);
  } else if (job.only_failed && command.to == job.reached) {
    job.reason =
        "what had failed was tried again, and nothing else: a retry sends what was never tried";
    end(list, JobState::failed, command.now_ms);
  } else if (command.stop == JobAction::pause && job.state != JobState::paused) {
    job.reason = command.reason;
    job.state = JobState::paused;
  }
}

void advance(ItemList& list, const AdvanceJob& command) {
  Job& job = list.job;
  const bool is_there = job.sealed && command.pass == job.pass && command.from == job.cursor;
  if (is_there && command.to == command.from && command.results.empty() && !command.stop) {
    return settle(job, command.settled_by);
  }
  if (!can_advance(list, command)) return;
  for (const auto& [index, result] : command.results) list.items[index] = result;
  if (!command.results.empty()) job.times.add(command.took_ms, command.results.size());
  job.cursor = command.to;
  job.reached = std::max(job.reached, command.to);
  touch(list, command.now_ms);
  end_advance(list, command);
  settle(job, command.settled_by);
}

void change(ItemList& list, const ChangeJob& command) {
  Job& job = list.job;
  const auto next = next_job_state(job.state, command.action);
  const bool starts = command.action == JobAction::start;
  const bool is_named = starts && command.runner != 0;
  const bool is_new = is_named && command.runner != job.runner;
  if (!next || (*next == job.state && !is_new)) return;
  if (is_named && command.runner_before != job.runner) return;
  if (starts) {
    job.runner = command.runner;
    job.settled = false;
  }
  if (*next == job.state) return;
  if (command.action == JobAction::retry) {
    const bool any = std::any_of(list.items.begin(), list.items.end(),
                                 [](const JobResult& item) { return item.is_to_try(); });
    if (!job.sealed || !any || job.options.kind == JobKind::batch) return;
    const bool any_tried =
        std::any_of(list.items.begin(), list.items.end(), [](const JobResult& item) {
          return item.is_to_try() && item.state != JobResult::State::pending;
        });
    if (command.only_failed && !any_tried) return;
    job.only_failed = command.only_failed && job.reached < list.items.size();
    ++job.pass;
    job.cursor = 0;
    job.ended_ms = 0;
  }
  job.state = *next;
  job.reason = command.reason;
  touch(list, command.now_ms);
  if (*next == JobState::running && job.started_ms == 0) job.started_ms = command.now_ms;
  if (is_ended(*next)) end(list, *next, command.now_ms);
}

// What does not follow from the rest, of a job as it is stored.
std::string find_contradiction(const ItemList& list) {
  const Job& job = list.job;
  if (list.is_dropped()) {
    return list.inputs.empty() && list.items.empty() ? "" : "the input of no job is left";
  }
  if (job.cursor > job.reached || job.reached > list.items.size()) return "the cursor is nowhere";
  for (std::uint64_t index = 0; index < job.reached; ++index) {
    if (list.items[index].state == JobResult::State::pending) return "an item was left out";
  }
  if (job.only_failed && (is_ended(job.state) || job.cursor >= job.reached)) {
    return "a pass over what has failed does not end";
  }
  if (job.state == JobState::done && job.cursor != list.items.size()) return "done before its end";
  if (job.state == JobState::running && job.settled) return "settled while it runs";
  const bool is_whole = job.sealed || is_ended(job.state);
  if (is_whole == (job.state == JobState::uploading)) return "complete, and not";
  for (const auto& [first, bytes] : list.inputs) {
    const auto items = store::decode_job_input(bytes);
    if (!items || items->size() != list.end_of(first) - first) return "input is lost";
    for (std::uint64_t place = 0; place < items->size(); ++place) {
      const bool refused = (*items)[place].refusal.has_value();
      const JobResult& result = list.items[first + place];
      if (refused != (result.state == JobResult::State::unreadable)) return "another item";
    }
  }
  return "";
}

}  // namespace

// Adds the attempt to the job that a command changes.
class JobModel::Begin {
 public:
  Begin(JobModel& model, const SharedOutcome& outcome) : model_(model), outcome_(outcome) {}

  void operator()(const BeginJob& command) const {
    model_.jobs_[command.job].attempt(
        [command, partition = of(command.job)](Rows& rows) {
          if (!rows.empty()) return;
          ItemList list;
          list.job.id = command.job;
          list.job.options = command.options;
          list.job.created_ms = command.now_ms;
          touch(list, command.now_ms);
          rows = write(std::move(list), partition);
        },
        outcome_);
  }
  void operator()(const AppendJobInput& command) const {
    attempt(command.job, [command](ItemList& list) { append(list, command); });
  }
  void operator()(const KeepSent& command) const {
    attempt(command.job, [command](ItemList& list) { keep(list, command); });
  }
  void operator()(const SealJob& command) const {
    attempt(command.job, [command](ItemList& list) { seal(list, command); });
  }
  void operator()(const AdvanceJob& command) const {
    attempt(command.job, [command](ItemList& list) { advance(list, command); });
  }
  void operator()(const ChangeJob& command) const {
    attempt(command.job, [command](ItemList& list) { change(list, command); });
  }
  void operator()(const SetJobRate& command) const {
    attempt(command.job, [command](ItemList& list) {
      if (is_ended(list.job.state) || list.job.options.rate == command.rate) return;
      list.job.options.rate = command.rate;
      touch(list, command.now_ms);
    });
  }
  void operator()(const CountReach& command) const {
    attempt(command.job, [command](ItemList& list) {
      list.job.reach.messages += command.reach.messages;
      list.job.reach.receivers += command.reach.receivers;
      list.job.reach.pushed += command.reach.pushed;
    });
  }
  void operator()(const DeleteJob& command) const {
    model_.jobs_[command.job].attempt(
        [](Rows& rows) {
          const auto list = read(rows);
          if (list && is_ended(list->job.state)) rows.clear();
        },
        outcome_);
  }
  void operator()(const ReclaimJobs& command) const {
    for (auto& [id, rows_of_job] : model_.jobs_) {
      if (of(id) != command.partition) continue;
      rows_of_job.attempt(
          [command](Rows& rows) {
            auto list = read(rows);
            if (!list) return;
            const Job& job = list->job;
            if (is_ended(job.state) && job.ended_ms <= command.ended_by_ms) return rows.clear();
            if (job.state != JobState::uploading || job.changed_ms > command.uploads_by_ms) return;
            list->job.reason = "the upload stood still for too long (jobs.uploadIdle)";
            touch(*list, command.now_ms);
            end(*list, JobState::failed, command.now_ms);
            rows = write(std::move(*list), command.partition);
          },
          outcome_);
    }
  }
  template <class Other>
  void operator()(const Other& /*command*/) const {
    static_assert(!is_command_of<Other, JobCommand>, "the model does not know it");
  }

 private:
  PartitionId of(std::string_view id) const { return partition_for(id, model_.partitions_); }
  // What is no job stays none.
  template <class Effect>
  void attempt(const std::string& id, Effect effect) const {
    model_.jobs_[id].attempt(
        [effect = std::move(effect), partition = of(id)](Rows& rows) {
          auto list = read(rows);
          if (!list) return;
          effect(*list);
          rows = write(std::move(*list), partition);
        },
        outcome_);
  }

  JobModel& model_;
  const SharedOutcome& outcome_;
};

void JobModel::begin(const Change& change, const SharedOutcome& outcome) {
  std::visit(Begin(*this, outcome), change);
}

Result<JobModel::Rows> JobModel::load(const store::Reader& reader, const std::string& id) const {
  const PartitionId partition = partition_for(id, partitions_);
  Rows rows;
  for (const std::string& prefix :
       {store::job_key(partition, id), store::job_chunk_prefix(partition, KeyKind::job_input, id),
        store::job_chunk_prefix(partition, KeyKind::job_results, id)}) {
    JD_RETURN_IF_ERROR(reader.scan(store::Table::main, prefix, store::after_prefix(prefix),
                                   [&rows](std::string_view key, std::string_view value) {
                                     rows.emplace(key, value);
                                     return true;
                                   }));
  }
  return rows;
}

Result<std::string> JobModel::find_wrong(const store::Reader& reader) const {
  for (const auto& [id, possible] : jobs_) {
    JD_TRY(const Rows rows, load(reader, id));
    if (!possible.allows(rows)) return "not what was asked of job " + id;
    if (rows.empty()) continue;
    const auto list = read(rows);
    if (!list) return "unreadable rows of job " + id;
    const std::string contradiction = find_contradiction(*list);
    if (!contradiction.empty()) return contradiction + " in job " + id;
    if (write(*list, partition_for(id, partitions_)) != rows) {
      return "what is counted of the items is not so in job " + id;
    }
  }
  return std::string();
}

Result<void> JobModel::settle(const store::Reader& reader) {
  for (auto& [id, possible] : jobs_) {
    JD_TRY(Rows rows, load(reader, id));
    possible.settle(std::move(rows));
  }
  return {};
}

}  // namespace jindou::partition::simulation
