// One opening of the node's RocksDB, from DB::Open to Close: the database and its column families.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/reader.h"

namespace jindou::store {

// Thread-safe as RocksDB is. Nobody may be using it when it is destroyed.
class OpenStore {
 public:
  // Opens or creates the store and replays its log. Errors: storage (locked by another process,
  // damaged, no room).
  static Result<std::unique_ptr<OpenStore>> open(const rocksdb::Options& options,
                                                 const std::string& directory);
  // As it is on the disk, without a lock and without changing anything; what its logs hold is in
  // memory. Nobody may have the directory open otherwise. Errors: storage.
  static Result<std::unique_ptr<OpenStore>> open_read_only(const rocksdb::Options& options,
                                                           const std::string& directory);
  // Closes it. What is still in the log's buffer is written, if the log can be written.
  ~OpenStore();
  OpenStore(const OpenStore&) = delete;
  OpenStore& operator=(const OpenStore&) = delete;

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* handle(Table table) const {
    return table == Table::main ? main_ : client_numbers_;
  }

 private:
  OpenStore() = default;
  static std::unique_ptr<OpenStore> of(rocksdb::DB* db,
                                       const std::vector<rocksdb::ColumnFamilyHandle*>& handles);

  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* main_ = nullptr;
  rocksdb::ColumnFamilyHandle* client_numbers_ = nullptr;
};

}  // namespace jindou::store
