// How a Database is copied while others use it.
#include <fmt/format.h>
#include <rocksdb/metadata.h>
#include <rocksdb/options.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <limits>
#include <utility>

#include "store/database.h"
#include "store/database_cursor.h"
#include "store/durable_mark.h"
#include "store/file_copy.h"
#include "store/keys.h"
#include "store/records.h"
#include "store/rocksdb_status.h"
#include "store/store_check.h"

namespace jindou::store {

namespace {

// Files that RocksDB does not need any more stay while there is one of these.
class KeptFiles {
 public:
  explicit KeptFiles(rocksdb::DB& db) : db_(db), status_(db.DisableFileDeletions()) {}
  ~KeptFiles() {
    if (status_.ok()) db_.EnableFileDeletions().PermitUncheckedError();
  }
  KeptFiles(const KeptFiles&) = delete;
  KeptFiles& operator=(const KeptFiles&) = delete;
  const rocksdb::Status& status() const { return status_; }

 private:
  rocksdb::DB& db_;
  rocksdb::Status status_;
};

// The number in "MANIFEST-000004" or "000012.log".
std::uint64_t number_in(const std::string& name) {
  const std::size_t dash = name.find('-');
  const std::size_t begin = dash == std::string::npos ? 0 : dash + 1;
  std::uint64_t number = 0;
  std::from_chars(name.data() + begin, name.data() + name.size(), number);
  return number;
}

// False: it cannot be linked there, and has to be copied.
Result<bool> link_file(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return true;
  const int why = errno;
  // Another file system, or one without links, or too many of this file.
  if (why == EXDEV || why == EPERM || why == ENOTSUP || why == ENOSYS || why == EMLINK)
    return false;
  return Error(Errc::storage,
               fmt::format("cannot link {} to {}: {}", from, to, std::strerror(why)));
}

// Of a whole copy, without a mark: where its logs end. What was being written to the last one may
// be half in it.
Result<LogPosition> end_logs_of_copy(const std::string& directory) {
  JD_TRY(const StoreCheck check, check_store(directory));
  if (!check.ok()) return Error(Errc::storage, "the copy is not whole: " + check.findings());
  JD_RETURN_IF_ERROR(cut_log_tails(directory, check));
  LogPosition end;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".log") continue;
    const std::uint64_t number = number_in(entry.path().filename().string());
    if (number >= end.log) end = {number, entry.file_size()};
    JD_RETURN_IF_ERROR(sync_path(entry.path().string()));
  }
  return end;
}

}  // namespace

Result<void> Database::take_files(const std::string& directory, const KeepOn& keep_on,
                                  Checkpoint& made, DurableMark& mark) const {
  rocksdb::DB& db = open_->db();
  const KeptFiles kept(db);
  if (!kept.status().ok()) return to_error(kept.status());
  rocksdb::LiveFilesStorageInfoOptions wanted;
  // Without a flush: on a full disk that would be an error of the store. What is in memory alone is
  // in the logs as well.
  wanted.wal_size_for_flush = std::numeric_limits<std::uint64_t>::max();
  std::vector<rocksdb::LiveFileStorageInfo> files;
  if (const auto status = db.GetLiveFilesStorageInfo(wanted, &files); !status.ok()) {
    return to_error(status);
  }
  // Tables first: links take no time, and the moment is the one of the list.
  std::stable_partition(files.begin(), files.end(), [](const rocksdb::LiveFileStorageInfo& file) {
    return file.file_type == rocksdb::kTableFile;
  });
  for (const rocksdb::LiveFileStorageInfo& file : files) {
    const std::string& name = file.relative_filename;
    const std::string from = file.directory + "/" + name;
    const std::string to = directory + "/" + name;
    if (!keep_on(0)) return store_is_closed();
    CheckpointFile& took = made.files.emplace_back(CheckpointFile{name, false});
    if (file.file_type == rocksdb::kDescriptorFile) {
      mark.manifest = number_in(name);
      mark.manifest_bytes = file.size;
    }
    if (!file.replacement_contents.empty()) {
      JD_RETURN_IF_ERROR(write_new_file(to, file.replacement_contents));
      continue;
    }
    if (file.file_type == rocksdb::kTableFile) {
      JD_TRY(took.linked, link_file(from, to));
      if (took.linked) continue;
    }
    // Logs and manifests go on being written, as far as the list has them.
    JD_RETURN_IF_ERROR(copy_file_beginning(from, to, file.size, keep_on));
  }
  return {};
}

Result<Checkpoint> Database::checkpoint(const std::string& directory, const KeepOn& keep_on) const {
  const auto pass = gate_.enter();
  if (!pass) return store_is_closed();
  Checkpoint made;
  const auto read_states = [this](auto visit) -> Result<void> {
    std::string value;
    for (std::uint16_t i = 0; i < partitions(); ++i) {
      JD_TRY(const bool found, get(Table::main, partition_state_key(PartitionId{i}), value));
      if (!found) {
        visit(PartitionState());
        continue;
      }
      JD_TRY(const PartitionState state, decode_partition_state(value));
      visit(state);
    }
    return {};
  };
  JD_RETURN_IF_ERROR(
      read_states([&](const PartitionState& state) { made.positions.push_back(state.position); }));
  DurableMark mark;
  const KeepOn while_open = [&](std::uint64_t bytes) {
    return !gate_.is_shut() && (!keep_on || keep_on(bytes));
  };
  JD_RETURN_IF_ERROR(take_files(directory, while_open, made, mark));
  // Behind the moment: of whatever is in the copy the bound is known by now.
  made.id_bound = durability_->mark().id_bound;
  JD_RETURN_IF_ERROR(read_states([&](const PartitionState& state) {
    made.id_bound = std::max(made.id_bound, state.id_bound);
  }));
  JD_TRY(mark.synced, end_logs_of_copy(directory));
  mark.id_bound = made.id_bound;
  mark.secret = durability_->mark().secret;
  // What a server that stopped leaves: all of it is durable, and it may be copied again.
  mark.stopped = true;
  JD_RETURN_IF_ERROR(write_new_mark(directory, mark));
  made.files.push_back({kMarkFileName, false});
  JD_RETURN_IF_ERROR(sync_path(directory));
  return made;
}

}  // namespace jindou::store
