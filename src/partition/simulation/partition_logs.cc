#include "partition/simulation/partition_logs.h"

#include <utility>
#include <variant>

#include "base/assert.h"

namespace jindou::partition::simulation {

void PartitionLogs::append(PartitionId partition, const store::PlainCommit& commit) {
  records_[raw(partition)].push_back(encode(commit));
}

void PartitionLogs::append(PartitionId partition, const store::PreparedCommit& share) {
  records_[raw(partition)].push_back(encode(share));
}

void PartitionLogs::append(PartitionId partition, const store::TransactionDecision& decision) {
  records_[raw(partition)].push_back(encode(decision));
  decisions_[raw(partition)].emplace(decision.transaction, decision.commits);
}

std::optional<bool> PartitionLogs::find_decision(PartitionId coordinator,
                                                 const store::TransactionId& transaction) const {
  const auto& decisions = decisions_[raw(coordinator)];
  const auto decided = decisions.find(transaction);
  return decided == decisions.end() ? std::nullopt : std::optional<bool>(decided->second);
}

std::optional<store::PreparedCommit> PartitionLogs::find_undecided(PartitionId partition) const {
  if (of(partition).empty()) return std::nullopt;
  store::CommitLogRecord last = decode_record(of(partition).back());
  // Nothing follows it but its decision.
  if (auto* prepared = std::get_if<store::PreparedCommit>(&last)) return std::move(*prepared);
  return std::nullopt;
}

store::CommitLogRecord decode_record(const std::string& bytes) {
  auto record = store::decode_commit_log_record(bytes);
  JD_ASSERT(record.has_value());
  return std::move(*record);
}

}  // namespace jindou::partition::simulation
