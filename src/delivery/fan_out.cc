#include "delivery/fan_out.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "base/assert.h"
#include "delivery/event_frame.h"
#include "delivery/receiver_view.h"
#include "observe/log.h"

namespace jindou::delivery {

namespace {

// What a queued message costs beside its payload: the Message, its strings and its place in the
// batch.
constexpr std::size_t kMessageOverheadBytes = 400;
// The clock is read once per so many deliveries (about 100 microseconds of work).
constexpr std::size_t kDeliveriesPerClockRead = 64;
// Lists longer than this are not compared to see whether two messages have the same recipients.
constexpr std::size_t kComparedList = 8;

// What a uid in a list costs beside its characters: the string, its share of the list's growth and
// of the allocator.
constexpr std::size_t kUidOverheadBytes = 64;

std::size_t list_bytes(const std::vector<std::string>& uids) {
  std::size_t bytes = 0;
  for (const std::string& uid : uids) bytes += uid.size() + kUidOverheadBytes;
  return bytes;
}

// Sets of subscribers are shared with the core and other batches, so they do not count.
std::size_t batch_bytes(const channel::CommittedBatch& batch) {
  std::size_t bytes = 0;
  for (const auto& committed : batch.messages) {
    bytes += kMessageOverheadBytes + list_bytes(committed.recipients.listed);
    if (committed.message != nullptr) {
      bytes += committed.message->payload.size() + list_bytes(committed.message->subscribers);
    } else {
      bytes += committed.event->payload.size();
    }
  }
  return bytes;
}

bool same_recipients(const channel::Recipients& a, const channel::Recipients& b) {
  return a.subscribers == b.subscribers && a.excluded == b.excluded &&
         a.listed.size() == b.listed.size() && a.listed.size() <= kComparedList &&
         a.listed == b.listed;
}

bool may_receive(const channel::Recipients& recipients, std::string_view uid) {
  if (uid == kSystemUid) return false;
  return recipients.excluded == nullptr || !recipients.excluded->contains(uid);
}

}  // namespace

// ---- one shard ------------------------------------------------------------------------------

ShardFanOut::ShardFanOut(boost::asio::io_context& context, const Clock& clock,
                         observe::Metrics& metrics, FanOutLimits limits)
    : context_(context), clock_(clock), metrics_(metrics), limits_(limits) {}

SinkHandle ShardFanOut::add(SessionSink& sink) {
  std::uint32_t index = free_slots_;
  if (index == kNone) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    free_slots_ = slots_[index].next_free;
  }
  Slot& slot = slots_[index];
  slot.sink = &sink;
  slot.run = 0;
  users_.try_emplace(std::string(sink.uid())).first->second.push_back(index);
  sessions_.fetch_add(1, std::memory_order_relaxed);
  return {index, slot.generation};
}

void ShardFanOut::remove(SinkHandle handle) {
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

void ShardFanOut::post(const std::shared_ptr<const channel::CommittedBatch>& batch,
                       std::size_t bytes) {
  {
    const std::lock_guard lock(inbox_mutex_);
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

void ShardFanOut::wake() {
  boost::asio::post(context_, [this] { run_slice(); });
}

void ShardFanOut::take_inbox() {
  bool overflowed = false;
  {
    const std::lock_guard lock(inbox_mutex_);
    taken_.swap(inbox_);
    overflowed = std::exchange(overflowed_, false);
  }
  for (QueuedBatch& batch : taken_) queue_.push_back(std::move(batch));
  taken_.clear();
  if (overflowed) cut_all();
}

void ShardFanOut::run_slice() {
  take_inbox();
  Slice slice;
  slice.end = clock_.steady() + limits_.slice_time;
  slice.next_clock_read = kDeliveriesPerClockRead;
  bool more = true;
  while (more) {
    switch (phase_) {
      case Phase::idle:
        if (!begin_run()) {
          more = false;
          break;
        }
        // Many messages for nobody here must not hold the sockets up either.
        if (++slice.lookups >= limits_.slice_lookups) more = false;
        break;
      case Phase::listed: more = gather_listed(slice); break;
      case Phase::subscribers: more = gather_subscribers(slice); break;
      case Phase::sessions: more = gather_sessions(slice); break;
      case Phase::deliver: more = deliver_some(slice); break;
    }
  }
  if (slice.deliveries > slice.events) {
    metrics_.deliveries.Increment(static_cast<double>(slice.deliveries - slice.events));
  }
  if (slice.events > 0) {
    metrics_.event_deliveries.Increment(static_cast<double>(slice.events));
  }
  {
    const std::lock_guard lock(inbox_mutex_);
    if (phase_ == Phase::idle && queue_.empty() && inbox_.empty() && !overflowed_) {
      awake_ = false;
      return;
    }
  }
  wake();
}

bool ShardFanOut::begin_run() {
  while (!queue_.empty() && next_message_ >= queue_.front().batch->messages.size()) {
    queued_bytes_.fetch_sub(queue_.front().bytes, std::memory_order_relaxed);
    metrics_.fanout_queue_bytes.Decrement(static_cast<double>(queue_.front().bytes));
    queue_.pop_front();
    next_message_ = 0;
  }
  if (queue_.empty()) return false;

  run_.clear();
  targets_.clear();
  run_batches_ = 0;
  run_next_message_ = next_message_;
  std::size_t payload_bytes = 0;
  const channel::Recipients* recipients = nullptr;
  while (run_batches_ < queue_.size() && run_.size() < limits_.run_messages) {
    const auto& messages = queue_[run_batches_].batch->messages;
    if (run_next_message_ >= messages.size()) {
      ++run_batches_;
      run_next_message_ = 0;
      continue;
    }
    const channel::CommittedMessage& committed = messages[run_next_message_];
    // An event is a run of its own.
    if (committed.event != nullptr && !run_.empty()) break;
    if (recipients == nullptr) {
      recipients = &committed.recipients;
    } else if (!same_recipients(*recipients, committed.recipients) ||
               payload_bytes + committed.message->payload.size() > limits_.run_payload_bytes) {
      break;
    }
    run_.emplace_back().committed = &committed;
    ++run_next_message_;
    if (committed.event != nullptr) break;
    payload_bytes += committed.message->payload.size();
  }
  ++run_number_;
  next_target_ = 0;
  next_listed_ = 0;
  phase_ = Phase::listed;
  if (const MessageEvent* event = run_event()) {
    event_frames_.clear();
    if (event->visibility != Visibility::everybody) {
      // For the author alone, whether or not the author is a subscriber.
      if (event->from_uid != kSystemUid) add_user(event->from_uid);
      phase_ = Phase::deliver;
    }
  }
  return true;
}

void ShardFanOut::end_run() {
  run_.clear();
  targets_.clear();
  for (; run_batches_ > 0; --run_batches_) {
    queued_bytes_.fetch_sub(queue_.front().bytes, std::memory_order_relaxed);
    metrics_.fanout_queue_bytes.Decrement(static_cast<double>(queue_.front().bytes));
    queue_.pop_front();
  }
  next_message_ = run_next_message_;
  phase_ = Phase::idle;
}

void ShardFanOut::add_target(std::uint32_t index) {
  Slot& slot = slots_[index];
  if (slot.run == run_number_) return;
  slot.run = run_number_;
  targets_.push_back({index, slot.generation});
}

void ShardFanOut::add_user(std::string_view uid) {
  const auto found = users_.find(uid);
  if (found == users_.end()) return;
  for (const std::uint32_t index : found->second) add_target(index);
}

bool ShardFanOut::gather_listed(Slice& slice) {
  const channel::Recipients& recipients = run_.front().committed->recipients;
  for (; next_listed_ < recipients.listed.size(); ++next_listed_) {
    if (slice.lookups >= limits_.slice_lookups) return false;
    ++slice.lookups;
    const std::string& uid = recipients.listed[next_listed_];
    if (may_receive(recipients, uid)) add_user(uid);
  }
  if (recipients.subscribers == nullptr || recipients.subscribers->empty()) {
    phase_ = Phase::deliver;
  } else if (recipients.subscribers->size() <= users_.size()) {
    next_subscriber_ = recipients.subscribers->begin();
    phase_ = Phase::subscribers;
  } else {
    next_slot_ = 0;
    phase_ = Phase::sessions;
  }
  return true;
}

bool ShardFanOut::gather_subscribers(Slice& slice) {
  const channel::Recipients& recipients = run_.front().committed->recipients;
  for (; next_subscriber_ != recipients.subscribers->end(); ++next_subscriber_) {
    if (slice.lookups >= limits_.slice_lookups) return false;
    ++slice.lookups;
    if (may_receive(recipients, *next_subscriber_)) add_user(*next_subscriber_);
  }
  phase_ = Phase::deliver;
  return true;
}

bool ShardFanOut::gather_sessions(Slice& slice) {
  const channel::Recipients& recipients = run_.front().committed->recipients;
  // Slots keep their place while sessions come and go, unlike the buckets of the user index.
  for (; next_slot_ < slots_.size(); ++next_slot_) {
    if (slice.lookups >= limits_.slice_lookups) return false;
    ++slice.lookups;
    const SessionSink* sink = slots_[next_slot_].sink;
    if (sink == nullptr || !recipients.subscribers->contains(sink->uid())) continue;
    if (may_receive(recipients, sink->uid())) add_target(static_cast<std::uint32_t>(next_slot_));
  }
  phase_ = Phase::deliver;
  return true;
}

bool ShardFanOut::deliveries_used_up(Slice& slice) const {
  if (slice.deliveries >= limits_.slice_deliveries) return true;
  if (slice.deliveries < slice.next_clock_read) return false;
  slice.next_clock_read = slice.deliveries + kDeliveriesPerClockRead;
  return clock_.steady() >= slice.end;
}

bool ShardFanOut::deliver_some(Slice& slice) {
  const MessageEvent* event = run_event();
  for (; next_target_ < targets_.size(); ++next_target_) {
    if (deliveries_used_up(slice)) return false;
    if (event == nullptr) {
      deliver_run_to(targets_[next_target_], slice.deliveries);
    } else {
      deliver_event_to(targets_[next_target_], *event, slice);
    }
  }
  end_run();
  return true;
}

void ShardFanOut::deliver_run_to(SinkHandle target, std::size_t& deliveries) {
  SessionSink* sink = slots_[target.slot].sink;
  if (slots_[target.slot].generation != target.generation) return;
  const SessionId session = sink->session_id();
  const std::string_view uid = sink->uid();
  for (Prepared& prepared : run_) {
    const channel::CommittedMessage& committed = *prepared.committed;
    if (committed.origin_session == session) continue;
    const codec::Receiver receiver = receiver_kind(*committed.message, uid);
    const codec::RecvTemplate* frame = frame_of(prepared, receiver);
    if (frame == nullptr) continue;
    ++deliveries;
    sink->deliver({committed.message, *frame, receiver});
    // The session may have been cut just now, and `uid` with it.
    if (slots_[target.slot].generation != target.generation) return;
  }
  sink->end_deliveries();
}

const codec::RecvTemplate* ShardFanOut::frame_of(Prepared& prepared, codec::Receiver receiver) {
  if (prepared.unreadable) return nullptr;
  const Message& message = *prepared.committed->message;
  if (same_view_for_all(message)) receiver = codec::Receiver::other;
  auto& frame = receiver == codec::Receiver::author ? prepared.for_author : prepared.for_others;
  if (!frame) {
    auto made = make_frame(message, receiver);
    if (!made) {
      // The edges bound every field, so this is a bug of ours; the message stays readable over
      // HTTP.
      observe::log_error("delivery", "message {} does not fit a frame: {}", raw(message.id),
                         made.error().text());
      prepared.unreadable = true;
      return nullptr;
    }
    frame.emplace(std::move(*made));
  }
  return &*frame;
}

void ShardFanOut::deliver_event_to(SinkHandle target, const MessageEvent& event, Slice& slice) {
  SessionSink* sink = slots_[target.slot].sink;
  if (slots_[target.slot].generation != target.generation || !sink->takes_events()) return;
  const std::string_view frame = event_frame_for(event, sink->uid());
  if (frame.empty()) return;
  ++slice.deliveries;
  ++slice.events;
  sink->deliver_event(frame);
  if (slots_[target.slot].generation == target.generation) sink->end_deliveries();
}

std::string_view ShardFanOut::event_frame_for(const MessageEvent& event, std::string_view viewer) {
  const std::string_view channel_id = event_channel_for(event, viewer);
  for (const EventFrame& known : event_frames_) {
    if (known.channel_id == channel_id) return known.bytes;
  }
  EventFrame& frame = event_frames_.emplace_back();
  frame.channel_id = channel_id;
  if (auto made = make_event_frame(event, channel_id)) {
    frame.bytes = std::move(*made);
  } else {
    // The edges bound every field, so this is a bug of ours; the state of the lane can be queried.
    observe::log_error("delivery", "an event of message {} does not fit a frame: {}",
                       raw(event.message_id), made.error().text());
  }
  return frame.bytes;
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
               FanOutLimits limits) {
  for (unsigned i = 0; i < shards.size(); ++i) {
    shards_.push_back(std::make_unique<ShardFanOut>(shards.context(i), clock, metrics, limits));
  }
}

void FanOut::post_committed(std::shared_ptr<const channel::CommittedBatch> batch) {
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

}  // namespace jindou::delivery
