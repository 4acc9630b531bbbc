#include "partition/message_trace.h"

#include <algorithm>
#include <string>
#include <utility>

#include "store/keys.h"

namespace jindou::partition {

namespace {

// The commit that made the message, and its place in there; empty when there is none.
Result<std::optional<MessageTrace>> load_trace_commit(store::PartitionCursor& cursor,
                                                      MessageId id) {
  using Found = std::optional<MessageTrace>;
  const PartitionId partition = cursor.partition();
  const std::uint64_t counter = counter_of(id);
  const bool any = cursor.seek_before(store::commit_record_key(partition, counter + 1));
  if (!any) {
    JD_RETURN_IF_ERROR(cursor.status());
    return Found();
  }
  if (!cursor.key().starts_with(store::commit_record_prefix(partition))) return Found();
  JD_TRY(const store::CommitRecord record,
         store::decode_commit_record(cursor.value(),
                                     store::counter_of_commit_record_key(cursor.key())));
  const auto entry = std::ranges::find(record.entries, counter, &store::CommitEntry::counter);
  if (entry == record.entries.end() || entry->kind != store::EntryKind::message) return Found();
  MessageTrace trace;
  trace.id = id;
  trace.log = entry->log;
  trace.seq = static_cast<MessageSeq>(entry->seq);
  trace.committed_at = record.timestamp;
  return Found(std::move(trace));
}

// What became of the message, of the changes of its log that are kept.
Result<void> load_trace_changes(store::PartitionCursor& cursor, MessageTrace& trace) {
  const std::string prefix = store::log_change_prefix(cursor.partition(), trace.log);
  bool found = cursor.seek(prefix);
  for (; found && cursor.key().starts_with(prefix); found = cursor.next()) {
    JD_TRY(const store::LogChangeRecord change, store::decode_log_change(cursor.value()));
    const bool alone = store::is_of_one_message(change.kind);
    if (alone ? change.seq != raw(trace.seq) : change.seq < raw(trace.seq)) continue;
    trace.changes.push_back(
        {store::number_of_log_change_key(cursor.key()), change.kind, change.seq, change.timestamp});
    if (!alone) return {};  // with the first clearing it is over
  }
  return cursor.status();
}

// Of one whose row is not there and that was not cleared.
Result<MessageTrace::State> load_trace_reason(const store::PartitionCursor& cursor,
                                              const MessageTrace& trace) {
  for (const LogChange& change : trace.changes) {
    if (change.kind == store::EntryKind::removal) return MessageTrace::State::deleted;
  }
  if (!trace.changes_complete) return MessageTrace::State::gone;
  if (trace.log.id.ends_with(kCommandSuffix)) return MessageTrace::State::expired;
  // What expired leaves a gap and is no change.
  std::string value;
  JD_TRY(const bool freed,
         cursor.get(store::gap_key(cursor.partition(), trace.log, trace.seq), value));
  return freed ? MessageTrace::State::expired : MessageTrace::State::gone;
}

}  // namespace

std::string_view state_name(MessageTrace::State state) {
  using State = MessageTrace::State;
  switch (state) {
    case State::stored: return "stored";
    case State::unstored: return "unstored";
    case State::recalled: return "recalled";
    case State::expired: return "expired";
    case State::deleted: return "deleted";
    case State::cleared: return "cleared";
    case State::gone: return "gone";
  }
  return "gone";
}

Result<std::optional<MessageTrace>> load_message_trace(const store::PartitionReader& reader,
                                                       MessageId id, std::int64_t now_seconds) {
  const PartitionId partition = reader.partition();
  store::PartitionCursor cursor = reader.open_cursor(store::Table::main);
  JD_TRY(auto found, load_trace_commit(cursor, id));
  if (!found) return found;
  MessageTrace& trace = *found;
  std::string value;
  JD_TRY(const bool told, cursor.get(store::webhook_cursor_key(partition), value));
  if (told) {
    JD_TRY(trace.webhook, store::decode_webhook_cursor(value));
  }
  if (trace.seq == MessageSeq{}) {
    trace.state = MessageTrace::State::unstored;
    return found;
  }
  std::uint64_t cleared_to = 0;
  JD_TRY(const bool recorded, cursor.get(store::channel_key(partition, trace.log), value));
  if (recorded) {
    JD_TRY(const store::ChannelRecord record, store::decode_channel(value));
    cleared_to = record.cleared_to;
    trace.changes_complete = record.changes_dropped_to == 0;
  }
  JD_RETURN_IF_ERROR(load_trace_changes(cursor, trace));
  if (raw(trace.seq) <= cleared_to) {
    const bool deleted = std::ranges::any_of(trace.changes, [](const LogChange& each) {
      return each.kind == store::EntryKind::removal;
    });
    trace.state = deleted ? MessageTrace::State::deleted : MessageTrace::State::cleared;
    return found;
  }
  JD_TRY(const bool there, cursor.get(store::message_key(partition, trace.log, trace.seq), value));
  if (!there) {
    JD_TRY(trace.state, load_trace_reason(cursor, trace));
    return found;
  }
  JD_TRY(trace.message, store::decode_message(value, trace.log, trace.seq));
  if (trace.message->expired_at(now_seconds)) {
    trace.state = MessageTrace::State::expired;
  } else if (trace.message->is_recalled()) {
    trace.state = MessageTrace::State::recalled;
  }
  return found;
}

}  // namespace jindou::partition
