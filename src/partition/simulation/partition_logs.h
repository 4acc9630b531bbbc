// The logs of partitions, each a log of its own, as all nodes see them
// (docs/decisions/0023-several-partitions.md). They only grow.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "store/transaction_records.h"

namespace jindou::partition::simulation {

class PartitionLogs {
 public:
  explicit PartitionLogs(std::size_t partitions) : records_(partitions), decisions_(partitions) {}

  std::size_t count() const { return records_.size(); }
  // Records as they are encoded.
  const std::vector<std::string>& of(PartitionId partition) const {
    return records_[raw(partition)];
  }

  void append(PartitionId partition, const store::PlainCommit& commit);
  void append(PartitionId partition, const store::PreparedCommit& share);
  void append(PartitionId partition, const store::TransactionDecision& decision);

  // The first decision in the log of the coordinator counts. None yet: empty.
  std::optional<bool> find_decision(PartitionId coordinator,
                                    const store::TransactionId& transaction) const;
  // The transaction at the end of a log that the log does not know the decision of.
  std::optional<store::PreparedCommit> find_undecided(PartitionId partition) const;

 private:
  std::vector<std::vector<std::string>> records_;
  std::vector<std::map<store::TransactionId, bool>> decisions_;  // the first of each
};

// Of one that was appended.
store::CommitLogRecord decode_record(const std::string& bytes);

}  // namespace jindou::partition::simulation
