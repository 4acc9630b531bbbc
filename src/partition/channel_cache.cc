#include "partition/channel_cache.h"

#include <algorithm>
#include <utility>

#include "partition/inbox_directory.h"

namespace jindou::partition {

namespace {

using store::KeyKind;
using store::Table;

// So many conversations, or uids in a list, weigh as much as a channel.
constexpr std::size_t kHeldPerWeight = 64;
// No channel weighs more than this part of the limit, so that one huge group does not push
// everything else out.
constexpr std::size_t kWeightMaxShare = 8;

}  // namespace

Result<void> check_not_disbanded(const CachedChannel& channel) {
  if (!channel.record.flags.disband) return {};
  return Error(
      Errc::invalid,
      "the channel was deleted or disbanded; POST /channel without disband brings it back: its "
      "seqs go on, deleted messages stay deleted");
}

KeyKind key_kind(MemberList list) {
  switch (list) {
    case MemberList::subscribers: return KeyKind::subscriber;
    case MemberList::denylist: return KeyKind::denylist;
    case MemberList::allowlist: return KeyKind::allowlist;
  }
  return KeyKind::subscriber;
}

ChannelCache::ChannelCache(store::PartitionReader reader, const Clock& clock, Stamps& stamps,
                           std::size_t channels_max)
    : partition_(reader.partition()),
      reader_(reader),
      clock_(clock),
      stamps_(stamps),
      channels_max_(channels_max) {}

CachedChannel* ChannelCache::find(const ChannelKey& key) {
  const auto it = channels_.find(key);
  return it == channels_.end() ? nullptr : it->second.get();
}

Result<CachedChannel*> ChannelCache::load(const ChannelKey& key) {
  if (const auto it = channels_.find(key); it != channels_.end()) {
    it->second->last_used = ++use_tick_;
    return it->second.get();
  }
  auto channel = std::make_unique<CachedChannel>();
  channel->key = key;
  std::string value;
  JD_TRY(channel->exists, reader_.get(Table::main, store::channel_key(partition_, key), value));
  if (channel->exists) {
    JD_TRY(channel->record, store::decode_channel(value));
  }
  channel->last_seq = std::max(channel->record.cleared_to, channel->record.seq_floor);
  const std::string prefix = store::message_prefix(partition_, key);
  JD_RETURN_IF_ERROR(reader_.scan_backward(
      Table::main, prefix, store::after_prefix(prefix),
      [&](std::string_view last, std::string_view) {
        channel->last_seq = std::max(channel->last_seq, raw(store::seq_of_message_key(last)));
        return false;
      }));
  channel->last_used = ++use_tick_;
  CachedChannel* loaded = channel.get();
  channels_.emplace(key, std::move(channel));
  weight_ += loaded->weight;
  return loaded;
}

Result<UidSet*> ChannelCache::load_list(CachedChannel& channel, MemberList list) {
  auto& set = channel.lists[static_cast<int>(list)];
  if (!set) {
    if (channel.exists) {
      JD_TRY(auto uids,
             read_members(reader_, store::member_prefix(partition_, key_kind(list), channel.key)));
      set = std::make_shared<UidSet>(std::move(uids));
      weigh(channel);
    } else {
      set = std::make_shared<UidSet>();
    }
  }
  return set.get();
}

Result<UidSet*> ChannelCache::load_list_for_change(CachedChannel& channel, MemberList list) {
  JD_TRY(const UidSet* current, load_list(channel, list));
  auto& set = channel.lists[static_cast<int>(list)];
  bool& handed_out = channel.list_handed_out[static_cast<int>(list)];
  if (handed_out) set = std::make_shared<UidSet>(*current);
  handed_out = false;
  return set.get();
}

void ChannelCache::remember_all(CachedChannel& channel, Txn& txn) {
  txn.undo([&channel, exists = channel.exists, record = channel.record, last_seq = channel.last_seq,
            named_users_known = channel.named_users_known, list_job = channel.list_job] {
    channel.exists = exists;
    channel.record = record;
    channel.last_seq = last_seq;
    // They may have been dropped meanwhile.
    channel.named_users_known = channel.named_users_known && named_users_known;
    channel.list_job = list_job;
  });
}

void ChannelCache::touch(CachedChannel& channel, Txn& txn) {
  if (channel.touched_position != txn.position()) {
    txn.undo([&channel, before = channel.touched_position] { channel.touched_position = before; });
    channel.touched_position = txn.position();
  }
  channel.last_used = ++use_tick_;
  weigh(channel);
}

void ChannelCache::weigh(CachedChannel& channel) {
  std::size_t held = channel.conversations.size();
  for (const auto& list : channel.lists) held += list ? list->size() : 0;
  weight_ -= channel.weight;
  channel.weight = 1 + std::min(held / kHeldPerWeight, channels_max_ / kWeightMaxShare);
  weight_ += channel.weight;
}

void ChannelCache::evict() {
  if (weight_ <= channels_max_) return;
  // A quarter of the cache, so that it does not come to this all the time; least recently used
  // first. A channel with a change that is not yet durable stays: the store would still answer with
  // its old seq.
  const std::size_t wanted = channels_max_ / 4 * 3;
  std::vector<CachedChannel*> idle;
  idle.reserve(channels_.size());
  for (const auto& [key, channel] : channels_) {
    if (channel->list_job != nullptr) continue;  // its lists are ahead of their rows
    if (channel->touched_position <= durable_) idle.push_back(channel.get());
  }
  std::sort(idle.begin(), idle.end(), [](const CachedChannel* a, const CachedChannel* b) {
    return a->last_used < b->last_used;
  });
  for (const CachedChannel* channel : idle) {
    if (weight_ <= wanted) break;
    weight_ -= channel->weight;
    channels_.erase(ChannelKey(channel->key));
  }
}

void ChannelCache::set_flags(CachedChannel& channel, const ChannelFlags& flags, Txn& txn) {
  remember(channel, txn);
  store::ChannelRecord& record = channel.record;
  if (record.flags.disband != flags.disband) record.disband_changed_at_ns = stamps_.next_ns(txn);
  record.flags = flags;
}

void ChannelCache::put_record(CachedChannel& channel, Txn& txn) {
  if (!channel.exists) {
    remember(channel, txn);
    channel.exists = true;
    channel.record.created_at = clock_.wall_seconds();
  }
  touch(channel, txn);
  txn.put(store::channel_key(partition_, channel.key), store::encode(channel.record));
}

ChannelCache::Membership ChannelCache::change_members(CachedChannel& channel, MemberList list,
                                                      ChangeMembers::Operation operation,
                                                      const std::vector<std::string>& uids,
                                                      Txn& txn) {
  UidSet& set = *channel.list(list);
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
    if (txn.undoable()) remember_list(channel, list, membership, txn);
    channel.lists_position = txn.position();
  }
  for (const auto& uid : membership.removed) {
    txn.erase(store::member_key(partition_, key_kind(list), channel.key, uid));
  }
  for (const auto& uid : membership.added) {
    txn.put(store::member_key(partition_, key_kind(list), channel.key, uid), {});
  }
  weigh(channel);
  return membership;
}

void ChannelCache::replace_list(CachedChannel& channel, MemberList list,
                                std::shared_ptr<UidSet> set, Txn& txn) {
  auto& current = channel.lists[static_cast<std::size_t>(list)];
  bool& handed_out = channel.list_handed_out[static_cast<std::size_t>(list)];
  if (txn.undoable()) {
    txn.undo([&current, &handed_out, before = current, was_handed_out = handed_out] {
      current = before;
      handed_out = was_handed_out;
    });
  }
  current = std::move(set);
  handed_out = false;
  touch(channel, txn);
}

void ChannelCache::remember_list(CachedChannel& channel, MemberList list, const Membership& change,
                                 Txn& txn) {
  txn.undo([this, &channel, list, change, before = channel.lists_position] {
    UidSet& set = *channel.list(list);
    for (const auto& uid : change.added) set.erase(uid);
    set.insert(change.removed.begin(), change.removed.end());
    channel.lists_position = before;
    weigh(channel);
  });
}

void ChannelCache::note_deleted(CachedChannel& channel, std::uint64_t seq, Txn& txn) {
  const auto known = channel.deleted_lately.find(seq);
  if (txn.undoable()) {
    auto before =
        known != channel.deleted_lately.end() ? std::optional(known->second) : std::nullopt;
    txn.undo([&channel, seq, before] {
      channel.deleted_lately.erase(seq);
      if (before) channel.deleted_lately.emplace(seq, *before);
    });
  }
  channel.deleted_lately.insert_or_assign(seq, txn.position());
}

void ChannelCache::note_revised(CachedChannel& channel, const Message& message, Txn& txn) {
  const std::uint64_t seq = raw(message.seq);
  if (txn.undoable()) {
    const auto known = channel.revised_lately.find(seq);
    auto before =
        known != channel.revised_lately.end() ? std::optional(known->second) : std::nullopt;
    txn.undo([&channel, seq, before = std::move(before)] {
      channel.revised_lately.erase(seq);
      if (before) channel.revised_lately.emplace(seq, *before);
    });
  }
  channel.revised_lately.insert_or_assign(
      seq, RevisedLately{*message.revision, message.moderation, txn.position()});
}

void ChannelCache::describe(StateLines& lines) const {
  for (const auto& [key, channel] : channels_) {
    lines.add("channel", key, channel->exists, store::encode(channel->record), channel->last_seq,
              channel->named_users_known, channel->touched_position, channel->lists_position,
              channel->list_job != nullptr);
    for (const MemberList list :
         {MemberList::subscribers, MemberList::denylist, MemberList::allowlist}) {
      const auto& set = channel->list(list);
      if (set == nullptr) continue;
      lines.add("list", key, static_cast<int>(list), set->size());
      for (const auto& uid : *set) lines.add("member", key, static_cast<int>(list), uid);
    }
    for (const auto& [seq, position] : channel->deleted_lately) {
      lines.add("deleted", key, seq, position);
    }
    for (const auto& [seq, revised] : channel->revised_lately) {
      lines.add("revised", key, seq, revised.revision.version, revised.revision.recalled,
                revised.revision.change, revised.moderation != nullptr, revised.position);
    }
    for (const auto& [uid, cached] : channel->conversations) {
      lines.add("conversation", key, uid,
                cached.record ? store::encode(*cached.record) : std::string("none"),
                cached.record ? cached.record->read_to : 0, cached.written_read_to, cached.dirty,
                cached.tombstone_dirty, cached.position, cached.deleted_at_ns);
    }
  }
}

void ChannelCache::clear() {
  channels_.clear();
  weight_ = 0;
}

}  // namespace jindou::partition
