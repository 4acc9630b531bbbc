// The node's RocksDB: one directory, two column families; closed and opened again after an error.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "store/bulk_loader.h"
#include "store/checkpoint.h"
#include "store/damage_report.h"
#include "store/durability_tracker.h"
#include "store/fault_watch.h"
#include "store/file_copy.h"
#include "store/load_queue.h"
#include "store/open_store.h"
#include "store/prepared_logs.h"
#include "store/reader.h"
#include "store/records.h"
#include "store/store_gate.h"
#include "store/store_identity.h"

namespace jindou::store {

// What this program writes; an older one is upgraded when it is opened, a newer one refused.
// 2: how far the index of client_msg_no has got stands in its own table (index_progress.h).
// 3: records of messages, commits and partitions that the versions before do not read (records.cc).
// 4: keys of presence name the start of the node; those without are read as they are (keys.h).
// 5: records of messages that were edited or recalled, and entries of commit records about them;
//    records of messages in which moderation found something, and, later and without a new number,
//    of messages that are nothing to their sender's list (docs/operations.md, "Upgrades").
inline constexpr char kStoreFormat = 5;

struct StoreOptions {
  std::string directory;
  // Fixed when the store is created; another number later is an error.
  std::uint16_t partitions = 16;
  // A file with the identity of a cluster (store_identity.h): a new store is made with it, another
  // one must have it. When there is none it is written. Empty: each store has its own.
  std::string identity_file;
  // Memory for rows not yet in a table file; up to four of these can be filled before writers wait,
  // and a sixteenth more with deletions of client_msg_nos.
  // Larger ones are written out less often, but each insert into them takes longer.
  std::size_t write_buffer_bytes = std::size_t{32} << 20;
  // Counted for blocks of table files in the memory that they have together with write buffers. No
  // bound for them alone, see store_memory_bytes().
  std::size_t block_cache_bytes = std::size_t{128} << 20;
  int background_jobs = 2;
  // What flushes and compactions together may write, so that they leave the disk to the commits'
  // syncs. A fixed rate: one that follows the demand is too low when the demand comes back.
  std::int64_t background_bytes_per_second = std::int64_t{256} << 20;
  // Log files are written into blocks that the file system already has (prepared_logs.h).
  bool prepared_logs = true;
  // Start with what stands before damage in the log (data_loss.h). Without it that is an error.
  bool accept_data_loss = false;
  // For whoever makes the index of client_msg_no again: nobody else opens a store whose index was
  // emptied for that and is not whole yet (index_rebuild_mark.h).
  bool rebuilds_index = false;
  // The file system; null: the machine's. Outlives the store. Tests put a faulty one here.
  rocksdb::Env* env = nullptr;
};

// What write buffers and block cache may take together: the block cache, or all write buffers and a
// quarter of the block cache, whichever is more. So a cache is left however full the buffers are.
// Blocks have all that the buffers leave: while few are filled that is more than a small cache that
// was asked for.
std::size_t store_memory_bytes(const StoreOptions& options);

// The RocksDB settings of the server; the benchmark's floor uses the very same.
rocksdb::Options rocksdb_options(const StoreOptions& options);

// Thread-safe. Not movable: the commit log and the readers borrow it.
//
// Every use goes through a gate. While reopen() has it shut, reads and writes answer `unavailable`
// at once, and cursors and scans under way end with it.
class Database final : public Reader, public BulkLoader {
 public:
  // Opens or creates the store and replays its WAL. The directory is created with mode 0700.
  // Errors: storage (locked by another process, damaged, no room), invalid (unknown format, another
  // identity than is asked for). What was acknowledged and cannot be read any more is an error too,
  // see store_check.h.
  static Result<std::unique_ptr<Database>> open(const StoreOptions& options, Random& random);
  ~Database() override;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // What is fixed when a store is created.
  struct Identity {
    char format = 0;  // of the whole store; raised by an upgrade
    StoreIdentity shared;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  // Of the row store_identity_key(). Errors: storage; invalid for a format of a newer version.
  static Result<Identity> parse_identity(std::string_view stored);

  // Fixed when the store was created.
  std::uint16_t partitions() const { return identity_.shared.partitions; }
  // Secret seed of the client_msg_no fingerprints.
  std::uint64_t fingerprint_seed() const { return identity_.shared.fingerprint_seed; }
  // What was given up at this start or an earlier one.
  const DataLossRecord& data_loss() const { return data_loss_; }
  // RocksDB itself, for tests. Not while reopen() may run.
  rocksdb::DB& db() { return open_->db(); }

  // For the commit log alone. write() puts a batch into the log's buffer and the memtable, sync()
  // makes all that was written durable. After an error of either the outcome is not known, faults()
  // has failed, and nothing more can be written before reopen(). Errors: storage, unavailable.
  Result<void> write(rocksdb::WriteBatch& batch);
  // `id_bound`: no message id counter beyond it is reserved. The first batch of what is synced
  // together should carry durable_marker().
  Result<void> sync(std::uint64_t id_bound = 0);
  std::string durable_marker() const { return durability_->log_marker(); }

  // Writes everything to table files and marks the store as stopped, so that the next start has
  // nothing to replay. The last thing before closing; nobody may write meanwhile. Gives up after
  // `limit`, which loses nothing. False: it was not done.
  bool flush_for_stop(std::chrono::milliseconds limit);

  // What is known to be damaged; reads add to it.
  DamageReport& damage() const { return *damage_; }
  PreparedLogs& logs() const { return *logs_; }
  // Empty while the store is closed.
  std::vector<TableFile> table_files() const;

  // Whether the open RocksDB can be trusted.
  FaultWatch& faults() { return *faults_; }

  // Closes RocksDB and opens it again: what was synced is there, of what was only written a part in
  // the order of writing. Blocks until readers have left, background work has ended and the log is
  // replayed, which takes some seconds. One caller at a time; call again after an error.
  // Errors: storage (there is no room to open it again, and reads go on; or it was closed and
  // cannot be opened), deadline (readers did not leave; new ones are not let in).
  Result<void> reopen();

  std::unique_ptr<Cursor> open_cursor(Table table) const override;
  Result<bool> get(Table table, std::string_view key, std::string& value) const override;
  Result<void> scan(Table table, std::string_view lower, std::string_view upper,
                    const Visit& visit) const override;
  Result<void> scan_backward(Table table, std::string_view lower, std::string_view upper,
                             const Visit& visit) const override;

  // Writes a table file and adds it to the store. One load runs at a time, on a thread of its own;
  // after a failure there is a pause before `done` is told. Nothing is added after a fault.
  void load(Table table, std::function<Entries()> make,
            std::function<void(Result<void>)> done) override;

  Result<void> erase(Table table, const Entries& seen) override;

  // Merges everything, which gives the space of deleted rows back. Takes minutes on a large store
  // and runs beside all other work, at the rate of background work. Errors: storage.
  Result<void> compact();
  // A running compact() returns soon, and later ones at once, for good. Call before closing.
  void stop_compaction();

  // Puts the store as it is now into an empty directory, durably: a store like one that was
  // stopped, with everything that was acknowledged before. Table files are linked where that is
  // possible; logs are copied, so nothing that is done with the copy reaches this store. Beside
  // writes, which go on. Errors: storage, unavailable (the store is closed, or `keep_on` says so);
  // then the directory holds a part.
  Result<Checkpoint> checkpoint(const std::string& directory, const KeepOn& keep_on) const;

  // Finishes a running load. Call before the objects that wait for loads are destroyed.
  void stop_loading();

  // Sizes and counters of RocksDB as Prometheus text.
  std::string metrics_text() const;

 private:
  Database();
  // Of a read.
  Error read_error(const rocksdb::Status& status) const;
  static std::string encode(const Identity& identity);
  // At the start and again after an error.
  Result<std::unique_ptr<OpenStore>> open_rocksdb();
  // Before RocksDB opens the directory. Errors: storage.
  Result<void> accept_or_refuse_damage();
  Result<void> settle_accepted_loss();
  Result<void> load_or_create_identity(const WantedIdentity& wanted, Random& random);
  // Brings a store of an older format to that of this version. Errors: storage.
  Result<void> upgrade();
  Result<void> check_identity(const OpenStore& opened) const;
  Result<void> close_for_reopening();
  Result<void> load_file(Table table, const Entries& entries);
  // Of checkpoint(): the files, and what the mark has to say of the manifest.
  Result<void> take_files(const std::string& directory, const KeepOn& keep_on, Checkpoint& made,
                          DurableMark& mark) const;

  std::string directory_;
  std::unique_ptr<rocksdb::Env> env_;  // options_ has it
  rocksdb::Options options_;
  std::shared_ptr<FaultWatch> faults_;
  std::shared_ptr<PreparedLogs> logs_;
  std::unique_ptr<DamageReport> damage_ = std::make_unique<DamageReport>();
  std::unique_ptr<DurabilityTracker> durability_;
  // Guards open_, which is null only while the gate is shut.
  StoreGate gate_;
  std::unique_ptr<OpenStore> open_;
  std::atomic<bool> compaction_stopped_{false};
  std::atomic<std::uint64_t> reopened_{0};
  Identity identity_;
  DataLossRecord data_loss_;
  bool accept_data_loss_ = false;      // at the start alone
  Mutex loading_;                      // held while a file is added; before the log's
  std::uint64_t load_count_ = 0;       // loader's thread only
  std::unique_ptr<LoadQueue> loader_;  // uses all of the above
};

}  // namespace jindou::store
