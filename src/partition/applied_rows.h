// What a node keeps in memory of the rows of partitions, beside the partitions themselves: the
// inboxes of users, the system accounts, and which jobs have changed. It follows the commits that
// are applied to the node's store, whoever has evaluated them: a partition here, or the owner of
// one that is followed. So a node that only applies commits remembers the same as their owner, and
// goes on with it when it takes a partition over (docs/decisions/0026-what-nodes-share.md).
#pragma once

#include <rocksdb/write_batch.h>

#include <string>
#include <string_view>
#include <vector>

#include "model/ids.h"
#include "partition/changed_jobs.h"
#include "partition/inbox_directory.h"
#include "partition/system_accounts.h"

namespace jindou::partition {

// What the rows of one commit mean to that memory.
struct AppliedRows {
  std::vector<std::string> inboxes;  // of whom flags or lists are written
  std::vector<SystemAccounts::Row> accounts;
  struct Job {
    PartitionId partition{};
    std::string id;
  };
  std::vector<Job> jobs;  // whose record is written or removed

  bool empty() const { return inboxes.empty() && accounts.empty() && jobs.empty(); }
};

// Whether something is remembered of such a row. A commit without any need not be read.
bool is_remembered(std::string_view key);
// Walks through the batch, as a partition has built it.
AppliedRows read_applied_rows(const rocksdb::WriteBatch& batch);

// The commit can be read in the store of this node. To be called for all commits of a partition in
// their order, before anybody is told of them. Nobody waits for jobs when `jobs` is null.
// Thread-safe.
void follow(const AppliedRows& rows, InboxDirectory& inboxes, SystemAccounts& accounts,
            const ChangedJobs* jobs);

}  // namespace jindou::partition
