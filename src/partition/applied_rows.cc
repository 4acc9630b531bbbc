#include "partition/applied_rows.h"

#include <cstdint>

#include "base/assert.h"
#include "store/keys.h"

namespace jindou::partition {

namespace {

using store::KeyKind;

std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

class Walk final : public rocksdb::WriteBatch::Handler {
 public:
  rocksdb::Status PutCF(std::uint32_t, const rocksdb::Slice& key, const rocksdb::Slice&) override {
    note(view(key), true);
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteCF(std::uint32_t, const rocksdb::Slice& key) override {
    note(view(key), false);
    return rocksdb::Status::OK();
  }
  // A list goes as a whole, and nothing else of these does: the range lies in one channel.
  rocksdb::Status DeleteRangeCF(std::uint32_t, const rocksdb::Slice& lower,
                                const rocksdb::Slice&) override {
    JD_ASSERT(store::kind_of_key(view(lower)) != KeyKind::system_account);
    note(view(lower), false);
    return rocksdb::Status::OK();
  }
  AppliedRows rows;

 private:
  void note(std::string_view key, bool is_there) {
    if (!is_remembered(key)) return;
    if (store::kind_of_key(key) == KeyKind::system_account) {
      rows.accounts.push_back({std::string(store::uid_of_system_account_key(key)), is_there});
      return;
    }
    if (store::kind_of_key(key) == KeyKind::job) {
      rows.jobs.push_back({store::partition_of_key(key), std::string(store::id_of_job_key(key))});
      return;
    }
    std::string uid = store::channel_of_channel_scoped_key(key).id;
    // The rows of one change stand beside each other.
    if (rows.inboxes.empty() || rows.inboxes.back() != uid) rows.inboxes.push_back(std::move(uid));
  }
};

}  // namespace

bool is_remembered(std::string_view key) {
  switch (store::kind_of_key(key)) {
    case KeyKind::channel:
    case KeyKind::denylist:
    case KeyKind::allowlist: return store::type_of_channel_scoped_key(key) == ChannelType::person;
    case KeyKind::system_account:
    case KeyKind::job: return true;
    default: return false;
  }
}

AppliedRows read_applied_rows(const rocksdb::WriteBatch& batch) {
  Walk walk;
  JD_ASSERT(batch.Iterate(&walk).ok());
  return std::move(walk.rows);
}

void follow(const AppliedRows& rows, InboxDirectory& inboxes, SystemAccounts& accounts,
            const ChangedJobs* jobs) {
  for (const std::string& uid : rows.inboxes) inboxes.invalidate(uid);
  if (!rows.accounts.empty()) accounts.follow(rows.accounts);
  if (jobs == nullptr) return;
  for (const AppliedRows::Job& job : rows.jobs) jobs->tell(job.partition, job.id);
}

}  // namespace jindou::partition
