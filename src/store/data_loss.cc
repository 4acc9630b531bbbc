#include "store/data_loss.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "base/varint.h"
#include "store/crc32c.h"
#include "store/file_copy.h"
#include "store/keys.h"
#include "store/rocksdb_slice.h"
#include "store/rocksdb_status.h"

namespace jindou::store {

namespace {

namespace fs = std::filesystem;

constexpr const char* kAcceptedFile = "data-loss.accepted";
constexpr const char* kRestoredFile = "restored.floor";
// A message takes at least so many bytes of log: its key, its value and its share of the commit
// record are longer.
constexpr std::uint64_t kLogBytesPerMessage = 32;
constexpr std::size_t kEraseBatch = 4096;

Error failed(const std::string& what, const std::string& path) {
  return Error(Errc::storage, fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

// A bound and a number that says how far is skipped.
Result<void> write_numbers(const std::string& directory, const char* name, std::uint64_t bound,
                           std::uint64_t far) {
  const std::string path = directory + "/" + name;
  std::string bytes;
  append_varint(bytes, bound);
  append_varint(bytes, far);
  append_varint(bytes, crc32c(bytes));
  {
    std::ofstream file(path + ".new", std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) return failed("write", path);
  }
  JD_RETURN_IF_ERROR(sync_path(path + ".new"));
  std::error_code error;
  fs::rename(path + ".new", path, error);
  if (error) return Error(Errc::storage, "cannot rename " + path + ": " + error.message());
  return sync_path(directory);
}

Result<std::optional<std::pair<std::uint64_t, std::uint64_t>>> read_numbers(
    const std::string& directory, const char* name) {
  using Found = std::optional<std::pair<std::uint64_t, std::uint64_t>>;
  const std::string path = directory + "/" + name;
  std::ifstream file(path, std::ios::binary);
  if (!file) return Found();
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  ByteReader reader(bytes);
  const std::uint64_t bound = reader.read_varint();
  const std::uint64_t far = reader.read_varint();
  const std::size_t checked = bytes.size() - reader.rest().size();
  if (reader.read_varint() != crc32c(std::string_view(bytes).substr(0, checked)) || !reader.ok()) {
    return Error(Errc::storage, path + " is damaged; restore the directory from a backup");
  }
  return Found(std::pair(bound, far));
}

// The beginning of a file as a new file in its place, in one step.
Result<void> keep_beginning(const std::string& path, std::uint64_t bytes) {
  const std::string part = path + ".part";
  std::error_code error;
  fs::copy_file(path, part, fs::copy_options::overwrite_existing, error);
  if (!error) fs::resize_file(part, bytes, error);
  if (error) return Error(Errc::storage, "cannot copy " + path + ": " + error.message());
  JD_RETURN_IF_ERROR(sync_path(part));
  fs::rename(part, path, error);
  if (error) return Error(Errc::storage, "cannot replace " + path + ": " + error.message());
  return {};
}

std::optional<std::uint64_t> log_number(const fs::path& path) {
  const std::string stem = path.stem().string();
  std::uint64_t number = 0;
  const char* const end = stem.data() + stem.size();
  const auto parsed = std::from_chars(stem.data(), end, number);
  if (path.extension() != ".log" || parsed.ec != std::errc() || parsed.ptr != end) {
    return std::nullopt;
  }
  return number;
}

Result<PartitionState> load_state(const OpenStore& store, PartitionId partition) {
  std::string value;
  const auto status = store.db().Get(rocksdb::ReadOptions(), store.handle(Table::main),
                                     partition_state_key(partition), &value);
  if (status.IsNotFound()) return PartitionState();
  if (!status.ok()) return to_error(status);
  return decode_partition_state(value);
}

// The newest message that the partition still knows of; 0 when no commit record is left: they are
// kept for as long as an entry of the index answers.
Result<std::uint64_t> last_counter(const OpenStore& store, PartitionId partition) {
  const std::string prefix = commit_record_prefix(partition);
  const std::string end = after_prefix(prefix);
  const std::unique_ptr<rocksdb::Iterator> it(
      store.db().NewIterator(rocksdb::ReadOptions(), store.handle(Table::main)));
  it->SeekForPrev(slice(end));
  if (!it->status().ok()) return to_error(it->status());
  if (!it->Valid() || !view(it->key()).starts_with(prefix)) return std::uint64_t{0};
  JD_TRY(const CommitRecord record,
         decode_commit_record(view(it->value()), counter_of_commit_record_key(view(it->key()))));
  return record.entries.empty() ? std::uint64_t{0} : record.entries.back().counter;
}

// Entries of messages that are gone would answer a repeat as if they were there.
Result<void> erase_lost_numbers(OpenStore& store, PartitionId partition, std::uint64_t last) {
  const std::string prefix = client_number_prefix(partition);
  const std::string end = after_prefix(prefix);
  rocksdb::ReadOptions read;
  const rocksdb::Slice bound = slice(end);
  read.iterate_upper_bound = &bound;
  rocksdb::ColumnFamilyHandle* const numbers = store.handle(Table::client_numbers);
  const std::unique_ptr<rocksdb::Iterator> it(store.db().NewIterator(read, numbers));
  rocksdb::WriteBatch batch;
  const auto write = [&]() -> Result<void> {
    const auto status = store.db().Write(rocksdb::WriteOptions(), &batch);
    batch.Clear();
    if (!status.ok()) return to_error(status);
    return {};
  };
  const std::string first = first_client_number(partition);
  for (it->Seek(slice(first)); it->Valid(); it->Next()) {
    JD_TRY(const ClientNumber number, decode_client_number(view(it->value())));
    if (number.counter <= last) continue;
    batch.Delete(numbers, it->key());
    if (batch.Count() >= static_cast<int>(kEraseBatch)) JD_RETURN_IF_ERROR(write());
  }
  if (!it->status().ok()) return to_error(it->status());
  return write();
}

}  // namespace

Result<void> note_accepted_loss(const std::string& directory, const StoreCheck& check) {
  AcceptedLoss loss{check.mark ? check.mark->id_bound : 0, check.log_bytes, 0};
  // A try that did not come to its end may have known more.
  if (const auto before = find_accepted_loss(directory); before && *before) {
    loss.id_bound = std::max(loss.id_bound, (*before)->id_bound);
    loss.log_bytes = std::max(loss.log_bytes, (*before)->log_bytes);
  }
  return write_numbers(directory, kAcceptedFile, loss.id_bound, loss.log_bytes);
}

Result<std::string> cut_logs(const std::string& directory, const StoreCheck& check,
                             std::int64_t now_seconds) {
  JD_RETURN_IF_ERROR(note_accepted_loss(directory, check));
  const std::string aside = fmt::format("{}/damaged-logs-{}", directory, now_seconds);
  std::error_code error;
  fs::create_directory(aside, error);
  if (error) return Error(Errc::storage, "cannot create " + aside + ": " + error.message());
  std::vector<fs::path> behind;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const auto number = log_number(entry.path());
    if (!number || *number < check.good_to.log) continue;
    const fs::path kept = fs::path(aside) / entry.path().filename();
    fs::create_hard_link(entry.path(), kept, error);
    // Not every file system has links.
    if (error && !fs::exists(kept)) fs::copy_file(entry.path(), kept, error);
    if (error && error != std::errc::file_exists) {
      return Error(Errc::storage, "cannot keep " + entry.path().string() + ": " + error.message());
    }
    if (*number > check.good_to.log) {
      behind.push_back(entry.path());
    } else {
      JD_RETURN_IF_ERROR(keep_beginning(entry.path().string(), check.good_to.bytes));
    }
  }
  // The last first: what is there is always one beginning of what was there.
  std::sort(behind.rbegin(), behind.rend());
  for (const auto& path : behind) {
    fs::remove(path, error);
    if (error) return Error(Errc::storage, "cannot move " + path.string() + ": " + error.message());
  }
  JD_RETURN_IF_ERROR(sync_path(aside));
  JD_RETURN_IF_ERROR(sync_path(directory));
  return aside;
}

Result<std::optional<AcceptedLoss>> find_accepted_loss(const std::string& directory) {
  using Found = std::optional<AcceptedLoss>;
  JD_TRY(const auto numbers, read_numbers(directory, kAcceptedFile));
  if (!numbers) return Found();
  return Found(AcceptedLoss{numbers->first, numbers->second, 0});
}

Result<void> note_restored(const std::string& directory, std::uint64_t id_bound,
                           std::uint64_t skip) {
  return write_numbers(directory, kRestoredFile, id_bound, skip);
}

Result<std::optional<AcceptedLoss>> find_restored(const std::string& directory) {
  using Found = std::optional<AcceptedLoss>;
  JD_TRY(const auto numbers, read_numbers(directory, kRestoredFile));
  if (!numbers) return Found();
  return Found(AcceptedLoss{numbers->first, 0, numbers->second});
}

void forget_losses(const std::string& directory) {
  std::error_code ignored;
  for (const char* name : {kAcceptedFile, kRestoredFile}) {
    fs::remove(directory + "/" + name, ignored);
  }
  sync_path(directory).ignore("done again at the next start, which does no harm");
}

Result<DataLossRecord> load_data_loss(const OpenStore& store) {
  std::string value;
  const auto status =
      store.db().Get(rocksdb::ReadOptions(), store.handle(Table::main), data_loss_key(), &value);
  if (status.IsNotFound()) return DataLossRecord();
  if (!status.ok()) return to_error(status);
  return decode_data_loss(value);
}

Result<DataLossRecord> raise_floor(OpenStore& store, std::uint16_t partitions,
                                   const AcceptedLoss& loss, std::int64_t now_seconds) {
  JD_TRY(DataLossRecord record, load_data_loss(store));
  std::vector<PartitionState> states;
  std::uint64_t highest = std::max(loss.id_bound, record.floor);
  for (std::uint16_t i = 0; i < partitions; ++i) {
    JD_TRY(const PartitionState state, load_state(store, PartitionId{i}));
    JD_TRY(const std::uint64_t last, last_counter(store, PartitionId{i}));
    JD_RETURN_IF_ERROR(erase_lost_numbers(store, PartitionId{i}, last));
    highest = std::max(highest, state.id_bound);
    states.push_back(state);
  }
  record.skipped = std::max({kIdsSkippedMin, loss.log_bytes / kLogBytesPerMessage, loss.skip});
  if (highest + record.skipped >= kIdCounterMax) {
    return Error(Errc::storage, "there are no message ids left to skip to");
  }
  record.floor = highest + record.skipped;
  record.last_at = now_seconds;
  ++record.times;
  rocksdb::WriteBatch batch;
  for (std::uint16_t i = 0; i < partitions; ++i) {
    states[i].id_bound = record.floor;
    batch.Put(partition_state_key(PartitionId{i}), encode(states[i]));
  }
  batch.Put(data_loss_key(), encode(record));
  auto status = store.db().Write(rocksdb::WriteOptions(), &batch);
  if (status.ok()) status = store.db().FlushWAL(true);
  if (!status.ok()) return to_error(status);
  return record;
}

}  // namespace jindou::store
