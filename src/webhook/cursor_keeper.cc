#include "webhook/cursor_keeper.h"

#include <algorithm>
#include <iterator>
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
// Dead letters in one change, some 200 KB.
constexpr std::size_t kLettersPerChange = 1'000;

}  // namespace

// Starting points that are on their way into the store.
struct CursorKeeper::Stored {
  AnswerCount count;
  std::atomic<bool> failed{false};
  std::size_t asked = 0;
};

CursorKeeper::CursorKeeper(const store::PartitionReaders& readers, CoreLink& core,
                           const Clock& clock, const partition::OwnedPartitions& owned,
                           std::size_t letters_max)
    : readers_(readers),
      core_(core),
      clock_(clock),
      owned_(owned),
      letters_max_(letters_max),
      terms_(owned.partitions()),
      positions_(owned.partitions()),
      posted_(owned.partitions()),
      written_(owned.partitions()),
      letters_(owned.partitions()) {
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
  // What waits is posted again: what was stored meanwhile lies before the position that is.
  letters_[i].posted = false;
  letters_[i].stored_to = at.notified_to;
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
    forget_letters(stream, i, starting.done_to[i]);
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
  forget_letters(stream, i, streams_[stream].done_to[i]);
  return streams_[stream].done_to[i];
}

void CursorKeeper::give_up(std::size_t stream, PartitionId partition,
                           partition::WebhookLetter letter) {
  const MutexLock lock(mutex_);
  Letters& letters = letters_[raw(partition)];
  const auto [place, is_new] = letters.waiting.insert_or_assign(
      letter.counter, Letters::Waiting{stream, std::move(letter.record)});
  if (!is_new) return;
  ++letters_waiting_;
  if (letters.waiting.size() <= letters_max_ && letters_waiting_ <= kLettersWaitingMax) return;
  // Those that are under way are stored already, for all that is known here.
  const auto oldest = letters.waiting.upper_bound(letters.posted ? letters.posted_to : 0);
  letters.waiting.erase(oldest == letters.waiting.end() ? place : oldest);
  --letters_waiting_;
  ++letters.dropped;
}

void CursorKeeper::forget_letters(std::size_t stream, std::size_t partition, std::uint64_t from) {
  letters_waiting_ -= std::erase_if(letters_[partition].waiting, [&](const auto& letter) {
    return letter.second.stream == stream && letter.first > from;
  });
}

void CursorKeeper::note_written(std::size_t partition) {
  Letters& letters = letters_[partition];
  if (!std::exchange(letters.posted, false) || written_[partition]->failed.load()) return;
  const auto end = letters.waiting.upper_bound(letters.posted_to);
  letters_waiting_ -= static_cast<std::size_t>(std::distance(letters.waiting.begin(), end));
  letters.waiting.erase(letters.waiting.begin(), end);
  letters.dropped -= letters.posted_dropped;
  letters.stored_to = std::max(letters.stored_to, letters.posted_to);
}

void CursorKeeper::add_letters(std::size_t partition, partition::AdvanceWebhook& change) {
  Letters& letters = letters_[partition];
  std::uint64_t to = *change.notified_to;
  for (const auto& [counter, letter] : letters.waiting) {
    if (counter > to) break;
    if (change.letters.size() == kLettersPerChange) {
      to = change.letters.back().counter;
      break;
    }
    change.letters.push_back({counter, letter.record});
  }
  change.notified_to = to;
  // A change that moves nothing counts nothing.
  change.letters_dropped = to > letters.stored_to ? letters.dropped : 0;
  letters.posted = true;
  letters.posted_to = to;
  letters.posted_dropped = change.letters_dropped;
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
    note_written(i);
    if (positions_[i] == posted_[i] && !written->failed.load()) continue;
    partition::AdvanceWebhook change;
    change.partition = static_cast<PartitionId>(i);
    change.notified_to = positions_[i].notified_to;
    change.offline_to = positions_[i].offline_to;
    add_letters(i, change);
    const Positions going = {*change.notified_to, *change.offline_to};
    written->in_flight.store(true);
    written->failed.store(false);
    const auto posted = core_.post_change(std::move(change), [written](const Result<void>& done) {
      if (!done) written->failed.store(true);
      written->in_flight.store(false);
    });
    if (posted) {
      posted_[i] = going;
    } else {
      // Another time, also when nothing comes until then.
      letters_[i].posted = false;
      written->failed.store(true);
      written->in_flight.store(false);
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
