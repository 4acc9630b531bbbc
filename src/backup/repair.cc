#include "backup/repair.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <rocksdb/options.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "backup/backup_manifest.h"
#include "store/data_loss.h"
#include "store/database.h"
#include "store/durable_mark.h"
#include "store/file_copy.h"
#include "store/index_rebuild.h"
#include "store/index_rebuild_mark.h"
#include "store/keys.h"
#include "store/open_store.h"
#include "store/read_only_store.h"
#include "store/record_audit.h"
#include "store/record_repair.h"
#include "store/rocksdb_slice.h"
#include "store/rocksdb_status.h"
#include "store/store_check.h"

namespace jindou::backup {

namespace {

namespace fs = std::filesystem;
using store::Remedy;
using Cost = store::Remedy::Cost;
using Extent = store::RecordRepair::Extent;

// Whoever has more of it restores a backup.
constexpr std::size_t kFaultsMax = 100'000;
// That are told of the index, of each kind: it is made again as a whole, and the rest is counted.
constexpr std::uint64_t kIndexFaultsMax = 100;
// What one of them uncovers is the work of the next: logs, then the index, then records.
constexpr int kRoundsMax = 5;
constexpr std::chrono::milliseconds kFlushLimit = std::chrono::minutes(5);
constexpr std::uint64_t kBytesInMiB = std::uint64_t{1} << 20;
constexpr const char* kReportPrefix = "repair-";
constexpr const char* kCopyPrefix = "before-repair-";
constexpr const char* kLockName = "LOCK";

// What was found, and what can be done about it.
struct Findings {
  store::StoreCheck check;
  std::vector<Remedy> files;
  // Nothing is opened for writing before they are.
  bool cuts_logs = false;
  // Of the index: nothing is opened for writing but to make it again.
  bool index_files = false;
  // The index is made again, whatever the records say.
  bool makes_index = false;
  store::RecordRepair records;
  // Entries of the index that are wrong, beside those in `records`.
  std::uint64_t index_more = 0;
  // What is wrong with files had to be left before records could be looked at.
  bool records_unseen = false;

  bool rebuilds_index(Extent extent) const { return makes_index || records.rebuilds_index(extent); }
  // Whether something of it can be repaired.
  bool can_begin(Extent extent) const {
    const bool loses = extent == Extent::all;
    if (cuts_logs && !loses) return false;
    if (index_files && !rebuilds_index(extent)) return false;
    return loses || count(Cost::loss) < count();
  }
  std::uint64_t count() const { return files.size() + records.remedies().size(); }
  std::uint64_t count(Cost cost) const {
    const auto costs = [cost](const Remedy& remedy) { return remedy.cost == cost; };
    return static_cast<std::uint64_t>(std::ranges::count_if(files, costs) +
                                      std::ranges::count_if(records.remedies(), costs));
  }
};

class Repair {
 public:
  Repair(const RepairOptions& options, const Clock& clock, Random& random,
         const RepairHandlers& handlers)
      : options_(options), clock_(clock), random_(random), handlers_(handlers) {}

  Result<RepairOutcome> run();

 private:
  std::string path(std::string_view name) const {
    return fmt::format("{}/{}", options_.directory, name);
  }
  void tell(const std::string& line) {
    report_ += line;
    report_ += '\n';
    if (handlers_.tell) handlers_.tell(line);
  }
  void tell(const Remedy& remedy);
  bool keep_on(const std::string& so_far) {
    return !handlers_.keep_on || handlers_.keep_on(so_far);
  }
  Extent extent() const { return options_.accept_loss ? Extent::all : Extent::derived; }

  Result<void> check_directory() const;
  Result<RepairOutcome> work();
  Result<Findings> look();
  // Reads all of the table files that are there. Adds what is wrong with those of the index to
  // `index_damage`, and with others to `found`.
  Result<void> look_at_tables(Findings& found, std::vector<std::string>& index_damage);
  // `index_damage`: nothing of the index is read then.
  Result<void> look_at_records(const store::ReadOnlyStore& store, Findings& found,
                               const std::vector<std::string>& index_damage);
  void tell_all(const Findings& found);

  Result<void> change(const Findings& found);
  // With RocksDB alone, without the rest of the store. Returns what the store was made with.
  Result<store::StoreIdentity> change_rows(const Findings& found, bool loses);
  // With the whole store, as a start has it: it raises the floor where something was given up.
  Result<void> finish(const store::StoreIdentity& identity, bool rebuild);
  // Nobody has had the directory open for writing since `found` was found.
  Result<void> check_unchanged(const Findings& found) const;
  Result<void> make_copy();
  Result<void> copy_files(const std::string& to);
  Result<void> write_report();

  void say_how_to_restore();
  RepairOutcome outcome(RepairVerdict verdict, std::uint64_t faults) const {
    return {verdict, faults, copy_, changed_ ? report_path_ : std::string()};
  }

  const RepairOptions& options_;
  const Clock& clock_;
  Random& random_;
  const RepairHandlers& handlers_;
  std::string report_;
  std::string report_path_;
  std::string copy_;
  bool changed_ = false;  // or is about to be
};

Result<void> Repair::check_directory() const {
  std::error_code error;
  if (fs::exists(path(kBackupManifestName), error)) {
    return Error(Errc::invalid,
                 fmt::format("{} is a backup, which is not repaired: restore another one, or "
                             "restore this one as far as it is whole (jindou verify)",
                             options_.directory));
  }
  if (!fs::exists(path("CURRENT"), error) && !fs::exists(path(store::kMarkFileName), error)) {
    return Error(Errc::invalid,
                 fmt::format("{} is no data directory: it has no CURRENT", options_.directory));
  }
  return {};
}

void Repair::tell(const Remedy& remedy) {
  tell(remedy.fault);
  switch (remedy.cost) {
    case Cost::nothing: tell("  without loss: " + remedy.action); break;
    case Cost::loss:
      tell("  with --accept-loss: " + remedy.action);
      tell("  lost: " + remedy.loss);
      break;
    case Cost::impossible: tell("  cannot be repaired: " + remedy.action); break;
  }
}

Result<void> Repair::look_at_tables(Findings& found, std::vector<std::string>& index_damage) {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  for (const store::TableFile& file : found.check.tables) {
    const bool of_index = file.table == store::Table::client_numbers;
    // It is dropped as it is.
    if (of_index && found.makes_index) continue;
    const auto whole = store::ReadOnlyStore::verify_table(file);
    ++files;
    bytes += file.bytes;
    if (!keep_on(fmt::format("{} files, {} MiB", files, bytes / kBytesInMiB))) {
      return Error(Errc::unavailable, "it was given up");
    }
    if (whole) continue;
    std::string sentence = fmt::format("{} is damaged: {}", file.path, whole.error().detail());
    if (of_index) {
      index_damage.push_back(std::move(sentence));
    } else {
      found.files.push_back(
          {std::move(sentence), Cost::impossible, "it holds records that nothing else has", {}});
    }
  }
  return {};
}

Result<void> Repair::look_at_records(const store::ReadOnlyStore& store, Findings& found,
                                     const std::vector<std::string>& index_damage) {
  std::vector<store::AuditFault> faults;
  for (const std::string& sentence : index_damage) {
    store::AuditFault fault;
    fault.kind = store::AuditFault::Kind::index;
    fault.sentence = sentence;
    faults.push_back(std::move(fault));
  }
  // Of an index that is to be made again nothing has to be known, and what it has of messages that
  // go with the logs goes with them.
  const bool with_index = index_damage.empty() && !found.cuts_logs;
  std::uint64_t more = 0;
  std::uint64_t wrong = 0;
  std::uint64_t strangers = 0;
  const store::AuditHandlers handlers{
      .fault =
          [&](const store::AuditFault& fault) {
            const bool is_wrong = fault.kind == store::AuditFault::Kind::index;
            const bool is_stranger = fault.kind == store::AuditFault::Kind::stranger;
            if ((is_wrong && ++wrong > kIndexFaultsMax) ||
                (is_stranger && ++strangers > kIndexFaultsMax)) {
              ++found.index_more;
            } else if (faults.size() < kFaultsMax) {
              faults.push_back(fault);
            } else {
              ++more;
            }
          },
      .keep_on =
          [this](const store::AuditCounts& so_far) {
            return keep_on(fmt::format("{} messages", so_far.messages));
          },
  };
  const auto counts =
      store::audit_records(store.store(), store.identity().partitions, handlers,
                           with_index ? store::AuditScope::all : store::AuditScope::main_table);
  if (!counts) {
    if (counts.error().code() == Errc::unavailable) return counts.error();
    found.files.push_back({counts.error().detail(),
                           Cost::impossible,
                           "the records behind it cannot be looked at",
                           {}});
  }
  JD_RETURN_IF_ERROR(found.records.decide(store.store(), faults, clock_.wall_ns()));
  if (more > 0) {
    found.files.push_back({fmt::format("{} more are wrong", more),
                           Cost::impossible,
                           "there are too many to decide on each",
                           {}});
  }
  return {};
}

Result<Findings> Repair::look() {
  Findings found;
  const std::string busy = fmt::format(
      "another process has {} open: stop the server, and repair it then", options_.directory);
  store::ReadLock lock;
  if (!lock.take(options_.directory)) return Error(Errc::conflict, busy);
  JD_TRY(found.check, store::check_store(options_.directory));
  // The check has had the lock's file open, and with that the lock is gone.
  if (!lock.take(options_.directory)) return Error(Errc::conflict, busy);
  const store::StoreCheck& check = found.check;
  for (const std::string& note : check.notes) tell("note: " + note);
  if (const auto unfinished = store::unfinished_index_rebuild(options_.directory)) {
    found.files.push_back({*unfinished, Cost::nothing, store::kIndexAction, {}});
    found.makes_index = true;
  }
  std::vector<std::string> index_damage;
  if (check.damage.size() > check.index_tables) {
    for (const std::string& sentence : check.damage) {
      found.files.push_back({sentence, Cost::impossible, "what it held is nowhere else", {}});
    }
  } else if (!found.makes_index) {
    index_damage = check.damage;
  }
  for (const std::string& sentence : check.log_damage) {
    found.files.push_back(
        {sentence, Cost::loss, "the log is cut before the damage, as serve --accept-data-loss does",
         fmt::format("what was written behind it, of {} bytes of log at most", check.log_bytes)});
    found.cuts_logs = true;
  }
  // Before logs are cut: a store that cannot be repaired stays as it is.
  if (found.count(Cost::impossible) == 0) {
    JD_RETURN_IF_ERROR(look_at_tables(found, index_damage));
  }
  found.index_files = !index_damage.empty();
  // With an index that was emptied its table may be missing, without which nothing is opened.
  found.records_unseen =
      found.makes_index || check.log_missing || found.count(Cost::impossible) > 0;
  if (!found.records_unseen) {
    const auto store =
        store::ReadOnlyStore::open(options_.directory, check, store::ReadOnlyStore::Tables::any);
    if (store) {
      JD_RETURN_IF_ERROR(look_at_records(**store, found, index_damage));
      return found;
    }
    if (store.error().code() == Errc::invalid) return store.error();
    found.records_unseen = true;
    found.files.push_back(
        {store.error().detail(), Cost::impossible, "the store does not open", {}});
  }
  // What it costs to make the index again cannot be told without the commit records: what of them
  // cannot be read is told when they are looked at.
  for (std::string& sentence : index_damage) {
    found.files.push_back({std::move(sentence), Cost::nothing, store::kIndexAction, {}});
    found.makes_index = true;
  }
  return found;
}

void Repair::tell_all(const Findings& found) {
  for (const Remedy& remedy : found.files) tell(remedy);
  for (const Remedy& remedy : found.records.remedies()) tell(remedy);
  if (found.index_more > 0) {
    tell(fmt::format("note: {} more entries of the index are wrong; it is made again as a whole",
                     found.index_more));
  }
  if (found.records_unseen) {
    tell("note: the records could not be looked at; that is done once the files are in order");
  }
}

void Repair::say_how_to_restore() {
  if (!copy_.empty()) tell("the files as they were are in " + copy_);
  // Their names are in the order in which they were made.
  std::string newest;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path("backups"), error)) {
    std::error_code none;
    const std::string name = entry.path().string();
    if (fs::exists(entry.path() / kBackupManifestName, none)) newest = std::max(newest, name);
  }
  tell(fmt::format("to restore a backup: jindou restore {} {}.restored --lost {}",
                   newest.empty() ? std::string("BACKUP") : newest, options_.directory,
                   options_.directory));
}

Result<void> Repair::copy_files(const std::string& to) {
  std::error_code error;
  fs::directory_iterator it(options_.directory, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    const fs::directory_entry& entry = *it;
    const std::string name = entry.path().filename().string();
    std::error_code unknown;
    // Whoever opens and closes the lock's file gives the lock away.
    if (!entry.is_regular_file(unknown) || name == kLockName || name.starts_with(kReportPrefix)) {
      continue;
    }
    if (entry.path().extension() == ".sst") {
      // Not every file system has links.
      std::error_code unlinked;
      fs::create_hard_link(entry.path(), fs::path(to) / name, unlinked);
      if (!unlinked) continue;
    }
    const std::uint64_t bytes = entry.file_size(unknown);
    if (unknown) {
      return Error(Errc::storage,
                   fmt::format("cannot look at {}: {}", entry.path().string(), unknown.message()));
    }
    JD_TRY([[maybe_unused]] const std::uint32_t sum,
           store::copy_file_beginning(
               entry.path().string(), fmt::format("{}/{}", to, name), bytes,
               [this, &name](std::uint64_t) { return keep_on("copying " + name); }));
  }
  if (error) return Error(Errc::storage, "cannot look into the directory: " + error.message());
  JD_RETURN_IF_ERROR(store::give_to_owner(options_.directory, to));
  return store::sync_path(to);
}

Result<void> Repair::make_copy() {
  const std::string to = path(fmt::format("{}{}", kCopyPrefix, clock_.wall_seconds()));
  std::error_code error;
  if (!fs::create_directory(to, error)) {
    return Error(Errc::storage, fmt::format("cannot create {}: {}", to,
                                            error ? error.message() : "there is one already"));
  }
  fs::permissions(to, fs::perms::owner_all, error);
  if (const auto copied = copy_files(to); !copied) {
    std::error_code ignored;
    fs::remove_all(to, ignored);
    return copied.error();
  }
  JD_RETURN_IF_ERROR(store::sync_path(options_.directory));
  copy_ = to;
  tell(fmt::format("the files as they were are kept in {}: remove it when all is well", to));
  return {};
}

Result<void> Repair::write_report() {
  if (report_path_.empty()) {
    report_path_ = path(fmt::format("{}{}.txt", kReportPrefix, clock_.wall_seconds()));
  }
  const std::string next = report_path_ + ".new";
  std::error_code error;
  fs::remove(next, error);
  JD_RETURN_IF_ERROR(store::write_new_file(next, report_));
  fs::rename(next, report_path_, error);
  if (error) {
    return Error(Errc::storage,
                 fmt::format("cannot rename {} to {}: {}", next, report_path_, error.message()));
  }
  return store::sync_path(options_.directory);
}

Result<store::StoreIdentity> Repair::change_rows(const Findings& found, bool loses) {
  const bool rebuild = found.rebuilds_index(extent());
  rocksdb::Options options = store::rocksdb_options(store::StoreOptions());
  options.create_if_missing = false;
  // Nothing is merged that is damaged and about to go.
  options.disable_auto_compactions = true;
  options.paranoid_checks = !rebuild;
  // The manifest still names the logs that were cut.
  if (found.cuts_logs) options.track_and_verify_wals_in_manifest = false;
  JD_TRY(const auto opened, store::OpenStore::open(options, options_.directory));
  std::string value;
  auto status = opened->db().Get(rocksdb::ReadOptions(), opened->handle(store::Table::main),
                                 store::slice(store::store_identity_key()), &value);
  if (!status.ok()) return Error(Errc::storage, "the store has no identity: " + status.ToString());
  JD_TRY(const store::Database::Identity identity, store::Database::parse_identity(value));
  if (identity.format < store::kStoreFormat) {
    tell(fmt::format("note: the store is brought from format {} to {}, as a start does",
                     static_cast<int>(identity.format), static_cast<int>(store::kStoreFormat)));
  }
  // Before anything goes: whatever happens then, the next start raises the floor.
  if (loses) JD_RETURN_IF_ERROR(store::note_accepted_loss(options_.directory, found.check));
  JD_RETURN_IF_ERROR(found.records.write(*opened, extent()));
  if (rebuild) {
    JD_RETURN_IF_ERROR(store::begin_index_rebuild(options_.directory));
    JD_RETURN_IF_ERROR(opened->empty_client_numbers(options));
  }
  status = opened->db().Flush(
      rocksdb::FlushOptions(),
      {opened->handle(store::Table::main), opened->handle(store::Table::client_numbers)});
  if (!status.ok()) return store::to_error(status);
  return identity.shared;
}

Result<void> Repair::finish(const store::StoreIdentity& identity, bool rebuild) {
  store::StoreOptions options;
  options.directory = options_.directory;
  options.partitions = identity.partitions;
  options.prepared_logs = false;
  options.rebuilds_index = rebuild;
  JD_TRY(const auto database, store::Database::open(options, random_));
  if (rebuild) {
    store::IndexRebuildOptions how;
    how.keep_on = [this](const store::IndexRebuild& so_far) {
      return keep_on(fmt::format("{} client_msg_no", so_far.numbers));
    };
    JD_TRY(const store::IndexRebuild rebuilt, store::rebuild_client_numbers(*database, how));
    JD_RETURN_IF_ERROR(store::end_index_rebuild(options_.directory));
    tell(fmt::format("done: the index has {} client_msg_no, of {} commit records", rebuilt.numbers,
                     rebuilt.records));
    if (rebuilt.unreadable > 0) {
      tell(fmt::format("note: {} commit records could not be read", rebuilt.unreadable));
    }
  }
  const store::DataLossRecord& loss = database->data_loss();
  if (options_.accept_loss && loss.times > 0) {
    tell(
        fmt::format("message ids and the seqs of all channels go on behind {}, so that none is "
                    "given out twice; /health shows it",
                    loss.floor));
  }
  // Without it the next start has something to replay.
  static_cast<void>(database->flush_for_stop(kFlushLimit));
  return {};
}

Result<void> Repair::check_unchanged(const Findings& found) const {
  const auto mark = store::read_durable_mark(path(store::kMarkFileName));
  const auto& seen = found.check.mark;
  if (mark.has_value() == seen.has_value() && (!mark || mark->generation == seen->generation)) {
    return {};
  }
  return Error(Errc::conflict,
               fmt::format("a server has had {} open meanwhile: repair it again, as it is now",
                           options_.directory));
}

Result<void> Repair::change(const Findings& found) {
  store::ReadLock lock;
  if (!lock.take(options_.directory, store::ReadLock::Kind::alone)) {
    return Error(Errc::conflict, fmt::format("another process has {} open, or it cannot be written",
                                             options_.directory));
  }
  JD_RETURN_IF_ERROR(check_unchanged(found));
  if (options_.keep_copy && copy_.empty()) JD_RETURN_IF_ERROR(make_copy());
  changed_ = true;
  JD_RETURN_IF_ERROR(write_report());
  const bool loses = options_.accept_loss && found.count(Cost::loss) > 0;
  if (found.cuts_logs) {
    JD_TRY(const std::string aside,
           store::cut_logs(options_.directory, found.check, clock_.wall_seconds()));
    tell("done: the logs were cut; the damaged ones are kept in " + aside);
    JD_RETURN_IF_ERROR(store::give_to_owner(options_.directory, aside));
  } else {
    JD_RETURN_IF_ERROR(store::cut_log_tails(options_.directory, found.check));
  }
  // Whatever comes next: the server's user has to be able to open what is there.
  JD_RETURN_IF_ERROR(store::give_to_owner(options_.directory));
  JD_TRY(const store::StoreIdentity identity, change_rows(found, loses));
  JD_RETURN_IF_ERROR(store::give_to_owner(options_.directory));
  return finish(identity, found.rebuilds_index(extent()));
}

Result<RepairOutcome> Repair::work() {
  for (int round = 0; round < kRoundsMax; ++round) {
    JD_TRY(const Findings found, look());
    if (found.count() == 0) {
      tell(fmt::format("{} is {}whole", options_.directory, round > 0 ? "repaired and " : ""));
      return outcome(round > 0 ? RepairVerdict::repaired : RepairVerdict::whole, 0);
    }
    tell_all(found);
    const std::uint64_t faults = found.count();
    const std::uint64_t losses = found.count(Cost::loss);
    const char* const unchanged = round > 0 ? "nothing else was changed" : "nothing was changed";
    if (const std::uint64_t hopeless = found.count(Cost::impossible); hopeless > 0) {
      tell(
          fmt::format("{} found, of which {} cannot be repaired; {}", faults, hopeless, unchanged));
      say_how_to_restore();
      return outcome(RepairVerdict::hopeless, faults);
    }
    if (!options_.apply || !found.can_begin(extent())) {
      tell(fmt::format("{} found, of which {} cost something; {}", faults, losses, unchanged));
      if (losses > 0) say_how_to_restore();
      tell(fmt::format("to repair: jindou repair {} --apply{}", options_.directory,
                       losses > 0 ? " --accept-loss" : ""));
      return outcome(RepairVerdict::repairable, faults);
    }
    JD_RETURN_IF_ERROR(change(found));
  }
  JD_TRY(const Findings left, look());
  if (left.count() == 0) {
    tell(fmt::format("{} is repaired and whole", options_.directory));
    return outcome(RepairVerdict::repaired, 0);
  }
  tell_all(left);
  tell(fmt::format("{} are left after {} rounds", left.count(), kRoundsMax));
  say_how_to_restore();
  return outcome(RepairVerdict::hopeless, left.count());
}

Result<RepairOutcome> Repair::run() {
  JD_RETURN_IF_ERROR(check_directory());
  const auto now = static_cast<std::time_t>(clock_.wall_seconds());
  report_ = fmt::format("jindou repair {}, {:%Y-%m-%dT%H:%M:%SZ}\n", options_.directory,
                        fmt::gmtime(now));
  auto done = work();
  if (!changed_) return done;
  if (!done) report_ += "stopped: " + done.error().detail() + "\n";
  const auto written = write_report();
  const auto given = store::give_to_owner(options_.directory);
  if (!done) return done;
  if (!written) return written.error();
  if (!given) return given.error();
  return done;
}

}  // namespace

Result<RepairOutcome> repair(const RepairOptions& options, const Clock& clock, Random& random,
                             const RepairHandlers& handlers) {
  return Repair(options, clock, random, handlers).run();
}

}  // namespace jindou::backup
