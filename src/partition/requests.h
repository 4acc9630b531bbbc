// The requests of a partition that may be repeated.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/ids.h"
#include "partition/recent_rows.h"
#include "partition/request_commands.h"
#include "partition/state_lines.h"
#include "partition/txn.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition {

// Lives in its partition and on its thread.
class Requests {
 public:
  explicit Requests(store::PartitionReader reader);

  // Errors: as the command says, storage.
  Result<void> evaluate(const ClaimRequest& command, Txn& txn);
  Result<void> evaluate(const FinishRequest& command, Txn& txn);
  Result<void> evaluate(const ReleaseRequest& command, Txn& txn);
  Result<void> evaluate(const ReclaimRequests& command, Txn& txn);

  // Forgets what the store tells when commits up to the position `durable` are in it.
  void trim(std::uint64_t durable) { recent_.trim(durable); }
  void describe(StateLines& lines) const;
  // Forgets everything; the store tells again.
  void clear() { recent_.clear(); }

 private:
  using Found = std::optional<store::RequestRecord>;
  // Without the answer, which no decision needs.
  Result<Found> load(const std::string& key) const;
  // Empty: the row is removed.
  void put(const std::string& key, const Found& record, Txn& txn);

  PartitionId partition_;
  store::PartitionReader reader_;
  RecentRows<Found> recent_;  // an empty record was removed
};

}  // namespace jindou::partition
