// Stands between RocksDB and the file system, where RocksDB does the wrong thing after an error:
// it deletes files that it still needs, and syncs a log that failed (log_sync_keeper.h).
//
// An entry of the manifest whose sync failed may be in the file all the same. RocksDB 7.8 takes it
// for not written: when it was to add a table file from outside, it deletes that file, and a store
// that is opened from this manifest misses it and cannot be opened any more. What is kept too long
// costs nothing: opening removes files that the manifest does not name.
#pragma once

#include <rocksdb/file_system.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "store/fault_watch.h"
#include "store/log_sync_keeper.h"

namespace jindou::store {

// Thread-safe.
class FileKeeper final : public rocksdb::FileSystemWrapper {
 public:
  FileKeeper(const std::shared_ptr<rocksdb::FileSystem>& files, std::shared_ptr<FaultWatch> faults)
      : FileSystemWrapper(files), faults_(std::move(faults)) {}
  const char* Name() const override { return "jindou.file_keeper"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    auto status = target()->NewWritableFile(path, options, file, debug);
    if (status.ok() && path.ends_with(".log")) {
      *file = std::make_unique<LogSyncKeeper>(std::move(*file), faults_);
    }
    return status;
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
};

}  // namespace jindou::store
