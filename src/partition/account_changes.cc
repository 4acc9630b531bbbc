#include "partition/account_changes.h"

#include <string>

#include "store/keys.h"

namespace jindou::partition {

Result<void> AccountChanges::evaluate(const ChangeSystemAccounts& command, Txn& txn) {
  for (const auto& uid : command.uids) {
    const std::string key = store::system_account_key(partition_, uid);
    if (command.add) {
      txn.put(key, {});
    } else {
      txn.erase(key);
    }
  }
  return {};
}

}  // namespace jindou::partition
