#include "store/room_probe.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string_view>
#include <system_error>
#include <vector>

#include "store/rocksdb_status.h"

namespace jindou::store {

namespace {

// Beside the logs: a manifest, a new log, filters and indexes of the table files.
constexpr std::uint64_t kMarginBytes = 1 << 20;
constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::size_t kWrittenBytes = 64 << 10;

std::uint64_t log_bytes(rocksdb::FileSystem& files, const std::string& directory) {
  std::vector<std::string> names;
  std::uint64_t total = 0;
  if (!files.GetChildren(directory, rocksdb::IOOptions(), &names, nullptr).ok()) return 0;
  for (const std::string& name : names) {
    std::uint64_t size = 0;
    if (!std::string_view(name).ends_with(".log")) continue;
    const std::string path = directory + '/' + name;
    // A log that was removed meanwhile needs no room.
    if (files.GetFileSize(path, rocksdb::IOOptions(), &size, nullptr).ok()) total += size;
  }
  return total;
}

// RocksDB knows a full disk, but not a quota.
bool says_no_room(const rocksdb::IOStatus& status) {
  return status.IsNoSpace() ||
         status.ToString().find(std::generic_category().message(EDQUOT)) != std::string::npos;
}

rocksdb::IOStatus fill(rocksdb::FileSystem& files, const std::string& path, std::uint64_t bytes) {
  const rocksdb::IOOptions io;
  std::unique_ptr<rocksdb::FSWritableFile> file;
  auto status = files.NewWritableFile(path, rocksdb::FileOptions(), &file, nullptr);
  if (!status.ok()) return status;
  status = file->Allocate(0, bytes, io, nullptr);
  // Not every file system can reserve; then opening will tell.
  if (!status.ok() && !says_no_room(status)) status = rocksdb::IOStatus::OK();
  if (status.ok()) status = file->Append(std::string(kWrittenBytes, 'p'), io, nullptr);
  if (status.ok()) status = file->Sync(io, nullptr);
  const auto closed = file->Close(io, nullptr);
  return status.ok() ? closed : status;
}

Error no_room(rocksdb::FileSystem& files, const std::string& directory, std::uint64_t needed,
              const rocksdb::IOStatus& why) {
  // Rounded so that what is asked for is enough.
  const std::uint64_t needed_mib = (needed + kMiB - 1) / kMiB;
  std::uint64_t free = 0;
  const bool known = files.GetFreeSpace(directory, rocksdb::IOOptions(), &free, nullptr).ok();
  // A quota, or blocks that only the system may use, leave less than the disk has.
  const std::string there = !known          ? ""
                            : free < needed ? fmt::format(", {} MiB are there", free / kMiB)
                                            : ", which a quota or a reserve does not leave";
  return {Errc::storage, fmt::format("needs {} MiB free in {} to reopen{}: {}", needed_mib,
                                     directory, there, text_of(why))};
}

}  // namespace

Result<void> probe_room(rocksdb::FileSystem& files, const std::string& directory) {
  const std::string path = directory + '/' + kProbeFile;
  const std::uint64_t needed = log_bytes(files, directory) + kMarginBytes;
  const auto filled = fill(files, path, needed);
  files.DeleteFile(path, rocksdb::IOOptions(), nullptr).PermitUncheckedError();
  if (filled.ok()) return {};
  if (says_no_room(filled)) return no_room(files, directory, needed, filled);
  return to_error(filled);
}

}  // namespace jindou::store
