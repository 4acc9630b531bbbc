// Stands between RocksDB and the file system: gives it prepared files for its logs
// (prepared_logs.h), and keeps it from doing the wrong thing after an error: it deletes files that
// it still needs, and syncs a log that failed (log_sync_keeper.h).
//
// An entry of the manifest whose sync failed may be in the file all the same. RocksDB 7.8 takes it
// for not written: when it was to add a table file from outside, it deletes that file, and a store
// that is opened from this manifest misses it and cannot be opened any more. What is kept too long
// costs nothing: opening removes files that the manifest does not name.
#pragma once

#include <rocksdb/file_system.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "store/fault_watch.h"
#include "store/log_sync_keeper.h"
#include "store/prepared_logs.h"

namespace jindou::store {

// Thread-safe.
class FileKeeper final : public rocksdb::FileSystemWrapper {
 public:
  // `logs` works on the same files.
  FileKeeper(const std::shared_ptr<rocksdb::FileSystem>& files, std::shared_ptr<FaultWatch> faults,
             std::shared_ptr<PreparedLogs> logs)
      : FileSystemWrapper(files), faults_(std::move(faults)), logs_(std::move(logs)) {}
  const char* Name() const override { return "jindou.file_keeper"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    if (!path.ends_with(".log")) return target()->NewWritableFile(path, options, file, debug);
    auto status = logs_->create(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<LogSyncKeeper>(std::move(*file), faults_);
    return status;
  }

  // Of a log that is being written: what is in it, not the zeros behind.
  rocksdb::IOStatus GetFileSize(const std::string& path, const rocksdb::IOOptions& options,
                                std::uint64_t* size, rocksdb::IODebugContext* debug) override {
    const auto written = path.ends_with(".log") ? logs_->written(path) : std::nullopt;
    if (!written) return target()->GetFileSize(path, options, size, debug);
    *size = *written;
    return rocksdb::IOStatus::OK();
  }

  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    if (faults_->failed() && belongs_to_rocksdb(path)) return rocksdb::IOStatus::OK();
    return target()->DeleteFile(path, options, debug);
  }

 private:
  static bool belongs_to_rocksdb(std::string_view path) {
    const std::string_view name = path.substr(path.rfind('/') + 1);
    return name.ends_with(".sst") || name.ends_with(".log") || name.starts_with("MANIFEST-");
  }

  std::shared_ptr<FaultWatch> faults_;
  std::shared_ptr<PreparedLogs> logs_;
};

}  // namespace jindou::store
