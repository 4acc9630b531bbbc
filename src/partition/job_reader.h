// Reads of what is stored of jobs. Everything acknowledged is visible here.
//
// Thread-safe; every load_ call blocks on disk, so edges call it through runtime::BlockingPool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/ids.h"
#include "model/job.h"
#include "store/partition_reader.h"

namespace jindou::partition {

struct JobInputChunk {
  std::uint64_t first = 0;  // index of its first item
  std::vector<JobItem> items;
};
struct JobResultChunk {
  std::uint64_t first = 0;
  std::vector<JobResult> results;  // of every item of the chunk
};
// The two as they were at one moment.
struct JobChunk {
  std::uint64_t first = 0;
  std::vector<JobItem> items;
  std::vector<JobResult> results;  // of as many
};

class JobReader {
 public:
  explicit JobReader(const store::PartitionReaders& readers) : readers_(readers) {}

  PartitionId partition_of(std::string_view id) const { return readers_.map().of_job(id); }

  // Errors of all: storage. A text that is no id of a job (is_job_id) is one of none.
  Result<std::optional<Job>> load_job(std::string_view id) const;
  // Jobs of all partitions, the newest first, those before the id `before` (empty: from the newest
  // on), at most `count`.
  Result<std::vector<Job>> load_jobs(std::string_view before, std::size_t count) const;
  // Those of one partition that have not ended, the oldest first. One scan of its jobs, of which
  // there are few (jobs.perPartitionMax), without their input.
  Result<std::vector<Job>> load_unfinished(PartitionId partition) const;

  // The chunk that the item `index` is in; empty when there is no such item, or, of the input, when
  // it is not kept any more.
  Result<std::optional<JobChunk>> load_chunk(std::string_view id, std::uint64_t index) const;
  Result<std::optional<JobInputChunk>> load_input(std::string_view id, std::uint64_t index) const;
  Result<std::optional<JobResultChunk>> load_results(std::string_view id,
                                                     std::uint64_t index) const;

 private:
  store::PartitionReaders readers_;
};

}  // namespace jindou::partition
