// Frees what is no longer wanted, in the background.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "model/ids.h"
#include "observe/metrics.h"
#include "partition/change.h"
#include "partition/owned_partitions.h"
#include "retention/policy.h"
#include "store/bulk_loader.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::retention {

struct SweeperOptions {
  Policy policy;
  std::chrono::milliseconds interval{60'000};  // between two walks through the channels
  // Streams of the older endpoints end when nothing came for so long.
  std::chrono::milliseconds stream_idle{30'000};
  // A commit record answers for repeats this long; webhooks that lag further behind lose messages.
  std::int64_t commit_record_seconds = 7 * 24 * 3600;
  std::chrono::milliseconds tombstone_age{0};  // of lost conversations; 0: kept for ever
  std::chrono::milliseconds job_age{std::chrono::hours(7 * 24)};  // kept since their end
  // A job whose upload has stood still for so long fails.
  std::chrono::milliseconds upload_idle{std::chrono::hours(1)};
  // Rows freed before the store is compacted, which gives their space back.
  std::uint64_t compact_after_rows = 1'000'000;
};

// Borrowed; all outlive the sweeper.
struct SweeperDeps {
  store::PartitionReaders readers;
  store::BulkLoader& loader;
  const Clock& clock;
  observe::Metrics& metrics;
  // Only these are walked through. One that goes away meanwhile is left to whoever has it; when it
  // comes back the walk goes on where it was.
  const partition::OwnedPartitions& owned;
  // As partition::CommandRouter::post_change.
  std::function<Result<void>(partition::Change, std::function<void(Result<void>)>)> post_change;
  // Gives the space of deleted rows back; may take minutes.
  std::function<Result<void>()> compact;
  // The options as they are now: read at the start of each walk.
  std::function<SweeperOptions()> options;
};

// What the walks have done so far.
struct SweepTotals {
  std::uint64_t expired = 0;  // messages whose own time was over
  std::uint64_t cleared = 0;  // seqs passed by a limit
  std::uint64_t records = 0;  // commit records dropped
  std::uint64_t tombstones = 0;
  std::uint64_t requests = 0;  // answers to requests that may be repeated
  std::uint64_t jobs = 0;      // forgotten, or failed for an upload that stood still
};

class Sweeper {
 public:
  explicit Sweeper(SweeperDeps deps);
  // Stops and joins.
  ~Sweeper();
  Sweeper(const Sweeper&) = delete;
  Sweeper& operator=(const Sweeper&) = delete;

  void start();
  // Ends the thread after the change in flight. Idempotent.
  void stop();

  // One walk over everything on the calling thread, without start(). Errors: storage, unavailable,
  // overloaded: the rest is left for the next walk.
  Result<SweepTotals> sweep_once();

 private:
  struct UsedNumber;
  struct Walk;

  void run();
  bool wait(std::chrono::milliseconds time);
  Result<void> change(partition::Change change);
  // Calls the work for each partition that is owned, until one fails.
  Result<void> for_each_owned(Result<void> (Sweeper::*work)(PartitionId));
  Result<void> sweep(PartitionId partition);
  Result<void> reclaim_expired(PartitionId partition);
  Result<void> reclaim_requests(PartitionId partition);
  Result<void> forget_bulk_counts(PartitionId partition);
  Result<void> reclaim_jobs(PartitionId partition);
  Result<void> apply_limits(PartitionId partition);
  Result<void> limit_log(Walk& walk, const ChannelKey& log);
  // The last seq that a limit by count has passed; 0 or below `low` when there is none.
  Result<std::uint64_t> find_count_cut(Walk& walk, const ChannelKey& log, std::uint64_t low,
                                       std::uint64_t high, std::uint64_t max_count);
  // The last seq that is too old with no young one in front of it; 0 when there is none. Reads what
  // it passes, and may open the walk's cursor anew. Errors: storage; unavailable: stopping.
  Result<std::uint64_t> find_age_cut(Walk& walk, const ChannelKey& log, std::uint64_t low,
                                     std::int64_t before);
  Result<void> drop_commit_records(PartitionId partition);
  // The entries in the index that are still those of their messages: once the idempotency window is
  // over, a number may be used again, also while the entry is on its way to being erased.
  static Result<store::BulkLoader::Entries> find_own_entries(
      const store::PartitionReader& reader, const std::vector<UsedNumber>& numbers);
  Result<void> drop_tombstones(PartitionId partition);
  Result<void> close_idle_streams(PartitionId partition);

  SweeperDeps deps_;
  SweeperOptions options_;
  SweepTotals totals_;
  std::uint64_t rows_since_compaction_ = 0;
  // Where the walk over the commit records of a partition goes on.
  std::map<PartitionId, std::uint64_t> record_cursor_;
  // The same of the tombstones: the key it goes on at; empty: the first.
  std::map<PartitionId, std::string> tombstone_cursor_;

  Mutex mutex_;
  Condition wake_;
  bool stopping_ JD_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace jindou::retention
