// Starting with a damaged write-ahead log, when the operator says so, with a store that was
// restored from a backup, and with one that was repaired and had something to give up.
//
// What can be replayed is what stands before the damage: the store as it was at one moment, like an
// old backup. What was given out after that moment must not be given out again, and nobody knows
// what it was. So all message id counters go on behind a floor that lies beyond every counter, and
// so do the seqs of every channel: no channel can have a seq higher than its partition's counter,
// because every stored message takes one of each, and one that is imported moves the counter up to
// its seq. The floor is one number for the whole store; no channel has to be visited
// (docs/decisions/0015-data-loss.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "store/open_store.h"
#include "store/records.h"
#include "store/store_check.h"

namespace jindou::store {

// What was decided and is not yet done, in a file of its own: once the logs are cut the damage is
// no longer to be seen, and the floor must rise all the same, also after a crash in between.
struct AcceptedLoss {
  std::uint64_t id_bound = 0;   // of the durable mark
  std::uint64_t log_bytes = 0;  // of all logs, with what is missing
  std::uint64_t skip = 0;       // ids to be skipped at least, whatever the logs say
};

// The least that is skipped: beyond the id counters that a sender of messages that are not stored
// can use up in the half minute by which the mark may be old.
inline constexpr std::uint64_t kIdsSkippedMin = std::uint64_t{1} << 24;

// Writes into the directory that something is given up, before it is: the next start raises the
// floor, and shows it. Errors: storage.
Result<void> note_accepted_loss(const std::string& directory, const StoreCheck& check);

// Cuts the logs where `check` says they are good to. The damaged ones stay, in the subdirectory
// that is answered. Errors: storage.
Result<std::string> cut_logs(const std::string& directory, const StoreCheck& check,
                             std::int64_t now_seconds);
// Errors: storage (there is such a file but it cannot be read).
Result<std::optional<AcceptedLoss>> find_accepted_loss(const std::string& directory);
// The files of both.
void forget_losses(const std::string& directory);

// What a restore leaves for the next start: of what was given out after the backup nobody knows,
// and none of it may be given out again. Counters up to `id_bound` may be in the backup, and as
// many as `skip` may have been given out after it. Errors: storage.
Result<void> note_restored(const std::string& directory, std::uint64_t id_bound,
                           std::uint64_t skip);
// As find_accepted_loss().
Result<std::optional<AcceptedLoss>> find_restored(const std::string& directory);

// Raises the floor in the opened store, and takes what was lost out of the client_msg_no index,
// which is loaded outside the log. Durable when it returns. May be repeated. Errors: storage.
Result<DataLossRecord> raise_floor(OpenStore& store, std::uint16_t partitions,
                                   const AcceptedLoss& loss, std::int64_t now_seconds);

// Nothing was ever accepted: times is 0. Errors: storage.
Result<DataLossRecord> load_data_loss(const OpenStore& store);

}  // namespace jindou::store
