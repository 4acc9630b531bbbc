// The seam between one machine and a cluster, per partition: make this node the one that writes to
// the partition, make its write batches durable, let go of it.
//
// Implementations: EmbeddedCommitLog (RocksDB with a synced WAL); MemoryStore in simulations.
#pragma once

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/ids.h"

namespace jindou::store {

// That this node may append to a partition, until it is closed or opened again, by whomever.
struct LogOpening {
  std::uint64_t number = 0;    // of this log's openings; 0: none
  std::uint64_t position = 0;  // of the partition's log; what was read of it before has to be read
                               // again
};

struct Commit {
  PartitionId partition{};
  // LogOpening::number. With another one than that in force nothing is written.
  std::uint64_t opening = 0;
  // The partition's log must be at this position; after the commit it is one further. Positions
  // start at 0 for an empty log.
  std::uint64_t expected_position = 0;
  // Every key the evaluated commands touch, and the state of the partition with its new position.
  // Empty: nothing is written and the position stays, but `done` keeps its place in the order of
  // the partition's commits.
  rocksdb::WriteBatch batch;
  std::uint32_t messages = 0;  // for metrics
  // No message id counter of the partition beyond it has been given out.
  std::uint64_t id_bound = 0;
  // Called exactly once, on a thread of the log, in append order per partition, after the commit is
  // durable or has failed. Must not block.
  // Errors: unknown_outcome (the write began and may be durable), unavailable (the expectation did
  // not hold or the log is not accepting: certainly not written), not_owner (its opening is over:
  // certainly not written, nor will be anything of that opening after it).
  std::function<void(Result<void>)> done;
};

class CommitLog {
 public:
  using Opened = std::function<void(Result<LogOpening>)>;

  virtual ~CommitLog() = default;

  // Makes this node the one that may append to the partition. What an earlier opening has appended
  // is decided by the time `done` is called, and what it appends from now on fails with not_owner:
  // nothing of it comes behind the position that is returned. `done` is called once, perhaps on a
  // thread of the log and perhaps before this returns; it must not block. Errors: unavailable,
  // storage: the earlier opening is over all the same. Thread-safe; returns at once.
  virtual void open(PartitionId partition, Opened done) = 0;

  // Takes the commit and returns at once. Thread-safe; one partition appends from one thread.
  virtual void append(Commit commit) = 0;
  // Takes commits of different partitions, one of each, that are made all or none: one that is not
  // accepted keeps the others out, which fail as unavailable. Their place among the commits of
  // their partitions is that of append(), which must not be called for any of them meanwhile.
  virtual void append_all(std::vector<Commit> commits) = 0;

  // Ends the opening, if it is the one in force: what is appended with it from now on fails with
  // not_owner. To be called when everything that was appended is decided. Thread-safe; returns at
  // once.
  virtual void close(PartitionId partition, std::uint64_t opening) = 0;

  // Whether what the store shows is what became of all commits that failed with unknown_outcome so
  // far. Not between such a failure and the opening of the store anew, which may find them after
  // all. Thread-safe.
  virtual bool is_certain() const { return true; }
};

// What is refused because this node may not write to the partition: for people.
inline Error not_owner() {
  return Error(Errc::not_owner,
               "the channel or user is moving to another server; nothing was done, retry");
}

// Opens and waits. Not for a thread of the log. Errors: as CommitLog::open().
Result<LogOpening> open_and_wait(CommitLog& log, PartitionId partition);

}  // namespace jindou::store
