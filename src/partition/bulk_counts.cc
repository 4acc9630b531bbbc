#include "partition/bulk_counts.h"

#include <map>
#include <string>
#include <utility>

#include "store/keys.h"

namespace jindou::partition {

using store::BulkCountRecord;

BulkCounts::BulkCounts(store::PartitionReader reader)
    : partition_(reader.partition()), reader_(reader) {}

Result<void> BulkCounts::evaluate(const CountBulk& command, Txn& txn) {
  struct Row {
    BulkCountRecord record;
    bool changed = false;
  };
  // Each row is written once: with one person in many messages it would grow with each of them.
  std::map<std::string, Row> rows;
  for (const CountBulk::Message& message : command.messages) {
    const auto [found, added] =
        rows.try_emplace(store::bulk_count_key(partition_, command.day, message.uid));
    auto& [record, changed] = found->second;
    if (added) {
      JD_TRY(record, load(found->first));
    }
    if (record.messages.size() >= command.most || record.has(message.number)) continue;
    JD_TRY(const bool was_counted, has_day_before(command, message));
    if (was_counted) continue;
    record.messages.push_back(message.number);
    changed = true;
  }
  for (auto& [key, row] : rows) {
    if (!row.changed) continue;
    txn.put(key, store::encode(row.record));
    recent_.remember(key, std::move(row.record), txn);
  }
  return {};
}

Result<void> BulkCounts::evaluate(const ForgetBulkCounts& command, Txn& txn) {
  const std::string begin = store::bulk_count_prefix(partition_);
  const std::string end = store::bulk_count_day_prefix(partition_, command.before_day);
  // What is not readable yet is removed with the rest, and is not to be found in memory.
  recent_.remember_before(end, BulkCountRecord(), txn);
  txn.erase_range(begin, end);
  return {};
}

Result<bool> BulkCounts::has_day_before(const CountBulk& command,
                                        const CountBulk::Message& message) const {
  if (command.day == 0) return false;
  JD_TRY(const BulkCountRecord record,
         load(store::bulk_count_key(partition_, command.day - 1, message.uid)));
  return record.has(message.number);
}

Result<BulkCountRecord> BulkCounts::load(const std::string& row) const {
  if (const BulkCountRecord* recent = recent_.find(row)) return *recent;
  std::string value;
  JD_TRY(const bool exists, reader_.get(store::Table::main, row, value));
  if (!exists) return BulkCountRecord();
  return store::decode_bulk_count(value);
}

void BulkCounts::describe(StateLines& lines) const {
  recent_.for_each([&lines](const auto& row, const BulkCountRecord& record, auto position) {
    lines.add("bulk count", row, store::encode(record), position);
  });
}

}  // namespace jindou::partition
