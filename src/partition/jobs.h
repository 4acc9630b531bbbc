// The jobs of a partition: what each is to send, how far it is, what became of its items. Sending
// is not done here; whoever runs a job tells what came of it (docs/decisions/0028-jobs.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/ids.h"
#include "model/job.h"
#include "partition/job_commands.h"
#include "partition/recent_rows.h"
#include "partition/state_lines.h"
#include "partition/txn.h"
#include "store/partition_reader.h"

namespace jindou::partition {

// The defaults are those of src/config/settings.h.
struct JobLimits {
  std::size_t per_partition_max = 200;
  // Of the jobs of a partition together, ended ones too.
  std::uint64_t input_bytes_max = std::uint64_t{4} << 30;
};

// Lives in its partition and on its thread. Has the records of jobs in memory, about a kilobyte
// each, their input not.
class Jobs {
 public:
  Jobs(store::PartitionReader reader, const JobLimits& limits);

  // Reads which there are. Errors: storage.
  Result<void> open();

  // Errors: as the command says, storage.
  Result<void> evaluate(const BeginJob& command, Txn& txn);
  Result<void> evaluate(const AppendJobInput& command, Txn& txn);
  Result<void> evaluate(const KeepSent& command, Txn& txn);
  Result<void> evaluate(const SealJob& command, Txn& txn);
  Result<void> evaluate(const AdvanceJob& command, Txn& txn);
  Result<void> evaluate(const ChangeJob& command, Txn& txn);
  Result<void> evaluate(const SetJobRate& command, Txn& txn);
  Result<void> evaluate(const CountReach& command, Txn& txn);
  Result<void> evaluate(const DeleteJob& command, Txn& txn);
  Result<void> evaluate(const ReclaimJobs& command, Txn& txn);

  // Forgets what the store tells when commits up to the position `durable` are in it.
  void trim(std::uint64_t durable);
  void describe(StateLines& lines) const;

 private:
  // A copy to be changed and put.
  Result<Job> find(const std::string& id) const;
  void put(Job job, Txn& txn);
  void remove(const std::string& id, Txn& txn);
  void erase_chunks(const std::string& id, Txn& txn);
  // Of the chunk that begins at `first`; empty when none does.
  using Chunk = std::optional<std::vector<JobResult>>;
  Result<Chunk> load_results(const std::string& id, std::uint64_t first) const;
  void put_results(const std::string& id, std::uint64_t first,
                   const std::vector<JobResult>& results, Txn& txn);
  Result<void> check_room(const Job& job, std::size_t bytes) const;
  Result<void> move_in_chunk(Job& job, const AdvanceJob& command, std::vector<JobResult> results,
                             Txn& txn);
  Result<void> jump(Job& job, const AdvanceJob& command) const;
  // Leaves the job ended, and without input that is of no use.
  void end(Job& job, JobState state, std::int64_t now_ms, Txn& txn);

  PartitionId partition_;
  store::PartitionReader reader_;
  JobLimits limits_;
  std::map<std::string, Job> jobs_;
  RecentRows<std::string> recent_;  // rows of results, as they are encoded
  // Jobs whose rows may still be readable, by id: the position of the commit that removes them.
  std::map<std::string, std::uint64_t> removed_;
};

}  // namespace jindou::partition
