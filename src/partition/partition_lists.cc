// Changes of lists that are too long for one commit: a group of 100,000 is dissolved, or gets other
// members, while others go on sending.
//
// First the list as it is to be is gathered, and the uids recorded. Then comes the decision, in one
// commit: a record that says what the list is to become; the memory of the partition, which the
// rules and the fan-out ask, follows at once. Then the rows of members and conversations follow in
// slices, each one commit, with other commands in between. A member's row and conversation go
// together, so the row tells what is done: a slice can be repeated, and after a crash open() finds
// the record and goes on. Whoever needs a user's conversation meanwhile has that user's share done
// first (prepare_share), so that no slice overwrites what came after the decision. Whoever asked
// for the change is told when the last slice is durable; further changes of the same lists wait.
#include <algorithm>
#include <chrono>
#include <utility>

#include "base/assert.h"
#include "observe/log.h"
#include "partition/addressing.h"
#include "partition/partition.h"
#include "store/keys.h"

namespace jindou::partition {

namespace {

using store::KeyKind;
using store::ListChange;
using store::Table;
using Kind = ListChange::Kind;

constexpr KeyKind kListKinds[] = {KeyKind::subscriber, KeyKind::denylist, KeyKind::allowlist};

// Uids that are looked at in one step before the decision: they cost memory only, so that a step
// takes as long as a slice.
constexpr std::size_t kGatheredPerSliced = 8;
// After a step that could not be read.
constexpr std::chrono::seconds kRetryAfter{1};

std::size_t index_of(KeyKind kind) {
  if (kind == KeyKind::denylist) return static_cast<std::size_t>(MemberList::denylist);
  if (kind == KeyKind::allowlist) return static_cast<std::size_t>(MemberList::allowlist);
  return static_cast<std::size_t>(MemberList::subscribers);
}

KeyKind kind_of(MemberList list) { return kListKinds[static_cast<std::size_t>(list)]; }

Kind kind_of(ChangeMembers::Operation operation) {
  switch (operation) {
    case ChangeMembers::Operation::add: return Kind::add;
    case ChangeMembers::Operation::remove: return Kind::remove;
    case ChangeMembers::Operation::replace: return Kind::replace;
  }
  return Kind::add;
}

// The channel whose lists a command changes; null for one that changes none.
const ChannelKey* listed_channel_of(const Change& change) {
  if (const auto* upsert = std::get_if<UpsertChannel>(&change)) return &upsert->channel;
  if (const auto* members = std::get_if<ChangeMembers>(&change)) return &members->channel;
  if (const auto* gone = std::get_if<DeleteChannel>(&change)) return &gone->channel;
  return nullptr;
}

// The list that conversations follow.
KeyKind conversation_list_of(const ListChange& change) {
  return change.kind == Kind::dissolve ? KeyKind::subscriber : change.list;
}

}  // namespace

bool Partition::waits_for_list_job(Change& change, std::function<void(Result<void>)>& done) {
  if (list_jobs_.empty()) return false;
  const ChannelKey* channel = listed_channel_of(change);
  if (channel == nullptr) return false;
  const auto it = list_jobs_.find(*channel);
  if (it == list_jobs_.end()) return false;
  it->second->waiting.emplace_back(std::move(change), std::move(done));
  return true;
}

Result<bool> Partition::has_more_members(const CachedChannel& channel, MemberList list,
                                         std::size_t limit) const {
  if (const auto& set = channel.lists[static_cast<int>(list)]) return set->size() > limit;
  if (!channel.exists) return false;
  std::size_t count = 0;
  const std::string prefix = store::member_prefix(id_, kind_of(list), channel.key);
  JD_CHECK_OK(deps_.reader.scan(Table::main, prefix, store::after_prefix(prefix),
                                [&](auto, auto) { return ++count <= limit; }));
  return count > limit;
}

Result<bool> Partition::needs_slices(const CachedChannel& channel, MemberList list,
                                     ChangeMembers::Operation operation,
                                     const std::vector<std::string>& uids) const {
  // The lists of an inbox are read by other partitions, row by row.
  if (channel.key.type == ChannelType::person) return false;
  if (uids.size() > options_.list_slice) return true;
  if (operation != ChangeMembers::Operation::replace) return false;
  return has_more_members(channel, list, options_.list_slice - uids.size());
}

Result<bool> Partition::needs_slices_to_dissolve(const CachedChannel& channel) const {
  if (channel.key.type == ChannelType::person) return false;
  for (const MemberList list :
       {MemberList::subscribers, MemberList::denylist, MemberList::allowlist}) {
    JD_TRY(const bool many, has_more_members(channel, list, options_.list_slice));
    if (many) return true;
  }
  return false;
}

Result<void> Partition::load_for_slices(CachedChannel& channel, const ListChange& change) {
  if (change.kind == Kind::dissolve) return {};
  JD_CHECK_OK(cache_.load(store::command_log_of(channel.key)));
  // Whom a conversation is opened for depends on the other of the two.
  if (change.list == KeyKind::subscriber)
    JD_CHECK_OK(cache_.load_list(channel, MemberList::denylist));
  if (change.list == KeyKind::denylist)
    JD_CHECK_OK(cache_.load_list(channel, MemberList::subscribers));
  if (change.kind != Kind::replace) {
    JD_CHECK_OK(cache_.load_list(channel, static_cast<MemberList>(index_of(change.list))));
  }
  return {};
}

Result<void> Partition::begin_list_job(CachedChannel& channel, MemberList list,
                                       ChangeMembers::Operation operation,
                                       const std::vector<std::string>& uids,
                                       const ChannelFlags* flags) {
  auto job = std::make_unique<ListJob>();
  job->channel = &channel;
  job->change.kind = kind_of(operation);
  job->change.list = kind_of(list);
  JD_CHECK_OK(load_for_slices(channel, job->change));
  job->asked = uids;
  job->wanted = std::make_shared<UidSet>();
  if (operation != ChangeMembers::Operation::replace) {
    // Nobody changes it before the decision.
    job->before = channel.lists[static_cast<int>(list)];
    job->copied_to = job->before->begin();
    job->wanted->reserve(job->before->size() + uids.size());
  } else {
    job->wanted->reserve(uids.size());
  }
  if (flags != nullptr) job->flags = *flags;
  // Slices tell by the rows what is done: no other change of them may be on its way.
  job->position = channel.lists_position;
  ListJob& started = start(std::move(job));
  if (gather(started) && started.position <= flight_->durable.load(std::memory_order_acquire)) {
    decide(started);
  }
  if (started.parts > 0 || started.decided) started.position = txn_->position();
  return {};
}

void Partition::begin_dissolving(CachedChannel& channel) {
  auto job = std::make_unique<ListJob>();
  job->channel = &channel;
  job->change.kind = Kind::dissolve;
  ListJob& started = start(std::move(job));
  decide(started);
  started.position = txn_->position();
}

ListJob& Partition::start(std::unique_ptr<ListJob> job) {
  ListJob& started = *job;
  started.channel->list_job = &started;
  // The answer waits for the last slice.
  started.done = std::exchange(txn_->last_change().done, [](const Result<void>&) {});
  list_jobs_.emplace(started.channel->key, std::move(job));
  return started;
}

bool Partition::gather(ListJob& job) {
  std::size_t steps = options_.list_slice * kGatheredPerSliced;
  if (job.before) {
    for (; steps > 0 && job.copied_to != job.before->end(); --steps) {
      job.wanted->insert(*job.copied_to++);
    }
    if (steps == 0) return false;
  }
  std::string part;
  for (; steps > 0 && job.looked_at < job.asked.size(); --steps) {
    if (part.size() >= options_.list_part_bytes) break;
    std::string& uid = job.asked[job.looked_at++];
    const bool changes = job.change.kind == Kind::remove ? job.wanted->erase(uid) > 0
                                                         : job.wanted->insert(uid).second;
    if (!changes) continue;
    store::add_to_list_change_part(part, uid);
    job.change.uids.push_back(std::move(uid));
  }
  if (!part.empty()) {
    txn_->put(store::list_change_key(id_, job.channel->key, ++job.parts), part);
  }
  return job.looked_at == job.asked.size();
}

void Partition::decide(ListJob& job) {
  CachedChannel& channel = *job.channel;
  ListChange& change = job.change;
  if (job.flags) set_flags(channel, *job.flags);
  cache_.put_record(channel, *txn_);
  if (change.kind != Kind::dissolve) {
    const CachedChannel* const commands = cache_.find(store::command_log_of(channel.key));
    JD_ASSERT(commands != nullptr);
    change.read_to = channel.last_seq;
    change.command_read_to = commands->last_seq;
  }
  txn_->put(store::list_change_key(id_, channel.key, 0),
            store::encode_list_change(change, job.parts));
  show_decided(job);
}

void Partition::show_decided(ListJob& job) {
  CachedChannel& channel = *job.channel;
  for (const KeyKind kind : kListKinds) {
    if (!job.change.concerns(kind)) continue;
    // Of a dissolved channel each list is to be empty.
    auto set = job.wanted ? std::move(job.wanted) : std::make_shared<UidSet>();
    job.wanted = nullptr;
    channel.lists[index_of(kind)] = std::move(set);
    channel.list_handed_out[index_of(kind)] = false;
  }
  job.before = nullptr;
  job.asked.clear();
  job.asked.shrink_to_fit();
  job.decided = true;
  cache_.touch(channel, *txn_);
}

void Partition::advance_list_jobs() {
  if (list_jobs_.empty()) return;
  if (!ensure_usable()) return;
  finish_list_jobs();
  if (flight_->commits.load(std::memory_order_acquire) >= kCommitsInFlightMax) return;
  ListJob* job = find_list_job_to_advance();
  if (job == nullptr) return;
  // One step to a commit, which wakes this thread for the next one.
  job->turn = ++list_turn_;
  begin_gathering();
  txn_->add_change([](const Result<void>&) {});
  const Mark before = mark();
  if (const auto advanced = advance(*job); !advanced) {
    JD_ASSERT(mark() == before);
    job->retry_at = deps_.clock.steady() + kRetryAfter;
    observe::log_warn("channel", "a change of a list waits for the store: {}",
                      advanced.error().text());
    job->tell(
        Error(Errc::unknown_outcome, "the store cannot be read; the change goes on when it can"));
    return;
  }
  // A step that writes nothing leaves nothing to wait for.
  if (mark() != before) job->position = txn_->position();
}

ListJob* Partition::find_list_job_to_advance() const {
  const std::uint64_t durable = flight_->durable.load(std::memory_order_acquire);
  const auto now = deps_.clock.steady();
  ListJob* next = nullptr;
  for (const auto& [key, job] : list_jobs_) {
    // Slices read what those before them have written.
    if (job->finished || job->position > durable || now < job->retry_at) continue;
    if (next == nullptr || job->turn < next->turn) next = job.get();
  }
  return next;
}

Result<void> Partition::advance(ListJob& job) {
  if (job.decided) {
    JD_TRY(const ListSlice slice, next_slice(job));
    write_slice(job, slice);
    if (job.finished) {
      const std::string prefix = store::list_change_prefix(id_, job.channel->key);
      txn_->erase_range(prefix, store::after_prefix(prefix));
    }
    return {};
  }
  // May have been dropped from the cache.
  JD_CHECK_OK(load_for_slices(*job.channel, job.change));
  if (gather(job)) decide(job);
  return {};
}

Result<ListSlice> Partition::next_slice(ListJob& job) {
  CachedChannel& channel = *job.channel;
  const ListChange& change = job.change;
  forget_shares(job);
  // What is loaded of conversations stays until all of it was looked at.
  cache_.touch(channel, *txn_);
  ListSlice slice;
  // Progress is noted when nothing can fail any more.
  ListProgress to = job.progress;
  slice.list = change.kind == Kind::dissolve ? kListKinds[to.list] : change.list;
  bool finished = false;
  if (to.next < change.uids.size()) {
    JD_CHECK_OK(look_at_uids(job, slice, to));
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
  JD_CHECK_OK(load_conversations_of(job, slice));
  job.progress = std::move(to);
  job.finished = finished;
  return slice;
}

Result<void> Partition::look_at_uids(const ListJob& job, ListSlice& slice, ListProgress& to) const {
  const ListChange& change = job.change;
  const std::size_t end = std::min(to.next + options_.list_slice, change.uids.size());
  for (; to.next < end; ++to.next) {
    const std::string& uid = change.uids[to.next];
    if (job.shares.contains(uid)) continue;
    std::string value;
    JD_TRY(const bool has_row,
           deps_.reader.get(Table::main, store::member_key(id_, slice.list, job.channel->key, uid),
                            value));
    if (has_row == (change.kind != Kind::remove)) continue;
    (has_row ? slice.removed : slice.added).push_back(uid);
  }
  return {};
}

Result<bool> Partition::walk_rows(const ListJob& job, ListSlice& slice, ListProgress& to) const {
  const CachedChannel& channel = *job.channel;
  const UidSet& kept = *channel.lists[index_of(slice.list)];
  const std::string prefix = store::member_prefix(id_, slice.list, channel.key);
  // Behind the last row that was looked at; those before are gone or stay.
  const std::string from = to.walked_to.empty() ? prefix : to.walked_to + '\0';
  std::size_t looked_at = 0;
  JD_CHECK_OK(deps_.reader.scan(Table::main, from, store::after_prefix(prefix),
                                [&](std::string_view key, std::string_view) {
                                  const std::string_view uid = key.substr(prefix.size());
                                  if (!kept.contains(uid) && !job.shares.contains(uid))
                                    slice.removed.emplace_back(uid);
                                  to.walked_to.assign(key);
                                  return ++looked_at < options_.list_slice;
                                }));
  return looked_at < options_.list_slice;
}

Result<void> Partition::load_conversations_of(const ListJob& job, ListSlice& slice) {
  CachedChannel& channel = *job.channel;
  if (job.change.kind == Kind::dissolve || !has_conversations(channel.key.type)) return {};
  if (slice.list == KeyKind::subscriber) {
    for (const auto& uid : slice.added) JD_CHECK_OK(conversations_.load(channel, uid));
  }
  if (slice.list != KeyKind::denylist) return {};
  const UidSet& subscribers = *channel.lists[static_cast<int>(MemberList::subscribers)];
  for (const auto& uid : slice.added) {
    if (!subscribers.contains(uid)) JD_CHECK_OK(conversations_.load(channel, uid));
  }
  for (const auto& uid : slice.removed) {
    if (!is_readmitted(channel, uid)) continue;
    JD_CHECK_OK(conversations_.load(channel, uid));
    slice.readmitted.push_back(uid);
  }
  return {};
}

void Partition::write_slice(ListJob& job, const ListSlice& slice) {
  CachedChannel& channel = *job.channel;
  for (const auto& uid : slice.removed) {
    txn_->erase(store::member_key(id_, slice.list, channel.key, uid));
    job.shares[uid] = txn_->position();
  }
  for (const auto& uid : slice.added) {
    txn_->put(store::member_key(id_, slice.list, channel.key, uid), {});
    job.shares[uid] = txn_->position();
  }
  if (!has_conversations(channel.key.type)) return;
  if (slice.list == KeyKind::subscriber) {
    for (const auto& uid : slice.removed) conversations_.erase(channel, uid, *txn_);
    conversations_.join(channel, slice.added, {job.change.read_to, job.change.command_read_to},
                        *txn_);
  } else if (slice.list == KeyKind::denylist) {
    for (const auto& uid : slice.added) conversations_.erase(channel, uid, *txn_);
    conversations_.readmit(channel, slice.readmitted, *txn_);
  }
}

Result<ListSlice> Partition::prepare_share(CachedChannel& channel, std::string_view uid) {
  ListSlice share;
  ListJob* job = channel.list_job;
  if (job == nullptr || !job->decided || !has_conversations(channel.key.type)) return share;
  share.list = conversation_list_of(job->change);
  if (share.list == KeyKind::allowlist || job->shares.contains(uid)) return share;
  std::string value;
  JD_TRY(
      const bool has_row,
      deps_.reader.get(Table::main, store::member_key(id_, share.list, channel.key, uid), value));
  if (has_row == channel.lists[index_of(share.list)]->contains(uid)) return share;
  (has_row ? share.removed : share.added).emplace_back(uid);
  JD_CHECK_OK(load_conversations_of(*job, share));
  return share;
}

void Partition::take_share(CachedChannel& channel, const ListSlice& share) {
  if (share.added.empty() && share.removed.empty()) return;
  write_slice(*channel.list_job, share);
}

bool Partition::has_conversation_after(const CachedChannel& channel, const ListSlice& share,
                                       std::string_view uid, bool known) {
  if (share.list != KeyKind::subscriber) {
    return share.added.empty() && (known || !share.readmitted.empty());
  }
  if (!share.removed.empty()) return false;
  if (share.added.empty()) return known;
  const UidSet& denied = *channel.lists[static_cast<int>(MemberList::denylist)];
  return known || !denied.contains(uid);
}

void Partition::forget_shares(ListJob& job) {
  const std::uint64_t durable = flight_->durable.load(std::memory_order_acquire);
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

void Partition::finish_list_jobs() {
  const std::uint64_t durable = flight_->durable.load(std::memory_order_acquire);
  std::vector<ChannelKey> finished;
  for (const auto& [key, job] : list_jobs_) {
    if (job->finished && job->position <= durable) finished.push_back(key);
  }
  for (const ChannelKey& key : finished) {
    const auto it = list_jobs_.find(key);
    const std::unique_ptr<ListJob> job = std::move(it->second);
    list_jobs_.erase(it);
    job->channel->list_job = nullptr;
    job->tell({});
    for (auto& [change, done] : job->waiting) execute(std::move(change), std::move(done));
  }
}

Result<void> Partition::resume(const ChannelKey& key, ListChange change) {
  auto owned = std::make_unique<ListJob>();
  ListJob& job = *owned;
  job.change = std::move(change);
  list_jobs_.emplace(key, std::move(owned));
  JD_TRY(job.channel, cache_.load(key));
  JD_CHECK_OK(load_for_slices(*job.channel, job.change));
  job.channel->list_job = &job;
  if (job.change.kind == Kind::add || job.change.kind == Kind::remove) {
    job.wanted = std::move(job.channel->lists[index_of(job.change.list)]);
  } else if (job.change.kind == Kind::replace) {
    job.wanted = std::make_shared<UidSet>();
  }
  for (const auto& uid : job.change.uids) {
    if (job.change.kind == Kind::remove) {
      job.wanted->erase(uid);
    } else {
      job.wanted->insert(uid);
    }
  }
  show_decided(job);
  return {};
}

Result<void> Partition::resume_list_jobs(UnfinishedListChanges unfinished) {
  for (auto& [key, change] : unfinished) {
    if (change) {
      JD_CHECK_OK(resume(key, std::move(*change)));
    } else {
      // It was never decided. Goes with the next commit.
      const std::string prefix = store::list_change_prefix(id_, key);
      txn_->erase_range(prefix, store::after_prefix(prefix));
    }
  }
  return {};
}

bool Partition::has_list_jobs() const {
  JD_ASSERT(owner_.is_this_thread());
  return !list_jobs_.empty();
}

void Partition::abandon_list_jobs() {
  JD_ASSERT(owner_.is_this_thread());
  const auto jobs = std::move(list_jobs_);
  list_jobs_.clear();
  for (const auto& [key, job] : jobs) {
    job->tell(Error(Errc::unknown_outcome, "interrupted; if it was decided, the change goes on"));
    for (auto& [change, done] : job->waiting) {
      done(Error(Errc::unavailable, "a change of the channel before this one was interrupted"));
    }
  }
}

}  // namespace jindou::partition
