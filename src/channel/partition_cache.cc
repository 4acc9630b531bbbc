#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "channel/addressing.h"
#include "channel/partition.h"
#include "channel/partition_state.h"
#include "store/keys.h"
#include "store/read_position.h"

namespace jindou::channel {

namespace {

using store::ConversationRecord;
using store::KeyKind;
using store::Table;

// Conversations of one channel in memory before those that are durable are dropped.
constexpr std::size_t kConversationsMax = 4096;
// So many of them, or of the uids in a list, weigh as much as a channel.
constexpr std::size_t kHeldPerWeight = 64;
// No channel weighs more than this part of the limit, so that one huge group does not push
// everything else out.
constexpr std::size_t kWeightMaxShare = 8;

KeyKind key_kind(MemberList list) {
  switch (list) {
    case MemberList::subscribers: return KeyKind::subscriber;
    case MemberList::denylist: return KeyKind::denylist;
    case MemberList::allowlist: return KeyKind::allowlist;
  }
  return KeyKind::subscriber;
}

}  // namespace

Result<Partition::Channel*> Partition::load_channel(const ChannelKey& key) {
  if (const auto it = channels_.find(key); it != channels_.end()) {
    it->second->last_used = ++use_tick_;
    return it->second.get();
  }
  auto channel = std::make_unique<Channel>();
  channel->key = key;
  std::string value;
  JD_TRY(channel->exists, deps_.reader.get(Table::main, store::channel_key(id_, key), value));
  if (channel->exists) {
    JD_TRY(channel->record, store::decode_channel(value));
  }
  channel->last_seq = std::max(channel->record.cleared_to, channel->record.seq_floor);
  const std::string prefix = store::message_prefix(id_, key);
  JD_CHECK_OK(deps_.reader.scan_backward(
      Table::main, prefix, store::after_prefix(prefix),
      [&](std::string_view last, std::string_view) {
        channel->last_seq = std::max(channel->last_seq, raw(store::seq_of_message_key(last)));
        return false;
      }));
  channel->last_used = ++use_tick_;
  Channel* loaded = channel.get();
  channels_.emplace(key, std::move(channel));
  channels_weight_ += loaded->weight;
  return loaded;
}

Result<UidSet*> Partition::load_list(Channel& channel, MemberList list) {
  auto& set = channel.lists[static_cast<int>(list)];
  if (!set) {
    if (channel.exists) {
      JD_TRY(auto uids,
             read_members(deps_.reader, store::member_prefix(id_, key_kind(list), channel.key)));
      set = std::make_shared<UidSet>(std::move(uids));
      weigh(channel);
    } else {
      set = std::make_shared<UidSet>();
    }
  }
  return set.get();
}

Result<UidSet*> Partition::load_list_for_change(Channel& channel, MemberList list) {
  JD_TRY(const UidSet* current, load_list(channel, list));
  auto& set = channel.lists[static_cast<int>(list)];
  bool& handed_out = channel.list_handed_out[static_cast<int>(list)];
  if (handed_out) set = std::make_shared<UidSet>(*current);
  handed_out = false;
  return set.get();
}

void Partition::touch(Channel& channel) {
  channel.touched_position = txn_->position();
  channel.last_used = ++use_tick_;
  weigh(channel);
}

void Partition::weigh(Channel& channel) {
  std::size_t held = channel.conversations.size();
  for (const auto& list : channel.lists) held += list ? list->size() : 0;
  channels_weight_ -= channel.weight;
  channel.weight = 1 + std::min(held / kHeldPerWeight, options_.channels_max / kWeightMaxShare);
  channels_weight_ += channel.weight;
}

void Partition::evict_channels() {
  // A quarter of the cache, so that it does not come to this all the time; least recently used
  // first. A channel with a change that is not yet durable stays: the store would still answer with
  // its old seq.
  const std::uint64_t durable = flight_->durable.load(std::memory_order_acquire);
  const std::size_t wanted = options_.channels_max / 4 * 3;
  std::vector<Channel*> idle;
  idle.reserve(channels_.size());
  for (const auto& [key, channel] : channels_) {
    if (channel->list_job != nullptr) continue;  // its lists are ahead of their rows
    if (channel->touched_position <= durable) idle.push_back(channel.get());
  }
  std::sort(idle.begin(), idle.end(),
            [](const Channel* a, const Channel* b) { return a->last_used < b->last_used; });
  for (const Channel* channel : idle) {
    if (channels_weight_ <= wanted) break;
    channels_weight_ -= channel->weight;
    channels_.erase(ChannelKey(channel->key));
  }
}

void Partition::put_record(Channel& channel) {
  if (!channel.exists) {
    channel.exists = true;
    channel.record.created_at = deps_.clock.wall_seconds();
  }
  touch(channel);
  txn_->put(store::channel_key(id_, channel.key), store::encode(channel.record));
}

Partition::Membership Partition::change_members(Channel& channel, MemberList list, UidSet& set,
                                                ChangeMembers::Operation operation,
                                                const std::vector<std::string>& uids) {
  using Operation = ChangeMembers::Operation;
  Membership membership;
  if (operation == Operation::remove) {
    for (const auto& uid : uids) {
      if (set.erase(uid) > 0) membership.removed.push_back(uid);
    }
  } else {
    if (operation == Operation::replace) {
      const UidSet wanted(uids.begin(), uids.end());
      for (const auto& uid : set) {
        if (!wanted.contains(uid)) membership.removed.push_back(uid);
      }
      for (const auto& uid : membership.removed) set.erase(uid);
    }
    for (const auto& uid : uids) {
      if (set.insert(uid).second) membership.added.push_back(uid);
    }
  }
  if (!membership.removed.empty() || !membership.added.empty()) {
    channel.lists_position = txn_->position();
  }
  for (const auto& uid : membership.removed) {
    txn_->erase(store::member_key(id_, key_kind(list), channel.key, uid));
  }
  for (const auto& uid : membership.added) {
    txn_->put(store::member_key(id_, key_kind(list), channel.key, uid), {});
  }
  weigh(channel);
  return membership;
}

Result<ConversationRecord*> Partition::load_conversation(Channel& channel, std::string_view uid) {
  auto it = channel.conversations.find(uid);
  if (it == channel.conversations.end()) {
    if (channel.conversations.size() >= kConversationsMax &&
        channel.touched_position <= flight_->durable.load(std::memory_order_acquire)) {
      channel.conversations.clear();
      // Of the users a channel names, some are loaded by nothing else.
      channel.named_users_known = false;
    }
    CachedConversation cached;
    std::string value;
    JD_TRY(const bool exists,
           deps_.reader.get(Table::main, store::conversation_key(id_, uid, channel.key), value));
    if (exists) {
      JD_TRY(cached.record, store::decode_conversation(value));
      cached.written_read_to = cached.record->read_to;
      if (cached.record->own_messages_follow) {
        const auto cursor = deps_.reader.open_cursor(Table::main);
        JD_TRY(cached.record->read_to,
               store::load_read_position(*cursor, id_, channel.key, uid, *cached.record));
      }
    }
    it = channel.conversations.emplace(std::string(uid), std::move(cached)).first;
    weigh(channel);
  }
  return it->second.record ? &*it->second.record : nullptr;
}

CachedConversation* Partition::find_cached(const ChannelKey& key, std::string_view uid) {
  const auto channel = channels_.find(key);
  if (channel == channels_.end()) return nullptr;
  const auto it = channel->second->conversations.find(uid);
  return it == channel->second->conversations.end() ? nullptr : &it->second;
}

ConversationRecord& Partition::put_conversation(Channel& channel, std::string_view uid,
                                                ConversationRecord record) {
  record.created_at = deps_.clock.wall_seconds();
  record.updated_at_ns = next_stamp_ns();
  auto& cached = channel.conversations[std::string(uid)];
  cached.record = record;
  mark_conversation(channel, uid);
  return *cached.record;
}

void Partition::mark_conversation(Channel& channel, std::string_view uid) {
  touch(channel);
  const auto it = channel.conversations.find(uid);
  it->second.position = txn_->position();
  if (it->second.dirty) return;
  it->second.dirty = true;
  changed_conversations_.emplace_back(&channel, std::string(uid));
  txn_->expect_bytes(conversation_row_bytes(channel.key.id, uid));
}

void Partition::erase_conversation(Channel& channel, std::string_view uid) {
  const auto [it, unknown] = channel.conversations.try_emplace(std::string(uid));
  CachedConversation& cached = it->second;
  if ((unknown || cached.record) && has_conversations(channel.key.type)) {
    cached.deleted_at_ns = next_stamp_ns();
  }
  cached.record.reset();
  mark_conversation(channel, uid);
}

void Partition::write_conversations() {
  for (const auto& [channel, uid] : changed_conversations_) {
    CachedConversation& cached = channel->conversations[uid];
    cached.dirty = false;
    const std::string key = store::conversation_key(id_, uid, channel->key);
    if (cached.record) {
      cached.written_read_to = cached.record->read_to;
      txn_->put(key, store::encode(*cached.record));
    } else {
      txn_->erase(key);
    }
    // With a row it would say nothing.
    if (!cached.record && cached.deleted_at_ns != 0) {
      const store::TombstoneRecord tombstone{cached.deleted_at_ns};
      txn_->put(store::tombstone_key(id_, uid, channel->key), store::encode(tombstone));
    }
  }
  changed_conversations_.clear();
}

Result<std::vector<std::string>> Partition::load_unopened(Channel& channel) {
  std::vector<std::string> unopened;
  if (channel.named_users_known || !has_conversations(channel.key.type)) return unopened;
  const UidSet* denied = nullptr;
  if (channel.key.type != ChannelType::person) {
    JD_TRY(denied, load_list(channel, MemberList::denylist));
  }
  for (const auto& uid : named_users(channel.key)) {
    JD_TRY(const ConversationRecord* known, load_conversation(channel, uid));
    if (known != nullptr || uid == kSystemUid) continue;
    if (denied == nullptr || !denied->contains(uid)) unopened.push_back(uid);
  }
  return unopened;
}

void Partition::open_conversations(Channel& channel, const std::vector<std::string>& uids,
                                   bool read_all) {
  if (uids.empty() || !has_conversations(channel.key.type)) return;
  ConversationRecord record;
  if (read_all) {
    const auto commands = channels_.find(store::command_log_of(channel.key));
    JD_ASSERT(commands != channels_.end());
    record.read_to = channel.last_seq;
    record.command_read_to = commands->second->last_seq;
  }
  const UidSet& denied = *channel.lists[static_cast<int>(MemberList::denylist)];
  for (const auto& uid : uids) {
    if (denied.contains(uid)) continue;
    if (!read_all) {
      const auto known = channel.conversations.find(uid);
      JD_ASSERT(known != channel.conversations.end());
      if (known->second.record) continue;
    }
    put_conversation(channel, uid, record);
  }
}

}  // namespace jindou::channel
