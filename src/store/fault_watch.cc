#include "store/fault_watch.h"

#include <utility>

#include "store/rocksdb_status.h"

namespace jindou::store {

namespace {

// Writes go on, and RocksDB tries the compaction again.
bool only_a_compaction(rocksdb::BackgroundErrorReason reason, const rocksdb::Status& status) {
  return reason == rocksdb::BackgroundErrorReason::kCompaction &&
         status.severity() <= rocksdb::Status::Severity::kSoftError;
}

}  // namespace

void FaultWatch::note(const rocksdb::Status& status) {
  const MutexLock lock(mutex_);
  if (cause_.empty()) cause_ = text_of(status);
  failed_.store(true, std::memory_order_release);
  if (on_fault_) on_fault_();
}

std::string FaultWatch::cause() const {
  const MutexLock lock(mutex_);
  return cause_;
}

void FaultWatch::clear() {
  const MutexLock lock(mutex_);
  cause_.clear();
  failed_.store(false, std::memory_order_release);
}

void FaultWatch::set_on_fault(std::function<void()> on_fault) {
  const MutexLock lock(mutex_);
  on_fault_ = std::move(on_fault);
}

void FaultWatch::OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* status) {
  background_errors_.fetch_add(1, std::memory_order_relaxed);
  if (!only_a_compaction(reason, *status)) note(*status);
}

void FaultWatch::OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason reason, rocksdb::Status error,
                                      bool* auto_recovery) {
  if (!only_a_compaction(reason, error)) *auto_recovery = false;
}

}  // namespace jindou::store
