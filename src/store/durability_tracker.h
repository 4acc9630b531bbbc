// Syncs RocksDB's log and keeps the durable mark (durable_mark.h) in step with it.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/listener.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "store/durable_mark.h"
#include "store/fault_watch.h"

namespace jindou::store {

// Thread-safe. Outlives the RocksDB that has its listener.
class DurabilityTracker {
 public:
  // `faults` is told of syncs that fail. Errors: storage.
  static Result<std::unique_ptr<DurabilityTracker>> open(const std::string& directory,
                                                         std::shared_ptr<FaultWatch> faults,
                                                         Random& random);

  // To be given to RocksDB's options: learns of changes of the manifest.
  std::shared_ptr<rocksdb::EventListener> listener() const { return listener_; }

  // After every opening of RocksDB: it has begun a new log and a new manifest.
  rocksdb::Status opened(rocksdb::DB& db);

  // Everything is in table files, and nothing will be written any more. The log gets a last record
  // that nobody needs.
  rocksdb::Status stopped(rocksdb::DB& db);

  // Makes everything written to the log durable, then the mark says so. `id_bound`: no message id
  // counter beyond it is reserved.
  rocksdb::Status sync(rocksdb::DB& db, std::uint64_t id_bound);

  // For the first batch of every synced group, as rocksdb::WriteBatch::PutLogData.
  std::string log_marker() const { return encode_log_marker(mark_->get()); }

  DurableMark mark() const { return mark_->get(); }

  // Held while somebody else than who calls sync() writes to the log, so that the mark never names
  // a place within a record.
  Mutex& log_mutex() JD_RETURNS(log_mutex_) { return log_mutex_; }

 private:
  class ManifestWatch;
  DurabilityTracker(std::string directory, std::shared_ptr<FaultWatch> faults,
                    std::unique_ptr<MarkFile> mark);
  // What was flushed to the log is durable if this is ok.
  rocksdb::Status sync_log(rocksdb::DB& db) const;
  // Syncs the manifest that CURRENT names, and marks how long it is.
  void note_manifest();

  const std::string directory_;
  const std::shared_ptr<FaultWatch> faults_;
  std::unique_ptr<MarkFile> mark_;
  Mutex log_mutex_;
  Mutex manifest_mutex_;
  std::shared_ptr<rocksdb::EventListener> listener_;
};

}  // namespace jindou::store
