// A file system for tests that fails where it is told to, with the errors that a real one gives.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "store/prepared_logs.h"

namespace jindou::store {

enum class FileCall : std::uint8_t { write, sync, create, rename, allocate };
enum class FileKind : std::uint8_t { log, spare, table, manifest, current, load, other };

struct FileFault {
  FileCall call{};
  FileKind kind{};
  int error = 0;   // errno
  int count = -1;  // how often; -1: until lift()
  // Of a write that fails: bytes that reach the file before it does.
  std::size_t written_first = 0;
  int skip = 0;  // so many calls before the first that fails
};

// Thread-safe.
class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  FaultyFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "faulty"; }

  void inject(FileFault fault) {
    const MutexLock lock(mutex_);
    faults_.push_back(fault);
  }
  void lift() {
    const MutexLock lock(mutex_);
    faults_.clear();
  }
  // Called on the thread of each call, before it: a test does something at that very moment. May be
  // empty.
  void set_watch(std::function<void(FileCall, FileKind)> watch) {
    const MutexLock lock(mutex_);
    watch_ = std::move(watch);
  }
  // Calls that have failed so far.
  int failed_calls() const {
    const MutexLock lock(mutex_);
    return failed_calls_;
  }

  static FileKind kind_of(std::string_view path) {
    const std::string_view name = path.substr(path.rfind('/') + 1);
    if (name.ends_with(".log")) return FileKind::log;
    if (name == kSpareName) return FileKind::spare;
    if (name.ends_with(".sst")) return FileKind::table;
    if (name.ends_with(".load")) return FileKind::load;
    if (name.starts_with("MANIFEST")) return FileKind::manifest;
    if (name == "CURRENT" || name.ends_with(".dbtmp")) return FileKind::current;
    return FileKind::other;
  }

  // As RocksDB's own file system says it.
  static rocksdb::IOStatus status_of(int error, const std::string& path) {
    const std::string text = std::generic_category().message(error);
    if (error != ENOSPC) return rocksdb::IOStatus::IOError(path, text);
    auto status = rocksdb::IOStatus::NoSpace(path, text);
    status.SetRetryable(true);
    return status;
  }

  // The fault that this call meets, if any.
  rocksdb::IOStatus meet(FileCall call, const std::string& path, FileFault* met = nullptr) {
    std::function<void(FileCall, FileKind)> watch;
    {
      const MutexLock lock(mutex_);
      watch = watch_;
    }
    if (watch) watch(call, kind_of(path));
    const MutexLock lock(mutex_);
    for (FileFault& fault : faults_) {
      if (fault.call != call || fault.kind != kind_of(path) || fault.count == 0) continue;
      if (fault.skip > 0) {
        --fault.skip;
        continue;
      }
      if (fault.count > 0) --fault.count;
      ++failed_calls_;
      if (met != nullptr) *met = fault;
      return status_of(fault.error, path);
    }
    return rocksdb::IOStatus::OK();
  }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* file,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    if (auto failed = meet(FileCall::rename, to); !failed.ok()) return failed;
    return target()->RenameFile(from, to, options, debug);
  }
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
    if (auto failed = meet(FileCall::rename, to); !failed.ok()) return failed;
    return target()->LinkFile(from, to, options, debug);
  }

 private:
  mutable Mutex mutex_;
  std::vector<FileFault> faults_ JD_GUARDED_BY(mutex_);
  std::function<void(FileCall, FileKind)> watch_ JD_GUARDED_BY(mutex_);
  int failed_calls_ JD_GUARDED_BY(mutex_) = 0;
};

class FaultyFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyFile(std::unique_ptr<rocksdb::FSWritableFile> file, FaultyFileSystem& system,
             std::string path)
      : FSWritableFileOwnerWrapper(std::move(file)), system_(system), path_(std::move(path)) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    FileFault met;
    if (auto failed = system_.meet(FileCall::write, path_, &met); !failed.ok()) {
      const rocksdb::Slice part(data.data(), std::min(data.size(), met.written_first));
      // Past the page cache only whole blocks can be written.
      if (!use_direct_io()) target()->Append(part, options, debug).PermitUncheckedError();
      return failed;
    }
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
  rocksdb::IOStatus RangeSync(std::uint64_t offset, std::uint64_t bytes,
                              const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* debug) override {
    return synced([&] { return target()->RangeSync(offset, bytes, options, debug); });
  }
  // The base class calls our own Allocate(), where the target would call its own.
  void SetPreallocationBlockSize(std::size_t size) override {
    FSWritableFile::SetPreallocationBlockSize(size);
  }
  void PrepareWrite(std::size_t offset, std::size_t bytes, const rocksdb::IOOptions& options,
                    rocksdb::IODebugContext* debug) override {
    FSWritableFile::PrepareWrite(offset, bytes, options, debug);
  }
  rocksdb::IOStatus Allocate(std::uint64_t offset, std::uint64_t bytes,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
    if (auto failed = system_.meet(FileCall::allocate, path_); !failed.ok()) return failed;
    return target()->Allocate(offset, bytes, options, debug);
  }

 private:
  template <class Call>
  rocksdb::IOStatus synced(Call call) {
    if (auto failed = system_.meet(FileCall::sync, path_); !failed.ok()) return failed;
    return call();
  }

  FaultyFileSystem& system_;
  std::string path_;
};

inline rocksdb::IOStatus FaultyFileSystem::NewWritableFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* file, rocksdb::IODebugContext* debug) {
  if (auto failed = meet(FileCall::create, path); !failed.ok()) return failed;
  std::unique_ptr<rocksdb::FSWritableFile> real;
  if (auto failed = target()->NewWritableFile(path, options, &real, debug); !failed.ok()) {
    return failed;
  }
  *file = std::make_unique<FaultyFile>(std::move(real), *this, path);
  return rocksdb::IOStatus::OK();
}

inline rocksdb::IOStatus FaultyFileSystem::ReopenWritableFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* file, rocksdb::IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSWritableFile> real;
  if (auto failed = target()->ReopenWritableFile(path, options, &real, debug); !failed.ok()) {
    return failed;
  }
  *file = std::make_unique<FaultyFile>(std::move(real), *this, path);
  return rocksdb::IOStatus::OK();
}

inline rocksdb::IOStatus FaultyFileSystem::ReuseWritableFile(
    const std::string& path, const std::string& old_path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* file, rocksdb::IODebugContext* debug) {
  if (auto failed = meet(FileCall::rename, path); !failed.ok()) return failed;
  if (auto failed = meet(FileCall::create, path); !failed.ok()) return failed;
  std::unique_ptr<rocksdb::FSWritableFile> real;
  const auto status = target()->ReuseWritableFile(path, old_path, options, &real, debug);
  if (!status.ok()) return status;
  *file = std::make_unique<FaultyFile>(std::move(real), *this, path);
  return status;
}

}  // namespace jindou::store
