// Looks at the files of a store before RocksDB opens it, and changes nothing.
//
// RocksDB replays a write-ahead log up to the first record it cannot read and drops what is behind,
// without a word; it takes a manifest that lost its end for an older one; it makes a new store
// where CURRENT is missing. Each of these loses messages that were acknowledged. This check tells
// them from what a crash leaves behind the last sync, which nobody was promised: unreadable bytes,
// and the zeros of a log that was prepared (prepared_logs.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/durable_mark.h"
#include "store/open_store.h"

namespace jindou::store {

struct LogEnd {
  LogPosition position;
  // The manifest may know of more bytes that RocksDB took for synced: its log may not be shorter,
  // and gets zeros there.
  std::uint64_t file_bytes = 0;
};

struct StoreCheck {
  // What is wrong with the logs, one sentence each, with file and offset. The store can be opened
  // in the state before the damage.
  std::vector<std::string> log_damage;
  // A log is missing of which the manifest knows: RocksDB does not open the store, not even for
  // looking, before the logs are cut.
  bool log_missing = false;
  // What is wrong with other files. The store cannot be opened.
  std::vector<std::string> damage;
  // So many of `damage` are about table files of the index of client_msg_no, which can be made
  // again (index_rebuild.h).
  std::size_t index_tables = 0;
  // Table files that are there and have the size that they should have; nothing of them was read.
  // By number.
  std::vector<TableFile> tables;
  // Where logs are to end: behind it is what a crash has left, which nobody was promised. RocksDB
  // passes over zeros, so it would go on with what stands behind a write that the disk never got
  // (cut_log_tails). In the order of the logs. With log_damage: where they have to be cut first
  // (cut_logs in data_loss.h), for whoever wants to see what is before it.
  std::vector<LogEnd> log_ends;
  // Worth a line in the log: what a crash has left.
  std::vector<std::string> notes;
  // As found; none in a new directory or in one of an older version.
  std::optional<DurableMark> mark;
  // The files were copied while a server had them open.
  bool copied_while_open = false;
  // Bytes in the logs that are to be replayed, and that should be there.
  std::uint64_t log_bytes = 0;
  // With log_damage: the first log that is damaged, and its bytes before the damage. What can be
  // replayed ends there.
  LogPosition good_to{~std::uint64_t{0}, 0};

  bool ok() const { return log_damage.empty() && damage.empty(); }
  // What is wrong, then what to do about it: for whoever starts the server.
  std::string findings() const;
  std::string sentence() const;
};

// Cuts the logs where a check that found no damage says they end. Errors: storage.
Result<void> cut_log_tails(const std::string& directory, const StoreCheck& check);

// Reads the whole of the logs, so it takes some tenth of what replaying them takes. A directory
// that another process has open is not looked at. Errors: storage (a file cannot be read).
Result<StoreCheck> check_store(const std::string& directory);

}  // namespace jindou::store
