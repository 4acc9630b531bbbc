#include "backup/backups.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

#include "observe/log.h"
#include "observe/metrics.h"
#include "runtime/thread_identity.h"
#include "store/file_copy.h"

namespace jindou::backup {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNamePrefix = "backup-";
constexpr std::string_view kPartSuffix = ".part";
// Beside what is copied: manifests, and what the store writes meanwhile.
constexpr std::uint64_t kRoomMarginBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr int kOfOneSecondMax = 9;

// "backup-20261130T001500Z".
std::string name_at(std::int64_t ms) {
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  return fmt::format("{}{:%Y%m%dT%H%M%S}Z", kNamePrefix, fmt::gmtime(seconds));
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (auto it = fs::directory_iterator(directory, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    std::string name = it->path().filename().string();
    if (name.starts_with(kNamePrefix)) names.push_back(std::move(name));
  }
  return names;
}

BackupInfo info_of(const std::string& directory, const std::string& name,
                   const BackupManifest& manifest) {
  BackupInfo info;
  info.name = name;
  info.directory = directory + "/" + name;
  info.made_at_ms = manifest.made_at_ms;
  info.files = manifest.files.size();
  info.bytes = manifest.bytes();
  info.linked_bytes = manifest.linked_bytes;
  return info;
}

// Which file on the disk it is, whatever its name.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  auto operator<=>(const FileId&) const = default;
};

std::optional<FileId> file_id(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileId{status.st_dev, status.st_ino};
}

// Of files that other backups have: they never change, so they are not read again.
using KnownSums = std::map<FileId, store::FileSum>;

KnownSums sums_of_others(const std::string& directory, const std::set<std::string>& wanted) {
  KnownSums known;
  for (const std::string& name : names_in(directory)) {
    if (name.ends_with(kPartSuffix)) continue;
    const auto manifest = read_manifest(directory + "/" + name);
    if (!manifest) continue;
    for (const BackupFile& file : manifest->files) {
      if (!wanted.contains(file.name)) continue;
      const auto id = file_id(directory + "/" + name + "/" + file.name);
      if (id) known[*id] = {file.bytes, file.crc32c};
    }
  }
  return known;
}

}  // namespace

Backups::Backups(const store::Database& database, const Clock& clock, BackupsOptions options)
    : database_(database), clock_(clock), options_(std::move(options)) {
  if (!is_on()) return;
  remove_leftovers();
  const auto made = list();
  if (made && !made->empty()) last_made_at_ms_.store(made->front().made_at_ms);
}

Backups::~Backups() { stop(); }

void Backups::stop() {
  std::thread thread;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
}

void Backups::make(Done done) {
  const std::int64_t made_at_ms = clock_.wall_ms();
  std::thread before;
  {
    const MutexLock lock(mutex_);
    if (!is_on()) {
      done(Error(Errc::not_found, "no backups are made here: backup.dir is empty"));
      return;
    }
    if (stopping_) {
      done(Error(Errc::unavailable, "the server is stopping"));
      return;
    }
    if (making_.exchange(true)) {
      done(Error(Errc::conflict, "a backup is being made: wait for it to end"));
      return;
    }
    before.swap(thread_);
    thread_ = std::thread([this, made_at_ms, done = std::move(done)] {
      runtime::name_this_thread("backup");
      runtime::lower_this_threads_priority();
      auto made = make_now(made_at_ms);
      if (made) {
        last_made_at_ms_.store(made_at_ms);
        observe::log_info("backup", "made {}: {} files, {} bytes, {} of them shared",
                          made->directory, made->files, made->bytes, made->linked_bytes);
      } else {
        failures_.fetch_add(1);
        observe::log_error("backup", "none was made: {}", made.error().detail());
      }
      making_.store(false);
      done(std::move(made));
    });
  }
  // It has told its outcome.
  if (before.joinable()) before.join();
}

bool Backups::keep_on(std::uint64_t bytes) {
  MutexLock lock(mutex_);
  if (options_.bytes_per_second == 0) return !stopping_;
  const std::chrono::duration<double> takes(static_cast<double>(bytes) /
                                            static_cast<double>(options_.bytes_per_second));
  due_ = std::max(due_, std::chrono::steady_clock::now()) +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(takes);
  return !wake_.wait_until(lock, due_, [this]() JD_REQUIRES(mutex_) { return stopping_; });
}

void Backups::remove_leftovers() const {
  for (const std::string& name : names_in(options_.directory)) {
    if (!name.ends_with(kPartSuffix)) continue;
    std::error_code error;
    fs::remove_all(options_.directory + "/" + name, error);
    if (error) {
      observe::log_warn("backup", "cannot remove {}/{}: {}", options_.directory, name,
                        error.message());
    } else {
      observe::log_info("backup", "removed {}/{}: it was not finished", options_.directory, name);
    }
  }
}

void Backups::remove_old() const {
  const auto made = list();
  if (!made) return;
  for (std::size_t i = options_.keep; i < made->size(); ++i) {
    const std::string& directory = (*made)[i].directory;
    const std::string part = directory + std::string(kPartSuffix);
    std::error_code error;
    // First the name, so that no half of it looks whole.
    fs::rename(directory, part, error);
    if (!error) fs::remove_all(part, error);
    if (error) {
      observe::log_warn("backup", "cannot remove {}: {}", directory, error.message());
    } else {
      observe::log_info("backup", "removed {}: backup.keep is {}", directory, options_.keep);
    }
  }
}

Result<std::vector<BackupInfo>> Backups::list() const {
  std::vector<BackupInfo> made;
  for (const std::string& name : names_in(options_.directory)) {
    if (name.ends_with(kPartSuffix)) continue;
    const auto manifest = read_manifest(options_.directory + "/" + name);
    if (manifest) {
      made.push_back(info_of(options_.directory, name, *manifest));
    } else {
      observe::log_warn("backup", "not taken for a backup: {}", manifest.error().detail());
    }
  }
  std::ranges::sort(made, [](const BackupInfo& a, const BackupInfo& b) {
    return std::tie(a.made_at_ms, a.name) > std::tie(b.made_at_ms, b.name);
  });
  return made;
}

Result<void> Backups::check_room() const {
  struct stat there {};
  struct stat here {};
  if (::stat(options_.directory.c_str(), &there) != 0 ||
      ::stat(options_.data_directory.c_str(), &here) != 0) {
    return Error(Errc::storage, fmt::format("cannot look at {} and {}: {}", options_.directory,
                                            options_.data_directory, std::strerror(errno)));
  }
  std::uint64_t needed = kRoomMarginBytes;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(options_.data_directory, error)) {
    const std::string kind = entry.path().extension().string();
    // Logs are copied; tables are where they cannot be linked.
    if (kind != ".log" && (kind != ".sst" || there.st_dev == here.st_dev)) continue;
    std::error_code gone;
    const std::uint64_t bytes = entry.file_size(gone);
    if (!gone) needed += bytes;
  }
  const fs::space_info room = fs::space(options_.directory, error);
  if (error || room.available >= needed) return {};
  return Error(Errc::storage,
               fmt::format("needs {} MiB free in {}, {} MiB are there", (needed + kMiB - 1) / kMiB,
                           options_.directory, room.available / kMiB));
}

Result<void> Backups::sum_files(const std::string& part, BackupManifest& manifest) {
  std::set<std::string> names;
  for (const BackupFile& file : manifest.files) names.insert(file.name);
  const KnownSums known = sums_of_others(options_.directory, names);
  for (BackupFile& file : manifest.files) {
    const std::string path = part + "/" + file.name;
    const auto id = file_id(path);
    const auto found = id ? known.find(*id) : known.end();
    if (found != known.end()) {
      file.bytes = found->second.bytes;
      file.crc32c = found->second.crc32c;
      continue;
    }
    JD_TRY(const store::FileSum sum,
           store::sum_file(path, [this](std::uint64_t bytes) { return keep_on(bytes); }));
    file.bytes = sum.bytes;
    file.crc32c = sum.crc32c;
  }
  return {};
}

Result<void> Backups::fill(const std::string& part, BackupManifest& manifest) {
  const store::KeepOn pace = [this](std::uint64_t bytes) { return keep_on(bytes); };
  JD_TRY(const store::Checkpoint checkpoint, database_.checkpoint(part, pace));
  manifest.positions = checkpoint.positions;
  manifest.id_bound = checkpoint.id_bound;
  std::set<std::string> linked;
  for (const store::CheckpointFile& file : checkpoint.files) {
    manifest.files.push_back({file.name, 0, 0});
    if (file.linked) linked.insert(file.name);
  }
  for (const std::string& name : options_.other_files) {
    const std::string from = options_.data_directory + "/" + name;
    std::error_code none;
    const std::uint64_t bytes = fs::file_size(from, none);
    if (none) continue;
    JD_RETURN_IF_ERROR(store::copy_file_beginning(from, part + "/" + name, bytes, pace));
    manifest.files.push_back({name, 0, 0});
  }
  JD_RETURN_IF_ERROR(sum_files(part, manifest));
  for (const BackupFile& file : manifest.files) {
    if (linked.contains(file.name)) manifest.linked_bytes += file.bytes;
  }
  JD_RETURN_IF_ERROR(
      store::write_new_file(part + "/" + kBackupManifestName, encode_manifest(manifest)));
  return store::sync_path(part);
}

Result<BackupInfo> Backups::make_now(std::int64_t made_at_ms) {
  std::error_code error;
  fs::create_directories(options_.directory, error);
  if (error) {
    return Error(Errc::storage, "cannot create " + options_.directory + ": " + error.message());
  }
  remove_leftovers();
  JD_RETURN_IF_ERROR(check_room());
  std::string name = name_at(made_at_ms);
  for (int i = 2; fs::exists(options_.directory + "/" + name, error); ++i) {
    if (i > kOfOneSecondMax) return Error(Errc::conflict, "there are enough of this second");
    name = fmt::format("{}-{}", name_at(made_at_ms), i);
  }
  const std::string part = options_.directory + "/" + name + std::string(kPartSuffix);
  if (::mkdir(part.c_str(), S_IRWXU) != 0) {
    return Error(Errc::storage, fmt::format("cannot create {}: {}", part, std::strerror(errno)));
  }
  BackupManifest manifest;
  manifest.jindou = options_.version;
  manifest.store_format = store::kStoreFormat;
  manifest.made_at_ms = made_at_ms;
  manifest.partitions = database_.partitions();
  manifest.identity = identity_sum(database_.partitions(), database_.fingerprint_seed());
  due_ = {};
  auto filled = fill(part, manifest);
  const std::string directory = options_.directory + "/" + name;
  if (filled) {
    fs::rename(part, directory, error);
    if (error) {
      filled = Error(Errc::storage, "cannot rename " + part + ": " + error.message());
    }
  }
  if (!filled) {
    std::error_code ignored;
    fs::remove_all(part, ignored);
    return std::move(filled.error());
  }
  JD_RETURN_IF_ERROR(store::sync_path(options_.directory));
  remove_old();
  return info_of(options_.directory, name, manifest);
}

void Backups::append_metrics(std::string& out) const {
  observe::append_sample(out, "jindou_backup_last_timestamp_seconds", "gauge",
                         "When the newest backup was begun, in seconds since 1970; 0: there is "
                         "none.",
                         static_cast<double>(last_made_at_ms_.load()) / 1e3);
  observe::append_sample(out, "jindou_backup_failures_total", "counter",
                         "Backups that were asked for and could not be made.",
                         static_cast<double>(failures_.load()));
}

}  // namespace jindou::backup
