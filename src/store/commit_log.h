// The one seam between one machine and a cluster: make this write batch of one partition durable.
//
// Implementations: EmbeddedCommitLog (RocksDB with a synced WAL); MemoryStore in simulations.
#pragma once

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <functional>
#include <utility>

#include "base/result.h"
#include "model/ids.h"

namespace jindou::store {

struct Commit {
  PartitionId partition{};
  // The partition's log must be at this position; after the commit it is one further. Positions
  // start at 0 for an empty log.
  std::uint64_t expected_position = 0;
  // Every key the evaluated commands touch. Empty: nothing is written and the position stays, but
  // `done` keeps its place in the order of the partition's commits.
  rocksdb::WriteBatch batch;
  std::uint32_t messages = 0;  // for metrics
  // No message id counter of the partition beyond it has been given out.
  std::uint64_t id_bound = 0;
  // Called exactly once, on a thread of the log, in append order per partition, after the commit is
  // durable or has failed. Must not block.
  // Errors: unknown_outcome (the write began and may be durable), unavailable (the expectation did
  // not hold or the log is not accepting: certainly not written).
  std::function<void(Result<void>)> done;
};

class CommitLog {
 public:
  virtual ~CommitLog() = default;
  // Takes the commit and returns at once. Thread-safe; one partition appends from one thread.
  virtual void append(Commit commit) = 0;
};

}  // namespace jindou::store
