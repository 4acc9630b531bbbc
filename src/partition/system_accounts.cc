#include "partition/system_accounts.h"

#include <algorithm>
#include <utility>

#include "model/channel.h"
#include "partition/inbox_directory.h"
#include "store/keys.h"

namespace jindou::partition {

SystemAccounts::SystemAccounts() : accounts_(std::make_shared<UidSet>()) {}

Result<void> SystemAccounts::load(const store::PartitionReader& reader) {
  for (;;) {
    std::uint64_t before = 0;
    {
      const MutexLock lock(mutex_);
      before = changes_;
    }
    JD_TRY(UidSet uids, read_members(reader, store::system_account_prefix(reader.partition())));
    const MutexLock lock(mutex_);
    // A change that was applied while it was read may be in it or not.
    if (changes_ != before) continue;
    accounts_ = std::make_shared<UidSet>(std::move(uids));
    return {};
  }
}

std::shared_ptr<const UidSet> SystemAccounts::snapshot() const {
  const MutexLock lock(mutex_);
  return accounts_;
}

bool SystemAccounts::contains(std::string_view uid) const {
  return uid == kSystemUid || snapshot()->contains(uid);
}

std::vector<std::string> SystemAccounts::list() const {
  const auto accounts = snapshot();
  std::vector<std::string> uids(accounts->begin(), accounts->end());
  std::sort(uids.begin(), uids.end());
  return uids;
}

void SystemAccounts::follow(const std::vector<Row>& rows) {
  const MutexLock lock(mutex_);
  auto changed = std::make_shared<UidSet>(*accounts_);
  for (const Row& row : rows) {
    if (row.is_one) {
      changed->insert(row.uid);
    } else {
      changed->erase(row.uid);
    }
  }
  accounts_ = std::move(changed);
  ++changes_;
}

void SystemAccounts::replace(std::vector<std::string> uids) {
  const MutexLock lock(mutex_);
  accounts_ = std::make_shared<UidSet>(std::make_move_iterator(uids.begin()),
                                       std::make_move_iterator(uids.end()));
  ++changes_;
}

}  // namespace jindou::partition
