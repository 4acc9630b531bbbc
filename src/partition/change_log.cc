#include "partition/change_log.h"

#include "base/assert.h"
#include "store/keys.h"

namespace jindou::partition {

ChangeLog::ChangeLog(PartitionId partition, const Deps& deps, IdReservation& ids)
    : partition_(partition), deps_(deps), ids_(ids) {
  JD_ASSERT(deps.kept_max > 0);
}

void ChangeLog::add(store::EntryKind kind, CachedChannel& log, std::uint64_t seq, Txn& txn) {
  JD_ASSERT(kind != store::EntryKind::message);
  store::ChannelRecord& record = log.record;
  if (record.changes_to < deps_.number_floor) {
    // What a reader has of them may be other changes than those that are here.
    drop(log, record.changes_to, txn);
    record.changes_to = deps_.number_floor;
    record.changes_dropped_to = deps_.number_floor;
  }
  const std::int64_t now = deps_.clock.wall_seconds();
  store::CommitEntry entry;
  entry.counter = ids_.next(txn);
  entry.log = log.key;
  entry.seq = seq;
  entry.kind = kind;
  entry.change = ++record.changes_to;
  txn.add_entry(entry, now);
  txn.put(store::log_change_key(partition_, log.key, entry.change),
          store::encode(store::LogChangeRecord{kind, seq, now}));
  if (entry.change > deps_.kept_max) drop(log, entry.change - deps_.kept_max, txn);
}

void ChangeLog::keep_last(CachedChannel& log, Txn& txn) {
  JD_ASSERT(log.record.changes_to > 0);
  drop(log, log.record.changes_to - 1, txn);
}

void ChangeLog::drop(CachedChannel& log, std::uint64_t up_to, Txn& txn) {
  store::ChannelRecord& record = log.record;
  const std::uint64_t first = record.changes_dropped_to + 1;
  if (up_to < first) return;
  const auto key = [&](std::uint64_t number) {
    return store::log_change_key(partition_, log.key, number);
  };
  // Mostly it is one, which burdens readers less than a range.
  if (up_to == first) {
    txn.erase(key(first));
  } else {
    txn.erase_range(key(first), key(up_to + 1));
  }
  record.changes_dropped_to = up_to;
}

}  // namespace jindou::partition
