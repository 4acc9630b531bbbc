#include "webhook/cursor_keeper.h"

#include <algorithm>
#include <limits>
#include <string>
#include <thread>
#include <utility>

#include "store/keys.h"
#include "store/records.h"
#include "webhook/outbox.h"

namespace jindou::webhook {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kOpenTimeout{10'000};
// A durable write per partition and second at most: what a crash makes the receiver hear twice.
constexpr milliseconds kFlushInterval{1'000};

}  // namespace

CursorKeeper::CursorKeeper(const store::Reader& reader, CoreLink& core, const Clock& clock,
                           std::uint16_t partitions)
    : reader_(reader),
      core_(core),
      clock_(clock),
      positions_(partitions),
      posted_(partitions),
      written_(partitions) {
  for (auto& written : written_) written = std::make_shared<Written>();
}

Result<void> CursorKeeper::open() {
  const MutexLock lock(mutex_);
  if (opened_) return {};
  struct Answers {
    AnswerCount count;
    std::atomic<bool> failed{false};
  };
  auto answers = std::make_shared<Answers>();
  std::size_t asked = 0;
  const auto cursor = reader_.open_cursor(store::Table::main);
  for (std::size_t i = 0; i < positions_.size(); ++i) {
    const auto partition = static_cast<PartitionId>(i);
    std::string value;
    JD_TRY(const bool found,
           reader_.get(store::Table::main, store::webhook_cursor_key(partition), value));
    if (found) {
      JD_TRY(const auto record, store::decode_webhook_cursor(value));
      positions_[i] = {record.notified_to, record.offline_to};
    } else {
      JD_TRY(const std::uint64_t last, last_listed(*cursor, partition));
      positions_[i] = {last, last};
      partition::AdvanceWebhook change;
      change.partition = partition;
      change.notified_to = last;
      change.offline_to = last;
      JD_RETURN_IF_ERROR(core_.post_change(change, [answers](const Result<void>& done) {
        if (!done) answers->failed.store(true);
        answers->count.answered();
      }));
      ++asked;
    }
    posted_[i] = positions_[i];
  }
  if (!answers->count.wait_for(asked, kOpenTimeout)) {
    return Error(Errc::deadline, "the webhook's starting point was not stored in time");
  }
  if (answers->failed.load()) {
    return Error(Errc::storage, "the webhook's starting point could not be stored");
  }
  opened_ = true;
  return {};
}

std::size_t CursorKeeper::add_stream(Event event) {
  const MutexLock lock(mutex_);
  Stream stream;
  stream.event = event;
  streams_.push_back(std::move(stream));
  return streams_.size() - 1;
}

void CursorKeeper::set_wanted(const std::vector<bool>& wanted) {
  const MutexLock lock(mutex_);
  for (std::size_t i = 0; i < streams_.size(); ++i) streams_[i].wanted = wanted[i];
}

std::vector<std::uint64_t> CursorKeeper::activate(std::size_t stream) {
  const MutexLock lock(mutex_);
  Stream& starting = streams_[stream];
  std::vector<std::uint64_t> at;
  at.reserve(positions_.size());
  for (const Positions& positions : positions_) {
    at.push_back(starting.event == Event::notify ? positions.notified_to : positions.offline_to);
  }
  starting.done_to = at;
  starting.active = true;
  starting.wanted = true;
  return at;
}

void CursorKeeper::deactivate(std::size_t stream, bool wanted) {
  const MutexLock lock(mutex_);
  streams_[stream].active = false;
  streams_[stream].wanted = wanted;
}

void CursorKeeper::advance(std::size_t stream, PartitionId partition, std::uint64_t done_to) {
  const MutexLock lock(mutex_);
  streams_[stream].done_to[raw(partition)] = done_to;
  positions_[raw(partition)] = current(raw(partition));
}

bool CursorKeeper::any_wanted(Event event) const {
  return std::any_of(streams_.begin(), streams_.end(), [event](const Stream& stream) {
    return stream.wanted && stream.event == event;
  });
}

std::uint64_t CursorKeeper::slowest(Event event, std::size_t partition,
                                    std::uint64_t now_at) const {
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (const Stream& stream : streams_) {
    if (!stream.wanted || stream.event != event) continue;
    least = std::min(least, stream.active ? stream.done_to[partition] : now_at);
  }
  return std::max(now_at, least);
}

CursorKeeper::Positions CursorKeeper::current(std::size_t partition) const {
  Positions now = positions_[partition];
  const bool notify = any_wanted(Event::notify);
  const bool offline = any_wanted(Event::offline);
  if (notify) now.notified_to = slowest(Event::notify, partition, now.notified_to);
  if (offline) now.offline_to = slowest(Event::offline, partition, now.offline_to);
  // An event that nobody listens to keeps up with the other: who listens later is not told of the
  // past.
  if (!notify) now.notified_to = std::max(now.notified_to, now.offline_to);
  if (!offline) now.offline_to = std::max(now.offline_to, now.notified_to);
  return now;
}

void CursorKeeper::flush(bool force) {
  const MutexLock lock(mutex_);
  const auto now = clock_.steady();
  if (!opened_ || (!force && now < next_flush_)) return;
  next_flush_ = now + kFlushInterval;
  for (std::size_t i = 0; i < positions_.size(); ++i) {
    const auto& written = written_[i];
    if (written->in_flight.load()) continue;
    if (positions_[i] == posted_[i] && !written->failed.load()) continue;
    partition::AdvanceWebhook change;
    change.partition = static_cast<PartitionId>(i);
    change.notified_to = positions_[i].notified_to;
    change.offline_to = positions_[i].offline_to;
    written->in_flight.store(true);
    written->failed.store(false);
    const auto posted = core_.post_change(change, [written](const Result<void>& done) {
      if (!done) written->failed.store(true);
      written->in_flight.store(false);
    });
    if (posted) {
      posted_[i] = positions_[i];
    } else {
      written->in_flight.store(false);  // another time
    }
  }
}

void CursorKeeper::wait_flushed(milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  const auto busy = [this] {
    const MutexLock lock(mutex_);
    return std::any_of(written_.begin(), written_.end(),
                       [](const auto& written) { return written->in_flight.load(); });
  };
  while (busy() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(milliseconds(1));
  }
}

}  // namespace jindou::webhook
