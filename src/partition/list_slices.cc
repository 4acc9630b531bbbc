#include "partition/list_slices.h"

#include <algorithm>
#include <string>
#include <utility>

#include "partition/addressing.h"
#include "store/keys.h"

namespace jindou::partition {

namespace {

using store::KeyKind;
using store::ListChange;
using store::Table;
using Kind = ListChange::Kind;

// The lists of a channel that is dissolved, one after another.
// The list that conversations follow.
KeyKind conversation_list_of(const ListChange& change) {
  return change.kind == Kind::dissolve ? KeyKind::subscriber : change.list;
}

}  // namespace

ListSlices::ListSlices(store::PartitionReader reader, const ListLimits& limits,
                       ChannelCache& channels, Conversations& conversations)
    : partition_(reader.partition()),
      reader_(reader),
      slice_(limits.slice),
      channels_(channels),
      conversations_(conversations) {}

Result<ListSlice> ListSlices::next(ListJob& job, Txn& txn) {
  CachedChannel& channel = *job.channel;
  const ListChange& change = job.change;
  forget_shares(job);
  // What is loaded of conversations stays until all of it was looked at.
  channels_.touch(channel, txn);
  ListSlice slice;
  // Progress is noted when nothing can fail any more.
  ListProgress to = job.progress;
  slice.list = change.kind == Kind::dissolve ? kListKinds[to.list] : change.list;
  bool finished = false;
  if (to.next < change.uids.size()) {
    JD_RETURN_IF_ERROR(look_at_uids(job, slice, to));
    finished = to.next == change.uids.size() && !change.is_whole();
  } else if (change.is_whole()) {
    JD_TRY(const bool at_end, walk_rows(job, slice, to));
    finished = at_end && (change.kind == Kind::replace || to.list + 1 == std::size(kListKinds));
    if (at_end) {
      ++to.list;
      to.walked_to.clear();
    }
  } else {
    finished = true;  // of nobody
  }
  JD_RETURN_IF_ERROR(load_conversations_of(job, slice));
  job.progress = std::move(to);
  job.finished = finished;
  return slice;
}

void ListSlices::write(ListJob& job, const ListSlice& slice, Txn& txn) {
  CachedChannel& channel = *job.channel;
  for (const auto& uid : slice.removed) {
    txn.erase(store::member_key(partition_, slice.list, channel.key, uid));
    note_share(job, uid, txn);
  }
  for (const auto& uid : slice.added) {
    txn.put(store::member_key(partition_, slice.list, channel.key, uid), {});
    note_share(job, uid, txn);
  }
  if (!has_conversations(channel.key.type)) return;
  if (slice.list == KeyKind::subscriber) {
    for (const auto& uid : slice.removed) conversations_.erase(channel, uid, txn);
    conversations_.join(channel, slice.added, {job.change.read_to, job.change.command_read_to},
                        txn);
  } else if (slice.list == KeyKind::denylist) {
    for (const auto& uid : slice.added) conversations_.erase(channel, uid, txn);
    conversations_.readmit(channel, slice.readmitted, txn);
  }
}

void ListSlices::note_share(ListJob& job, const std::string& uid, Txn& txn) {
  if (txn.undoable()) {
    const auto known = job.shares.find(uid);
    auto before = known != job.shares.end() ? std::optional(known->second) : std::nullopt;
    txn.undo([&job, uid, before] {
      job.shares.erase(uid);
      if (before) job.shares.emplace(uid, *before);
    });
  }
  job.shares[uid] = txn.position();
}

Result<ListSlice> ListSlices::prepare_share(CachedChannel& channel, std::string_view uid) {
  ListSlice share;
  ListJob* job = channel.list_job;
  if (job == nullptr || !job->decided || !has_conversations(channel.key.type)) return share;
  share.list = conversation_list_of(job->change);
  if (share.list == KeyKind::allowlist || job->shares.contains(uid)) return share;
  std::string value;
  JD_TRY(
      const bool has_row,
      reader_.get(Table::main, store::member_key(partition_, share.list, channel.key, uid), value));
  if (has_row == channel.lists[index_of(share.list)]->contains(uid)) return share;
  (has_row ? share.removed : share.added).emplace_back(uid);
  JD_RETURN_IF_ERROR(load_conversations_of(*job, share));
  return share;
}

void ListSlices::take_share(CachedChannel& channel, const ListSlice& share, Txn& txn) {
  if (share.added.empty() && share.removed.empty()) return;
  write(*channel.list_job, share, txn);
}

bool ListSlices::has_conversation_after(const CachedChannel& channel, const ListSlice& share,
                                        std::string_view uid, bool known) {
  if (share.list != KeyKind::subscriber) {
    return share.added.empty() && (known || !share.readmitted.empty());
  }
  if (!share.removed.empty()) return false;
  if (share.added.empty()) return known;
  const UidSet& denied = *channel.lists[static_cast<int>(MemberList::denylist)];
  return known || !denied.contains(uid);
}

void ListSlices::forget_shares(ListJob& job) {
  const std::uint64_t durable = channels_.durable();
  CachedChannel& channel = *job.channel;
  boost::unordered::erase_if(job.shares, [&](const auto& share) {
    if (share.second > durable) return false;
    // Else a channel would keep the conversation of everybody who ever was in it.
    const auto cached = channel.conversations.find(share.first);
    if (cached != channel.conversations.end() && cached->second.position <= durable) {
      channel.conversations.erase(cached);
    }
    return true;
  });
  // Of the users a channel names, some are loaded by nothing else.
  channel.named_users_known = false;
}

Result<void> ListSlices::look_at_uids(const ListJob& job, ListSlice& slice,
                                      ListProgress& to) const {
  const ListChange& change = job.change;
  const std::size_t end = std::min(to.next + slice_, change.uids.size());
  for (; to.next < end; ++to.next) {
    const std::string& uid = change.uids[to.next];
    if (job.shares.contains(uid)) continue;
    std::string value;
    JD_TRY(const bool has_row,
           reader_.get(Table::main,
                       store::member_key(partition_, slice.list, job.channel->key, uid), value));
    if (has_row == (change.kind != Kind::remove)) continue;
    (has_row ? slice.removed : slice.added).push_back(uid);
  }
  return {};
}

Result<bool> ListSlices::walk_rows(const ListJob& job, ListSlice& slice, ListProgress& to) const {
  const CachedChannel& channel = *job.channel;
  const UidSet& kept = *channel.lists[index_of(slice.list)];
  const std::string prefix = store::member_prefix(partition_, slice.list, channel.key);
  // Behind the last row that was looked at; those before are gone or stay.
  const std::string from = to.walked_to.empty() ? prefix : to.walked_to + '\0';
  std::size_t looked_at = 0;
  JD_RETURN_IF_ERROR(reader_.scan(Table::main, from, store::after_prefix(prefix),
                                  [&](std::string_view key, std::string_view) {
                                    const std::string_view uid = key.substr(prefix.size());
                                    if (!kept.contains(uid) && !job.shares.contains(uid))
                                      slice.removed.emplace_back(uid);
                                    to.walked_to.assign(key);
                                    return ++looked_at < slice_;
                                  }));
  return looked_at < slice_;
}

Result<void> ListSlices::load_conversations_of(const ListJob& job, ListSlice& slice) {
  CachedChannel& channel = *job.channel;
  if (job.change.kind == Kind::dissolve || !has_conversations(channel.key.type)) return {};
  if (slice.list == KeyKind::subscriber) {
    for (const auto& uid : slice.added) JD_RETURN_IF_ERROR(conversations_.load(channel, uid));
  }
  if (slice.list != KeyKind::denylist) return {};
  const UidSet& subscribers = *channel.lists[static_cast<int>(MemberList::subscribers)];
  for (const auto& uid : slice.added) {
    if (!subscribers.contains(uid)) JD_RETURN_IF_ERROR(conversations_.load(channel, uid));
  }
  for (const auto& uid : slice.removed) {
    if (!Conversations::is_readmitted(channel, uid)) continue;
    JD_RETURN_IF_ERROR(conversations_.load(channel, uid));
    slice.readmitted.push_back(uid);
  }
  return {};
}

}  // namespace jindou::partition
