#include "backup/verify.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "store/durable_mark.h"
#include "store/file_copy.h"
#include "store/index_rebuild_mark.h"
#include "store/read_only_store.h"
#include "store/store_check.h"

namespace jindou::backup {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kBytesPerMiB = std::uint64_t{1} << 20;

class Verification {
 public:
  Verification(const std::string& directory, const VerifyHandlers& handlers)
      : directory_(directory), handlers_(handlers) {}

  Result<VerifyOutcome> run();

 private:
  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  void fault(const std::string& sentence) {
    ++outcome_.faults;
    if (handlers_.fault) handlers_.fault(sentence);
  }
  void note(const std::string& sentence) {
    if (handlers_.note) handlers_.note(sentence);
  }
  bool keep_on() {
    return !handlers_.keep_on ||
           handlers_.keep_on(fmt::format("{} files, {} MiB, {} messages", outcome_.files,
                                         outcome_.bytes / kBytesPerMiB, outcome_.records.messages));
  }

  Result<void> verify_files();
  // What a start would look at. None: it is damaged, or nothing can be said of it.
  Result<std::optional<store::StoreCheck>> check();
  Result<void> verify_tables(const store::ReadOnlyStore& store);
  Result<void> verify_records(const store::ReadOnlyStore& store);
  void compare_with_manifest(const store::ReadOnlyStore& store);

  const std::string& directory_;
  const VerifyHandlers& handlers_;
  VerifyOutcome outcome_;
};

Result<void> Verification::verify_files() {
  std::set<std::string> known = {kBackupManifestName};
  for (const BackupFile& file : outcome_.manifest->files) {
    known.insert(file.name);
    const auto sum = store::sum_file(path(file.name), [this](std::uint64_t bytes) {
      outcome_.bytes += bytes;
      return keep_on();
    });
    if (!sum && sum.error().code() == Errc::unavailable) return sum.error();
    ++outcome_.files;
    if (!sum && sum.error().code() == Errc::not_found) {
      fault(fmt::format("{} is missing", path(file.name)));
    } else if (!sum) {
      fault(sum.error().detail());
    } else if (sum->bytes != file.bytes) {
      fault(fmt::format("{} has {} bytes instead of {}", path(file.name), sum->bytes, file.bytes));
    } else if (sum->crc32c != file.crc32c) {
      fault(fmt::format("{} is damaged: its checksum is {:08x} instead of {:08x}", path(file.name),
                        sum->crc32c, file.crc32c));
    }
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory_, error)) {
    const std::string name = entry.path().filename().string();
    if (!known.contains(name)) note(fmt::format("{} is no part of the backup", path(name)));
  }
  return {};
}

Result<std::optional<store::StoreCheck>> Verification::check() {
  using Checked = std::optional<store::StoreCheck>;
  JD_TRY(store::StoreCheck check, store::check_store(directory_));
  for (const std::string& sentence : check.damage) fault(sentence);
  for (const std::string& sentence : check.log_damage) fault(sentence);
  for (const std::string& sentence : check.notes) note(sentence);
  if (check.copied_while_open) {
    const std::string sentence =
        fmt::format("{} is a copy that was made while a server had it open", directory_);
    if (check.ok()) {
      note(sentence + "; no file is damaged");
    } else {
      note(sentence + ", and its files do not fit together: make a backup instead (jindou backup)");
    }
  }
  if (!check.ok()) return Checked();
  return Checked(std::move(check));
}

Result<void> Verification::verify_tables(const store::ReadOnlyStore& store) {
  for (const store::TableFile& file : store.tables()) {
    // A backup's own checksum covers all of it.
    const auto whole = store::ReadOnlyStore::verify_table(file);
    if (!whole) fault(fmt::format("{} is damaged: {}", file.path, whole.error().detail()));
    if (!outcome_.manifest) {
      ++outcome_.files;
      outcome_.bytes += file.bytes;
    }
    if (!keep_on()) return Error(Errc::unavailable, "it was given up");
  }
  return {};
}

void Verification::compare_with_manifest(const store::ReadOnlyStore& store) {
  const BackupManifest& manifest = *outcome_.manifest;
  const store::StoreIdentity& identity = store.identity();
  if (identity.partitions != manifest.partitions ||
      identity_sum(identity.partitions, identity.fingerprint_seed) != manifest.identity) {
    fault(fmt::format("{} is of another store than {} says", directory_, kBackupManifestName));
  }
  for (std::size_t i = 0; i < manifest.positions.size(); ++i) {
    const auto position = store.position(PartitionId{static_cast<std::uint16_t>(i)});
    if (!position) {
      fault(
          fmt::format("partition {}: its state cannot be read: {}", i, position.error().detail()));
    } else if (*position < manifest.positions[i]) {
      fault(fmt::format("partition {}: it has {} commits, and the backup was made of {}", i,
                        *position, manifest.positions[i]));
    }
  }
}

Result<void> Verification::verify_records(const store::ReadOnlyStore& store) {
  const store::AuditHandlers handlers{
      .fault = [this](const store::AuditFault& found) { fault(found.sentence); },
      .keep_on =
          [this](const store::AuditCounts& so_far) {
            outcome_.records = so_far;
            return keep_on();
          },
  };
  const auto counts = store::audit_records(store.store(), store.identity().partitions, handlers);
  if (counts) {
    outcome_.records = *counts;
  } else if (counts.error().code() == Errc::unavailable) {
    return counts.error();
  } else {
    fault(counts.error().detail());
  }
  return {};
}

Result<VerifyOutcome> Verification::run() {
  std::error_code error;
  const bool is_backup = fs::exists(path(kBackupManifestName), error);
  if (!is_backup && !fs::exists(path("CURRENT"), error) &&
      !fs::exists(path(store::kMarkFileName), error)) {
    return Error(Errc::invalid,
                 fmt::format("{} is neither a backup nor a data directory: it has no {} and no "
                             "CURRENT",
                             directory_, kBackupManifestName));
  }
  store::ReadLock lock;
  if (!lock.take(directory_)) {
    return Error(Errc::conflict, fmt::format("a server has {} open: stop it, or make a backup "
                                             "(jindou backup) and verify that",
                                             directory_));
  }
  if (is_backup) {
    auto manifest = read_manifest(directory_);
    if (!manifest) {
      fault(manifest.error().detail());
      return std::move(outcome_);
    }
    outcome_.manifest = std::move(*manifest);
    JD_RETURN_IF_ERROR(verify_files());
    if (outcome_.faults > 0) return std::move(outcome_);
  }
  const auto unfinished = store::unfinished_index_rebuild(directory_);
  if (unfinished) fault(*unfinished);
  JD_TRY(const auto checked, check());
  if (!checked || unfinished) return std::move(outcome_);
  // The check has had the lock's file open, and with that the lock is gone.
  if (!lock.take(directory_)) {
    return Error(Errc::conflict, fmt::format("a server has {} open", directory_));
  }
  const auto store = store::ReadOnlyStore::open(directory_, *checked);
  if (!store) {
    if (store.error().code() == Errc::invalid) return store.error();
    fault(store.error().detail());
    return std::move(outcome_);
  }
  JD_RETURN_IF_ERROR(verify_tables(**store));
  if (outcome_.faults > 0) return std::move(outcome_);
  if (outcome_.manifest) compare_with_manifest(**store);
  JD_RETURN_IF_ERROR(verify_records(**store));
  return std::move(outcome_);
}

}  // namespace

Result<VerifyOutcome> verify(const std::string& directory, const VerifyHandlers& handlers) {
  return Verification(directory, handlers).run();
}

}  // namespace jindou::backup
