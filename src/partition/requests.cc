#include "partition/requests.h"

#include <utility>

#include "base/assert.h"
#include "store/keys.h"

namespace jindou::partition {

namespace {

bool is_claimed_by(const std::optional<store::RequestRecord>& record, std::uint64_t claim) {
  return record && !record->finished && record->claim == claim;
}

void forget_answer(store::RequestRecord& record) {
  record.headers.clear();
  record.answer.clear();
}

}  // namespace

Requests::Requests(store::PartitionReader reader)
    : partition_(reader.partition()), reader_(reader) {}

Result<void> Requests::evaluate(const ClaimRequest& command, Txn& txn) {
  JD_ASSERT(command.key.size() == store::kRequestKeyBytes);
  JD_TRY(const Found known, load(command.key));
  const bool is_over = known && known->expires_s <= command.now_ms / 1000;
  if (known && !is_over) {
    if (known->finished) return Error(Errc::conflict, "the request is finished");
    if (known->fingerprint != command.fingerprint) {
      return Error(Errc::conflict, "the key is that of another request");
    }
    if (known->claim != command.claim && known->until_ms > command.now_ms &&
        known->until_ms <= command.until_ms + kClaimSkewMaxMs) {
      return Error(Errc::conflict, "the request is being executed");
    }
    if (known->numbers != command.numbers) {
      return Error(Errc::conflict, "the request has other numbers");
    }
  }
  if (known) txn.erase(store::request_expiry_key(partition_, known->expires_s, command.key));
  store::RequestRecord record;
  record.fingerprint = command.fingerprint;
  record.claim = command.claim;
  record.until_ms = command.until_ms;
  record.expires_s = command.expires_s;
  record.numbers = command.numbers;
  put(command.key, record, txn);
  txn.put(store::request_expiry_key(partition_, record.expires_s, command.key), {});
  return {};
}

Result<void> Requests::evaluate(const FinishRequest& command, Txn& txn) {
  JD_TRY(Found known, load(command.key));
  if (!is_claimed_by(known, command.claim)) {
    return Error(Errc::conflict, "somebody else has the request");
  }
  known->finished = true;
  known->status = command.status;
  known->headers = command.headers;
  known->answer = command.answer;
  put(command.key, known, txn);
  return {};
}

Result<void> Requests::evaluate(const ReleaseRequest& command, Txn& txn) {
  JD_TRY(Found known, load(command.key));
  if (!is_claimed_by(known, command.claim)) return {};
  known->until_ms = 0;
  put(command.key, known, txn);
  return {};
}

Result<void> Requests::evaluate(const ReclaimRequests& command, Txn& txn) {
  for (const std::string& row : command.keys) {
    const store::RequestExpiry expiry = store::request_expiry_of_key(row);
    if (expiry.at_s > command.now_s) continue;
    JD_TRY(const Found known, load(expiry.key));
    if (known && known->expires_s == expiry.at_s) put(expiry.key, {}, txn);
    txn.erase(row);
  }
  return {};
}

Result<Requests::Found> Requests::load(const std::string& key) const {
  const std::string row = store::request_key(partition_, key);
  if (const Found* recent = recent_.find(row)) return *recent;
  std::string value;
  JD_TRY(const bool exists, reader_.get(store::Table::main, row, value));
  if (!exists) return Found();
  JD_TRY(store::RequestRecord record, store::decode_request(value));
  forget_answer(record);
  return Found(std::move(record));
}

void Requests::put(const std::string& key, const Found& record, Txn& txn) {
  const std::string row = store::request_key(partition_, key);
  if (record) {
    txn.put(row, store::encode(*record));
  } else {
    txn.erase(row);
  }
  Found kept = record;
  if (kept) forget_answer(*kept);
  recent_.remember(row, std::move(kept), txn);
}

void Requests::describe(StateLines& lines) const {
  recent_.for_each([&lines](const auto& row, const Found& record, auto position) {
    lines.add("request", row, record ? store::encode(*record) : std::string(), position);
  });
}

}  // namespace jindou::partition
