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

// Starting points that are on their way into the store.
struct CursorKeeper::Stored {
  AnswerCount count;
  std::atomic<bool> failed{false};
  std::size_t asked = 0;
};

CursorKeeper::CursorKeeper(const store::PartitionReaders& readers, CoreLink& core,
                           const Clock& clock, const partition::OwnedPartitions& owned)
    : readers_(readers),
      core_(core),
      clock_(clock),
      owned_(owned),
      terms_(owned.partitions()),
      positions_(owned.partitions()),
      posted_(owned.partitions()),
      written_(owned.partitions()) {
  for (auto& written : written_) written = std::make_shared<Written>();
}

Result<void> CursorKeeper::open() {
  const MutexLock lock(mutex_);
  if (opened_) return {};
  auto stored = std::make_shared<Stored>();
  std::vector<std::uint64_t> terms(terms_.size());
  for (const PartitionId partition : owned_.list()) {
    terms[raw(partition)] = owned_.term(partition);
    JD_RETURN_IF_ERROR(read(partition, stored));
  }
  JD_RETURN_IF_ERROR(wait_stored(*stored));
  terms_ = std::move(terms);
  opened_ = true;
  return {};
}

Result<void> CursorKeeper::read(PartitionId partition, const std::shared_ptr<Stored>& stored) {
  const store::PartitionReader reader = readers_.of(partition);
  Positions at;
  std::string value;
  JD_TRY(const bool found,
         reader.get(store::Table::main, store::webhook_cursor_key(partition), value));
  if (found) {
    JD_TRY(const auto record, store::decode_webhook_cursor(value));
    at = {record.notified_to, record.offline_to};
  } else {
    auto cursor = reader.open_cursor(store::Table::main);
    JD_TRY(const std::uint64_t last, last_listed(cursor));
    at = {last, last};
    partition::AdvanceWebhook change;
    change.partition = partition;
    change.notified_to = last;
    change.offline_to = last;
    JD_RETURN_IF_ERROR(core_.post_change(change, [stored](const Result<void>& done) {
      // Who has the partition then begins there by himself.
      if (!done && done.error().code() != Errc::not_owner) stored->failed.store(true);
      stored->count.answered();
    }));
    ++stored->asked;
  }
  const std::size_t i = raw(partition);
  posted_[i] = at;
  written_[i] = std::make_shared<Written>();
  // What this node has told of and not made durable any more is not told again.
  positions_[i] = {std::max(positions_[i].notified_to, at.notified_to),
                   std::max(positions_[i].offline_to, at.offline_to)};
  return {};
}

Result<void> CursorKeeper::wait_stored(Stored& stored) {
  if (!stored.count.wait_for(stored.asked, kOpenTimeout)) {
    return Error(Errc::deadline, "the webhook's starting point was not stored in time");
  }
  if (stored.failed.load()) {
    return Error(Errc::storage, "the webhook's starting point could not be stored");
  }
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

std::uint64_t CursorKeeper::position_of(Event event, std::size_t partition) const {
  const Positions& at = positions_[partition];
  return event == Event::notify ? at.notified_to : at.offline_to;
}

void CursorKeeper::activate(std::size_t stream) {
  const MutexLock lock(mutex_);
  Stream& starting = streams_[stream];
  starting.done_to.resize(positions_.size());
  for (std::size_t i = 0; i < positions_.size(); ++i) {
    starting.done_to[i] = position_of(starting.event, i);
  }
  starting.active = true;
  starting.wanted = true;
}

Result<std::uint64_t> CursorKeeper::join(std::size_t stream, PartitionId partition,
                                         std::uint64_t term) {
  const MutexLock lock(mutex_);
  if (owned_.term(partition) != term) {
    return Error(Errc::not_owner, "the partition is not owned any more");
  }
  const std::size_t i = raw(partition);
  if (terms_[i] != term) {
    auto stored = std::make_shared<Stored>();
    JD_RETURN_IF_ERROR(read(partition, stored));
    JD_RETURN_IF_ERROR(wait_stored(*stored));
    terms_[i] = term;
  }
  streams_[stream].done_to[i] = position_of(streams_[stream].event, i);
  return streams_[stream].done_to[i];
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
    // Whoever has it keeps its position.
    if (terms_[i] == 0 || owned_.term(static_cast<PartitionId>(i)) != terms_[i]) continue;
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
