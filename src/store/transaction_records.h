// What the logs of partitions carry where each has a log of its own: a plain commit, and the
// records of one that is made in several partitions or in none
// (docs/decisions/0023-several-partitions.md).
//
// Each starts with a format version, its kind and flags; a decoder refuses what it does not know.
// Whoever carries them adds what says where they belong and who wrote them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/ids.h"

namespace jindou::store {

// Never given to two transactions.
struct TransactionId {
  std::uint64_t origin = 0;  // random, of a start of a node
  std::uint64_t number = 0;  // of that start
  auto operator<=>(const TransactionId&) const = default;
};

// Holds as it stands.
struct PlainCommit {
  std::uint64_t expected_position = 0;
  std::string batch;  // as RocksDB writes it
};

// One partition's share of a transaction. It holds when the log of the coordinator says so; until
// then nothing follows it in its log but that decision.
struct PreparedCommit {
  struct Participant {
    PartitionId partition{};
    std::uint64_t expected_position = 0;
    bool operator==(const Participant&) const = default;
  };
  TransactionId transaction;
  PartitionId coordinator{};  // one of the participants
  std::vector<Participant> participants;
  std::string batch;  // of the partition in whose log it is; empty: it moves nothing
};

// In the log of the coordinator it decides; the first one of a transaction counts. In the logs of
// the other participants it repeats what was decided.
struct TransactionDecision {
  TransactionId transaction;
  bool commits = false;
};

using CommitLogRecord = std::variant<PlainCommit, PreparedCommit, TransactionDecision>;

std::string encode(const PlainCommit& record);
std::string encode(const PreparedCommit& record);
std::string encode(const TransactionDecision& record);
// Errors: storage, for bytes that it cannot read.
Result<CommitLogRecord> decode_commit_log_record(std::string_view bytes);

}  // namespace jindou::store
