// A server of the simulation: the partitions that it owns or follows, and what they share.
#pragma once

#include <rocksdb/write_batch.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "partition/changed_jobs.h"
#include "partition/inbox_directory.h"
#include "partition/owned_partitions.h"
#include "partition/partition_host.h"
#include "partition/simulation/failing_reader.h"
#include "partition/simulation/simulated_store.h"
#include "partition/system_accounts.h"
#include "store/commit_horizon.h"
#include "store/partition_reader.h"

namespace jindou::partition::simulation {

inline constexpr std::uint16_t kPartitions = 3;
inline constexpr std::uint64_t kFingerprintSeed = 42;

// Time passes alike for all; what a wall clock says is its own affair.
class VirtualClock final : public Clock {
 public:
  // Borrows `now_ms`.
  explicit VirtualClock(const std::int64_t& now_ms) : now_ms_(now_ms) {}
  std::int64_t wall_ms() const override { return now_ms_ + ahead_ms; }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::milliseconds(now_ms_));
  }
  std::int64_t ahead_ms = 0;  // of the wall clock, which is set now and then

 private:
  const std::int64_t& now_ms_;
};

class Server final {
 public:
  // Owns nothing. Borrows all.
  Server(const NodeParts& parts, const Clock& clock, EffectSink& effects);

  PartitionHost& host(PartitionId partition) { return *hosts_[raw(partition)]; }
  const Clock& clock() const { return clock_; }
  FailingReader& reader() { return reader_; }
  InboxDirectory& inboxes() { return inboxes_; }
  const SystemAccounts& accounts() const { return accounts_; }
  store::CommitHorizon& horizon() { return horizon_; }
  OwnedPartitions& owned() { return owned_; }
  ChangedJobs& changed_jobs() { return changed_jobs_; }

  // As a server does whenever its store was opened. Errors: storage.
  Result<void> forget_what_was_read();
  // A commit was applied to its rows.
  void follow(const rocksdb::WriteBatch& batch);
  // Whether it remembers what its rows say.
  Result<bool> remembers_its_rows(const std::vector<std::string>& uids);

 private:
  const store::Reader& rows_;
  const Clock& clock_;
  FailingReader reader_;  // of the partitions
  SystemAccounts accounts_;
  InboxDirectory inboxes_;
  store::CommitHorizon horizon_;
  OwnedPartitions owned_{kPartitions};
  ChangedJobs changed_jobs_;
  std::vector<std::unique_ptr<PartitionHost>> hosts_;
};

}  // namespace jindou::partition::simulation
