#include "store/store_check.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

#include "store/log_file.h"
#include "store/manifest.h"
#include "store/open_store.h"

namespace jindou::store {

namespace {

constexpr std::string_view kManifestPrefix = "MANIFEST-";
// Damage beyond this is counted, not listed.
constexpr std::size_t kListedMax = 3;

std::optional<std::uint64_t> number_of(std::string_view digits) {
  std::uint64_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, number);
  if (digits.empty() || error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

// True when another process holds RocksDB's lock.
bool is_open_elsewhere(const std::string& directory) {
  const int descriptor = ::open((directory + "/LOCK").c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool held = ::fcntl(descriptor, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  ::close(descriptor);
  return held;
}

// What was found in one file of records.
struct Walk {
  std::uint64_t size = 0;
  std::uint64_t records = 0;
  std::optional<LogDamage> damage;  // the first
  std::uint64_t records_behind = 0;
  // Behind the last record is nothing but zeros: a log that was prepared and not closed.
  bool ends_in_zeros = false;
};

Result<bool> has_only_zeros(BlockFile& file, std::uint64_t offset) {
  std::uint64_t block = offset / kLogBlockBytes * kLogBlockBytes;
  for (; block < file.size(); block += kLogBlockBytes) {
    JD_TRY(std::string_view bytes, file.load(block));
    bytes.remove_prefix(std::min<std::size_t>(bytes.size(), offset > block ? offset - block : 0));
    if (bytes.find_first_not_of('\0') != std::string_view::npos) return false;
  }
  return true;
}

template <class Visit>
Result<Walk> walk_records(const std::string& path, Visit visit) {
  JD_TRY(BlockFile file, BlockFile::open(path));
  LogFileReader reader([&file](std::uint64_t offset) { return file.load(offset); });
  Walk walk;
  walk.size = file.size();
  for (;;) {
    JD_TRY(const LogFileReader::Step step, reader.next());
    if (step == LogFileReader::Step::end) break;
    if (step == LogFileReader::Step::damage) {
      if (!walk.damage) walk.damage = reader.damage();
      continue;
    }
    ++(walk.damage ? walk.records_behind : walk.records);
    visit(reader.record(), walk);
  }
  if (walk.damage && walk.damage->offset == walk.damage->record_offset &&
      walk.records_behind == 0) {
    JD_TRY(walk.ends_in_zeros, has_only_zeros(file, walk.damage->offset));
  }
  return walk;
}

class Checker {
 public:
  explicit Checker(const std::string& directory) : directory_(directory) {}

  Result<StoreCheck> run();

 private:
  void list_files();
  // The manifest that CURRENT names; none when the store is new or CURRENT is no good.
  std::optional<std::uint64_t> find_manifest();
  Result<void> check_manifest(std::uint64_t number);
  void check_tables();
  Result<void> check_logs();
  void check_log(std::uint64_t number, const Walk& walk);
  void end_logs();
  void end_damaged_logs();
  void end_log(LogPosition position);
  void check_missing_logs();
  void end_at(LogPosition position) { check_.good_to = std::min(check_.good_to, position); }

  std::string path(std::string_view name) const { return fmt::format("{}/{}", directory_, name); }
  std::string log_path(std::uint64_t number) const {
    return fmt::format("{}/{:06}.log", directory_, number);
  }

  const std::string& directory_;
  StoreCheck check_;
  std::map<std::uint64_t, std::uint64_t> logs_;    // number, size
  std::map<std::uint64_t, std::uint64_t> tables_;  // the same
  ManifestState manifest_;
  bool manifest_known_ = false;
  LogPosition durable_;  // by the mark, and by what the logs say themselves
  std::map<std::uint64_t, Walk> walks_;
};

void Checker::list_files() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    const std::string extension = entry.path().extension().string();
    const auto number = number_of(entry.path().stem().string());
    if (!number) continue;
    std::error_code no_size;
    const std::uint64_t size = entry.file_size(no_size);
    if (extension == ".log") logs_[*number] = no_size ? 0 : size;
    if (extension == ".sst") tables_[*number] = no_size ? 0 : size;
  }
}

std::optional<std::uint64_t> Checker::find_manifest() {
  std::ifstream file(path("CURRENT"), std::ios::binary);
  if (!file) {
    if (!logs_.empty() || !tables_.empty() || check_.mark) {
      check_.damage.push_back(
          fmt::format("{} is missing, but other files of a store are there", path("CURRENT")));
    }
    return std::nullopt;
  }
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::optional<std::uint64_t> number;
  if (text.starts_with(kManifestPrefix) && text.ends_with('\n')) {
    number = number_of(std::string_view(text).substr(kManifestPrefix.size(),
                                                     text.size() - kManifestPrefix.size() - 1));
  }
  if (!number) {
    check_.damage.push_back(fmt::format("{} is damaged: it names no manifest", path("CURRENT")));
  }
  return number;
}

Result<void> Checker::check_manifest(std::uint64_t number) {
  const std::string name = path(fmt::format("{}{:06}", kManifestPrefix, number));
  if (!std::filesystem::exists(name)) {
    check_.damage.push_back(fmt::format("{} is missing, which CURRENT names", name));
    return {};
  }
  manifest_known_ = true;
  JD_TRY(const Walk walk, walk_records(name, [this](const LogRecord& record, const Walk& so_far) {
           // What stands behind damage is not the next change of what stands before it.
           if (so_far.damage) return;
           manifest_known_ = manifest_known_ && manifest_.apply(record.bytes);
         }));
  const bool marked = check_.mark && check_.mark->manifest == number;
  if (check_.mark && check_.mark->manifest > number) {
    check_.damage.push_back(
        fmt::format("CURRENT names {}, but the store was already at {}{:06}: the files are of "
                    "different moments",
                    name, kManifestPrefix, check_.mark->manifest));
    manifest_known_ = false;
  } else if (marked && walk.size < check_.mark->manifest_bytes) {
    check_.damage.push_back(fmt::format("{} is too short: it has {} bytes and had {}", name,
                                        walk.size, check_.mark->manifest_bytes));
    manifest_known_ = false;
  } else if (walk.damage) {
    const bool lost = check_.mark
                          ? marked && walk.damage->record_offset < check_.mark->manifest_bytes
                          : walk.records_behind > 0;
    if (lost || walk.records_behind > 0) {
      check_.damage.push_back(fmt::format("{} is damaged at offset {} ({})", name,
                                          walk.damage->offset, walk.damage->reason));
      manifest_known_ = false;
    }
  }
  return {};
}

void Checker::check_tables() {
  if (!manifest_known_) return;
  for (const auto& [number, known] : manifest_.tables()) {
    const auto there = tables_.find(number);
    const std::string name = path(fmt::format("{:06}.sst", number));
    const bool of_index = manifest_.is_of_family(number, OpenStore::kClientNumbersName);
    if (there != tables_.end() && there->second == known.bytes) {
      check_.tables.push_back({name, known.bytes, known.largest_sequence,
                               of_index ? Table::client_numbers : Table::main});
      continue;
    }
    if (of_index) ++check_.index_tables;
    if (there == tables_.end()) {
      check_.damage.push_back(fmt::format("table file {} is missing", name));
    } else {
      check_.damage.push_back(fmt::format("table file {} has {} bytes instead of {}", name,
                                          there->second, known.bytes));
    }
  }
}

Result<void> Checker::check_logs() {
  if (check_.mark) durable_ = check_.mark->synced;
  const std::uint64_t first = manifest_known_ ? manifest_.first_log() : 0;
  for (auto it = logs_.lower_bound(first); it != logs_.end(); ++it) {
    JD_TRY(Walk walk,
           walk_records(log_path(it->first), [this](const LogRecord& record, const Walk&) {
             if (!check_.mark) return;
             const auto marker = find_log_marker(record.bytes, check_.mark->secret);
             if (marker) durable_ = std::max(durable_, *marker);
           }));
    check_.log_bytes += walk.ends_in_zeros ? walk.damage->offset : walk.size;
    walks_.emplace(it->first, std::move(walk));
  }
  if (manifest_known_) check_missing_logs();
  for (const auto& [number, walk] : walks_) check_log(number, walk);
  if (check_.log_damage.empty()) {
    end_logs();
  } else {
    end_damaged_logs();
  }
  return {};
}

void Checker::check_missing_logs() {
  // Number and bytes of every log that must be there.
  std::map<std::uint64_t, std::uint64_t> wanted = manifest_.synced_logs();
  if (durable_.bytes > 0) {
    std::uint64_t& bytes = wanted[durable_.log];
    bytes = std::max(bytes, durable_.bytes);
  }
  for (auto it = wanted.lower_bound(manifest_.first_log()); it != wanted.end(); ++it) {
    const auto walk = walks_.find(it->first);
    if (walk == walks_.end()) {
      check_.log_damage.push_back(
          fmt::format("the write-ahead log {} is missing, of which {} bytes "
                      "had been synced",
                      log_path(it->first), it->second));
      check_.log_bytes += it->second;
      check_.log_missing = check_.log_missing || manifest_.synced_logs().contains(it->first);
      end_at({it->first, 0});
    } else if (walk->second.size < it->second) {
      check_.log_damage.push_back(
          fmt::format("the write-ahead log {} ends at offset {}, but {} bytes had been synced",
                      log_path(it->first), walk->second.size, it->second));
      check_.log_bytes += it->second - walk->second.size;
      const auto& torn = walk->second.damage;
      end_at({it->first, torn ? torn->record_offset : walk->second.size});
      // One sentence for each file.
      walk->second.damage.reset();
    }
  }
}

void Checker::end_log(LogPosition position) {
  const auto closed = manifest_.synced_logs().find(position.log);
  const bool known = manifest_known_ && closed != manifest_.synced_logs().end();
  check_.log_ends.push_back(
      {position, known ? std::max(position.bytes, closed->second) : position.bytes});
}

// A log that is not whole was not synced to its end, and no log is synced before the ones before it
// (prepared_logs.h): what is in later ones was not synced either, and may not follow a hole.
void Checker::end_logs() {
  bool ended = false;
  for (const auto& [number, walk] : walks_) {
    if (ended && walk.size > 0) {
      end_log({number, 0});
      if (walk.records > 0) {
        check_.notes.push_back(
            fmt::format("the write-ahead log {} had not been synced when a crash came, and what "
                        "should be before it is not there",
                        log_path(number)));
      }
    } else if (walk.damage) {
      end_log({number, walk.damage->record_offset});
      ended = true;
    }
  }
}

void Checker::end_damaged_logs() {
  for (auto it = walks_.lower_bound(check_.good_to.log); it != walks_.end(); ++it) {
    const auto closed = manifest_.synced_logs().find(it->first);
    const bool known = closed != manifest_.synced_logs().end();
    const bool first = it->first == check_.good_to.log;
    check_.log_ends.push_back(
        {{it->first, first ? check_.good_to.bytes : 0},
         known ? std::max(it->second.size, closed->second) : it->second.size});
  }
}

void Checker::check_log(std::uint64_t number, const Walk& walk) {
  if (!walk.damage) return;
  // Whole records in this log behind the damage, and in the logs behind it.
  std::uint64_t behind = walk.records_behind;
  for (auto it = walks_.upper_bound(number); it != walks_.end(); ++it) {
    behind += it->second.records + it->second.records_behind;
  }
  const bool durable =
      check_.mark ? LogPosition{number, walk.damage->record_offset} < durable_ : behind > 0;
  const std::string where = fmt::format("{} at offset {} ({})", log_path(number),
                                        walk.damage->offset, walk.damage->reason);
  if (!durable) {
    if (walk.ends_in_zeros) return;
    check_.notes.push_back(fmt::format(
        "the write-ahead log ends with what a crash has left of an unfinished write: {}", where));
    return;
  }
  end_at({number, walk.damage->record_offset});
  check_.log_damage.push_back(fmt::format(
      "the write-ahead log is damaged: {}; behind it are {} whole records", where, behind));
}

Result<StoreCheck> Checker::run() {
  if (is_open_elsewhere(directory_)) return std::move(check_);
  list_files();
  const std::string mark_path = path(kMarkFileName);
  check_.mark = read_durable_mark(mark_path);
  const auto manifest = find_manifest();
  if (!manifest) return std::move(check_);
  if (check_.mark && !check_.mark->stopped) {
    struct stat status {};
    check_.copied_while_open =
        ::stat(mark_path.c_str(), &status) == 0 && status.st_ino != check_.mark->inode;
  }
  JD_RETURN_IF_ERROR(check_manifest(*manifest));
  check_tables();
  JD_RETURN_IF_ERROR(check_logs());
  return std::move(check_);
}

}  // namespace

std::string StoreCheck::findings() const {
  std::vector<std::string> all = damage;
  all.insert(all.end(), log_damage.begin(), log_damage.end());
  std::string text;
  for (std::size_t i = 0; i < std::min(all.size(), kListedMax); ++i) text += all[i] + ". ";
  if (all.size() > kListedMax) text += fmt::format("{} more. ", all.size() - kListedMax);
  if (copied_while_open) {
    text +=
        "The directory is a copy that was made while a server had it open, and its files do not "
        "fit "
        "together: copy it while the server is stopped, or from a snapshot of the file system. ";
  }
  return text;
}

std::string StoreCheck::sentence() const {
  std::string text = findings() +
                     "Acknowledged messages would be lost, so nothing was changed: restore the "
                     "whole directory from a backup";
  if (damage.empty()) {
    text += ", or start once with --accept-data-loss, which drops everything from there on";
  }
  return text;
}

Result<void> cut_log_tails(const std::string& directory, const StoreCheck& check) {
  for (const LogEnd& end : check.log_ends) {
    const std::string path = fmt::format("{}/{:06}.log", directory, end.position.log);
    std::error_code error;
    std::filesystem::resize_file(path, end.position.bytes, error);
    if (!error && end.file_bytes > end.position.bytes) {
      std::filesystem::resize_file(path, end.file_bytes, error);
    }
    if (error) return Error(Errc::storage, "cannot cut " + path + ": " + error.message());
  }
  return {};
}

Result<StoreCheck> check_store(const std::string& directory) { return Checker(directory).run(); }

}  // namespace jindou::store
