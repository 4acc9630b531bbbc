#include "partition/simulation/log_replica.h"

#include <utility>
#include <variant>

#include "base/assert.h"
#include "partition/simulation/batch_rows.h"
#include "store/batch_join.h"

namespace jindou::partition::simulation {

using store::PlainCommit;
using store::PreparedCommit;
using store::TransactionId;

LogReplica::LogReplica(const PartitionLogs& logs, store::MemoryReader& rows, Applied applied)
    : logs_(logs),
      rows_(rows),
      applied_(std::move(applied)),
      next_(logs.count()),
      positions_(logs.count()) {}

bool LogReplica::advance(PartitionId partition) {
  std::size_t& next = next_[raw(partition)];
  if (next == logs_.of(partition).size()) return false;
  const store::CommitLogRecord record = decode_record(logs_.of(partition)[next]);
  if (const auto* prepared = std::get_if<PreparedCommit>(&record)) {
    return apply(*prepared, partition);
  }
  // A decision has been asked for by the share before it.
  if (const auto* commit = std::get_if<PlainCommit>(&record)) apply(*commit, partition);
  ++next;
  return true;
}

void LogReplica::apply(const PlainCommit& commit, PartitionId partition) {
  JD_ASSERT(commit.expected_position == positions_[raw(partition)]);
  const rocksdb::WriteBatch batch(commit.batch);
  apply_batch(batch, rows_);
  ++positions_[raw(partition)];
  applied_(batch);
}

bool LogReplica::apply(const PreparedCommit& prepared, PartitionId partition) {
  const auto commits = logs_.find_decision(prepared.coordinator, prepared.transaction);
  if (!commits) return false;
  if (!*commits) {
    ++next_[raw(partition)];
    return true;
  }
  rocksdb::WriteBatch all;
  for (const auto& participant : prepared.participants) {
    auto share = next_share(participant.partition, prepared.transaction);
    // What stands before it is decided, or it would not stand there.
    for (; !share; share = next_share(participant.partition, prepared.transaction)) {
      JD_ASSERT(advance(participant.partition));
    }
    JD_ASSERT(participant.expected_position == positions_[raw(participant.partition)]);
    store::append_batch(all, rocksdb::WriteBatch(share->batch));
  }
  apply_batch(all, rows_);
  for (const auto& participant : prepared.participants) {
    ++positions_[raw(participant.partition)];
    ++next_[raw(participant.partition)];
  }
  applied_(all);
  return true;
}

std::optional<PreparedCommit> LogReplica::next_share(PartitionId partition,
                                                     const TransactionId& transaction) const {
  const auto& log = logs_.of(partition);
  const std::size_t next = next_[raw(partition)];
  JD_ASSERT(next < log.size());
  store::CommitLogRecord record = decode_record(log[next]);
  auto* share = std::get_if<PreparedCommit>(&record);
  if (share == nullptr || share->transaction != transaction) return std::nullopt;
  return std::move(*share);
}

void LogReplica::catch_up(PartitionId partition) {
  while (advance(partition)) {
  }
}

void LogReplica::catch_up() {
  // Whatever is decided can be applied, whichever partition is first.
  for (std::size_t i = 0; i < logs_.count(); ++i) catch_up(static_cast<PartitionId>(i));
}

}  // namespace jindou::partition::simulation
