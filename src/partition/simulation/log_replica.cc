#include "partition/simulation/log_replica.h"

#include <rocksdb/write_batch.h>

#include <utility>
#include <variant>

#include "base/assert.h"
#include "partition/simulation/batch_rows.h"
#include "store/batch_join.h"

namespace jindou::partition::simulation {

namespace {

using store::PlainCommit;
using store::PreparedCommit;
using store::TransactionDecision;
using store::TransactionId;

store::LogRecord decode(const std::string& bytes) {
  auto record = store::decode_log_record(bytes);
  JD_ASSERT(record.has_value());
  return std::move(*record);
}

}  // namespace

std::optional<bool> find_decision(const PartitionLogs& logs, PartitionId coordinator,
                                  const TransactionId& transaction) {
  for (const std::string& bytes : logs[raw(coordinator)]) {
    const store::LogRecord record = decode(bytes);
    const auto* decision = std::get_if<TransactionDecision>(&record);
    if (decision != nullptr && decision->transaction == transaction) return decision->commits;
  }
  return std::nullopt;
}

std::optional<PreparedCommit> find_undecided(const std::vector<std::string>& log) {
  if (log.empty()) return std::nullopt;
  store::LogRecord last = decode(log.back());
  // Nothing follows it but its decision.
  if (auto* prepared = std::get_if<PreparedCommit>(&last)) return std::move(*prepared);
  return std::nullopt;
}

LogReplica::LogReplica(const PartitionLogs& logs, store::MemoryReader& rows)
    : logs_(logs), rows_(rows), next_(logs.size()), positions_(logs.size()) {}

void LogReplica::be_where(const LogReplica& other) {
  next_ = other.next_;
  positions_ = other.positions_;
}

bool LogReplica::advance(PartitionId partition) {
  std::size_t& next = next_[raw(partition)];
  if (next == logs_[raw(partition)].size()) return false;
  const store::LogRecord record = decode(logs_[raw(partition)][next]);
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
  apply_batch(rocksdb::WriteBatch(commit.batch), rows_);
  ++positions_[raw(partition)];
}

bool LogReplica::apply(const PreparedCommit& prepared, PartitionId partition) {
  const auto commits = find_decision(logs_, prepared.coordinator, prepared.transaction);
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
  return true;
}

std::optional<PreparedCommit> LogReplica::next_share(PartitionId partition,
                                                     const TransactionId& transaction) const {
  const auto& log = logs_[raw(partition)];
  const std::size_t next = next_[raw(partition)];
  JD_ASSERT(next < log.size());
  store::LogRecord record = decode(log[next]);
  auto* share = std::get_if<PreparedCommit>(&record);
  if (share == nullptr || share->transaction != transaction) return std::nullopt;
  return std::move(*share);
}

void LogReplica::catch_up() {
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t partition = 0; partition < logs_.size(); ++partition) {
      while (advance(static_cast<PartitionId>(partition))) moved = true;
    }
  }
}

}  // namespace jindou::partition::simulation
