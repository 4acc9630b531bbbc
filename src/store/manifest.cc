#include "store/manifest.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/varint.h"

namespace jindou::store {

namespace {

// The tags of RocksDB's version edits.
constexpr std::uint64_t kComparator = 1;
constexpr std::uint64_t kLogNumber = 2;
constexpr std::uint64_t kNextFileNumber = 3;
constexpr std::uint64_t kLastSequence = 4;
constexpr std::uint64_t kCompactCursor = 5;
constexpr std::uint64_t kDeletedFile = 6;
constexpr std::uint64_t kPrevLogNumber = 9;
constexpr std::uint64_t kMinLogNumberToKeep = 10;
constexpr std::uint64_t kNewFile4 = 103;
constexpr std::uint64_t kColumnFamily = 200;
constexpr std::uint64_t kColumnFamilyAdd = 201;
constexpr std::uint64_t kColumnFamilyDrop = 202;
constexpr std::uint64_t kMaxColumnFamily = 203;
constexpr std::uint64_t kInAtomicGroup = 300;
// A tag with this bit may be skipped by who does not know it; its value is a string.
constexpr std::uint64_t kSkippable = 1 << 13;
constexpr std::uint64_t kWalAddition = kSkippable + 7;
constexpr std::uint64_t kWalDeletion = kSkippable + 8;
// Tags within the record of a file and of a log.
constexpr std::uint64_t kTerminate = 1;
constexpr std::uint64_t kSyncedSize = 2;

struct Edit {
  std::uint64_t family = 0;
  std::optional<std::string> family_name;  // one is added
  bool drops_family = false;
  std::optional<std::uint64_t> log_number;
  std::optional<std::uint64_t> min_log;
  std::vector<std::uint64_t> deleted;
  std::vector<std::pair<std::uint64_t, ManifestTable>> added;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> synced_logs;
  std::uint64_t logs_deleted_before = 0;
};

void read_new_file(ByteReader& reader, Edit& edit) {
  reader.read_varint();  // level
  const std::uint64_t number = reader.read_varint();
  ManifestTable table;
  table.bytes = reader.read_varint();
  reader.read_string();  // smallest key
  reader.read_string();  // largest key
  reader.read_varint();  // smallest sequence number
  table.largest_sequence = reader.read_varint();
  while (reader.ok() && reader.read_varint() != kTerminate) reader.read_string();
  edit.added.emplace_back(number, table);
}

void read_wal_addition(std::string_view bytes, Edit& edit) {
  ByteReader reader(bytes);
  const std::uint64_t number = reader.read_varint();
  std::uint64_t size = 0;
  for (;;) {
    const std::uint64_t tag = reader.read_varint();
    if (!reader.ok() || tag != kSyncedSize) break;
    size = reader.read_varint();
  }
  if (reader.ok()) edit.synced_logs.emplace_back(number, size);
}

// False for a tag that is not known.
bool read_field(std::uint64_t tag, ByteReader& reader, Edit& edit) {
  switch (tag) {
    case kComparator: reader.read_string(); return true;
    case kColumnFamilyAdd: edit.family_name = reader.read_string(); return true;
    case kNextFileNumber:
    case kLastSequence:
    case kPrevLogNumber:
    case kMaxColumnFamily:
    case kInAtomicGroup: reader.read_varint(); return true;
    case kLogNumber: edit.log_number = reader.read_varint(); return true;
    case kMinLogNumberToKeep: edit.min_log = reader.read_varint(); return true;
    case kCompactCursor:
      reader.read_varint();
      reader.read_string();
      return true;
    case kDeletedFile:
      reader.read_varint();
      edit.deleted.push_back(reader.read_varint());
      return true;
    case kNewFile4: read_new_file(reader, edit); return true;
    case kColumnFamily: edit.family = reader.read_varint(); return true;
    case kColumnFamilyDrop: edit.drops_family = true; return true;
    case kWalAddition: read_wal_addition(reader.read_string(), edit); return true;
    case kWalDeletion: {
      ByteReader deletion(reader.read_string());
      edit.logs_deleted_before = deletion.read_varint();
      return true;
    }
    default: break;
  }
  if ((tag & kSkippable) == 0) return false;
  reader.read_string();
  return true;
}

}  // namespace

bool ManifestState::apply(std::string_view record) {
  ByteReader reader(record);
  Edit edit;
  while (reader.ok() && !reader.at_end()) {
    const std::uint64_t tag = reader.read_varint();
    if (!reader.ok() || !read_field(tag, reader, edit)) return false;
  }
  if (!reader.ok()) return false;
  if (edit.drops_family) {
    families_.erase(edit.family);
    return true;
  }
  Family& family = families_[edit.family];
  if (edit.family_name) family.name = *edit.family_name;
  if (edit.log_number) family.log_number = std::max(family.log_number, *edit.log_number);
  // A file that only changes its level is deleted and added in one edit.
  for (const std::uint64_t number : edit.deleted) family.tables.erase(number);
  for (const auto& [number, table] : edit.added) family.tables[number] = table;
  if (edit.min_log) min_log_ = std::max(min_log_, *edit.min_log);
  for (const auto& [number, size] : edit.synced_logs) {
    std::uint64_t& known = synced_logs_[number];
    known = std::max(known, size);
  }
  synced_logs_.erase(synced_logs_.begin(), synced_logs_.lower_bound(edit.logs_deleted_before));
  return true;
}

std::map<std::uint64_t, ManifestTable> ManifestState::tables() const {
  std::map<std::uint64_t, ManifestTable> all;
  for (const auto& [id, family] : families_) all.insert(family.tables.begin(), family.tables.end());
  return all;
}

bool ManifestState::is_of_family(std::uint64_t table, std::string_view name) const {
  return std::ranges::any_of(families_, [&](const auto& entry) {
    return entry.second.name == name && entry.second.tables.contains(table);
  });
}

std::uint64_t ManifestState::first_log() const {
  if (families_.empty()) return min_log_;
  std::uint64_t first = ~std::uint64_t{0};
  for (const auto& [id, family] : families_) first = std::min(first, family.log_number);
  return std::max(first, min_log_);
}

}  // namespace jindou::store
