// One opening of the node's RocksDB, from DB::Open to Close: the database and its column families.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/reader.h"

namespace jindou::store {

// One file of the store.
struct TableFile {
  std::string path;
  std::uint64_t bytes = 0;
  std::uint64_t largest_sequence = 0;
  Table table = Table::main;
};

// Thread-safe as RocksDB is. Nobody may be using it when it is destroyed.
class OpenStore {
 public:
  // Of the column family that is Table::client_numbers.
  static constexpr const char* kClientNumbersName = "client_numbers";
  // Its write buffers are so many times smaller than those of messages.
  static constexpr std::size_t kClientNumbersShare = 16;

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

  // Drops all of client_numbers, also what cannot be read of it, and makes it anew, empty. For
  // whoever has the store to himself, has noted that (begin_index_rebuild()) and fills it again.
  // `options` as it was opened with. Errors: storage; then a later opening for writing makes the
  // table, and one for reading fails.
  Result<void> empty_client_numbers(const rocksdb::Options& options);

  // Of a column family, by its name.
  static Table table_of(std::string_view family);

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
