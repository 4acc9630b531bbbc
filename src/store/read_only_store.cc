#include "store/read_only_store.h"

#include <fcntl.h>
#include <rocksdb/convenience.h>
#include <rocksdb/file_system.h>
#include <rocksdb/table.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "store/keys.h"
#include "store/records.h"
#include "store/rocksdb_slice.h"
#include "store/rocksdb_status.h"

namespace jindou::store {

namespace {

constexpr std::size_t kReadCacheBytes = std::size_t{64} << 20;

// A log that ends before its file does.
class EndedLog final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  EndedLog(std::unique_ptr<rocksdb::FSSequentialFile>&& file, std::uint64_t bytes)
      : FSSequentialFileOwnerWrapper(std::move(file)), left_(bytes) {}
  rocksdb::IOStatus Read(std::size_t n, const rocksdb::IOOptions& options, rocksdb::Slice* result,
                         char* scratch, rocksdb::IODebugContext* debug) override {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(n, left_));
    auto status = FSSequentialFileOwnerWrapper::Read(wanted, options, result, scratch, debug);
    if (status.ok()) left_ -= result->size();
    return status;
  }
  rocksdb::IOStatus Skip(std::uint64_t n) override {
    const std::uint64_t skipped = std::min(n, left_);
    left_ -= skipped;
    return FSSequentialFileOwnerWrapper::Skip(skipped);
  }

 private:
  std::uint64_t left_;
};

// Shows logs as a start would cut them (cut_log_tails, cut_logs), without cutting them. Their sizes
// are those that the manifest may know of: RocksDB opens no store with a log that is shorter.
class EndedLogs final : public rocksdb::FileSystemWrapper {
 public:
  EndedLogs(const std::shared_ptr<rocksdb::FileSystem>& files, const StoreCheck& check)
      : FileSystemWrapper(files) {
    for (const LogEnd& end : check.log_ends) ends_[end.position.log] = end;
  }
  const char* Name() const override { return "jindou.ended_logs"; }

  rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                      rocksdb::IODebugContext* debug) override {
    auto status = target()->NewSequentialFile(path, options, file, debug);
    const auto end = find(path);
    if (status.ok() && end != ends_.end()) {
      *file = std::make_unique<EndedLog>(std::move(*file), end->second.position.bytes);
    }
    return status;
  }
  rocksdb::IOStatus GetFileSize(const std::string& path, const rocksdb::IOOptions& options,
                                std::uint64_t* size, rocksdb::IODebugContext* debug) override {
    auto status = target()->GetFileSize(path, options, size, debug);
    const auto end = find(path);
    if (status.ok() && end != ends_.end()) *size = end->second.file_bytes;
    return status;
  }

 private:
  using Ends = std::map<std::uint64_t, LogEnd>;

  Ends::const_iterator find(const std::string& path) const {
    if (!path.ends_with(".log")) return ends_.end();
    const std::string name = path.substr(path.rfind('/') + 1);
    return ends_.find(std::strtoull(name.c_str(), nullptr, 10));
  }

  Ends ends_;  // by number
};

}  // namespace

Result<std::unique_ptr<ReadOnlyStore>> ReadOnlyStore::open(const std::string& directory,
                                                           const StoreCheck& check, Tables tables) {
  std::unique_ptr<ReadOnlyStore> store(new ReadOnlyStore());
  StoreOptions wanted;
  wanted.block_cache_bytes = kReadCacheBytes;
  // Nothing is written out: these only add to what the cache may take (store_memory_bytes).
  wanted.write_buffer_bytes = kReadCacheBytes / 8;
  rocksdb::Options options = rocksdb_options(wanted);
  // What logs hold is in a memtable, however large. Counted in the cache it would leave no blocks.
  options.write_buffer_manager.reset();
  store->env_ =
      rocksdb::NewCompositeEnv(std::make_shared<EndedLogs>(options.env->GetFileSystem(), check));
  options.env = store->env_.get();
  options.paranoid_checks = tables == Tables::whole;
  // Logs stay tracked, though the check has looked at them: without, RocksDB takes those that the
  // manifest names out of it, for which a store that is only read has no place (version 7.8 ends
  // the process there).
  JD_TRY(store->open_, OpenStore::open_read_only(options, directory));
  std::string value;
  const OpenStore& opened = *store->open_;
  const auto status = opened.db().Get(rocksdb::ReadOptions(), opened.handle(Table::main),
                                      slice(store_identity_key()), &value);
  if (status.IsNotFound()) return Error(Errc::storage, "the store has no identity");
  if (!status.ok()) return to_error(status);
  JD_TRY(const Database::Identity identity, Database::parse_identity(value));
  store->identity_ = identity.shared;
  store->format_ = identity.format;
  return store;
}

Result<std::uint64_t> ReadOnlyStore::position(PartitionId partition) const {
  std::string value;
  const auto status = open_->db().Get(rocksdb::ReadOptions(), open_->handle(Table::main),
                                      slice(partition_state_key(partition)), &value);
  if (status.IsNotFound()) return std::uint64_t{0};
  if (!status.ok()) return to_error(status);
  JD_TRY(const PartitionState state, decode_partition_state(value));
  return state.position;
}

std::vector<TableFile> ReadOnlyStore::tables() const {
  std::vector<rocksdb::LiveFileMetaData> live;
  open_->db().GetLiveFilesMetaData(&live);
  std::vector<TableFile> files;
  files.reserve(live.size());
  for (const auto& file : live) {
    files.push_back({file.db_path + file.name, file.size, file.largest_seqno,
                     OpenStore::table_of(file.column_family_name)});
  }
  std::ranges::sort(files, {}, &TableFile::path);
  return files;
}

Result<void> ReadOnlyStore::verify_table(const TableFile& file) {
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;
  rocksdb::Options options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  const auto status = rocksdb::VerifySstFileChecksum(
      options, rocksdb::EnvOptions(), rocksdb::ReadOptions(), file.path, file.largest_sequence);
  if (!status.ok()) return to_error(status);
  return {};
}

ReadLock::~ReadLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool ReadLock::take(const std::string& directory, Kind kind) {
  // Closing it later would give away what is taken now: the locks of a process on a file go with
  // the first descriptor of it that is closed.
  if (const int before = std::exchange(descriptor_, -1); before >= 0) ::close(before);
  const bool alone = kind == Kind::alone;
  const int descriptor =
      ::open((directory + "/LOCK").c_str(), (alone ? O_RDWR : O_RDONLY) | O_CLOEXEC);
  if (descriptor < 0) return errno == ENOENT || !alone;
  struct flock lock {};
  lock.l_type = static_cast<short>(alone ? F_WRLCK : F_RDLCK);  // NOLINT(google-runtime-int)
  lock.l_whence = SEEK_SET;
  if (::fcntl(descriptor, F_SETLK, &lock) != 0) {  // NOLINT(*-vararg)
    ::close(descriptor);
    return false;
  }
  descriptor_ = descriptor;
  return true;
}

}  // namespace jindou::store
