#include "partition/conversation_changes.h"

#include <algorithm>
#include <utility>

#include "partition/addressing.h"
#include "store/keys.h"

namespace jindou::partition {

namespace {

using store::ConversationRecord;
using store::Table;
using What = ChangeConversation::Operation;

void end_manual_count(ConversationRecord& view) {
  view.manual_count = 0;
  view.manual_at = 0;
}

void read(ConversationRecord& view, std::uint64_t to) {
  view.read_to = std::max(view.read_to, to);
  end_manual_count(view);
}

void set_unread(ConversationRecord& view, std::uint64_t count, std::uint64_t last) {
  if (count == 0) {
    read(view, last);
    return;
  }
  view.manual_count = count;
  view.manual_at = last;
}

void hide(ConversationRecord& view, std::uint64_t last) {
  view.deleted_to = last;
  view.activated_at_ns = 0;
  end_manual_count(view);
}

// What a command makes of a view of a channel with that last seq.
ConversationRecord changed(ConversationRecord view, const ChangeConversation& command,
                           std::uint64_t last) {
  const std::uint64_t up_to = std::min(command.value, last);
  switch (command.operation) {
    case What::activate:
    case What::open: break;
    case What::read: read(view, command.value == 0 ? last : up_to); break;
    case What::set_unread: set_unread(view, up_to, last); break;
    case What::remove: hide(view, last); break;
  }
  return view;
}

bool shows_the_same(const ConversationRecord& a, const ConversationRecord& b) {
  return a.read_to == b.read_to && a.deleted_to == b.deleted_to &&
         a.activated_at_ns == b.activated_at_ns && a.manual_count == b.manual_count &&
         a.manual_at == b.manual_at;
}

}  // namespace

Result<void> ConversationChanges::open() {
  dropped_ = {};
  std::string value;
  JD_TRY(const bool any,
         deps_.reader.get(Table::main, store::tombstones_dropped_key(partition_), value));
  if (any) {
    JD_TRY(dropped_, store::decode_tombstone(value));
  }
  return {};
}

Result<void> ConversationChanges::evaluate(const ChangeConversation& command, Txn& txn) {
  ChannelKey key = command.channel;
  JD_RETURN_IF_ERROR(deps_.receivers.resolve_agent_channel(key));
  if (!has_conversations(key.type)) {
    if (command.operation != What::activate) return {};
    return Error(Errc::not_found, "channels of this type have no conversations");
  }
  JD_TRY(CachedChannel * channel, deps_.channels.load(key));
  // That it is read or hidden holds already.
  if (command.operation == What::activate) return activate(*channel, command.uids, txn);
  if (command.operation == What::set_unread) JD_RETURN_IF_ERROR(check_not_disbanded(*channel));
  // A person's denylist is that of an inbox; it keeps nobody from a conversation.
  const UidSet* denied = nullptr;
  if (key.type != ChannelType::person) {
    JD_TRY(denied, deps_.channels.load_list(*channel, MemberList::denylist));
  }
  // What is loaded stays until all of it was looked at.
  deps_.channels.touch(*channel, txn);
  std::vector<ListSlice> shares;
  for (const auto& uid : command.uids) {
    JD_RETURN_IF_ERROR(deps_.conversations.load(*channel, uid));
    JD_TRY(ListSlice share, deps_.slices.prepare_share(*channel, uid));
    shares.push_back(std::move(share));
  }
  for (const ListSlice& share : shares) deps_.slices.take_share(*channel, share, txn);
  for (const auto& uid : command.uids) {
    JD_TRY(const ConversationRecord* known, deps_.conversations.load(*channel, uid));
    if (known == nullptr && denied != nullptr && denied->contains(uid)) continue;
    change(*channel, uid, known, command, txn);
  }
  return {};
}

void ConversationChanges::change(CachedChannel& channel, const std::string& uid,
                                 const ConversationRecord* known, const ChangeConversation& command,
                                 Txn& txn) {
  const bool existed = known != nullptr;
  const ConversationRecord before = existed ? *known : ConversationRecord();
  const ConversationRecord wanted = changed(before, command, channel.last_seq);
  if (existed && shows_the_same(before, wanted)) return;
  // One without messages that was shown; of others `deleted_to` tells.
  const bool vanishes = existed && before.activated_at_ns != 0 &&
                        command.operation == What::remove && wanted.deleted_to == 0;
  ConversationRecord& put = deps_.conversations.put(channel, uid, wanted, txn);
  if (existed) put.created_at = before.created_at;
  if (vanishes) deps_.conversations.leave_tombstone(channel.conversations[uid], txn);
}

Result<void> ConversationChanges::activate(CachedChannel& channel,
                                           const std::vector<std::string>& uids, Txn& txn) {
  JD_RETURN_IF_ERROR(check_not_disbanded(channel));
  // What is loaded stays until all of it was looked at.
  deps_.channels.touch(channel, txn);
  std::vector<ListSlice> shares;
  for (const auto& uid : uids) {
    JD_TRY(const ConversationRecord* known, deps_.conversations.load(channel, uid));
    JD_TRY(ListSlice share, deps_.slices.prepare_share(channel, uid));
    if (!ListSlices::has_conversation_after(channel, share, uid, known != nullptr)) {
      return Error(Errc::not_found, "the user has no conversation with the channel");
    }
    shares.push_back(std::move(share));
  }
  for (const ListSlice& share : shares) deps_.slices.take_share(channel, share, txn);
  // Nothing that a sync tells: the version stays.
  for (const auto& uid : uids) {
    deps_.conversations.change(channel, uid, txn).activated_at_ns = deps_.stamps.next_ns(txn);
  }
  return {};
}

Result<void> ConversationChanges::evaluate(const AdvanceCommandPosition& command, Txn& txn) {
  ChannelKey key = command.channel;
  JD_RETURN_IF_ERROR(deps_.receivers.resolve_agent_channel(key));
  const bool own_log = key.type == ChannelType::temp;
  JD_TRY(CachedChannel * channel, deps_.channels.load(key));
  CachedChannel* log = channel;
  if (!own_log) {
    JD_TRY(log, deps_.channels.load(store::command_log_of(key)));
  }
  if (channel->list_job != nullptr) deps_.channels.touch(*channel, txn);
  JD_RETURN_IF_ERROR(deps_.conversations.load(*channel, command.uid));
  JD_TRY(const ListSlice share, deps_.slices.prepare_share(*channel, command.uid));
  deps_.slices.take_share(*channel, share, txn);
  JD_TRY(const ConversationRecord* record, deps_.conversations.load(*channel, command.uid));
  if (record == nullptr) return {};
  const std::uint64_t seq = std::min(command.seq, log->last_seq);
  if (seq <= record->command_read_to) return {};
  if (own_log && seq == log->last_seq) {
    // All read: the next command to the same users begins anew.
    deps_.conversations.erase(*channel, command.uid, txn);
    return {};
  }
  deps_.conversations.change(*channel, command.uid, txn).command_read_to = seq;
  return {};
}

Result<void> ConversationChanges::evaluate(const RecordCommandSync& command, Txn& txn) {
  const std::string key = store::command_sync_key(partition_, command.uid);
  if (command.positions.empty()) {
    txn.erase(key);
    return {};
  }
  store::CommandSyncRecord record;
  for (const auto& position : command.positions) {
    record.positions.push_back({position.channel, position.seq});
  }
  txn.put(key, store::encode(record));
  return {};
}

Result<void> ConversationChanges::evaluate(const DropTombstones& command, Txn& txn) {
  std::vector<const std::string*> old;
  for (const auto& key : command.keys) {
    JD_TRY(const std::int64_t lost_at, load_lost_at(key));
    if (lost_at != 0 && lost_at <= command.up_to_ns) old.push_back(&key);
  }
  if (old.empty()) return {};
  txn.undo([this, before = dropped_] { dropped_ = before; });
  dropped_.deleted_at_ns = std::max(dropped_.deleted_at_ns, command.up_to_ns);
  txn.put(store::tombstones_dropped_key(partition_), store::encode(dropped_));
  for (const std::string* const key : old) {
    txn.erase(*key);
    deps_.conversations.forget_lost(store::channel_of_tombstone_key(*key),
                                    store::uid_of_tombstone_key(*key), txn);
  }
  return {};
}

Result<std::int64_t> ConversationChanges::load_lost_at(const std::string& key) const {
  const CachedConversation* const cached = deps_.conversations.find(
      store::channel_of_tombstone_key(key), store::uid_of_tombstone_key(key));
  // Just lost once more: the store may not know of it yet.
  if (cached != nullptr && cached->deleted_at_ns != 0) return cached->deleted_at_ns;
  std::string value;
  JD_TRY(const bool found, deps_.reader.get(Table::main, key, value));
  if (!found) return 0;
  JD_TRY(const store::TombstoneRecord tombstone, store::decode_tombstone(value));
  return tombstone.deleted_at_ns;
}

}  // namespace jindou::partition
