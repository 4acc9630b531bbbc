#include "partition/conversations.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "partition/addressing.h"
#include "store/keys.h"
#include "store/read_position.h"

namespace jindou::partition {

namespace {

using store::ConversationRecord;
using store::Table;

// Conversations of one channel in memory before those that are durable are dropped.
constexpr std::size_t kConversationsMax = 4096;

}  // namespace

std::size_t conversation_bytes_at_most(std::string_view channel_id, std::string_view uid) {
  // Of keys and values; a row, or a deleted one, and a tombstone.
  constexpr std::size_t kOverhead = 128;
  return 2 * (channel_id.size() + uid.size()) + kOverhead;
}

Conversations::Conversations(store::PartitionReader reader, const Clock& clock,
                             ChannelCache& channels, Stamps& stamps)
    : partition_(reader.partition()),
      reader_(reader),
      clock_(clock),
      channels_(channels),
      stamps_(stamps) {}

Result<ConversationRecord*> Conversations::load(CachedChannel& channel, std::string_view uid) {
  auto it = channel.conversations.find(uid);
  if (it == channel.conversations.end()) {
    if (channel.conversations.size() >= kConversationsMax &&
        channel.touched_position <= channels_.durable()) {
      channel.conversations.clear();
      // Of the users a channel names, some are loaded by nothing else.
      channel.named_users_known = false;
    }
    CachedConversation cached;
    std::string value;
    JD_TRY(const bool exists,
           reader_.get(Table::main, store::conversation_key(partition_, uid, channel.key), value));
    if (exists) {
      JD_TRY(cached.record, store::decode_conversation(value));
      cached.written_read_to = cached.record->read_to;
      if (cached.record->own_messages_follow) {
        auto cursor = reader_.open_cursor(Table::main);
        JD_TRY(cached.record->read_to,
               store::load_read_position(cursor, channel.key, uid, *cached.record));
      }
    }
    it = channel.conversations.emplace(std::string(uid), std::move(cached)).first;
    channels_.weigh(channel);
  }
  return it->second.record ? &*it->second.record : nullptr;
}

CachedConversation* Conversations::find(const ChannelKey& channel, std::string_view uid) {
  CachedChannel* const cached = channels_.find(channel);
  if (cached == nullptr) return nullptr;
  const auto it = cached->conversations.find(uid);
  return it == cached->conversations.end() ? nullptr : &it->second;
}

ConversationRecord& Conversations::put(CachedChannel& channel, std::string_view uid,
                                       ConversationRecord record, Txn& txn) {
  record.created_at = clock_.wall_seconds();
  record.updated_at_ns = stamps_.next_ns(txn);
  remember(channel, uid, txn);
  auto& cached = channel.conversations[std::string(uid)];
  cached.record = record;
  mark(channel, uid, txn);
  return *cached.record;
}

ConversationRecord& Conversations::change(CachedChannel& channel, std::string_view uid, Txn& txn) {
  remember(channel, uid, txn);
  mark(channel, uid, txn);
  return *channel.conversations.find(uid)->second.record;
}

void Conversations::follow(CachedChannel& channel, std::string_view sender, std::uint64_t seq,
                           bool expires, Txn& txn) {
  const auto it = channel.conversations.find(sender);
  if (it == channel.conversations.end() || !it->second.record) return;
  remember(channel, sender, txn);
  ConversationRecord& view = *it->second.record;
  const bool implied = view.own_messages_follow && !expires &&
                       store::is_implied(it->second.written_read_to, view.read_to, seq);
  view.read_to = seq;
  it->second.position = txn.position();
  if (implied) return;
  view.own_messages_follow = true;
  mark(channel, sender, txn);
}

void Conversations::forget_lost(const ChannelKey& channel, std::string_view uid, Txn& txn) {
  CachedChannel* const cached = channels_.find(channel);
  if (cached == nullptr) return;
  const auto it = cached->conversations.find(uid);
  if (it == cached->conversations.end()) return;
  remember(*cached, uid, txn);
  it->second.deleted_at_ns = 0;
}

void Conversations::remember(CachedChannel& channel, std::string_view uid, Txn& txn) {
  if (!txn.undoable()) return;
  const auto it = channel.conversations.find(uid);
  auto before = it != channel.conversations.end() ? std::optional(it->second) : std::nullopt;
  txn.undo([&channel, uid = std::string(uid), before = std::move(before)] {
    if (before) {
      channel.conversations.insert_or_assign(uid, *before);
    } else {
      channel.conversations.erase(uid);
    }
  });
}

void Conversations::mark(CachedChannel& channel, std::string_view uid, Txn& txn) {
  channels_.touch(channel, txn);
  const auto it = channel.conversations.find(uid);
  it->second.position = txn.position();
  if (it->second.dirty) return;
  it->second.dirty = true;
  changed_.emplace_back(&channel, std::string(uid));
  txn.undo([this] { changed_.pop_back(); });
  txn.expect_bytes(conversation_bytes_at_most(channel.key.id, uid));
}

void Conversations::leave_tombstone(CachedConversation& cached, Txn& txn) {
  cached.deleted_at_ns = stamps_.next_ns(txn);
  cached.tombstone_dirty = true;
}

void Conversations::erase(CachedChannel& channel, std::string_view uid, Txn& txn) {
  remember(channel, uid, txn);
  const auto [it, unknown] = channel.conversations.try_emplace(std::string(uid));
  CachedConversation& cached = it->second;
  if ((unknown || cached.record) && has_conversations(channel.key.type)) {
    leave_tombstone(cached, txn);
  }
  cached.record.reset();
  mark(channel, uid, txn);
}

void Conversations::describe(StateLines& lines) const {
  for (const auto& [channel, uid] : changed_) lines.add("changed", channel->key, uid);
}

void Conversations::write(Txn& txn) {
  for (const auto& [channel, uid] : changed_) {
    CachedConversation& cached = channel->conversations[uid];
    cached.dirty = false;
    const std::string key = store::conversation_key(partition_, uid, channel->key);
    if (cached.record) {
      cached.written_read_to = cached.record->read_to;
      txn.put(key, store::encode(*cached.record));
    } else {
      txn.erase(key);
    }
    // Beside a row, too: a conversation that is back may not be shown.
    const bool lost = std::exchange(cached.tombstone_dirty, false);
    if (lost && cached.deleted_at_ns != 0) {
      const store::TombstoneRecord tombstone{cached.deleted_at_ns};
      txn.put(store::tombstone_key(partition_, uid, channel->key), store::encode(tombstone));
    }
  }
  changed_.clear();
}

Result<std::vector<std::string>> Conversations::load_unopened(CachedChannel& channel) {
  std::vector<std::string> unopened;
  if (channel.named_users_known || !has_conversations(channel.key.type)) return unopened;
  const UidSet* denied = nullptr;
  if (channel.key.type != ChannelType::person) {
    JD_TRY(denied, channels_.load_list(channel, MemberList::denylist));
  }
  for (const auto& uid : named_users(channel.key)) {
    JD_TRY(const ConversationRecord* known, load(channel, uid));
    if (known != nullptr || uid == kSystemUid) continue;
    if (denied == nullptr || !denied->contains(uid)) unopened.push_back(uid);
  }
  return unopened;
}

bool Conversations::is_readmitted(const CachedChannel& channel, const std::string& uid) {
  if (channel.list(MemberList::subscribers)->contains(uid)) return true;
  const auto named = named_users(channel.key);
  return channel.last_seq > 0 && std::find(named.begin(), named.end(), uid) != named.end();
}

void Conversations::join(CachedChannel& channel, const std::vector<std::string>& uids,
                         const JoinedAt& at, Txn& txn) {
  if (uids.empty() || !has_conversations(channel.key.type)) return;
  const UidSet& denied = *channel.list(MemberList::denylist);
  for (const auto& uid : uids) {
    if (denied.contains(uid)) continue;
    const auto known = channel.conversations.find(uid);
    JD_ASSERT(known != channel.conversations.end());
    ConversationRecord record;
    record.read_to = at.seq;
    record.command_read_to = at.command_seq;
    // What the user has opened stays where it is in the directory.
    if (known->second.record) record.activated_at_ns = known->second.record->activated_at_ns;
    put(channel, uid, record, txn);
  }
}

void Conversations::readmit(CachedChannel& channel, const std::vector<std::string>& uids,
                            Txn& txn) {
  if (uids.empty() || !has_conversations(channel.key.type)) return;
  const UidSet& denied = *channel.list(MemberList::denylist);
  for (const auto& uid : uids) {
    if (denied.contains(uid)) continue;
    const auto known = channel.conversations.find(uid);
    JD_ASSERT(known != channel.conversations.end());
    if (!known->second.record) put(channel, uid, ConversationRecord(), txn);
  }
}

}  // namespace jindou::partition
