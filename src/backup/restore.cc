#include "backup/restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "store/data_loss.h"
#include "store/durable_mark.h"
#include "store/file_copy.h"
#include "store/read_only_store.h"

namespace jindou::backup {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kIdsPerSecond = 1'000;
constexpr const char* kCurrentName = "CURRENT";

// Without a link in what is there of it, and with a name at its end.
fs::path whole_path(const std::string& directory) {
  std::error_code error;
  const fs::path absolute = fs::absolute(directory, error);
  fs::path path = fs::weakly_canonical(absolute, error);
  if (error) path = absolute.lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

// With what is missing above it. As root, each belongs to whoever owns the directory that it is
// made in: the server's user has to be able to open it.
Result<void> make_directories(const fs::path& directory) {
  std::vector<fs::path> missing;
  std::error_code error;
  for (fs::path path = directory; !fs::exists(path, error); path = path.parent_path()) {
    missing.push_back(path);
    if (path == path.parent_path()) break;
  }
  for (auto path = missing.rbegin(); path != missing.rend(); ++path) {
    fs::create_directory(*path, error);
    if (error) {
      return Error(Errc::storage, "cannot create " + path->string() + ": " + error.message());
    }
    JD_RETURN_IF_ERROR(store::give_to_owner(path->parent_path().string(), path->string()));
  }
  fs::permissions(directory, fs::perms::owner_all, error);
  return {};
}

// Missing is made; anything in it is somebody's.
Result<void> prepare_target(const std::string& directory) {
  std::error_code error;
  if (!fs::exists(directory, error)) return make_directories(directory);
  if (!fs::is_directory(directory, error)) {
    return Error(Errc::invalid, directory + " is no directory");
  }
  store::ReadLock lock;
  if (!lock.take(directory)) {
    return Error(Errc::conflict,
                 fmt::format("a server has {} open: stop it, and restore into another directory",
                             directory));
  }
  const bool empty = fs::is_empty(directory, error);
  if (error) return Error(Errc::storage, "cannot look into " + directory + ": " + error.message());
  if (!empty) {
    return Error(Errc::invalid, fmt::format("{} is not empty: move it aside, or name another "
                                            "directory",
                                            directory));
  }
  return {};
}

// As far as ids may have been given out, and what that is behind those of the backup.
struct Bound {
  std::uint64_t ids = 0;
  std::uint64_t skip = 0;
};

Result<Bound> bound_of(const RestoreOptions& options, const BackupManifest& manifest,
                       std::int64_t now_ms) {
  Bound bound;
  bound.ids = manifest.id_bound;
  bound.skip = options.skip.value_or(suggested_skip(manifest.made_at_ms, now_ms));
  if (options.lost.empty()) return bound;
  const auto mark = store::read_durable_mark(options.lost + "/" + store::kMarkFileName);
  if (!mark) {
    return Error(Errc::invalid, fmt::format("{}/{} cannot be read: it cannot tell what was given "
                                            "out after the backup",
                                            options.lost, store::kMarkFileName));
  }
  bound.ids = std::max(bound.ids, mark->id_bound);
  // The mark may be half a minute old.
  bound.skip = options.skip.value_or(store::kIdsSkippedMin);
  return bound;
}

Result<void> copy_backup(const std::string& from, const std::string& to,
                         const BackupManifest& manifest, const VerifyHandlers& handlers) {
  std::uint64_t copied = 0;
  const store::KeepOn keep_on = [&](std::uint64_t bytes) {
    copied += bytes;
    return !handlers.keep_on || handlers.keep_on(fmt::format("copied {} MiB", copied >> 20));
  };
  // Whatever comes after the mark, a server does not take for the beginning of a new store.
  std::vector<BackupFile> files = manifest.files;
  std::stable_partition(files.begin(), files.end(),
                        [](const BackupFile& file) { return file.name == store::kMarkFileName; });
  for (const BackupFile& file : files) {
    const std::string name = file.name == kCurrentName ? file.name + ".new" : file.name;
    JD_TRY(
        const std::uint32_t sum,
        store::copy_file_beginning(from + "/" + file.name, to + "/" + name, file.bytes, keep_on));
    if (sum != file.crc32c) {
      return Error(Errc::storage, fmt::format("{}/{} was read with another checksum than before: "
                                              "look at the disk",
                                              from, file.name));
    }
  }
  return {};
}

}  // namespace

std::uint64_t suggested_skip(std::int64_t made_at_ms, std::int64_t now_ms) {
  const std::int64_t seconds = std::max<std::int64_t>(0, (now_ms - made_at_ms) / 1000);
  return std::max(store::kIdsSkippedMin, static_cast<std::uint64_t>(seconds) * kIdsPerSecond);
}

Result<RestoreOutcome> restore(const RestoreOptions& options, const Clock& clock,
                               const VerifyHandlers& handlers) {
  std::error_code error;
  if (!fs::exists(options.backup + "/" + kBackupManifestName, error)) {
    return Error(Errc::invalid,
                 fmt::format("{} is no backup: it has no {}", options.backup, kBackupManifestName));
  }
  // Before the long part, and again by the copying: nothing is written over.
  const std::string directory = whole_path(options.directory).string();
  const bool was_there = fs::exists(directory, error);
  JD_RETURN_IF_ERROR(prepare_target(directory));
  const auto drop_target = [&] {
    std::error_code ignored;
    if (!was_there) fs::remove(directory, ignored);  // if it is empty
  };
  auto verified = verify(options.backup, handlers);
  if (!verified || verified->faults > 0) {
    drop_target();
    if (!verified) return verified.error();
    return Error(Errc::invalid, fmt::format("{} is damaged: nothing was restored", options.backup));
  }
  RestoreOutcome outcome;
  outcome.verified = std::move(*verified);
  const BackupManifest& manifest = *outcome.verified.manifest;
  const auto bound = bound_of(options, manifest, clock.wall_ms());
  if (!bound) {
    drop_target();
    return bound.error();
  }
  outcome.skip = bound->skip;
  JD_RETURN_IF_ERROR(copy_backup(options.backup, directory, manifest, handlers));
  const std::string current = directory + "/" + kCurrentName;
  if (bound->skip > 0) {
    JD_RETURN_IF_ERROR(store::note_restored(directory, bound->ids, bound->skip));
  }
  JD_RETURN_IF_ERROR(store::give_to_owner(directory));
  JD_RETURN_IF_ERROR(store::sync_path(directory));
  fs::rename(current + ".new", current, error);
  if (error) return Error(Errc::storage, "cannot rename " + current + ".new: " + error.message());
  JD_RETURN_IF_ERROR(store::sync_path(directory));
  store::sync_path(fs::path(directory).parent_path().string())
      .ignore("a name that is lost with the power is seen at once");
  return outcome;
}

}  // namespace jindou::backup
