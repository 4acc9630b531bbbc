// A node that follows the logs of all partitions, each a log of its own, and has in its rows what
// they say. The owner of a partition is one, too.
//
// A commit of several partitions is applied in one go, when its decision is there: no reader of the
// node finds a half of it (docs/decisions/0023-several-partitions.md).
#pragma once

#include <rocksdb/write_batch.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "model/ids.h"
#include "partition/simulation/partition_logs.h"
#include "store/memory_reader.h"
#include "store/transaction_records.h"

namespace jindou::partition::simulation {

class LogReplica {
 public:
  // Called when a commit, of one partition or several, can be read in the rows.
  using Applied = std::function<void(const rocksdb::WriteBatch&)>;

  // Borrows logs and rows.
  LogReplica(const PartitionLogs& logs, store::MemoryReader& rows, Applied applied);

  // Applies the next record of that partition, if there is one that is decided; with one of a
  // transaction, what the other partitions have before it. False: there is none.
  bool advance(PartitionId partition);
  // All that is decided.
  void catch_up(PartitionId partition);
  void catch_up();
  // Commits applied to the partition.
  std::uint64_t position(PartitionId partition) const { return positions_[raw(partition)]; }

 private:
  void apply(const store::PlainCommit& commit, PartitionId partition);
  // False: it is not decided.
  bool apply(const store::PreparedCommit& prepared, PartitionId partition);
  // The next record of the partition, when it is the share of the transaction.
  std::optional<store::PreparedCommit> next_share(PartitionId partition,
                                                  const store::TransactionId& transaction) const;

  const PartitionLogs& logs_;
  store::MemoryReader& rows_;
  Applied applied_;
  std::vector<std::size_t> next_;         // by partition: the record
  std::vector<std::uint64_t> positions_;  // by partition
};

}  // namespace jindou::partition::simulation
