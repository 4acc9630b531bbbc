// Writes changes of the system accounts (system_accounts.h), which follow when they are durable.
#pragma once

#include "base/result.h"
#include "model/ids.h"
#include "partition/account_commands.h"
#include "partition/system_accounts.h"
#include "partition/txn.h"

namespace jindou::partition {

// Lives in its partition and on its thread.
class AccountChanges {
 public:
  // Borrows `accounts`.
  AccountChanges(PartitionId partition, SystemAccounts& accounts)
      : partition_(partition), accounts_(accounts) {}

  // Cannot fail.
  Result<void> evaluate(const ChangeSystemAccounts& command, Txn& txn);

 private:
  PartitionId partition_;
  SystemAccounts& accounts_;
};

}  // namespace jindou::partition
