#include "store/index_rebuild.h"

#include <future>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "model/ids.h"
#include "store/bulk_loader.h"
#include "store/index_progress.h"
#include "store/keys.h"
#include "store/records.h"

namespace jindou::store {

namespace {

// Of one partition, by key; a later message takes the place of an earlier one with its number.
using Numbers = std::map<std::string, std::string>;

Result<void> load_and_wait(Database& database, Numbers& numbers) {
  // Of both threads: the other one may still be at it when this one has its answer.
  const auto loaded = std::make_shared<std::promise<Result<void>>>();
  auto outcome = loaded->get_future();
  database.load(
      Table::client_numbers,
      [&numbers] { return BulkLoader::Entries(numbers.begin(), numbers.end()); },
      [loaded](Result<void> done) { loaded->set_value(std::move(done)); });
  JD_RETURN_IF_ERROR(outcome.get());
  numbers.clear();
  return {};
}

// Takes the entries of one commit record. Returns the counter of its last message, 0 without one.
Result<std::uint64_t> add_record(PartitionId partition, std::string_view key,
                                 std::string_view value, Numbers& numbers) {
  JD_TRY(const CommitRecord record, decode_commit_record(value, counter_of_commit_record_key(key)));
  std::uint64_t last = 0;
  for (const CommitEntry& entry : record.entries) {
    if (entry.kind != EntryKind::message) continue;
    ClientNumber number;
    number.counter = entry.counter;
    number.seq = entry.seq;
    number.payload = entry.payload;
    number.timestamp = record.timestamp;
    number.idempotent = entry.idempotent;
    numbers.insert_or_assign(client_number_key(partition, entry.fingerprint), encode(number));
    last = entry.counter;
  }
  return last;
}

Result<void> rebuild_partition(Database& database, PartitionId partition,
                               const IndexRebuildOptions& options, IndexRebuild& so_far) {
  const std::string prefix = commit_record_prefix(partition);
  const std::string end = after_prefix(prefix);
  std::string next = prefix;
  Numbers numbers;
  for (bool more = true; more;) {
    more = false;
    std::uint64_t last = 0;
    JD_RETURN_IF_ERROR(
        database.scan(Table::main, next, end, [&](std::string_view key, std::string_view value) {
          const auto counter = add_record(partition, key, value, numbers);
          // That it cannot be read the audit tells, and with it what is lost (record_audit.h).
          if (!counter) {
            ++so_far.unreadable;
            return true;
          }
          if (*counter > 0) last = *counter;
          ++so_far.records;
          more = numbers.size() >= options.numbers_per_load;
          // The smallest key behind this one.
          if (more) next = std::string(key) + '\0';
          return !more;
        }));
    if (numbers.empty()) continue;
    so_far.numbers += numbers.size();
    numbers.insert_or_assign(index_progress_key(partition), encode_index_progress(last));
    JD_RETURN_IF_ERROR(load_and_wait(database, numbers));
    if (options.keep_on && !options.keep_on(so_far)) {
      return Error(Errc::unavailable, "it was given up");
    }
  }
  return {};
}

}  // namespace

Result<IndexRebuild> rebuild_client_numbers(Database& database,
                                            const IndexRebuildOptions& options) {
  IndexRebuild rebuilt;
  for (std::uint16_t i = 0; i < database.partitions(); ++i) {
    JD_RETURN_IF_ERROR(rebuild_partition(database, PartitionId{i}, options, rebuilt));
  }
  return rebuilt;
}

}  // namespace jindou::store
