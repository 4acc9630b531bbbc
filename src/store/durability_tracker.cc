#include "store/durability_tracker.h"

#include <fcntl.h>
#include <rocksdb/transaction_log.h>
#include <rocksdb/write_batch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <optional>
#include <utility>

namespace jindou::store {

namespace {

// What RocksDB has written to the log so far. Before a sync, not after it: what is written during
// the sync is not part of it.
rocksdb::Status read_position(rocksdb::DB& db, LogPosition& position) {
  std::unique_ptr<rocksdb::LogFile> log;
  const auto status = db.GetCurrentWalFile(&log);
  if (status.ok()) position = {log->LogNumber(), log->SizeFileBytes()};
  return status;
}

std::optional<std::uint64_t> manifest_number(const std::string& name) {
  constexpr std::size_t kPrefix = std::string_view("MANIFEST-").size();
  if (name.size() <= kPrefix) return std::nullopt;
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(name.data() + kPrefix, name.data() + name.size(), number);
  if (parsed.ec != std::errc()) return std::nullopt;
  return number;
}

}  // namespace

// Called after the change is in the manifest, on RocksDB's threads.
class DurabilityTracker::ManifestWatch final : public rocksdb::EventListener {
 public:
  explicit ManifestWatch(DurabilityTracker& tracker) : tracker_(tracker) {}
  void OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo&) override {
    tracker_.note_manifest();
  }
  void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override {
    tracker_.note_manifest();
  }
  void OnExternalFileIngested(rocksdb::DB*, const rocksdb::ExternalFileIngestionInfo&) override {
    tracker_.note_manifest();
  }

 private:
  DurabilityTracker& tracker_;
};

DurabilityTracker::DurabilityTracker(std::string directory, std::shared_ptr<FaultWatch> faults,
                                     std::unique_ptr<MarkFile> mark)
    : directory_(std::move(directory)),
      faults_(std::move(faults)),
      mark_(std::move(mark)),
      listener_(std::make_shared<ManifestWatch>(*this)) {}

Result<std::unique_ptr<DurabilityTracker>> DurabilityTracker::open(
    const std::string& directory, std::shared_ptr<FaultWatch> faults, Random& random) {
  JD_TRY(auto mark, MarkFile::open(directory, random));
  return std::unique_ptr<DurabilityTracker>(
      new DurabilityTracker(directory, std::move(faults), std::move(mark)));
}

rocksdb::Status DurabilityTracker::sync_log(rocksdb::DB& db) const {
  auto status = db.SyncWAL();
  // A sync that failed is told to the watch alone (log_sync_keeper.h).
  if (status.ok() && faults_->failed()) status = rocksdb::Status::IOError(faults_->cause());
  return status;
}

rocksdb::Status DurabilityTracker::opened(rocksdb::DB& db) {
  LogPosition position;
  auto status = read_position(db, position);
  if (status.ok()) status = sync_log(db);
  if (!status.ok()) return status;
  note_manifest();
  DurableMark mark = mark_->get();
  mark.synced = position;
  mark.stopped = false;
  mark_->replace(mark);
  return status;
}

rocksdb::Status DurabilityTracker::sync(rocksdb::DB& db, std::uint64_t id_bound) {
  LogPosition position;
  rocksdb::Status status;
  {
    const MutexLock lock(log_mutex_);
    status = db.FlushWAL(false);
    if (status.ok()) status = read_position(db, position);
  }
  if (status.ok()) status = sync_log(db);
  if (status.ok()) mark_->advance(position, id_bound);
  return status;
}

rocksdb::Status DurabilityTracker::stopped(rocksdb::DB& db) {
  auto status = sync(db, 0);
  if (!status.ok()) return status;
  rocksdb::WriteBatch last;
  last.PutLogData(log_marker());
  status = db.Write(rocksdb::WriteOptions(), &last);
  if (status.ok()) status = db.FlushWAL(false);
  if (status.ok()) status = sync_log(db);
  if (!status.ok()) return status;
  note_manifest();
  DurableMark mark = mark_->get();
  mark.stopped = true;
  mark_->replace(mark);
  return status;
}

void DurabilityTracker::note_manifest() {
  const MutexLock lock(manifest_mutex_);
  std::string name;
  std::getline(std::ifstream(directory_ + "/CURRENT"), name);
  const auto number = manifest_number(name);
  if (!number) return;
  const int descriptor = ::open((directory_ + "/" + name).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  struct stat status {};
  // What another change is adding at this moment may not be durable yet: measured first, then
  // synced. After a failure the mark stays where it is, which is still true.
  if (::fstat(descriptor, &status) == 0 && ::fdatasync(descriptor) == 0) {
    mark_->set_manifest(*number, static_cast<std::uint64_t>(status.st_size));
  }
  ::close(descriptor);
}

}  // namespace jindou::store
