// A file system for tests whose power goes: what was written and not synced is gone afterwards.
#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "store/faulty_file_system.h"

namespace jindou::store {

// Thread-safe. Keeps account of the files of a store: logs, tables, manifests, CURRENT.
class PowerCutFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit PowerCutFileSystem(const std::shared_ptr<rocksdb::FileSystem>& target)
      : FileSystemWrapper(target) {}
  const char* Name() const override { return "power cut"; }

  // From now on nothing reaches the disk.
  void cut() {
    const MutexLock lock(mutex_);
    dead_ = true;
  }
  // The machine starts again; nobody has a file open.
  void power_on() {
    const MutexLock lock(mutex_);
    for (const auto& [path, synced] : synced_) {
      std::error_code failed;
      const auto size = std::filesystem::file_size(path, failed);
      if (!failed && size > synced) std::filesystem::resize_file(path, synced, failed);
    }
    synced_.clear();
    dead_ = false;
  }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    if (is_dead()) return lost();
    auto status = target()->NewWritableFile(path, options, file, debug);
    if (status.ok()) watch(path, file);
    return status;
  }
  rocksdb::IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* file,
                                      rocksdb::IODebugContext* debug) override {
    if (is_dead()) return lost();
    auto status = target()->ReuseWritableFile(path, old_path, options, file, debug);
    if (status.ok()) watch(path, file);
    return status;
  }
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    if (is_dead()) return lost();
    auto status = target()->RenameFile(from, to, options, debug);
    const MutexLock lock(mutex_);
    auto entry = synced_.extract(from);
    if (status.ok() && !entry.empty()) {
      entry.key() = to;
      synced_.erase(to);
      synced_.insert(std::move(entry));
    }
    return status;
  }
  // Another name of the same bytes.
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
    if (is_dead()) return lost();
    auto status = target()->LinkFile(from, to, options, debug);
    if (!status.ok()) return status;
    const MutexLock lock(mutex_);
    synced_.erase(to);
    if (const auto known = synced_.find(from); known != synced_.end()) synced_[to] = known->second;
    return status;
  }
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    if (is_dead()) return lost();
    const MutexLock lock(mutex_);
    synced_.erase(path);
    return target()->DeleteFile(path, options, debug);
  }

 private:
  class WatchedFile;

  static rocksdb::IOStatus lost() { return rocksdb::IOStatus::IOError("the power is gone"); }
  bool is_dead() const {
    const MutexLock lock(mutex_);
    return dead_;
  }
  void note_synced(const std::string& path, std::uint64_t bytes) {
    const MutexLock lock(mutex_);
    synced_[path] = bytes;
  }
  void watch(const std::string& path, std::unique_ptr<rocksdb::FSWritableFile>* file);

  mutable Mutex mutex_;
  bool dead_ JD_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::uint64_t> synced_ JD_GUARDED_BY(mutex_);  // bytes
};

class PowerCutFileSystem::WatchedFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WatchedFile(std::unique_ptr<rocksdb::FSWritableFile> file, PowerCutFileSystem& system,
              std::string path)
      : FSWritableFileOwnerWrapper(std::move(file)), system_(system), path_(std::move(path)) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    if (system_.is_dead()) return lost();
    written_ += data.size();
    return target()->Append(data, options, debug);
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& /*verification*/,
                           rocksdb::IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    return synced([&] { return target()->Sync(options, debug); });
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return synced([&] { return target()->Fsync(options, debug); });
  }

 private:
  template <class Call>
  rocksdb::IOStatus synced(Call call) {
    if (system_.is_dead()) return lost();
    const std::uint64_t written = written_;
    auto status = call();
    if (status.ok()) system_.note_synced(path_, written);
    return status;
  }

  PowerCutFileSystem& system_;
  std::string path_;
  std::atomic<std::uint64_t> written_{0};
};

inline void PowerCutFileSystem::watch(const std::string& path,
                                      std::unique_ptr<rocksdb::FSWritableFile>* file) {
  const FileKind kind = FaultyFileSystem::kind_of(path);
  if (kind == FileKind::other || kind == FileKind::spare) return;
  note_synced(path, 0);
  *file = std::make_unique<WatchedFile>(std::move(*file), *this, path);
}

}  // namespace jindou::store
