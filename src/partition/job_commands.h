// Changes of jobs (model/job.h, docs/decisions/0028-jobs.md). Each belongs to the partition of the
// job's id, which keeps all that is known of the job.
//
// `now_ms` is the wall clock of whoever asks: told to people, and what the age of a job is counted
// by. All of them answer not_found when there is no such job.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "model/ids.h"
#include "model/job.h"
#include "store/job_records.h"

namespace jindou::partition {

// Makes a job without input, in the state `uploading`. Errors: invalid when a name is longer than
// kJobNameBytesMax; conflict when there is one with that id; overloaded when the partition has as
// many as it may have (jobs.perPartitionMax): another id may be in a partition that has room.
struct BeginJob {
  std::string job;  // a new id, of make_job_id()
  JobOptions options;
  std::int64_t now_ms = 0;
};

// Adds a chunk of input, whose first item has the index `first`: the number of items before it. A
// repeat of a chunk that is there is done already. Errors: conflict when the job is not uploading,
// or `first` is neither what comes next nor a chunk of as many items; too_large when the chunk is
// larger than one may be, or the input of the job than jobs.inputBytesMax; overloaded when the jobs
// of the partition have more input together than that.
struct AppendJobInput {
  std::string job;
  std::uint64_t first = 0;
  store::JobInput input;
  std::int64_t now_ms = 0;
};

// Adds items that a request has sent to a job of the kind `batch`, with what became of them; with
// the last ones it is done. They may be none then. A repeat is done already. Errors: conflict and
// those of room as above; invalid when the job is of another kind, or an item that is a message has
// no result.
struct KeepSent {
  std::string job;
  std::uint64_t first = 0;
  store::JobInput input;
  std::vector<JobResult> results;  // of each item; of those that are no messages it does not count
  bool last = false;
  // With the last ones: why there are no more, for people; empty: it was all of them.
  std::string reason;
  std::int64_t now_ms = 0;
};

// The input is complete: the job becomes ready, or done when it is empty. A repeat is done already.
// Errors: conflict when the job is not uploading any more, or has another number of items; invalid
// when it is of the kind `batch`.
struct SealJob {
  std::string job;
  std::uint64_t items = 0;
  std::int64_t now_ms = 0;
  // Millionths of the items, rounded up, behind which it pauses (JobOptions::canary_items); 0: what
  // it was begun with stays.
  std::uint32_t canary_ppm = 0;
};

// What has become of the items from the cursor on; moves the cursor. Taken in every state of a job
// that is sealed: what was on its way when a job was paused or cancelled is recorded. With the last
// item a job that has not ended is done. Without any item, `to` being `from`, it says only what
// `settled_by` does.
struct AdvanceJob {
  std::string job;
  std::uint32_t pass = 0;  // of the job
  std::uint64_t from = 0;  // the cursor
  std::uint64_t to = 0;    // behind the last item
  // Of items from `from` to before `to`, by index, ascending. Those that are not named keep the
  // result that they have; none of them may be pending.
  std::vector<std::pair<std::uint64_t, JobResult>> results;
  // How long each of them took.
  std::uint64_t took_ms = 0;
  // Behind them the job is stopped, unless it has ended: pause or fail.
  std::optional<JobAction> stop;
  std::string reason;  // for that
  std::int64_t now_ms = 0;
  // Who runs the job (Job::runner), when he has heard of all that he has sent of it: if it is not
  // to go on behind the items, it is settled. 0: that is not said.
  std::uint64_t settled_by = 0;
};
// Errors of it: conflict when pass or cursor are others, somebody else runs the job, or the job is
// not sealed, and without items when it goes on or somebody else has run it; invalid when `to` is
// neither in the chunk of `from`, nor its end, nor, without results, the beginning of a later one
// that no pass has yet to reach, when results are missing, or in a pass over what has failed when
// there are items among them that no pass has reached.

// Whatever else may be done with it. Errors: conflict when it cannot be done in the job's state
// (next_job_state), with a retry also when it has nothing to try, its upload was never complete, or
// it is of the kind `batch`; with a start also when the runner is another one than was thought.
struct ChangeJob {
  std::string job;
  JobAction action = JobAction::pause;  // start, pause, resume, cancel, fail or retry
  std::string reason;                   // for people; may be empty
  std::int64_t now_ms = 0;
  // With start: who runs it from now on, by a number that nobody has had, before he sends anything
  // of it; also of a job that is running, of which it changes nothing else. 0: it is not said.
  std::uint64_t runner = 0;
  std::uint64_t runner_before = 0;  // Job::runner, as far as he knows
  // With retry: only what was refused or is unknown is tried. If there is more, the job has failed
  // when that is done.
  bool only_failed = false;
};

// Changes how fast it goes from now on; 0: as fast as it can. Errors: conflict when it has ended.
struct SetJobRate {
  std::string job;
  std::uint64_t rate = 0;  // items in a second
  std::int64_t now_ms = 0;
};

// Adds to whom the messages of the job have reached. Taken in every state: what was sent by a job
// that has ended is counted, too. It is no change of the job's age, nor does a repeat find itself
// again: whoever does not know whether it was stored does not ask again.
struct CountReach {
  std::string job;
  JobReach reach;  // since the last time
};

// Forgets the job and all that is known of it. Errors: conflict when it has not ended: cancel it
// first.
struct DeleteJob {
  std::string job;
};

// Forgets jobs that have ended by `ended_by_ms`, and fails those whose upload has stood still since
// `uploads_by_ms`; some at a time. Nothing happens when there are none.
struct ReclaimJobs {
  PartitionId partition{};
  std::int64_t ended_by_ms = 0;
  std::int64_t uploads_by_ms = 0;
  std::int64_t now_ms = 0;
};

// Whether that would forget the job, or fail it.
inline bool is_reclaimed(const Job& job, const ReclaimJobs& reclaim) {
  if (job.state == JobState::uploading) return job.changed_ms <= reclaim.uploads_by_ms;
  return is_ended(job.state) && job.ended_ms <= reclaim.ended_by_ms;
}

using JobCommand = std::variant<BeginJob, AppendJobInput, KeepSent, SealJob, AdvanceJob, ChangeJob,
                                SetJobRate, CountReach, DeleteJob, ReclaimJobs>;

}  // namespace jindou::partition
