// The flags and lists of a partition's channels, and what comes and goes with them: conversations
// of members, the messages of a channel that is deleted.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "partition/channel_cache.h"
#include "partition/conversations.h"
#include "partition/list_commands.h"
#include "partition/list_jobs.h"
#include "partition/message_log.h"
#include "partition/txn.h"

namespace jindou::partition {

// Lives in its partition and on its thread.
class Lists {
 public:
  // Borrows all of them.
  Lists(ChannelCache& channels, Conversations& conversations, MessageLog& log, ListJobs& jobs)
      : channels_(channels), conversations_(conversations), log_(log), jobs_(jobs) {}

  // Errors: as the command says, storage. What is too long for one commit goes on as a job.
  Result<void> evaluate(const UpsertChannel& command, Txn& txn);
  Result<void> evaluate(const ChangeMembers& command, Txn& txn);
  Result<void> evaluate(const DeleteChannel& command, Txn& txn);

 private:
  // A list, and the conversations that come and go with it. First reads everything that the change
  // needs; the change itself cannot fail. Errors: storage.
  Result<void> prepare_change(CachedChannel& channel, MemberList list,
                              ChangeMembers::Operation operation,
                              const std::vector<std::string>& uids, Txn& txn);
  void change(CachedChannel& channel, MemberList list, ChangeMembers::Operation operation,
              const std::vector<std::string>& uids, Txn& txn);

  ChannelCache& channels_;
  Conversations& conversations_;
  MessageLog& log_;
  ListJobs& jobs_;
};

}  // namespace jindou::partition
