// One opening of the node's RocksDB, from DB::Open to Close: the database and its column families.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <memory>
#include <string>

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

  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* main_ = nullptr;
  rocksdb::ColumnFamilyHandle* client_numbers_ = nullptr;
};

}  // namespace jindou::store
