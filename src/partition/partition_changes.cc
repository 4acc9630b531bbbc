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

Result<void> Partition::evaluate_change(const ChangeConversation& change) {
  using What = ChangeConversation::Operation;
  ChannelKey key = change.channel;
  JD_CHECK_OK(receivers_.resolve_agent_channel(key));
  if (!has_conversations(key.type)) {
    if (change.operation != What::activate) return {};
    return Error(Errc::not_found, "channels of this type have no conversations");
  }
  JD_TRY(CachedChannel * channel, cache_.load(key));
  // That it is read or hidden holds already.
  if (change.operation == What::activate) return activate_conversations(*channel, change.uids);
  if (change.operation == What::set_unread) JD_CHECK_OK(check_not_disbanded(*channel));
  // A person's denylist is that of an inbox; it keeps nobody from a conversation.
  const UidSet* denied = nullptr;
  if (key.type != ChannelType::person) {
    JD_TRY(denied, cache_.load_list(*channel, MemberList::denylist));
  }
  // What is loaded stays until all of it was looked at.
  cache_.touch(*channel, *txn_);
  std::vector<ListSlice> shares;
  for (const auto& uid : change.uids) {
    JD_CHECK_OK(conversations_.load(*channel, uid));
    JD_TRY(ListSlice share, list_slices_.prepare_share(*channel, uid));
    shares.push_back(std::move(share));
  }
  for (const ListSlice& share : shares) list_slices_.take_share(*channel, share, *txn_);
  const std::uint64_t last = channel->last_seq;
  for (const auto& uid : change.uids) {
    JD_TRY(const ConversationRecord* known, conversations_.load(*channel, uid));
    if (known == nullptr && denied != nullptr && denied->contains(uid)) continue;
    ConversationRecord wanted = known != nullptr ? *known : ConversationRecord();
    What operation = change.operation;
    if (operation == What::set_unread && std::min(change.value, last) == 0) operation = What::read;
    const bool sets_zero = change.operation == What::set_unread;
    switch (operation) {
      case What::activate:
      case What::open: break;
      case What::read: {
        const std::uint64_t to =
            change.value == 0 || sets_zero ? last : std::min(change.value, last);
        wanted.read_to = std::max(wanted.read_to, to);
        wanted.manual_count = 0;
        wanted.manual_at = 0;
        break;
      }
      case What::set_unread:
        wanted.manual_count = std::min(change.value, last);
        wanted.manual_at = last;
        break;
      case What::remove:
        wanted.deleted_to = last;
        wanted.activated_at_ns = 0;
        wanted.manual_count = 0;
        wanted.manual_at = 0;
        break;
    }
    const bool same = known != nullptr && known->read_to == wanted.read_to &&
                      known->deleted_to == wanted.deleted_to &&
                      known->activated_at_ns == wanted.activated_at_ns &&
                      known->manual_count == wanted.manual_count &&
                      known->manual_at == wanted.manual_at;
    if (same) continue;
    const std::int64_t created_at = wanted.created_at;
    const bool existed = known != nullptr;
    // One without messages that was shown; of others `deleted_to` tells.
    const bool vanishes = existed && known->activated_at_ns != 0 && operation == What::remove &&
                          wanted.deleted_to == 0;
    ConversationRecord& put = conversations_.put(*channel, uid, wanted, *txn_);
    if (existed) put.created_at = created_at;
    if (vanishes) conversations_.leave_tombstone(channel->conversations[uid]);
  }
  return {};
}

Result<void> Partition::activate_conversations(CachedChannel& channel,
                                               const std::vector<std::string>& uids) {
  JD_CHECK_OK(check_not_disbanded(channel));
  // What is loaded stays until all of it was looked at.
  cache_.touch(channel, *txn_);
  std::vector<ListSlice> shares;
  for (const auto& uid : uids) {
    JD_TRY(const ConversationRecord* known, conversations_.load(channel, uid));
    JD_TRY(ListSlice share, list_slices_.prepare_share(channel, uid));
    if (!ListSlices::has_conversation_after(channel, share, uid, known != nullptr)) {
      return Error(Errc::not_found, "the user has no conversation with the channel");
    }
    shares.push_back(std::move(share));
  }
  for (const ListSlice& share : shares) list_slices_.take_share(channel, share, *txn_);
  // Nothing that a sync tells: the version stays.
  for (const auto& uid : uids) {
    channel.conversations[uid].record->activated_at_ns = stamps_.next_ns();
    conversations_.mark(channel, uid, *txn_);
  }
  return {};
}

Result<void> Partition::evaluate_change(const AdvanceCommandPosition& change) {
  ChannelKey key = change.channel;
  JD_CHECK_OK(receivers_.resolve_agent_channel(key));
  const bool own_log = key.type == ChannelType::temp;
  JD_TRY(CachedChannel * channel, cache_.load(key));
  CachedChannel* log = channel;
  if (!own_log) {
    JD_TRY(log, cache_.load(store::command_log_of(key)));
  }
  if (channel->list_job != nullptr) cache_.touch(*channel, *txn_);
  JD_CHECK_OK(conversations_.load(*channel, change.uid));
  JD_TRY(const ListSlice share, list_slices_.prepare_share(*channel, change.uid));
  list_slices_.take_share(*channel, share, *txn_);
  JD_TRY(ConversationRecord * record, conversations_.load(*channel, change.uid));
  if (record == nullptr) return {};
  const std::uint64_t seq = std::min(change.seq, log->last_seq);
  if (seq <= record->command_read_to) return {};
  if (own_log && seq == log->last_seq) {
    // All read: the next command to the same users begins anew.
    conversations_.erase(*channel, change.uid, *txn_);
    return {};
  }
  record->command_read_to = seq;
  conversations_.mark(*channel, change.uid, *txn_);
  return {};
}

Result<void> Partition::evaluate_change(const RecordCommandSync& change) {
  const std::string key = store::command_sync_key(id_, change.uid);
  if (change.positions.empty()) {
    txn_->erase(key);
    return {};
  }
  store::CommandSyncRecord record;
  for (const auto& position : change.positions) {
    record.positions.push_back({position.channel, position.seq});
  }
  txn_->put(key, store::encode(record));
  return {};
}

Result<void> Partition::evaluate_change(const ReserveTime& change) {
  stamps_.reserve(change.until_ns);
  txn_->need_state();
  return {};
}

Result<void> Partition::evaluate_change(const DropTombstones& change) {
  struct Old {
    const std::string* key;
    CachedConversation* cached;
  };
  std::vector<Old> old;
  std::string value;
  for (const auto& key : change.keys) {
    CachedConversation* cached =
        conversations_.find(store::channel_of_tombstone_key(key), store::uid_of_tombstone_key(key));
    store::TombstoneRecord tombstone;
    if (cached != nullptr && cached->deleted_at_ns != 0) {
      // Just lost once more: the store may not know of it yet.
      tombstone.deleted_at_ns = cached->deleted_at_ns;
    } else {
      JD_TRY(const bool found, deps_.reader.get(Table::main, key, value));
      if (!found) continue;
      JD_TRY(tombstone, store::decode_tombstone(value));
    }
    if (tombstone.deleted_at_ns <= change.up_to_ns) old.push_back({&key, cached});
  }
  if (old.empty()) return {};
  tombstones_dropped_.deleted_at_ns = std::max(tombstones_dropped_.deleted_at_ns, change.up_to_ns);
  txn_->put(store::tombstones_dropped_key(id_), store::encode(tombstones_dropped_));
  for (const auto& [key, cached] : old) {
    txn_->erase(*key);
    if (cached != nullptr) cached->deleted_at_ns = 0;
  }
  return {};
}

}  // namespace jindou::partition
