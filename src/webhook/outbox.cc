#include "webhook/outbox.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "model/channel.h"
#include "store/keys.h"

namespace jindou::webhook {

namespace {

using store::Table;

// Entries looked at in one take, so that a receiver of few messages does not hold up its thread.
constexpr std::size_t kEntriesPerTake = 20'000;

bool is_command(const store::CommitEntry& entry) {
  return entry.kind == store::EntryKind::message && entry.log.id.ends_with(kCommandSuffix);
}

bool in_partition(std::string_view key, PartitionId partition) {
  return key.starts_with(store::commit_record_prefix(partition));
}

Result<store::CommitRecord> record_at(const store::PartitionCursor& cursor) {
  return store::decode_commit_record(cursor.value(),
                                     store::counter_of_commit_record_key(cursor.key()));
}

}  // namespace

Outbox::Outbox(const store::PartitionReaders& readers) : readers_(readers) {
  parts_.resize(readers.map().count());
  for (const PartitionId id : readers.map().ids()) part(id).id = id;
}

void Outbox::restart(PartitionId partition, std::uint64_t position) {
  Part& part = this->part(partition);
  part = {};
  part.id = partition;
  part.done_to = position;
  part.position = position;
  part.counted_to = position;
}

void Outbox::leave(PartitionId partition) {
  restart(partition, 0);
  part(partition).away = true;
}

bool Outbox::chosen(const store::CommitEntry& entry) const {
  // 0: an answer to repeats only.
  if (entry.kind == store::EntryKind::message && entry.seq == 0) return false;
  return chooses(entry.kind, entry.log.type);
}

bool Outbox::chooses(store::EntryKind kind, ChannelType type) const {
  switch (kind) {
    case store::EntryKind::message:
      if (!kinds_.messages) return false;
      break;
    case store::EntryKind::recall:
      if (!kinds_.recalls) return false;
      break;
    case store::EntryKind::edit:
      if (!kinds_.edits) return false;
      break;
    case store::EntryKind::removal:
    case store::EntryKind::clearing: return false;
  }
  const bool agent = type == ChannelType::agent;
  switch (choice_) {
    case Choice::all: return true;
    case Choice::agent_channels: return agent;
    case Choice::no_agent_channels: return !agent;
  }
  return true;
}

void Outbox::count(Part& part, const store::CommitRecord& record) {
  for (const store::CommitEntry& entry : record.entries) {
    if (entry.counter > part.counted_to && chosen(entry)) ++part.waiting;
  }
  part.counted_to = std::max(part.counted_to, record.entries.back().counter);
}

Result<bool> Outbox::load_record(Part& part, store::PartitionCursor& cursor) {
  if (part.record) return true;
  bool found = false;
  if (part.at_record_end) {
    found = cursor.seek(store::commit_record_key(part.id, part.position + 1));
  } else {
    // The position may be inside a record, which begins before it.
    found = cursor.seek_before(store::commit_record_key(part.id, part.position + 1));
    if (!found || !in_partition(cursor.key(), part.id)) {
      JD_RETURN_IF_ERROR(cursor.status());
      found = cursor.seek(store::commit_record_key(part.id, part.position + 1));
    }
  }
  for (; found && in_partition(cursor.key(), part.id); found = cursor.next()) {
    JD_TRY(auto record, record_at(cursor));
    if (record.entries.empty() || record.entries.back().counter <= part.position) continue;
    count(part, record);
    part.record = std::move(record);
    part.next = 0;
    while (part.record->entries[part.next].counter <= part.position) ++part.next;
    return true;
  }
  JD_RETURN_IF_ERROR(cursor.status());
  return false;
}

void Outbox::step(Part& part) {
  part.position = part.record->entries[part.next].counter;
  part.at_record_end = ++part.next == part.record->entries.size();
  if (part.at_record_end) part.record.reset();
}

Result<Taken> Outbox::take(PartitionId partition, store::PartitionCursors& cursors,
                           const TakeLimits& limits) {
  Part& part = this->part(partition);
  if (!part.passed.empty()) return take_passed(part, limits);
  const store::PartitionReader reader = readers_.of(partition);
  auto cursor = cursors.of(partition);
  Taken taken;
  std::size_t entries = 0;
  std::size_t bytes = 0;
  // What comes before the first message is done, whatever becomes of that one.
  std::uint64_t done_to = part.done_to;
  std::uint64_t done = 0;
  const auto give_back = [&](Error error) -> Result<Taken> {
    put_back(partition);
    return error;
  };
  while (true) {
    auto loaded = load_record(part, cursor);
    if (!loaded) return give_back(std::move(loaded).error());
    if (!*loaded) break;
    if (taken.messages.size() >= limits.messages || bytes >= limits.payload_bytes ||
        entries >= kEntriesPerTake) {
      taken.more = true;
      break;
    }
    const store::CommitEntry& upcoming = part.record->entries[part.next];
    if (!taken.messages.empty() && upcoming.kind != taken.kind && chosen(upcoming)) {
      const bool passes = taken.kind != store::EntryKind::message && is_command(upcoming) &&
                          part.passed.size() < limits.messages;
      if (!passes) {
        taken.more = true;
        break;
      }
      ++entries;
      part.passed.push_back({upcoming, part.record->timestamp});
      step(part);
      --part.waiting;
      ++part.taken;
      continue;
    }
    ++entries;
    const std::int64_t committed_at = part.record->timestamp;
    const bool too_old = committed_at < limits.oldest_seconds;
    store::CommitEntry entry = part.record->entries[part.next];
    const std::uint64_t before = part.position;
    step(part);
    if (!chosen(entry)) continue;
    --part.waiting;
    ++part.taken;
    if (too_old) {
      taken.dropped.push_back({std::move(entry), store::GiveUpCause::too_old});
      continue;
    }
    const auto seq = static_cast<MessageSeq>(entry.seq);
    store::build_message_key(key_, partition, entry.log, seq);
    auto found = reader.get(Table::main, key_, value_);
    if (!found) return give_back(std::move(found).error());
    if (!*found) continue;  // deleted meanwhile
    auto message = store::decode_message(value_, entry.log, seq);
    if (!message) {
      // It will not be readable the next time either.
      taken.dropped.push_back({std::move(entry), store::GiveUpCause::unreadable});
      continue;
    }
    if (taken.messages.empty()) {
      done_to = before;
      done = part.taken - 1;
      part.taken_since = committed_at;
      taken.kind = entry.kind;
    }
    taken.last = message_id_of(entry.counter, partition);
    bytes += message->payload.size();
    taken.messages.push_back(std::move(*message));
    taken.entries.push_back(std::move(entry));
  }
  taken.more = taken.more || !part.passed.empty();
  part.out = !taken.messages.empty();
  if (part.out) {
    part.done_to = done_to;
    part.taken -= done;
  } else {
    finish(partition);
  }
  return taken;
}

Result<Taken> Outbox::take_passed(Part& part, const TakeLimits& limits) {
  const store::PartitionReader reader = readers_.of(part.id);
  Taken taken;
  std::vector<Part::Passed> left;  // that are told now, and the rest
  std::size_t bytes = 0;
  std::size_t next = 0;
  for (; next < part.passed.size(); ++next) {
    if (taken.messages.size() >= limits.messages || bytes >= limits.payload_bytes) break;
    const Part::Passed& each = part.passed[next];
    if (each.committed_at < limits.oldest_seconds) {
      taken.dropped.push_back({each.entry, store::GiveUpCause::too_old});
      continue;
    }
    const auto seq = static_cast<MessageSeq>(each.entry.seq);
    store::build_message_key(key_, part.id, each.entry.log, seq);
    // Nothing is taken when that fails.
    JD_TRY(const bool found, reader.get(Table::main, key_, value_));
    if (!found) continue;  // deleted meanwhile
    auto message = store::decode_message(value_, each.entry.log, seq);
    if (!message) {
      taken.dropped.push_back({each.entry, store::GiveUpCause::unreadable});
      continue;
    }
    bytes += message->payload.size();
    taken.last = message_id_of(each.entry.counter, part.id);
    taken.messages.push_back(std::move(*message));
    taken.entries.push_back(each.entry);
    left.push_back(each);
  }
  part.taken -= next - left.size();
  left.insert(left.end(), part.passed.begin() + static_cast<std::ptrdiff_t>(next),
              part.passed.end());
  part.passed = std::move(left);
  part.passed_out = taken.messages.size();
  part.out = part.passed_out > 0;
  // What stands behind them was not looked at.
  taken.more = true;
  if (!part.out) finish(part.id);
  return taken;
}

void Outbox::finish(PartitionId partition) {
  Part& part = this->part(partition);
  part.passed.erase(part.passed.begin(),
                    part.passed.begin() + static_cast<std::ptrdiff_t>(part.passed_out));
  part.passed_out = 0;
  part.taken = part.passed.size();
  part.out = false;
  // Whoever begins anew comes to those that were passed by once more, and to what was told.
  if (part.passed.empty()) part.done_to = part.position;
}

void Outbox::put_back(PartitionId partition) {
  Part& part = this->part(partition);
  if (part.passed_out == 0) return restart(partition, part.done_to);
  part.passed_out = 0;
  part.out = false;
}

void Outbox::put_back_after(MessageId last, std::size_t kept) {
  const PartitionId partition = partition_of(last);
  Part& part = this->part(partition);
  const std::uint64_t done_to = part.done_to;
  const std::int64_t taken_since = part.taken_since;
  restart(partition, counter_of(last));
  part.done_to = done_to;
  part.taken_since = taken_since;
  part.taken = kept;
  part.out = true;
}

Result<void> Outbox::count_new(store::PartitionCursors& cursors, std::size_t records_max) {
  for (Part& part : parts_) {
    if (part.away) continue;
    auto cursor = cursors.of(part.id);
    if (part.counted_to == part.position && !part.at_record_end) {
      // A start may be inside a record; loading that counts the rest of it.
      JD_TRY(const bool loaded, load_record(part, cursor));
      if (!loaded) continue;
    }
    bool found = cursor.seek(store::commit_record_key(part.id, part.counted_to + 1));
    for (; found && in_partition(cursor.key(), part.id); found = cursor.next()) {
      if (records_max == 0) return {};
      --records_max;
      JD_TRY(const auto record, record_at(cursor));
      if (!record.entries.empty()) count(part, record);
    }
    JD_RETURN_IF_ERROR(cursor.status());
  }
  return {};
}

std::uint64_t Outbox::backlog() const {
  std::uint64_t sum = 0;
  for (const Part& part : parts_) sum += part.waiting + part.taken;
  return sum;
}

Result<std::optional<std::int64_t>> Outbox::oldest_seconds(store::PartitionCursors& cursors) {
  std::optional<std::int64_t> oldest;
  const auto note = [&oldest](std::int64_t at) { oldest = std::min(oldest.value_or(at), at); };
  for (Part& part : parts_) {
    if (part.out || !part.passed.empty()) {
      note(part.taken_since);
    } else if (part.waiting > 0) {
      auto cursor = cursors.of(part.id);
      JD_TRY(const bool loaded, load_record(part, cursor));
      if (loaded) note(part.record->timestamp);
    }
  }
  return oldest;
}

Result<std::uint64_t> Outbox::drop_excess(store::PartitionCursors& cursors, std::uint64_t most,
                                          const NoteDropped& note) {
  std::uint64_t dropped = 0;
  std::uint64_t total = backlog();
  while (total > most) {
    Part* oldest = nullptr;
    for (Part& part : parts_) {
      if (part.waiting == 0) continue;
      auto cursor = cursors.of(part.id);
      JD_TRY(const bool loaded, load_record(part, cursor));
      if (!loaded) continue;
      if (oldest == nullptr || part.record->timestamp < oldest->record->timestamp) oldest = &part;
    }
    if (oldest == nullptr) break;  // the rest is out
    while (oldest->record && total > most) {
      const bool counts = chosen(oldest->record->entries[oldest->next]);
      if (counts && note) note(oldest->id, oldest->record->entries[oldest->next]);
      step(*oldest);
      if (!counts) continue;
      --oldest->waiting;
      --total;
      ++dropped;
    }
    if (!oldest->out) finish(oldest->id);
  }
  return dropped;
}

Result<std::uint64_t> last_listed(store::PartitionCursor& cursor) {
  const PartitionId partition = cursor.partition();
  const bool found =
      cursor.seek_before(store::after_prefix(store::commit_record_prefix(partition)));
  JD_RETURN_IF_ERROR(cursor.status());
  if (!found || !in_partition(cursor.key(), partition)) return std::uint64_t{0};
  JD_TRY(const auto record, record_at(cursor));
  return record.entries.empty() ? store::counter_of_commit_record_key(cursor.key())
                                : record.entries.back().counter;
}

}  // namespace jindou::webhook
