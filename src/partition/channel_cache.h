// The channels of a partition in memory, in front of the store: their records, lists and last seqs.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/channel.h"
#include "model/message.h"
#include "model/moderation.h"
#include "partition/effects.h"
#include "partition/list_commands.h"
#include "partition/stamps.h"
#include "partition/state_lines.h"
#include "partition/txn.h"
#include "store/keys.h"
#include "store/partition_reader.h"
#include "store/records.h"

namespace jindou::partition {

struct ListJob;  // list_job.h

// A conversation as the partition knows it: empty when there is none.
struct CachedConversation {
  std::optional<store::ConversationRecord> record;
  // The row's; less than the record's while that follows from it.
  std::uint64_t written_read_to = 0;
  bool dirty = false;              // the commit being gathered writes it
  bool tombstone_dirty = false;    // and its tombstone
  std::uint64_t position = 0;      // of the last commit that changed it
  std::int64_t deleted_at_ns = 0;  // of the last tombstone since it is in memory; 0: none
};

// What became of a message, by a commit that the store may not show yet.
struct RevisedLately {
  Revision revision;
  ModerationPtr moderation;    // of the payload it has now
  std::uint64_t position = 0;  // of that commit
};

// The unlisted messages of one sender that a log ends with, as far as they are in memory
// (store::GapRecord::run).
struct UnlistedRun {
  std::string uid;
  std::uint64_t last = 0;  // the seq of the newest
  std::uint64_t seqs = 0;  // 0: there is none
};

// Cached state of a channel; of a command log only the record and last_seq are used.
struct CachedChannel {
  ChannelKey key;
  bool exists = false;  // has a record
  store::ChannelRecord record;
  std::uint64_t last_seq = 0;
  UnlistedRun unlisted_run;
  // Loaded when first needed. One that was handed to effects is never changed again, but replaced.
  std::shared_ptr<UidSet> lists[3];
  bool list_handed_out[3] = {};
  // Of users who sent something or changed theirs lately (conversations.h).
  boost::unordered_flat_map<std::string, CachedConversation, UidHash, UidEqual> conversations;
  // The users a channel names by its id (both of a pair, a visitor) have their conversations.
  bool named_users_known = false;
  // Messages deleted one by one, with the position of the commit that does it: the store may not
  // show it yet.
  boost::unordered_flat_map<std::uint64_t, std::uint64_t> deleted_lately;
  // Messages edited or recalled, by their seqs.
  boost::unordered_flat_map<std::uint64_t, RevisedLately> revised_lately;
  std::uint64_t touched_position = 0;  // of the last commit that changed it
  std::uint64_t lists_position = 0;    // of the last commit that changed rows of its lists
  ListJob* list_job = nullptr;         // while its lists are ahead of their rows
  std::uint64_t last_used = 0;
  std::size_t weight = 1;

  // Null when the list was not loaded.
  const std::shared_ptr<UidSet>& list(MemberList which) const {
    return lists[static_cast<std::size_t>(which)];
  }
  // Whether the commits that are on their way recall the message.
  bool is_recalled_lately(std::uint64_t seq) const {
    const auto lately = revised_lately.find(seq);
    return lately != revised_lately.end() && lately->second.revision.recalled;
  }
  std::shared_ptr<const UidSet> hand_out(MemberList which) {
    list_handed_out[static_cast<std::size_t>(which)] = true;
    return list(which);
  }
};

// Errors: invalid, with what brings the channel back.
Result<void> check_not_disbanded(const CachedChannel& channel);

// The kind of a list's rows.
store::KeyKind key_kind(MemberList list);

// Lives in its partition and on its thread. What load() returns stays until evict().
class ChannelCache {
 public:
  // Borrows all of them. `channels_max`: kept in memory; those with commits in flight, and those
  // whose lists are being changed, are kept beyond it.
  ChannelCache(store::PartitionReader reader, const Clock& clock, Stamps& stamps,
               std::size_t channels_max);

  // Errors: storage.
  Result<CachedChannel*> load(const ChannelKey& key);
  // Null when it is not in memory.
  CachedChannel* find(const ChannelKey& key);
  Result<UidSet*> load_list(CachedChannel& channel, MemberList list);
  // The same, but unshared, for changing it.
  Result<UidSet*> load_list_for_change(CachedChannel& channel, MemberList list);

  // A change of the channel is in the commit: it stays in memory until that is durable.
  void touch(CachedChannel& channel, Txn& txn);
  // Before a change of its record, its last seq, what is known of its users or which job it has:
  // how all of it is put back when the command is taken back. Costs nothing without a save point.
  static void remember(CachedChannel& channel, Txn& txn) {
    if (txn.undoable()) remember_all(channel, txn);
  }
  // The one way to change them: the record follows with put_record().
  void set_flags(CachedChannel& channel, const ChannelFlags& flags, Txn& txn);
  // Writes the record; one that was not there is created.
  void put_record(CachedChannel& channel, Txn& txn);
  // A list as it is to be: rows and the set follow. Tells who came and who went.
  struct Membership {
    std::vector<std::string> added;
    std::vector<std::string> removed;
  };
  Membership change_members(CachedChannel& channel, MemberList list,
                            ChangeMembers::Operation operation,
                            const std::vector<std::string>& uids, Txn& txn);
  // The list is another one in memory; its rows follow in another way.
  void replace_list(CachedChannel& channel, MemberList list, std::shared_ptr<UidSet> set, Txn& txn);
  // Brings the channel's weight in line with what it holds: lists and conversations.
  void weigh(CachedChannel& channel);
  // A message is deleted by the commit.
  static void note_deleted(CachedChannel& channel, std::uint64_t seq, Txn& txn);
  // A message is edited or recalled by the commit: as it is afterwards.
  static void note_revised(CachedChannel& channel, const Message& message, Txn& txn);

  // Commits up to this position are in the store.
  void set_durable(std::uint64_t position) { durable_ = position; }
  std::uint64_t durable() const { return durable_; }
  // Drops channels when there are too many. Between commands only.
  void evict();
  // Forgets everything; the store tells again.
  void clear();
  void describe(StateLines& lines) const;
  template <class Visit>
  void visit(const Visit& visit) const {
    for (const auto& [key, channel] : channels_) visit(*channel);
  }

 private:
  static void remember_all(CachedChannel& channel, Txn& txn);
  // How a list is put back that is about to change so.
  void remember_list(CachedChannel& channel, MemberList list, const Membership& change, Txn& txn);

  PartitionId partition_;
  store::PartitionReader reader_;
  const Clock& clock_;
  Stamps& stamps_;
  std::size_t channels_max_;
  boost::unordered_flat_map<ChannelKey, std::unique_ptr<CachedChannel>, ChannelKeyHash> channels_;
  std::size_t weight_ = 0;
  std::uint64_t use_tick_ = 0;
  std::uint64_t durable_ = 0;
};

}  // namespace jindou::partition
