// Keeps a failed sync of a log from RocksDB, and tells it to the fault watch instead.
//
// RocksDB 7.8 syncs a log from two threads: the one that commits, and each flush, which syncs the
// logs that are closed. When the flush's sync fails, the other may come to the same file before the
// error is known everywhere, and then an assertion of the library ends the process (without
// assertions it would be an error like any other). So RocksDB sees a sync that worked, and the
// watch, which is told before, has failed: whoever synced looks at it before anything is
// acknowledged, and the store is closed and opened again. A flush that goes on meanwhile writes
// what the log holds to a table file, and the log is not deleted before that (file_keeper.h).
#pragma once

#include <rocksdb/file_system.h>

#include <memory>
#include <utility>

#include "store/fault_watch.h"

namespace jindou::store {

// A log file. Used as RocksDB uses any file: syncs may come from several threads.
class LogSyncKeeper final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  LogSyncKeeper(std::unique_ptr<rocksdb::FSWritableFile> file, std::shared_ptr<FaultWatch> faults)
      : FSWritableFileOwnerWrapper(std::move(file)), faults_(std::move(faults)) {}

  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    return told(target()->Sync(options, debug));
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return told(target()->Fsync(options, debug));
  }
  // Makes a prepared log as long as what is in it durable (prepared_logs.h).
  rocksdb::IOStatus Close(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return told(target()->Close(options, debug));
  }

 private:
  rocksdb::IOStatus told(const rocksdb::IOStatus& status) {
    if (!status.ok()) faults_->note(status);
    return rocksdb::IOStatus::OK();
  }

  std::shared_ptr<FaultWatch> faults_;
};

}  // namespace jindou::store
