#include "delivery/fan_out.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/assert.h"
#include "base/free_memory.h"
#include "delivery/event_frame.h"
#include "delivery/receiver_view.h"
#include "observe/log.h"
#include "partition/addressing.h"

namespace jindou::delivery {

namespace {

// What a queued message costs beside its payload: the Message, its strings, its place in the batch
// and, in the large lane, that of its channel.
constexpr std::size_t kMessageOverheadBytes = 1000;
// The clock is read once per so many deliveries (about 100 microseconds of work).
constexpr std::size_t kDeliveriesPerClockRead = 64;
// Memory that a finished run may keep for the next one of its place, in sessions.
constexpr std::size_t kKeptTargets = 1024;
constexpr unsigned kQuarters = 4;

// What a uid in a list costs beside its characters: the string, its share of the list's growth and
// of the allocator.
constexpr std::size_t kUidOverheadBytes = 64;

std::size_t list_bytes(const std::vector<std::string>& uids) {
  std::size_t bytes = 0;
  for (const std::string& uid : uids) bytes += uid.size() + kUidOverheadBytes;
  return bytes;
}

// Sets of subscribers are shared with the core and other batches, so they do not count.
std::size_t batch_bytes(const partition::CommittedBatch& batch) {
  std::size_t bytes = 0;
  for (const partition::CommitEffect& effect : batch.effects) {
    bytes += kMessageOverheadBytes + list_bytes(effect.recipients.listed);
    bytes += std::visit(
        Overloaded{
            [](const partition::CommittedMessage& told) {
              return told.message->payload.size() + list_bytes(told.message->subscribers);
            },
            [](const partition::CommittedEvent& told) { return told.event->payload.size(); }},
        effect.what);
  }
  return bytes;
}

bool is_private(const MessageEvent* event) {
  return event != nullptr && event->visibility != Visibility::everybody;
}

// To its author alone.
bool is_private(const partition::CommitEffect& effect) {
  return std::visit(Overloaded{[](const partition::CommittedMessage&) { return false; },
                               [](const partition::CommittedEvent& told) {
                                 return is_private(told.event.get());
                               }},
                    effect.what);
}

bool may_receive(const partition::Recipients& recipients, std::string_view uid) {
  if (uid == kSystemUid) return false;
  return recipients.excluded == nullptr || !recipients.excluded->contains(uid);
}

}  // namespace

// ---- one shard ------------------------------------------------------------------------------

ShardFanOut::ShardFanOut(boost::asio::io_context& context, const Clock& clock,
                         observe::Metrics& metrics, FanOutLimits limits, const ReachCounts* reach)
    : context_(context),
      clock_(clock),
      metrics_(metrics),
      limits_(limits),
      reach_(reach),
      queue_(limits.runs),
      work_(queue_.places()),
      online_(limits.remembered) {}

SinkHandle ShardFanOut::add(SessionSink& sink) {
  JD_ASSERT(owner_.is_this_thread());
  std::uint32_t index = free_slots_;
  if (index == kNone) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    free_slots_ = slots_[index].next_free;
  }
  Slot& slot = slots_[index];
  slot.sink = &sink;
  const SinkHandle handle{index, slot.generation};
  const std::string_view uid = sink.uid();
  users_.try_emplace(std::string(uid)).first->second.push_back(index);
  sessions_.fetch_add(1, std::memory_order_relaxed);
  online_.add_session(uid, handle);
  // What is being gathered will be remembered, so it has to be complete.
  for (Work& work : work_) {
    if (!work.gathers_subscribers()) continue;
    const auto& subscribers = work.run->recipients().subscribers;
    if (subscribers == nullptr || !subscribers->contains(uid)) continue;
    work.targets.push_back(handle);
    work.maybe_repeated = true;
  }
  return handle;
}

void ShardFanOut::remove(SinkHandle handle) {
  JD_ASSERT(owner_.is_this_thread());
  if (handle.generation == 0) return;
  Slot& slot = slots_[handle.slot];
  if (slot.generation != handle.generation) return;
  const auto found = users_.find(slot.sink->uid());
  JD_ASSERT(found != users_.end());
  auto& of_user = found->second;
  for (auto it = of_user.begin(); it != of_user.end(); ++it) {
    if (*it != handle.slot) continue;
    of_user.erase(it);
    break;
  }
  if (of_user.empty()) users_.erase(found);
  slot.sink = nullptr;
  // 0 is reserved for "not in the index".
  if (++slot.generation == 0) slot.generation = 1;
  slot.next_free = free_slots_;
  free_slots_ = handle.slot;
  sessions_.fetch_sub(1, std::memory_order_relaxed);
}

void ShardFanOut::subscribe(SinkHandle handle, const ChannelKey& channel) {
  JD_ASSERT(owner_.is_this_thread());
  subscriptions_.add(channel, handle);
}

void ShardFanOut::unsubscribe(SinkHandle handle, const ChannelKey& channel) {
  JD_ASSERT(owner_.is_this_thread());
  subscriptions_.remove(channel, handle);
}

void ShardFanOut::post(const std::shared_ptr<const partition::CommittedBatch>& batch,
                       std::size_t bytes) {
  {
    const MutexLock lock(inbox_mutex_);
    const std::size_t queued = queued_bytes_.load(std::memory_order_relaxed);
    if (queued > 0 && queued + bytes > limits_.queue_bytes_max) {
      overflowed_ = true;
    } else {
      inbox_.push_back({batch, bytes});
      queued_bytes_.fetch_add(bytes, std::memory_order_relaxed);
      metrics_.fanout_queue_bytes.Increment(static_cast<double>(bytes));
    }
    if (awake_) return;
    awake_ = true;
  }
  wake();
}

void ShardFanOut::post_first(std::function<void()> change) {
  {
    const MutexLock lock(inbox_mutex_);
    changes_.push_back(std::move(change));
    if (awake_) return;
    awake_ = true;
  }
  wake();
}

void ShardFanOut::wake() {
  boost::asio::post(context_, [this] { run_slice(); });
}

void ShardFanOut::take_inbox() {
  bool overflowed = false;
  {
    const MutexLock lock(inbox_mutex_);
    taken_.swap(inbox_);
    taken_changes_.swap(changes_);
    overflowed = std::exchange(overflowed_, false);
  }
  for (const auto& change : taken_changes_) change();
  taken_changes_.clear();
  for (QueuedBatch& queued : taken_) {
    queue_.push(std::move(queued.batch), queued.bytes,
                [this](const partition::CommitEffect& effect) { return lane_of(effect); });
  }
  taken_.clear();
  if (overflowed) cut_all();
}

RunQueue::Lane ShardFanOut::lane_of(const partition::CommitEffect& effect) {
  if (is_private(effect)) return RunQueue::Lane::small;
  const partition::Recipients& recipients = effect.recipients;
  std::size_t receivers = recipients.listed.size();
  if (recipients.subscribers != nullptr) {
    std::size_t online = std::min(recipients.subscribers->size(), session_count());
    if (online > limits_.remembered_walk) {
      online = online_.count(recipients.subscribers).value_or(online);
    }
    receivers += online;
  }
  if (const ChannelKey* key = subscribable(effect)) receivers += subscriptions_.count(*key);
  return receivers > limits_.small_receivers ? RunQueue::Lane::large : RunQueue::Lane::small;
}

ShardFanOut::Budget ShardFanOut::budget_for(unsigned quarters,
                                            std::chrono::steady_clock::time_point now) const {
  Budget budget;
  budget.end = now + limits_.slice_time * quarters / kQuarters;
  // At least one of each, whatever the limits: a turn that does nothing never ends.
  const auto share = [quarters](std::size_t whole) {
    return std::max<std::size_t>(whole * quarters / kQuarters, 1);
  };
  budget.lookups = share(limits_.slice_lookups);
  budget.deliveries = share(limits_.slice_deliveries);
  budget.sessions = share(limits_.slice_sessions);
  return budget;
}

void ShardFanOut::run_slice() {
  JD_ASSERT(owner_.is_this_thread());
  take_inbox();
  const auto now = clock_.steady();
  const Budget whole = budget_for(kQuarters, now);
  Slice slice;
  slice.next_clock_read = kDeliveriesPerClockRead;
  slice.budget = queue_.has_large() ? budget_for(limits_.small_quarters, now) : whole;
  while (work_small(slice)) {
  }
  slice.budget = whole;
  while (work_large(slice)) {
  }
  queue_.pass_turn();
  // What the large lane has left over.
  while (work_small(slice)) {
  }
  release_finished();
  if (slice.deliveries > slice.events) {
    metrics_.deliveries.Increment(static_cast<double>(slice.deliveries - slice.events));
  }
  if (slice.events > 0) {
    metrics_.event_deliveries.Increment(static_cast<double>(slice.events));
  }
  {
    const MutexLock lock(inbox_mutex_);
    if (queue_.empty() && inbox_.empty() && changes_.empty() && !overflowed_) {
      // Else batches would be refused that there is room for.
      JD_ASSERT(queued_bytes_.load(std::memory_order_relaxed) == 0);
      awake_ = false;
      return;
    }
  }
  wake();
}

bool ShardFanOut::work_small(Slice& slice) {
  RunQueue::Run* run = queue_.small();
  return run != nullptr && work_on(*run, slice);
}

bool ShardFanOut::work_large(Slice& slice) {
  RunQueue::Run* run = queue_.large();
  return run != nullptr && work_on(*run, slice);
}

bool ShardFanOut::work_on(RunQueue::Run& run, Slice& slice) {
  Work& work = work_[run.place];
  if (work.phase == Work::Phase::idle) {
    // Many messages for nobody here must not hold the sockets up either.
    if (slice.lookups >= slice.budget.lookups) return false;
    ++slice.lookups;
    begin(work, run);
  }
  while (work.phase != Work::Phase::idle) {
    bool more = false;
    switch (work.phase) {
      case Work::Phase::idle: break;
      case Work::Phase::listed: more = gather_listed(work, slice); break;
      case Work::Phase::subscribers: more = gather_subscribers(work, slice); break;
      case Work::Phase::sessions: more = gather_sessions(work, slice); break;
      case Work::Phase::deliver: more = deliver_some(work, slice); break;
    }
    if (!more) return false;
  }
  return true;
}

void ShardFanOut::begin(Work& work, RunQueue::Run& run) {
  work.run = &run;
  for (const partition::CommitEffect* effect : run.effects) {
    std::visit(Overloaded{[&work](const partition::CommittedMessage& told) {
                            work.messages.push_back({&told, MessageForms(*told.message)});
                          },
                          [&work](const partition::CommittedEvent& told) {
                            work.event = told.event.get();
                          }},
               effect->what);
  }
  work.next_target = 0;
  work.next_listed = 0;
  work.next_slot = 0;
  work.maybe_repeated = false;
  work.phase = Work::Phase::listed;
  if (is_private(work.event)) {
    // Whether or not the author is a subscriber.
    if (work.event->from_uid != kSystemUid) add_user(work, work.event->from_uid);
    work.phase = Work::Phase::deliver;
  }
}

void ShardFanOut::end(Work& work) {
  work.messages.clear();
  work.event = nullptr;
  work.event_forms.clear();
  if (work.targets.capacity() > kKeptTargets) {
    free_memory(work.targets);
  } else {
    work.targets.clear();
  }
  work.phase = Work::Phase::idle;
  queue_.finish(*std::exchange(work.run, nullptr));
}

void ShardFanOut::release_finished() {
  const std::size_t bytes = queue_.take_released_bytes();
  if (bytes == 0) return;
  const std::size_t before = queued_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  JD_ASSERT(before >= bytes);
  metrics_.fanout_queue_bytes.Decrement(static_cast<double>(bytes));
}

void ShardFanOut::add_user(Work& work, std::string_view uid) {
  const auto found = users_.find(uid);
  if (found == users_.end()) return;
  for (const std::uint32_t index : found->second) {
    work.targets.push_back({index, slots_[index].generation});
  }
}

bool ShardFanOut::gather_listed(Work& work, Slice& slice) {
  const partition::Recipients& recipients = work.run->recipients();
  const auto& subscribers = recipients.subscribers;
  if (work.next_listed == 0 && recipients.listed.size() > 1) work.maybe_repeated = true;
  for (; work.next_listed < recipients.listed.size(); ++work.next_listed) {
    if (slice.lookups >= slice.budget.lookups) return false;
    ++slice.lookups;
    const std::string& uid = recipients.listed[work.next_listed];
    // Who subscribes as well is found among the subscribers.
    if (subscribers == nullptr || !subscribers->contains(uid)) add_user(work, uid);
  }
  if (subscribers == nullptr || subscribers->empty()) {
    end_gathering(work);
  } else if (const auto* known = online_.find(
                 subscribers, [this](SinkHandle handle) { return is_alive(handle); })) {
    slice.lookups += known->size() / kDeliveriesPerClockRead;
    work.targets.insert(work.targets.end(), known->begin(), known->end());
    end_gathering(work);
  } else if (subscribers->size() <= users_.size()) {
    work.next_subscriber = subscribers->begin();
    work.phase = Work::Phase::subscribers;
  } else {
    work.next_slot = 0;
    work.phase = Work::Phase::sessions;
  }
  return true;
}

bool ShardFanOut::gather_subscribers(Work& work, Slice& slice) {
  const UidSet& subscribers = *work.run->recipients().subscribers;
  for (; work.next_subscriber != subscribers.end(); ++work.next_subscriber) {
    if (slice.lookups >= slice.budget.lookups) return false;
    ++slice.lookups;
    add_user(work, *work.next_subscriber);
  }
  end_walk(work);
  return true;
}

bool ShardFanOut::gather_sessions(Work& work, Slice& slice) {
  const UidSet& subscribers = *work.run->recipients().subscribers;
  // Slots keep their place while sessions come and go, unlike the buckets of the user index.
  for (; work.next_slot < slots_.size(); ++work.next_slot) {
    if (slice.lookups >= slice.budget.lookups) return false;
    ++slice.lookups;
    const Slot& slot = slots_[work.next_slot];
    if (slot.sink == nullptr || !subscribers.contains(slot.sink->uid())) continue;
    work.targets.push_back({static_cast<std::uint32_t>(work.next_slot), slot.generation});
  }
  end_walk(work);
  return true;
}

void ShardFanOut::end_walk(Work& work) {
  const partition::Recipients& recipients = work.run->recipients();
  remove_repeated(work);
  const std::size_t walked = std::min(recipients.subscribers->size(), session_count());
  // Listed users would be taken for subscribers.
  if (walked > limits_.remembered_walk && recipients.listed.empty()) {
    online_.keep(recipients.subscribers, work.targets);
  }
  end_gathering(work);
}

void ShardFanOut::end_gathering(Work& work) {
  if (const ChannelKey* key = subscribable(*work.run->effects.front())) {
    const std::size_t before = work.targets.size();
    subscriptions_.append_to(*key, work.targets);
    if (before > 0 && work.targets.size() > before) work.maybe_repeated = true;
  }
  remove_repeated(work);
  work.phase = Work::Phase::deliver;
}

void ShardFanOut::remove_repeated(Work& work) {
  if (!std::exchange(work.maybe_repeated, false)) return;
  auto& targets = work.targets;
  std::sort(targets.begin(), targets.end(), [](SinkHandle a, SinkHandle b) {
    return a.slot != b.slot ? a.slot < b.slot : a.generation < b.generation;
  });
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
}

const ChannelKey* ShardFanOut::subscribable(const partition::CommitEffect& effect) {
  if (!effect.recipients.listed.empty()) return nullptr;
  const ChannelKey& key = channel_of(effect);
  return partition::allows_session_subscriptions(key.type) ? &key : nullptr;
}

bool ShardFanOut::deliveries_used_up(Slice& slice) const {
  if (slice.deliveries >= slice.budget.deliveries) return true;
  if (slice.sessions >= slice.budget.sessions) return true;
  if (slice.deliveries < slice.next_clock_read) return false;
  // Not counted on, so that the next part of the turn asks again.
  if (clock_.steady() >= slice.budget.end) return true;
  slice.next_clock_read = slice.deliveries + kDeliveriesPerClockRead;
  return false;
}

bool ShardFanOut::deliver_some(Work& work, Slice& slice) {
  const partition::Recipients& recipients = work.run->recipients();
  const bool to_author = is_private(work.event);
  for (; work.next_target < work.targets.size(); ++work.next_target) {
    if (deliveries_used_up(slice)) return false;
    const SinkHandle target = work.targets[work.next_target];
    if (!is_alive(target)) continue;
    if (!to_author && !may_receive(recipients, slots_[target.slot].sink->uid())) continue;
    const std::size_t before = slice.deliveries;
    if (work.event == nullptr) {
      deliver_run_to(target, work, slice.deliveries);
    } else {
      deliver_event_to(target, work, slice);
    }
    if (slice.deliveries != before) ++slice.sessions;
  }
  end(work);
  return true;
}

void ShardFanOut::deliver_run_to(SinkHandle target, Work& work, std::size_t& deliveries) {
  SessionSink* sink = slots_[target.slot].sink;
  if (slots_[target.slot].generation != target.generation) return;
  const SessionId session = sink->session_id();
  const std::string_view uid = sink->uid();
  std::optional<bool> counts;  // asked for once, and for messages of jobs only
  for (Prepared& prepared : work.messages) {
    const partition::CommittedMessage& committed = *prepared.committed;
    if (committed.origin_session == session || !committed.message->listed_for(uid)) continue;
    const codec::Receiver receiver = receiver_kind(*committed.message, uid);
    bool counted = false;
    if (committed.pushes && committed.message->from_uid != uid) {
      if (!counts) counts = counts_for_user(work, uid, session);
      counted = *counts;
    }
    if (sink->deliver({committed.message, prepared.forms, receiver})) {
      ++deliveries;
      if (counted) committed.pushes->users.fetch_add(1, std::memory_order_relaxed);
    }
    // The session may have been cut just now, and `uid` with it.
    if (slots_[target.slot].generation != target.generation) return;
  }
  sink->end_deliveries();
}

bool ShardFanOut::counts_for_user(const Work& work, std::string_view uid, SessionId session) const {
  if (reach_ == nullptr || !reach_->is_counted_by(uid, session)) return false;
  if (subscribable(*work.run->effects.front()) == nullptr) return true;
  // For who only listens nothing is ever left, so he is no receiver here, either.
  const auto& subscribers = work.run->recipients().subscribers;
  return subscribers != nullptr && subscribers->contains(uid);
}

void ShardFanOut::deliver_event_to(SinkHandle target, Work& work, Slice& slice) {
  SessionSink* sink = slots_[target.slot].sink;
  if (slots_[target.slot].generation != target.generation || !sink->takes_events()) return;
  if (sink->deliver_event(event_forms_for(work, sink->uid()))) {
    ++slice.deliveries;
    ++slice.events;
  }
  if (slots_[target.slot].generation == target.generation) sink->end_deliveries();
}

EventForms& ShardFanOut::event_forms_for(Work& work, std::string_view viewer) {
  const MessageEvent& event = *work.event;
  const std::string_view channel_id = event_channel_for(event, viewer);
  for (EventForms& known : work.event_forms) {
    if (known.channel_id() == channel_id) return known;
  }
  return work.event_forms.emplace_back(event, channel_id);
}

void ShardFanOut::cut_all() {
  observe::log_error("delivery",
                     "more than {} bytes wait for fan-out: {} sessions are closed to resynchronise",
                     limits_.queue_bytes_max, session_count());
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].sink != nullptr) slots_[i].sink->cut_for_overflow();
  }
}

// ---- the node -------------------------------------------------------------------------------

FanOut::FanOut(runtime::IoShards& shards, const Clock& clock, observe::Metrics& metrics,
               FanOutLimits limits, ReachCounts* reach)
    : reach_(reach) {
  for (unsigned i = 0; i < shards.size(); ++i) {
    shards_.push_back(
        std::make_unique<ShardFanOut>(shards.context(i), clock, metrics, limits, reach));
  }
}

void FanOut::post_committed(std::shared_ptr<const partition::CommittedBatch> batch) {
  if (reach_ != nullptr) batch = reach_->watch(std::move(batch));
  std::size_t bytes = 0;
  for (auto& shard : shards_) {
    if (!shard->has_sessions()) continue;
    if (bytes == 0) bytes = batch_bytes(*batch);
    shard->post(batch, bytes);
  }
}

std::size_t FanOut::session_count() const {
  std::size_t count = 0;
  for (const auto& shard : shards_) count += shard->session_count();
  return count;
}

std::size_t FanOut::queued_bytes() const {
  std::size_t bytes = 0;
  for (const auto& shard : shards_) bytes += shard->queued_bytes();
  return bytes;
}

std::size_t FanOut::fullest_queue_bytes() const {
  std::size_t bytes = 0;
  for (const auto& shard : shards_) bytes = std::max(bytes, shard->queued_bytes());
  return bytes;
}

}  // namespace jindou::delivery
