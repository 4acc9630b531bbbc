// Notices the errors after which an open RocksDB is not to be trusted any more.
//
// RocksDB can go on after some errors by itself or with DB::Resume(), but not after all of them (a
// file that could not be created, an I/O error), and what it leaves behind is not sound: version
// 7.8 keeps its "stopped" flag, so that the next table file that is added gets number 0. So nothing
// is resumed; after an error that stops writes the store is closed and opened again
// (docs/decisions/0014-reopening.md). Compactions are the exception: one that had no room is
// tried again by RocksDB itself, while writes go on.
#pragma once

#include <rocksdb/listener.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "base/mutex.h"

namespace jindou::store {

// Thread-safe. RocksDB holds it as a listener.
class FaultWatch final : public rocksdb::EventListener {
 public:
  const char* Name() const override { return "jindou.fault_watch"; }

  // From a writer that got `status`, which is not ok.
  void note(const rocksdb::Status& status);

  // True from the first such error until clear().
  bool failed() const { return failed_.load(std::memory_order_acquire); }
  // RocksDB's text for the first one; empty without one.
  std::string cause() const;
  // The store was closed.
  void clear();

  // Called at each error, on any thread; must be quick and must not call back. Null: nobody.
  void set_on_fault(std::function<void()> on_fault);

  // Errors of background work since the process started, those of compactions included.
  std::uint64_t background_errors() const { return background_errors_.load(); }

  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* status) override;
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason reason, rocksdb::Status error,
                            bool* auto_recovery) override;

 private:
  mutable Mutex mutex_;
  std::string cause_ JD_GUARDED_BY(mutex_);
  std::function<void()> on_fault_ JD_GUARDED_BY(mutex_);
  std::atomic<bool> failed_{false};
  std::atomic<std::uint64_t> background_errors_{0};
};

}  // namespace jindou::store
