#include "store/transaction_records.h"

#include <algorithm>

#include "base/varint.h"

namespace jindou::store {

namespace {

constexpr std::uint8_t kTransactionFormat = 1;
// Stored: none is ever used for something else.
enum class Kind : std::uint8_t { commit = 1, prepared = 2, decision = 3 };
// Of a decision; others have none yet.
constexpr std::uint64_t kCommits = 0x01;

std::string begin(Kind kind, std::uint64_t flags) {
  std::string out;
  out.push_back(static_cast<char>(kTransactionFormat));
  out.push_back(static_cast<char>(kind));
  append_varint(out, flags);
  return out;
}

void append(std::string& out, const TransactionId& id) {
  append_varint(out, id.origin);
  append_varint(out, id.number);
}

TransactionId read_id(ByteReader& reader) {
  TransactionId id;
  id.origin = reader.read_varint();
  id.number = reader.read_varint();
  return id;
}

// False for one that cannot be.
bool read_partition(ByteReader& reader, PartitionId& partition) {
  const std::uint64_t number = reader.read_varint();
  partition = static_cast<PartitionId>(number);
  return raw(partition) == number;
}

bool read(ByteReader& reader, PlainCommit& record) {
  record.expected_position = reader.read_varint();
  record.batch = reader.read_string();
  return true;
}

bool read(ByteReader& reader, PreparedCommit& record) {
  record.transaction = read_id(reader);
  if (!read_partition(reader, record.coordinator)) return false;
  const std::uint64_t count = reader.read_varint();
  bool coordinated = false;
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    PreparedCommit::Participant one;
    if (!read_partition(reader, one.partition)) return false;
    one.expected_position = reader.read_varint();
    // In order, so each is there once.
    if (i > 0 && one.partition <= record.participants.back().partition) return false;
    coordinated = coordinated || one.partition == record.coordinator;
    record.participants.push_back(one);
  }
  record.batch = reader.read_string();
  return coordinated;
}

template <class Record>
Result<CommitLogRecord> finish(ByteReader& reader, Record record) {
  if (!read(reader, record) || !reader.ok() || !reader.at_end()) {
    return Error(Errc::storage, "unreadable record of a log");
  }
  return CommitLogRecord(std::move(record));
}

}  // namespace

std::string encode(const PlainCommit& record) {
  std::string out = begin(Kind::commit, 0);
  append_varint(out, record.expected_position);
  append_string(out, record.batch);
  return out;
}

std::string encode(const PreparedCommit& record) {
  std::string out = begin(Kind::prepared, 0);
  append(out, record.transaction);
  append_varint(out, raw(record.coordinator));
  append_varint(out, record.participants.size());
  for (const auto& participant : record.participants) {
    append_varint(out, raw(participant.partition));
    append_varint(out, participant.expected_position);
  }
  append_string(out, record.batch);
  return out;
}

std::string encode(const TransactionDecision& record) {
  std::string out = begin(Kind::decision, record.commits ? kCommits : 0);
  append(out, record.transaction);
  return out;
}

Result<CommitLogRecord> decode_commit_log_record(std::string_view bytes) {
  ByteReader reader(bytes);
  const std::uint8_t format = reader.read_u8();
  const auto kind = static_cast<Kind>(reader.read_u8());
  const std::uint64_t flags = reader.read_varint();
  if (format == kTransactionFormat && flags == 0 && kind == Kind::commit)
    return finish(reader, PlainCommit());
  if (format == kTransactionFormat && flags == 0 && kind == Kind::prepared) {
    return finish(reader, PreparedCommit());
  }
  if (format != kTransactionFormat || (flags & ~kCommits) != 0 || kind != Kind::decision) {
    return Error(Errc::storage, "a record of a log is of a kind that is not known");
  }
  TransactionDecision decision;
  decision.commits = flags == kCommits;
  decision.transaction = read_id(reader);
  if (!reader.ok() || !reader.at_end()) {
    return Error(Errc::storage, "unreadable record of a log");
  }
  return CommitLogRecord(decision);
}

}  // namespace jindou::store
