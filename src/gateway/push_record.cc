#include "gateway/push_record.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/assert.h"

namespace jindou::gateway {

namespace {

// What a session that has ended takes beside the characters of its names: its place in the table,
// which is half empty at worst, and in the queue.
constexpr std::size_t kEndedBytes = 256;
constexpr std::size_t kEndedShare = 5;
constexpr std::chrono::seconds kWallReadEvery{1};
// A wall clock may have been set back between the commit of a message and its pushes; a larger step
// hides pushes, which are then told as if they were not remembered.
constexpr std::int64_t kClockStepMs = 60'000;

std::size_t bytes_of(const PushRecord::Ended& ended) {
  return kEndedBytes + ended.uid.size() + ended.device_id.size();
}

}  // namespace

PushRecord::PushRecord(std::size_t bytes, const Clock& clock)
    : clock_(clock),
      size_((bytes - bytes / kEndedShare) / sizeof(Note)),
      since_ms_(clock.wall_ms()),
      ended_bytes_max_(bytes / kEndedShare) {
  if (bytes < 2 * kEndedBytes) size_ = 0;
  // Not filled in: pages that nothing was written to take no memory.
  if (size_ > 0) notes_ = std::make_unique_for_overwrite<Note[]>(size_);
}

std::int64_t PushRecord::wall_ms(TimePoint now) {
  if (now >= wall_valid_to_ || now < wall_read_at_) {
    wall_ahead_ = std::chrono::milliseconds(clock_.wall_ms()) - now.time_since_epoch();
    wall_read_at_ = now;
    wall_valid_to_ = now + kWallReadEvery;
  }
  return std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch() + wall_ahead_)
      .count();
}

void PushRecord::note(MessageId message, SessionId session, TimePoint now, Kind kind) {
  if (size_ == 0) return;
  Note& note = notes_[place_];
  if (written_ >= size_) since_ms_ = std::max(since_ms_, note.at_ms() + 1);
  note.message = message;
  note.session = session;
  note.time_and_kind =
      static_cast<std::uint64_t>(wall_ms(now)) << kKindBits | static_cast<std::uint64_t>(kind);
  ++written_;
  if (++place_ == size_) place_ = 0;
}

void PushRecord::forget_oldest_ended() {
  JD_ASSERT(!departures_.empty());
  const auto found = ended_.find(departures_.front().session);
  JD_ASSERT(found != ended_.end());
  JD_ASSERT(ended_bytes_ >= bytes_of(found->second));
  ended_bytes_ -= bytes_of(found->second);
  ended_.erase(found);
  departures_.pop_front();
}

void PushRecord::note_end(SessionId session, Ended ended) {
  if (size_ == 0) return;
  while (!departures_.empty() && departures_.front().notes <= oldest()) forget_oldest_ended();
  const std::size_t bytes = bytes_of(ended);
  if (bytes > ended_bytes_max_) return;
  if (!ended_.try_emplace(session, std::move(ended)).second) return;
  departures_.push_back({session, written_});
  ended_bytes_ += bytes;
  while (ended_bytes_ > ended_bytes_max_) forget_oldest_ended();
}

const PushRecord::Ended* PushRecord::find_ended(SessionId session) const {
  const auto found = ended_.find(session);
  return found == ended_.end() ? nullptr : &found->second;
}

PushSearch::PushSearch(const PushRecord& record, MessageId message, std::int64_t committed_at)
    : record_(record),
      message_(message),
      oldest_ms_(committed_at * 1000 - kClockStepMs),
      next_(record.written_) {}

bool PushSearch::advance(std::size_t notes) {
  using Kind = PushRecord::Kind;
  if (record_.size_ == 0) return false;
  auto place = static_cast<std::size_t>(next_ % record_.size_);
  for (; notes > 0; --notes) {
    if (next_ <= record_.oldest()) return false;
    --next_;
    place = (place == 0 ? record_.size_ : place) - 1;
    const PushRecord::Note& note = record_.notes_[place];
    if (note.at_ms() < oldest_ms_) return false;
    if (note.message != message_) continue;
    presence::PushedDevice& device = found_[note.session];
    device.session = note.session;
    switch (note.kind()) {
      case Kind::push: device.pushed_at_ms = note.at_ms(); break;
      case Kind::repeat: ++device.repeats; break;
      // The first of them counts, and comes last.
      case Kind::receipt: device.acknowledged_at_ms = note.at_ms(); break;
    }
  }
  return next_ > record_.oldest();
}

std::vector<presence::PushedDevice> PushSearch::take() {
  std::vector<presence::PushedDevice> devices;
  devices.reserve(found_.size());
  for (auto& [session, device] : found_) devices.push_back(std::move(device));
  found_.clear();
  std::sort(devices.begin(), devices.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.pushed_at_ms, a.session) < std::tuple(b.pushed_at_ms, b.session);
  });
  return devices;
}

}  // namespace jindou::gateway
