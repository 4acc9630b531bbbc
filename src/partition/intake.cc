#include "partition/intake.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>

#include "base/assert.h"

namespace jindou::partition {

struct IntakeTurn::Place {
  Intake::Position at;
  Intake::TimePoint since;
  std::size_t stage = 0;
};

struct IntakeHold::Place {
  Intake::WaitingList::iterator at;
};

namespace {

std::vector<ChannelKey> channels_of(SendBatch& batch) {
  std::vector<ChannelKey> channels;
  for (std::uint32_t item = 0; item < batch.commands().size(); ++item) {
    if (batch.is_open(item)) channels.push_back(batch.commands()[item].channel);
  }
  std::sort(channels.begin(), channels.end());
  channels.erase(std::unique(channels.begin(), channels.end()), channels.end());
  return channels;
}

std::size_t count_open(const SendBatch& batch, std::size_t items) {
  std::size_t open = 0;
  for (std::uint32_t item = 0; item < items; ++item) open += batch.is_open(item) ? 1 : 0;
  return open;
}

// Takes the open items of those channels out. All of them: that is the batch itself, and `batch` is
// null afterwards. None: null.
template <class IsWanted>
std::shared_ptr<SendBatch> take_out(std::shared_ptr<SendBatch>& batch, const IsWanted& is_wanted) {
  const auto& commands = batch->commands();
  std::vector<bool> wanted(commands.size());
  std::size_t count = 0;
  for (std::uint32_t item = 0; item < commands.size(); ++item) {
    if (!batch->is_open(item) || !is_wanted(commands[item].channel)) continue;
    wanted[item] = true;
    ++count;
  }
  if (count == 0) return nullptr;
  if (count == count_open(*batch, commands.size())) return std::exchange(batch, nullptr);
  return batch->split(wanted);
}

SendResult refusal(Reason reason, Errc code) { return SendResult::refuse(reason, code); }

}  // namespace

// ---- what stages see --------------------------------------------------------------------------

void IntakeTurn::refuse(std::uint32_t item, Reason reason, Errc code) {
  refuse(item, refusal(reason, code));
}

void IntakeTurn::refuse(std::uint32_t item, const SendResult& why) {
  JD_ASSERT(!held_);
  batch_->refuse_item(item, why);
}

std::shared_ptr<IntakeHold> IntakeTurn::hold(const std::vector<std::uint32_t>& items) {
  JD_ASSERT(!held_);
  JD_ASSERT(!items.empty());
  held_ = true;
  return intake_.hold(batch_, place_, items);
}

IntakeHold::IntakeHold(Intake& intake, std::shared_ptr<SendBatch> batch,
                       std::unique_ptr<Place> place)
    : intake_(&intake), batch_(std::move(batch)), place_(std::move(place)) {}

IntakeHold::~IntakeHold() {
  if (intake_ == nullptr) return;
  refuse_all(Errc::unavailable);
  resume();
}

void IntakeHold::refuse(std::uint32_t item, Reason reason, Errc code) {
  batch_->refuse_item(item, refusal(reason, code));
}

void IntakeHold::refuse_all(Errc code) {
  for (std::uint32_t item = 0; item < batch_->commands().size(); ++item) {
    if (batch_->is_open(item)) refuse(item, Reason::system_error, code);
  }
}

void IntakeHold::resume() {
  JD_ASSERT(intake_ != nullptr);
  batch_ = nullptr;
  std::exchange(intake_, nullptr)->resume(place_->at);
}

// ---- the list of stages -----------------------------------------------------------------------

void Intake::enter(std::shared_ptr<SendBatch> batch, TimePoint since) {
  // Whoever posted what waits posts this one afterwards, so it is seen.
  if (items_waiting_.load(std::memory_order_acquire) > 0) {
    queue_behind_others(batch, since);
    if (!batch) return;
  }
  run(std::move(batch), since, 0, std::nullopt);
}

void Intake::queue_behind_others(std::shared_ptr<SendBatch>& batch, TimePoint since) {
  const MutexLock lock(mutex_);
  // Through a pointer: clang does not see that the lambda runs in here, under the lock.
  const auto* const held = &held_channels_;
  auto behind =
      take_out(batch, [held](const ChannelKey& channel) { return held->contains(channel); });
  if (!behind) return;
  Waiting waiting;
  waiting.since = since;
  waiting.behind_others = true;
  waiting.channels = channels_of(*behind);
  waiting.batch = std::move(behind);
  insert(std::nullopt, std::move(waiting));
}

void Intake::run(std::shared_ptr<SendBatch> batch, TimePoint since, std::size_t stage,
                 Position at) {
  if (!batch->settle()) return;
  for (; stage < stages_.size(); ++stage) {
    if (!stages_[stage]->enabled()) continue;
    const IntakeTurn::Place place{at, since, stage};
    IntakeTurn turn(*this, batch, place);
    stages_[stage]->examine(turn);
    if (!batch || !batch->settle()) return;
  }
  go_(batch, since);
}

std::shared_ptr<IntakeHold> Intake::hold(std::shared_ptr<SendBatch>& batch,
                                         const IntakeTurn::Place& place,
                                         const std::vector<std::uint32_t>& items) {
  boost::unordered_flat_set<ChannelKey, ChannelKeyHash> channels;
  for (const std::uint32_t item : items) {
    JD_ASSERT(batch->is_open(item));
    channels.insert(batch->commands()[item].channel);
  }
  Waiting waiting;
  waiting.since = place.since;
  waiting.next_stage = place.stage + 1;
  waiting.batch = take_out(
      batch, [&channels](const ChannelKey& channel) { return channels.contains(channel); });
  waiting.batch->settle();
  waiting.channels = channels_of(*waiting.batch);
  const std::shared_ptr<SendBatch> held = waiting.batch;
  auto where = std::make_unique<IntakeHold::Place>();
  {
    const MutexLock lock(mutex_);
    where->at = insert(place.at, std::move(waiting));
  }
  return std::shared_ptr<IntakeHold>(new IntakeHold(*this, held, std::move(where)));
}

void Intake::resume(WaitingList::iterator held) {
  run(held->batch, held->since, held->next_stage, held);
  MutexLock lock(mutex_);
  erase(held);
  if (letting_go_) return;
  letting_go_ = true;
  for (auto next = find_free(); next != waiting_.end(); next = find_free()) {
    next->behind_others = false;
    lock.unlock();
    run(next->batch, next->since, next->next_stage, next);
    lock.lock();
    erase(next);
  }
  letting_go_ = false;
}

Intake::WaitingList::iterator Intake::insert(Position at, Waiting waiting) {
  for (const ChannelKey& channel : waiting.channels) ++held_channels_[channel];
  waiting.items = count_open(*waiting.batch, waiting.batch->commands().size());
  items_waiting_.fetch_add(waiting.items, std::memory_order_release);
  return waiting_.insert(at.value_or(waiting_.end()), std::move(waiting));
}

void Intake::erase(WaitingList::iterator gone) {
  for (const ChannelKey& channel : gone->channels) {
    const auto found = held_channels_.find(channel);
    JD_ASSERT(found != held_channels_.end());
    if (--found->second == 0) held_channels_.erase(found);
  }
  items_waiting_.fetch_sub(gone->items, std::memory_order_relaxed);
  waiting_.erase(gone);
}

Intake::WaitingList::iterator Intake::find_free() {
  boost::unordered_flat_set<ChannelKey, ChannelKeyHash> before;
  for (auto each = waiting_.begin(); each != waiting_.end(); ++each) {
    const auto& channels = each->channels;
    if (each->behind_others &&
        std::none_of(channels.begin(), channels.end(),
                     [&before](const ChannelKey& channel) { return before.contains(channel); })) {
      return each;
    }
    before.insert(channels.begin(), channels.end());
  }
  return waiting_.end();
}

}  // namespace jindou::partition
