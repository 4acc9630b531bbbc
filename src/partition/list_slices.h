// The rows that follow the decision of a long change of lists (list_jobs.h), slice by slice, each
// one commit, with other commands in between.
//
// A member's row and conversation go together, so the row tells what is done: a slice can be
// repeated. Whoever needs a user's conversation meanwhile has that user's share done first, so that
// no slice overwrites what came after the decision.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/ids.h"
#include "partition/channel_cache.h"
#include "partition/conversations.h"
#include "partition/list_job.h"
#include "partition/txn.h"
#include "store/partition_reader.h"

namespace jindou::partition {

// Lives in its partition and on its thread.
class ListSlices {
 public:
  // Borrows all of them.
  ListSlices(store::PartitionReader reader, const ListLimits& limits, ChannelCache& channels,
             Conversations& conversations);

  // What the next commit of a job that is decided does; moves the job on. Errors: storage; then it
  // has not moved.
  Result<ListSlice> next(ListJob& job, Txn& txn);
  // Cannot fail.
  void write(ListJob& job, const ListSlice& slice, Txn& txn);

  // What a job has left to do for a user, for whoever is about to look at or change that user's
  // conversation; nothing without a job. Errors: storage. Taking it cannot fail.
  Result<ListSlice> prepare_share(CachedChannel& channel, std::string_view uid);
  void take_share(CachedChannel& channel, const ListSlice& share, Txn& txn);
  // Whether the user has a conversation when the share was taken; `known`: has one before.
  static bool has_conversation_after(const CachedChannel& channel, const ListSlice& share,
                                     std::string_view uid, bool known);

 private:
  void note_share(ListJob& job, const std::string& uid, Txn& txn);
  // Those that are durable: the store tells of them.
  void forget_shares(ListJob& job);
  Result<void> look_at_uids(const ListJob& job, ListSlice& slice, ListProgress& to) const;
  // Rows of those who are not in the list any more; true behind the last one.
  Result<bool> walk_rows(const ListJob& job, ListSlice& slice, ListProgress& to) const;
  // Those that the slice may change: whoever joins or gets on a denylist may have one; of those who
  // leave a denylist, tells who is readmitted.
  Result<void> load_conversations_of(const ListJob& job, ListSlice& slice);

  PartitionId partition_;
  store::PartitionReader reader_;
  std::size_t slice_;
  ChannelCache& channels_;
  Conversations& conversations_;
};

}  // namespace jindou::partition
