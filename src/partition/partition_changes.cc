#include <algorithm>
#include <map>
#include <utility>

#include "base/assert.h"
#include "observe/log.h"
#include "partition/addressing.h"
#include "partition/history.h"
#include "partition/partition.h"
#include "store/keys.h"

namespace jindou::partition {

namespace {

using store::ConversationRecord;
using store::Table;

}  // namespace

Result<void> Partition::evaluate_change(const ChangeSystemAccounts& change) {
  for (const auto& uid : change.uids) {
    const std::string key = store::system_account_key(id_, uid);
    if (change.add) {
      txn_->put(key, {});
    } else {
      txn_->erase(key);
    }
  }
  txn_->after_commit(
      [&accounts = deps_.accounts, change] { accounts.change(change.add, change.uids); });
  return {};
}

Result<void> Partition::evaluate_change(const ReserveTime& change) {
  stamps_.reserve(change.until_ns);
  txn_->need_state();
  return {};
}

}  // namespace jindou::partition
