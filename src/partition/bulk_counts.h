// The bulk messages that the users of a partition have been sent, by day.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/ids.h"
#include "partition/bulk_commands.h"
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
  void trim(std::uint64_t durable);
  void describe(StateLines& lines) const;
  // Forgets everything; the store tells again.
  void clear() { recent_.clear(); }

 private:
  // By row, of commits that may not be readable yet.
  struct Recent {
    store::BulkCountRecord record;
    std::uint64_t position = 0;
  };
  Result<store::BulkCountRecord> load(const std::string& row) const;
  void remember(const std::string& row, store::BulkCountRecord record, Txn& txn);

  PartitionId partition_;
  store::PartitionReader reader_;
  boost::unordered_flat_map<std::string, Recent> recent_;
};

}  // namespace jindou::partition
