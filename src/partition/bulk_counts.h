// The bulk messages that the users of a partition have been sent, by day.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "model/ids.h"
#include "partition/bulk_commands.h"
#include "partition/recent_rows.h"
#include "partition/state_lines.h"
#include "partition/txn.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition {

// Lives in its partition and on its thread.
class BulkCounts {
 public:
  explicit BulkCounts(store::PartitionReader reader);

  // Errors: storage.
  Result<void> evaluate(const CountBulk& command, Txn& txn);
  Result<void> evaluate(const ForgetBulkCounts& command, Txn& txn);

  // Forgets what the store tells when commits up to the position `durable` are in it.
  void trim(std::uint64_t durable) { recent_.trim(durable); }
  void describe(StateLines& lines) const;
  // Forgets everything; the store tells again.
  void clear() { recent_.clear(); }

 private:
  Result<bool> has_day_before(const CountBulk& command, const CountBulk::Message& message) const;
  Result<store::BulkCountRecord> load(const std::string& row) const;

  PartitionId partition_;
  store::PartitionReader reader_;
  RecentRows<store::BulkCountRecord> recent_;
};

}  // namespace jindou::partition
