#include "delivery/run_queue.h"

#include <algorithm>

#include "base/assert.h"
#include "partition/addressing.h"

namespace jindou::delivery {

namespace {

// Lists longer than this are not compared to see whether two messages have the same recipients.
constexpr std::size_t kComparedList = 8;
// Beyond so many channels it is forgotten what was handed out of them.
constexpr std::size_t kRememberedChannels = 100'000;

bool same_recipients(const partition::Recipients& a, const partition::Recipients& b) {
  return a.subscribers == b.subscribers && a.excluded == b.excluded &&
         a.listed.size() == b.listed.size() && a.listed.size() <= kComparedList &&
         a.listed == b.listed;
}

// The message that may share a run with others; null for what is a run of its own.
const Message* shared_message(const partition::CommitEffect& effect) {
  return std::visit(
      Overloaded{[](const partition::CommittedMessage& told) { return told.message.get(); },
                 [](const partition::CommittedEvent&) -> const Message* { return nullptr; }},
      effect.what);
}

}  // namespace

RunQueue::RunQueue(Limits limits) : limits_(limits), runs_(1 + limits.open_large) {
  JD_ASSERT(limits.open_large > 0);
  for (std::size_t place = runs_.size() - 1; place > 0; --place) {
    runs_[place].place = place;
    free_places_.push_back(place);
  }
}

RunQueue::HeldIterator RunQueue::hold(std::shared_ptr<const partition::CommittedBatch> batch,
                                      std::size_t bytes) {
  Held held;
  held.unfinished = batch->effects.size();
  held.batch = std::move(batch);
  held.bytes = bytes;
  return held_.insert(held_.end(), std::move(held));
}

void RunQueue::release(HeldIterator held) {
  released_bytes_ += held->bytes;
  held_.erase(held);
}

void RunQueue::append(Item item, Lane lane) {
  // Most of the time nothing large is under way, and no channel has to be looked up.
  if (lane == Lane::small && (channels_.empty() || !channels_.contains(channel_of(*item.effect)))) {
    small_.push_back(item);
    ++small_appended_;
    return;
  }
  const auto [found, added] = channels_.try_emplace(channel_of(*item.effect));
  if (added) {
    found->second.after_small = small_appended_;
    line_.push_back(&*found);
  }
  found->second.waiting.push_back(item);
}

void RunQueue::note_handed_out(const Item& item) {
  if (handed_out_.size() > kRememberedChannels) handed_out_.clear();
  std::uint64_t& last = handed_out_[channel_of(*item.effect)];
  JD_ASSERT_SLOW(item.number > last);
  last = item.number;
}

void RunQueue::fill(Run& run, std::deque<Item>& items) {
  std::size_t payload_bytes = 0;
  while (!items.empty() && run.effects.size() < limits_.run_messages) {
    const Item& item = items.front();
    const Message* message = shared_message(*item.effect);
    if (!run.effects.empty()) {
      if (message == nullptr || shared_message(*run.effects.front()) == nullptr) break;
      if (!same_recipients(run.recipients(), item.effect->recipients)) break;
      // Sessions may have subscribed to one of two channels that nobody else subscribes to: what is
      // of another channel is not for them, whichever of the two comes first.
      const ChannelKey& front = channel_of(*run.effects.front());
      const bool has_subscribed_sessions =
          partition::allows_session_subscriptions(message->channel.type) ||
          partition::allows_session_subscriptions(front.type);
      if (has_subscribed_sessions && message->channel != front) break;
      if (payload_bytes + message->payload.size() > limits_.run_payload_bytes) break;
    }
    if (message != nullptr) payload_bytes += message->payload.size();
    run.effects.push_back(item.effect);
    run.held_.push_back(item.held);
    if (SlowAssertions::on()) note_handed_out(item);
    items.pop_front();
  }
}

RunQueue::Run* RunQueue::small() {
  Run& run = runs_.front();
  if (run.effects.empty()) fill(run, small_);
  return run.effects.empty() ? nullptr : &run;
}

void RunQueue::open_channels() {
  while (!free_places_.empty() && !line_.empty()) {
    Channels::value_type* next = line_.front();
    // Those behind it joined later, or have had a run already: they wait with it, which is short,
    // because meanwhile the small lane has the processor to itself.
    if (next->second.after_small > small_finished_) return;
    line_.pop_front();
    Run& run = runs_[free_places_.back()];
    free_places_.pop_back();
    fill(run, next->second.waiting);
    next->second.run = &run;
    open_.push_back(next);
  }
}

RunQueue::Run* RunQueue::large() {
  open_channels();
  return open_.empty() ? nullptr : open_[turn_]->second.run;
}

void RunQueue::pass_turn() {
  if (!open_.empty()) turn_ = (turn_ + 1) % open_.size();
}

void RunQueue::finish(Run& run) {
  JD_ASSERT(!run.effects.empty());
  for (const HeldIterator held : run.held_) {
    JD_ASSERT(held->unfinished > 0);
    if (--held->unfinished == 0) release(held);
  }
  const std::size_t finished = run.effects.size();
  run.effects.clear();
  run.held_.clear();
  if (run.place == 0) {
    small_finished_ += finished;
    JD_ASSERT(small_finished_ <= small_appended_);
    return;
  }
  const auto at = std::find_if(open_.begin(), open_.end(),
                               [&run](const auto* entry) { return entry->second.run == &run; });
  JD_ASSERT(at != open_.end());
  Channels::value_type* entry = *at;
  const auto index = static_cast<std::size_t>(at - open_.begin());
  open_.erase(at);
  if (index < turn_) --turn_;
  if (turn_ >= open_.size()) turn_ = 0;
  free_places_.push_back(run.place);
  entry->second.run = nullptr;
  if (entry->second.waiting.empty()) {
    channels_.erase(channels_.find(entry->first));
  } else {
    line_.push_back(entry);
  }
}

}  // namespace jindou::delivery
