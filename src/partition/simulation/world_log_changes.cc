// What became of messages is numbered without holes, in the order of the commits, and rows and
// commit records tell the same of it.
#include <algorithm>

#include "partition/record_reader.h"
#include "partition/simulation/world.h"
#include "store/keys.h"

namespace jindou::partition::simulation {

void World::check_log_changes() {
  std::set<ChannelKey> logs;
  for (const auto& [key, payloads] : attempted_) logs.insert(std::get<0>(key));
  for (const auto& log : logs) read_log_changes(log);
  for (std::uint16_t id = 0; id < kPartitions; ++id) {
    compare_with_commits(static_cast<PartitionId>(id));
  }
  for (const auto& [log, messages] : acknowledged_) {
    for (const auto& [seq, known] : messages) {
      if (!removals_.must_be_gone(log, seq) || removals_.may_have_expired(log, seq)) continue;
      if (!tells_of(log_changes_[log], seq)) fail("no change tells what became of " + log.id);
    }
  }
}

void World::read_log_changes(const ChannelKey& log) {
  std::string value;
  const auto key = store::channel_key(partition_for(log.id, kPartitions), log);
  const auto found = disk_.get(store::Table::main, key, value);
  if (!found) return fail("a channel cannot be read");
  const auto record = *found ? *store::decode_channel(value) : store::ChannelRecord();
  SeenChanges& seen = log_changes_[log];
  if (record.changes_to < seen.last) return fail("changes are forgotten in " + log.id);
  seen.last = record.changes_to;
  seen.dropped_to = record.changes_dropped_to;
  const RecordReader records(readers());
  std::uint64_t at = record.changes_dropped_to;
  bool more = true;
  while (more) {
    const auto page = records.load_changes(log, at, 2);
    if (!page || !page->complete) return fail("changes cannot be read of " + log.id);
    for (const LogChange& change : page->changes) {
      if (change.number != ++at) return fail("a hole in the changes of " + log.id);
      const auto [it, fresh] = seen.changes.emplace(change.number, change);
      if (fresh) ++summary_.log_changes;
      if (it->second.kind != change.kind || it->second.seq != change.seq) {
        return fail("a change has become another one in " + log.id);
      }
    }
    more = page->more && !page->changes.empty();
  }
  if (at != record.changes_to) return fail("a change is missing in " + log.id);
  if (at > 0 && records.load_changes(log, at + 1, 2)->complete) {
    return fail("a number that was never given is known in " + log.id);
  }
}

void World::compare_with_commits(PartitionId partition) {
  std::map<ChannelKey, std::uint64_t> last;
  const auto compare = [&](const store::CommitEntry& entry) {
    if (entry.change <= last[entry.log]) return fail("changes out of order in " + entry.log.id);
    last[entry.log] = entry.change;
    const SeenChanges& seen = log_changes_[entry.log];
    const auto it = seen.changes.find(entry.change);
    if (it == seen.changes.end()) {
      if (entry.change > seen.dropped_to) fail("a change of a commit has no row: " + entry.log.id);
    } else if (it->second.kind != entry.kind || it->second.seq != entry.seq) {
      fail("a commit tells another change of " + entry.log.id);
    }
  };
  const auto prefix = store::commit_record_prefix(partition);
  const auto scanned = disk_.scan(store::Table::main, prefix, store::after_prefix(prefix),
                                  [&](std::string_view key, std::string_view value) {
                                    const auto record = store::decode_commit_record(
                                        value, store::counter_of_commit_record_key(key));
                                    if (!record) fail("an unreadable commit record");
                                    if (!record) return false;
                                    for (const auto& entry : record->entries) {
                                      if (entry.kind != store::EntryKind::message) compare(entry);
                                    }
                                    return true;
                                  });
  if (!scanned) fail("a scan fails");
}

bool World::tells_of(const SeenChanges& seen, std::uint64_t seq) {
  if (seen.changes.size() < seen.last) return true;  // it may be among those that nobody saw
  return std::any_of(seen.changes.begin(), seen.changes.end(), [seq](const auto& each) {
    const LogChange& change = each.second;
    if (change.kind == store::EntryKind::removal) return change.seq == seq;
    return change.kind == store::EntryKind::clearing && change.seq >= seq;
  });
}

void World::compare_with_change(const ChannelKey& log, const Message& message) {
  const SeenChanges& seen = log_changes_[log];
  const auto it = seen.changes.find(message.revision->change);
  if (it == seen.changes.end()) {
    if (message.revision->change > seen.dropped_to)
      fail("no change tells of a revision: " + log.id);
    return;
  }
  const auto kind = message.is_recalled() ? store::EntryKind::recall : store::EntryKind::edit;
  if (it->second.kind != kind || it->second.seq != raw(message.seq)) {
    fail("a message names another change of " + log.id);
  }
}

}  // namespace jindou::partition::simulation
