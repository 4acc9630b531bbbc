#include "store/open_store.h"

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/rocksdb_status.h"

namespace jindou::store {

namespace {

// Each family has four write buffers at most and then waits, which is the bound of both together.
// RocksDB's own for several families (WriteBufferManager) is no bound unless it may stall, and a
// writer that it stalls is not woken by an error of the flush it waits for: the store could not be
// closed and opened again. It only has them counted in the block cache (rocksdb_options).
rocksdb::ColumnFamilyOptions client_numbers_options(const rocksdb::Options& options) {
  rocksdb::ColumnFamilyOptions numbers(options);
  numbers.memtable_insert_with_hint_prefix_extractor = nullptr;
  // Filled by bulk loads; only deletions go through the memtable. Loads are small files, each of
  // one partition, and seldom read, thanks to the filters in memory: let many gather before they
  // are merged.
  numbers.compaction_style = rocksdb::kCompactionStyleLevel;
  numbers.write_buffer_size = options.write_buffer_size / OpenStore::kClientNumbersShare;
  numbers.target_file_size_base = 64 << 20;
  numbers.max_bytes_for_level_base = std::uint64_t{1} << 30;
  numbers.level0_file_num_compaction_trigger = 128;
  numbers.level0_slowdown_writes_trigger = 600;
  numbers.level0_stop_writes_trigger = 1000;
  return numbers;
}

std::vector<rocksdb::ColumnFamilyDescriptor> families_of(const rocksdb::Options& options) {
  return {{rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions(options)},
          {OpenStore::kClientNumbersName, client_numbers_options(options)}};
}

// If the error of an opening is that another process holds the lock of `directory`: its number, or
// 0 when it is not known here (another container's). RocksDB's own text reads like damage.
std::optional<pid_t> holder_elsewhere(const rocksdb::Status& status, const std::string& directory) {
  if (!status.IsIOError()) return std::nullopt;
  const std::string path = directory + "/LOCK";
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);  // NOLINT(*-vararg)
  if (file < 0) return std::nullopt;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool asked = ::fcntl(file, F_GETLK, &lock) == 0;  // NOLINT(*-vararg)
  ::close(file);
  if (!asked || lock.l_type == F_UNLCK) return std::nullopt;
  return lock.l_pid;
}

}  // namespace

Result<std::unique_ptr<OpenStore>> OpenStore::open(const rocksdb::Options& options,
                                                   const std::string& directory) {
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::Open(options, directory, families_of(options), &handles, &db);
  if (const auto holder = holder_elsewhere(status, directory)) {
    const std::string who = *holder > 0 ? " (pid " + std::to_string(*holder) + ")" : std::string();
    return Error(Errc::storage, "another process" + who + " has the data directory " + directory +
                                    " open: stop it, or use another one (dataDir, --data-dir)");
  }
  if (!status.ok()) return to_error(status);
  return of(db, handles);
}

Result<std::unique_ptr<OpenStore>> OpenStore::open_read_only(const rocksdb::Options& options,
                                                             const std::string& directory) {
  rocksdb::Options reading = options;
  reading.create_if_missing = false;
  reading.create_missing_column_families = false;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto status =
      rocksdb::DB::OpenForReadOnly(reading, directory, families_of(reading), &handles, &db);
  if (!status.ok()) return to_error(status);
  return of(db, handles);
}

std::unique_ptr<OpenStore> OpenStore::of(rocksdb::DB* db,
                                         const std::vector<rocksdb::ColumnFamilyHandle*>& handles) {
  std::unique_ptr<OpenStore> store(new OpenStore());
  store->db_.reset(db);
  store->main_ = handles[0];
  store->client_numbers_ = handles[1];
  return store;
}

Result<void> OpenStore::empty_client_numbers(const rocksdb::Options& options) {
  auto status = db_->DropColumnFamily(client_numbers_);
  if (!status.ok()) return to_error(status);
  // Its files go with the handle.
  db_->DestroyColumnFamilyHandle(client_numbers_).PermitUncheckedError();
  client_numbers_ = nullptr;
  status = db_->CreateColumnFamily(client_numbers_options(options), kClientNumbersName,
                                   &client_numbers_);
  if (!status.ok()) return to_error(status);
  return {};
}

Table OpenStore::table_of(std::string_view family) {
  return family == kClientNumbersName ? Table::client_numbers : Table::main;
}

OpenStore::~OpenStore() {
  for (rocksdb::ColumnFamilyHandle* family : {client_numbers_, main_}) {
    if (family != nullptr) db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  db_->Close().PermitUncheckedError();
}

}  // namespace jindou::store
