#include "partition/list_jobs.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "base/assert.h"
#include "observe/log.h"
#include "store/keys.h"

namespace jindou::partition {

namespace {

using store::KeyKind;
using store::ListChange;
using store::Table;
using Kind = ListChange::Kind;

// Uids that are looked at in one step before the decision: they cost memory only, so that a step
// takes as long as a slice.
constexpr std::size_t kGatheredPerSliced = 8;
// After a step that could not be read.
constexpr std::chrono::seconds kRetryAfter{1};

Kind kind_of(ChangeMembers::Operation operation) {
  switch (operation) {
    case ChangeMembers::Operation::add: return Kind::add;
    case ChangeMembers::Operation::remove: return Kind::remove;
    case ChangeMembers::Operation::replace: return Kind::replace;
  }
  return Kind::add;
}

}  // namespace

ListJobs::ListJobs(const Deps& deps, const ListLimits& limits, ChannelCache& channels,
                   ListSlices& slices)
    : partition_(deps.reader.partition()),
      reader_(deps.reader),
      clock_(deps.clock),
      limits_(limits),
      channels_(channels),
      slices_(slices) {}

Result<bool> ListJobs::has_more_members(const CachedChannel& channel, MemberList list,
                                        std::size_t limit) const {
  if (const auto& set = channel.lists[static_cast<int>(list)]) return set->size() > limit;
  if (!channel.exists) return false;
  std::size_t count = 0;
  const std::string prefix = store::member_prefix(partition_, key_kind(list), channel.key);
  JD_RETURN_IF_ERROR(reader_.scan(Table::main, prefix, store::after_prefix(prefix),
                                  [&](auto, auto) { return ++count <= limit; }));
  return count > limit;
}

Result<bool> ListJobs::needs_slices(const CachedChannel& channel, MemberList list,
                                    ChangeMembers::Operation operation,
                                    const std::vector<std::string>& uids) const {
  // The lists of an inbox are read by other partitions, row by row.
  if (channel.key.type == ChannelType::person) return false;
  if (uids.size() > limits_.slice) return true;
  if (operation != ChangeMembers::Operation::replace) return false;
  return has_more_members(channel, list, limits_.slice - uids.size());
}

Result<bool> ListJobs::needs_slices_to_dissolve(const CachedChannel& channel) const {
  if (channel.key.type == ChannelType::person) return false;
  for (const MemberList list :
       {MemberList::subscribers, MemberList::denylist, MemberList::allowlist}) {
    JD_TRY(const bool many, has_more_members(channel, list, limits_.slice));
    if (many) return true;
  }
  return false;
}

Result<void> ListJobs::load_lists(CachedChannel& channel, const ListChange& change) {
  if (change.kind == Kind::dissolve) return {};
  JD_RETURN_IF_ERROR(channels_.load(store::command_log_of(channel.key)));
  // Whom a conversation is opened for depends on the other of the two.
  if (change.list == KeyKind::subscriber)
    JD_RETURN_IF_ERROR(channels_.load_list(channel, MemberList::denylist));
  if (change.list == KeyKind::denylist)
    JD_RETURN_IF_ERROR(channels_.load_list(channel, MemberList::subscribers));
  if (change.kind != Kind::replace) {
    JD_RETURN_IF_ERROR(
        channels_.load_list(channel, static_cast<MemberList>(index_of(change.list))));
  }
  return {};
}

Result<void> ListJobs::begin(CachedChannel& channel, MemberList list,
                             ChangeMembers::Operation operation,
                             const std::vector<std::string>& uids, const ChannelFlags* flags,
                             Txn& txn) {
  auto job = std::make_unique<ListJob>();
  job->channel = &channel;
  job->change.kind = kind_of(operation);
  job->change.list = key_kind(list);
  JD_RETURN_IF_ERROR(load_lists(channel, job->change));
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
  ListJob& started = start(std::move(job), txn);
  if (gather(started, txn) && started.position <= channels_.durable()) {
    decide(started, txn);
  }
  if (started.parts > 0 || started.decided) started.position = txn.position();
  return {};
}

void ListJobs::begin_dissolving(CachedChannel& channel, Txn& txn) {
  auto job = std::make_unique<ListJob>();
  job->channel = &channel;
  job->change.kind = Kind::dissolve;
  ListJob& started = start(std::move(job), txn);
  decide(started, txn);
  started.position = txn.position();
}

ListJob& ListJobs::start(std::unique_ptr<ListJob> job, Txn& txn) {
  ListJob& started = *job;
  // A job whose command is taken back has never been.
  txn.undo([this, &started, &txn] {
    txn.last_change().done = std::move(started.done);
    jobs_.erase(ChannelKey(started.channel->key));
  });
  ChannelCache::remember(*started.channel, txn);
  started.channel->list_job = &started;
  // The answer waits for the last slice.
  started.done = std::exchange(txn.last_change().done, [](const Result<void>&) {});
  jobs_.emplace(started.channel->key, std::move(job));
  return started;
}

bool ListJobs::gather(ListJob& job, Txn& txn) {
  std::size_t steps = limits_.slice * kGatheredPerSliced;
  if (job.before) {
    for (; steps > 0 && job.copied_to != job.before->end(); --steps) {
      job.wanted->insert(*job.copied_to++);
    }
    if (steps == 0) return false;
  }
  std::string part;
  for (; steps > 0 && job.looked_at < job.asked.size(); --steps) {
    if (part.size() >= limits_.part_bytes) break;
    std::string& uid = job.asked[job.looked_at++];
    const bool changes = job.change.kind == Kind::remove ? job.wanted->erase(uid) > 0
                                                         : job.wanted->insert(uid).second;
    if (!changes) continue;
    store::add_to_list_change_part(part, uid);
    job.change.uids.push_back(std::move(uid));
  }
  if (!part.empty()) {
    txn.put(store::list_change_key(partition_, job.channel->key, ++job.parts), part);
  }
  return job.looked_at == job.asked.size();
}

void ListJobs::decide(ListJob& job, Txn& txn) {
  CachedChannel& channel = *job.channel;
  ListChange& change = job.change;
  if (job.flags) channels_.set_flags(channel, *job.flags, txn);
  channels_.put_record(channel, txn);
  if (change.kind != Kind::dissolve) {
    const CachedChannel* const commands = channels_.find(store::command_log_of(channel.key));
    JD_ASSERT(commands != nullptr);
    change.read_to = channel.last_seq;
    change.command_read_to = commands->last_seq;
  }
  txn.put(store::list_change_key(partition_, channel.key, 0),
          store::encode_list_change(change, job.parts));
  show_decided(job, txn);
}

void ListJobs::show_decided(ListJob& job, Txn& txn) {
  CachedChannel& channel = *job.channel;
  for (const KeyKind kind : kListKinds) {
    if (!job.change.concerns(kind)) continue;
    // Of a dissolved channel each list is to be empty.
    auto set = job.wanted ? std::move(job.wanted) : std::make_shared<UidSet>();
    job.wanted = nullptr;
    channels_.replace_list(channel, static_cast<MemberList>(index_of(kind)), std::move(set), txn);
  }
  job.before = nullptr;
  job.asked.clear();
  job.asked.shrink_to_fit();
  job.decided = true;
}

void ListJobs::advance(Txn& txn) {
  ListJob* const job = find_next();
  JD_ASSERT(job != nullptr);
  job->turn = ++turn_;
  const std::size_t before = txn.bytes();
  if (const auto advanced = advance(*job, txn); !advanced) {
    JD_ASSERT(txn.bytes() == before);
    job->retry_at = clock_.steady() + kRetryAfter;
    observe::log_warn("channel", "a change of a list waits for the store: {}",
                      advanced.error().text());
    job->tell(
        Error(Errc::unknown_outcome, "the store cannot be read; the change goes on when it can"));
    return;
  }
  // A step that writes nothing leaves nothing to wait for.
  if (txn.bytes() != before) job->position = txn.position();
}

ListJob* ListJobs::find_next() const {
  const std::uint64_t durable = channels_.durable();
  const auto now = clock_.steady();
  ListJob* next = nullptr;
  for (const auto& [key, job] : jobs_) {
    // Slices read what those before them have written.
    if (job->finished || job->position > durable || now < job->retry_at) continue;
    if (next == nullptr || job->turn < next->turn) next = job.get();
  }
  return next;
}

Result<void> ListJobs::advance(ListJob& job, Txn& txn) {
  if (job.decided) {
    JD_TRY(const ListSlice slice, slices_.next(job, txn));
    slices_.write(job, slice, txn);
    if (job.finished) {
      const std::string prefix = store::list_change_prefix(partition_, job.channel->key);
      txn.erase_range(prefix, store::after_prefix(prefix));
    }
    return {};
  }
  // May have been dropped from the cache.
  JD_RETURN_IF_ERROR(load_lists(*job.channel, job.change));
  if (gather(job, txn)) decide(job, txn);
  return {};
}

std::vector<WaitingListCommand> ListJobs::finish() {
  const std::uint64_t durable = channels_.durable();
  std::vector<WaitingListCommand> waited;
  std::vector<ChannelKey> finished;
  for (const auto& [key, job] : jobs_) {
    if (job->finished && job->position <= durable) finished.push_back(key);
  }
  for (const ChannelKey& key : finished) {
    const auto it = jobs_.find(key);
    const std::unique_ptr<ListJob> job = std::move(it->second);
    jobs_.erase(it);
    job->channel->list_job = nullptr;
    job->tell({});
    std::move(job->waiting.begin(), job->waiting.end(), std::back_inserter(waited));
  }
  return waited;
}

Result<void> ListJobs::resume(const ChannelKey& key, ListChange change, Txn& txn) {
  auto owned = std::make_unique<ListJob>();
  ListJob& job = *owned;
  job.change = std::move(change);
  jobs_.emplace(key, std::move(owned));
  JD_TRY(job.channel, channels_.load(key));
  JD_RETURN_IF_ERROR(load_lists(*job.channel, job.change));
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
  show_decided(job, txn);
  return {};
}

Result<ListJobs::Unfinished> ListJobs::load_unfinished() const {
  return store::load_list_changes(reader_);
}

Result<void> ListJobs::resume(Unfinished unfinished, Txn& txn) {
  for (auto& [key, change] : unfinished) {
    if (change) {
      JD_RETURN_IF_ERROR(resume(key, std::move(*change), txn));
    } else {
      // It was never decided. Goes with the next commit.
      const std::string prefix = store::list_change_prefix(partition_, key);
      txn.erase_range(prefix, store::after_prefix(prefix));
    }
  }
  return {};
}

void ListJobs::describe(StateLines& lines) const {
  for (const auto& [key, job] : jobs_) {
    lines.add("job", key, job->decided, job->finished, job->parts, job->looked_at,
              job->progress.next, job->progress.list, job->progress.walked_to, job->position,
              job->waiting.size(), job->done != nullptr);
    for (const auto& [uid, position] : job->shares) lines.add("share", key, uid, position);
  }
}

void ListJobs::abandon(Errc waiting) {
  const auto jobs = std::move(jobs_);
  jobs_.clear();
  for (const auto& [key, job] : jobs) {
    job->tell(Error(Errc::unknown_outcome, "interrupted; if it was decided, the change goes on"));
    for (auto& [change, done] : job->waiting) {
      done(Error(waiting, "a change of the channel before this one was interrupted"));
    }
  }
}

}  // namespace jindou::partition
