// A store that is looked at: opened without a lock, and nothing in its directory is changed.
#pragma once

#include <rocksdb/env.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/ids.h"
#include "store/database.h"
#include "store/open_store.h"
#include "store/store_check.h"
#include "store/store_identity.h"

namespace jindou::store {

// Thread-safe as RocksDB is.
class ReadOnlyStore {
 public:
  enum class Tables : std::uint8_t {
    whole,  // each can be opened
    any,    // some may be missing or damaged: reads that need one of them fail
  };
  // `check` is of the directory, and found no damage but that of tables and logs: logs are read as
  // far as it says that they go. Nobody writes to the directory meanwhile. Errors: storage (always
  // where `check.log_missing`); invalid (a newer format).
  static Result<std::unique_ptr<ReadOnlyStore>> open(const std::string& directory,
                                                     const StoreCheck& check,
                                                     Tables tables = Tables::whole);
  ReadOnlyStore(const ReadOnlyStore&) = delete;
  ReadOnlyStore& operator=(const ReadOnlyStore&) = delete;

  const OpenStore& store() const { return *open_; }
  // What it was made with.
  const StoreIdentity& identity() const { return identity_; }
  int format() const { return format_; }
  // Commits of a partition. Errors: storage.
  Result<std::uint64_t> position(PartitionId partition) const;
  // By path.
  std::vector<TableFile> tables() const;
  // Reads all of a table file against its checksums. Errors: storage.
  static Result<void> verify_table(const TableFile& file);

 private:
  ReadOnlyStore() = default;

  std::unique_ptr<rocksdb::Env> env_;  // open_ has it
  std::unique_ptr<OpenStore> open_;
  StoreIdentity identity_;
  int format_ = 0;
};

// Keeps servers away from a directory whose files are looked at. Released with the object, and when
// anything else of this process opens and closes the lock's file.
class ReadLock {
 public:
  ReadLock() = default;
  ~ReadLock();
  ReadLock(const ReadLock&) = delete;
  ReadLock& operator=(const ReadLock&) = delete;
  enum class Kind : std::uint8_t {
    shared,  // with others who only look
    // With nobody. Whoever opens the store in this process meanwhile has the lock too; when he
    // closes it, it is gone for both.
    alone,
  };
  // A directory without the lock's file is nobody's: true. False: another process has it open.
  // Taken again, it is held anew, or not at all.
  bool take(const std::string& directory, Kind kind = Kind::shared);

 private:
  int descriptor_ = -1;
};

}  // namespace jindou::store
