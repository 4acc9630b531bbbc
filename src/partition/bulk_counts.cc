#include "partition/bulk_counts.h"

#include <utility>

#include "store/keys.h"

namespace jindou::partition {

using store::BulkCountRecord;

BulkCounts::BulkCounts(store::PartitionReader reader)
    : partition_(reader.partition()), reader_(reader) {}

Result<void> BulkCounts::evaluate(const CountBulk& command, Txn& txn) {
  for (const CountBulk::Message& message : command.messages) {
    const std::string row = store::bulk_count_key(partition_, command.day, message.uid);
    JD_TRY(BulkCountRecord record, load(row));
    if (record.messages.size() >= command.most || record.has(message.number)) continue;
    record.messages.push_back(message.number);
    txn.put(row, store::encode(record));
    remember(row, std::move(record), txn);
  }
  return {};
}

Result<void> BulkCounts::evaluate(const ForgetBulkCounts& command, Txn& txn) {
  const std::string begin = store::bulk_count_prefix(partition_);
  const std::string end = store::bulk_count_day_prefix(partition_, command.before_day);
  // What is not readable yet is removed with the rest, and is not to be found in memory.
  for (const auto& [row, recent] : recent_) {
    if (row < end) {
      txn.undo([this, row = row, before = recent] { recent_.insert_or_assign(row, before); });
    }
  }
  for (auto& [row, recent] : recent_) {
    if (row >= end) continue;
    recent.record = BulkCountRecord();
    recent.position = txn.position();
  }
  txn.erase_range(begin, end);
  return {};
}

Result<BulkCountRecord> BulkCounts::load(const std::string& row) const {
  if (const auto recent = recent_.find(row); recent != recent_.end()) return recent->second.record;
  std::string value;
  JD_TRY(const bool exists, reader_.get(store::Table::main, row, value));
  if (!exists) return BulkCountRecord();
  return store::decode_bulk_count(value);
}

void BulkCounts::remember(const std::string& row, BulkCountRecord record, Txn& txn) {
  std::optional<Recent> before;
  if (const auto known = recent_.find(row); known != recent_.end()) before = known->second;
  recent_[row] = Recent{std::move(record), txn.position()};
  txn.undo([this, row, before = std::move(before)] {
    if (before) {
      recent_[row] = *before;
    } else {
      recent_.erase(row);
    }
  });
}

void BulkCounts::describe(StateLines& lines) const {
  for (const auto& [row, recent] : recent_) {
    lines.add("bulk count", row, store::encode(recent.record), recent.position);
  }
}

void BulkCounts::trim(std::uint64_t durable) {
  if (recent_.empty()) return;
  boost::unordered::erase_if(
      recent_, [durable](const auto& entry) { return entry.second.position <= durable; });
}

}  // namespace jindou::partition
