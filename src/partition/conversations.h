// Users' views of the channels of a partition: what they have read, hidden, and lost. They live
// with their channel; what was used lately is in its cache entry.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "partition/channel_cache.h"
#include "partition/stamps.h"
#include "partition/state_lines.h"
#include "partition/txn.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition {

// The most bytes that a changed conversation takes in a commit.
std::size_t conversation_bytes_at_most(std::string_view channel_id, std::string_view uid);

// The last seqs of a channel and of its command log when users joined.
struct JoinedAt {
  std::uint64_t seq = 0;
  std::uint64_t command_seq = 0;
};

// Lives in its partition and on its thread.
class Conversations {
 public:
  // Borrows all of them.
  Conversations(store::PartitionReader reader, const Clock& clock, ChannelCache& channels,
                Stamps& stamps);

  // Null when the user has no conversation with the channel. What is loaded stays while the channel
  // is touched (ChannelCache::touch). Errors: storage.
  Result<store::ConversationRecord*> load(CachedChannel& channel, std::string_view uid);
  // Without a look at the store; null when it is not in memory. Whatever is not durable yet is.
  CachedConversation* find(const ChannelKey& channel, std::string_view uid);
  // The users that the id of the channel names and that have no row yet. Errors: storage.
  Result<std::vector<std::string>> load_unopened(CachedChannel& channel);

  // Whether somebody who leaves the denylist has a conversation again: a subscriber, or whom the
  // channel is named after if there was a message to receive. The subscribers are loaded.
  static bool is_readmitted(const CachedChannel& channel, const std::string& uid);

  // The following cannot fail; rows are written by write().

  // A new one, in place of what may be there; its time stamps are filled in.
  store::ConversationRecord& put(CachedChannel& channel, std::string_view uid,
                                 store::ConversationRecord record, Txn& txn);
  // One that is there, for changing it. Valid until the next call.
  store::ConversationRecord& change(CachedChannel& channel, std::string_view uid, Txn& txn);
  // The sender's own message moves it. `seq`: of the message; `expires`: not for ever.
  void follow(CachedChannel& channel, std::string_view sender, std::uint64_t seq, bool expires,
              Txn& txn);
  // The tombstone of one that was lost is dropped.
  void forget_lost(const ChannelKey& channel, std::string_view uid, Txn& txn);
  // The user's devices hear that it is gone, though its row stays; after put().
  void leave_tombstone(CachedConversation& cached, Txn& txn);
  // Leaves a tombstone, unless the user is known to have none of it.
  void erase(CachedChannel& channel, std::string_view uid, Txn& txn);
  // Of those who joined, whose rows are loaded: nothing before counts as unread. One that was there
  // begins anew, too, but stays activated.
  void join(CachedChannel& channel, const std::vector<std::string>& uids, const JoinedAt& at,
            Txn& txn);
  // Of those who may read again, whose rows are loaded; nothing for whoever has one.
  void readmit(CachedChannel& channel, const std::vector<std::string>& uids, Txn& txn);

  // How many are changed and not written.
  std::size_t changed() const { return changed_.size(); }
  // Adds the rows of all that was changed. When the commit is handed on: a user who sends a hundred
  // messages moves once.
  void write(Txn& txn);
  void describe(StateLines& lines) const;
  // Forgets what is not written; with ChannelCache::clear().
  void clear() { changed_.clear(); }

 private:
  // Before a change: how it is put back when the command is taken back.
  void remember(CachedChannel& channel, std::string_view uid, Txn& txn);
  // The commit writes it.
  void mark(CachedChannel& channel, std::string_view uid, Txn& txn);

  PartitionId partition_;
  store::PartitionReader reader_;
  const Clock& clock_;
  ChannelCache& channels_;
  Stamps& stamps_;
  std::vector<std::pair<CachedChannel*, std::string>> changed_;
};

}  // namespace jindou::partition
