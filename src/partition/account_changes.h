// Writes changes of the system accounts; what is remembered of them follows the commit
// (applied_rows.h).
#pragma once

#include "base/result.h"
#include "model/ids.h"
#include "partition/account_commands.h"
#include "partition/txn.h"

namespace jindou::partition {

// Lives in its partition and on its thread.
class AccountChanges {
 public:
  explicit AccountChanges(PartitionId partition) : partition_(partition) {}

  // Cannot fail.
  Result<void> evaluate(const ChangeSystemAccounts& command, Txn& txn);

 private:
  PartitionId partition_;
};

}  // namespace jindou::partition
