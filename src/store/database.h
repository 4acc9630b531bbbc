// The node's RocksDB: one directory, two column families, opened once.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "store/bulk_loader.h"
#include "store/reader.h"

namespace jindou::store {

struct StoreOptions {
  std::string directory;
  // Only used when the store is created; afterwards the stored number holds.
  std::uint16_t partitions = 16;
  // Memory for rows not yet in a table file; up to four of these can be filled before writers wait.
  // Larger ones are written out less often, but each insert into them takes longer.
  std::size_t write_buffer_bytes = std::size_t{64} << 20;
  std::size_t block_cache_bytes = std::size_t{256} << 20;
  int background_jobs = 2;
  // What flushes and compactions together may write, so that they leave the disk to the commits'
  // syncs. A fixed rate: one that follows the demand is too low when the demand comes back.
  std::int64_t background_bytes_per_second = std::int64_t{256} << 20;
};

// The RocksDB settings of the server; the benchmark's floor uses the very same.
rocksdb::Options rocksdb_options(const StoreOptions& options);

// Thread-safe. Not movable: the commit log and the readers borrow it.
class Database final : public Reader, public BulkLoader {
 public:
  // Opens or creates the store and replays its WAL. The directory is created with mode 0700.
  // Errors: storage (locked by another process, damaged, no room), invalid (unknown format).
  static Result<std::unique_ptr<Database>> open(const StoreOptions& options, Random& random);
  ~Database() override;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Fixed when the store was created.
  std::uint16_t partitions() const { return partitions_; }
  // Secret seed of the client_msg_no fingerprints.
  std::uint64_t fingerprint_seed() const { return fingerprint_seed_; }
  rocksdb::DB& db() { return *db_; }

  std::unique_ptr<Cursor> open_cursor(Table table) const override;
  Result<bool> get(Table table, std::string_view key, std::string& value) const override;
  Result<void> scan(Table table, std::string_view lower, std::string_view upper,
                    const Visit& visit) const override;
  Result<void> scan_backward(Table table, std::string_view lower, std::string_view upper,
                             const Visit& visit) const override;

  // Writes a table file and adds it to the store. One load runs at a time, on a thread of its own.
  void load(Table table, std::function<Entries()> make,
            std::function<void(Result<void>)> done) override;

  Result<void> erase(Table table, const std::vector<std::string>& keys) override;

  // Merges everything, which gives the space of deleted rows back. Takes minutes on a large store
  // and runs beside all other work, at the rate of background work. Errors: storage.
  Result<void> compact();
  // A running compact() returns soon, and later ones at once. Call before closing.
  void stop_compaction();

  // Finishes a running load. Call before the objects that wait for loads are destroyed.
  void stop_loading();

  // Sizes and counters of RocksDB as Prometheus text.
  std::string metrics_text() const;

 private:
  struct LoadRequest {
    Table table;
    std::function<Entries()> make;
    std::function<void(Result<void>)> done;
  };

  Database() = default;
  Result<void> load_or_create_identity(const StoreOptions& options, Random& random);
  rocksdb::ColumnFamilyHandle* handle(Table table) const;
  Result<void> load_now(LoadRequest& request);
  void run_loader();

  std::string directory_;
  rocksdb::Options options_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* main_ = nullptr;
  rocksdb::ColumnFamilyHandle* client_numbers_ = nullptr;
  std::uint16_t partitions_ = 0;
  std::uint64_t fingerprint_seed_ = 0;

  std::mutex load_mutex_;
  std::condition_variable load_wake_;
  // Bounded by the callers: each partition has at most one load under way.
  std::vector<LoadRequest> load_queue_;
  bool load_stop_ = false;
  std::uint64_t load_count_ = 0;
  std::thread loader_;
};

}  // namespace jindou::store
