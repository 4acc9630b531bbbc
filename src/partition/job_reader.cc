#include "partition/job_reader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "store/job_records.h"
#include "store/keys.h"

namespace jindou::partition {

namespace {

using store::KeyKind;
using store::Table;

// Moves to the chunk that the item `index` is in, if there is one, or else to the last before it.
// False: there is none. Errors: storage.
Result<bool> seek_chunk(store::PartitionCursor& cursor, KeyKind kind, std::string_view id,
                        std::uint64_t index) {
  if (index == std::numeric_limits<std::uint64_t>::max()) return false;
  const PartitionId partition = cursor.partition();
  const bool found = cursor.seek_before(store::job_chunk_key(partition, kind, id, index + 1));
  JD_RETURN_IF_ERROR(cursor.status());
  return found && cursor.key().starts_with(store::job_chunk_prefix(partition, kind, id));
}

template <class Chunk, class Decode>
Result<std::optional<Chunk>> load(store::PartitionCursor& cursor, KeyKind kind, std::string_view id,
                                  std::uint64_t index, const Decode& decode) {
  using Found = std::optional<Chunk>;
  JD_TRY(const bool found, seek_chunk(cursor, kind, id, index));
  if (!found) return Found();
  Chunk chunk;
  chunk.first = store::first_of_job_chunk_key(cursor.key());
  JD_TRY(const std::size_t items, decode(cursor.value(), chunk));
  if (index - chunk.first >= items) return Found();
  return Found(std::move(chunk));
}

Result<std::size_t> decode_input(std::string_view bytes, JobInputChunk& chunk) {
  JD_TRY(chunk.items, store::decode_job_input(bytes));
  return chunk.items.size();
}

Result<std::size_t> decode_results(std::string_view bytes, JobResultChunk& chunk) {
  JD_TRY(chunk.results, store::decode_job_results(bytes));
  return chunk.results.size();
}

}  // namespace

Result<std::optional<Job>> JobReader::load_job(std::string_view id) const {
  using Found = std::optional<Job>;
  if (!is_job_id(id)) return Found();
  const store::PartitionReader reader = readers_.of_job(id);
  std::string value;
  JD_TRY(const bool exists, reader.get(Table::main, store::job_key(reader.partition(), id), value));
  if (!exists) return Found();
  JD_TRY(Job job, store::decode_job(value, id));
  return Found(std::move(job));
}

Result<std::vector<Job>> JobReader::load_jobs(std::string_view before, std::size_t count) const {
  std::vector<Job> found;
  const auto keep_first = [&found, count] {
    std::sort(found.begin(), found.end(), [](const Job& a, const Job& b) { return a.id > b.id; });
    if (found.size() > count) found.resize(count);
  };
  for (const PartitionId partition : readers_.map().ids()) {
    store::PartitionCursor cursor = readers_.of(partition).open_cursor(Table::main);
    const std::string prefix = store::job_prefix(partition);
    std::string end = prefix;
    end += before;
    if (before.empty()) end = store::after_prefix(prefix);
    std::size_t taken = 0;
    for (bool there = cursor.seek_before(end);
         there && taken < count && cursor.key().starts_with(prefix); there = cursor.prev()) {
      JD_TRY(Job job, store::decode_job(cursor.value(), store::id_of_job_key(cursor.key())));
      found.push_back(std::move(job));
      ++taken;
    }
    JD_RETURN_IF_ERROR(cursor.status());
    if (found.size() >= 2 * count) keep_first();
  }
  keep_first();
  return found;
}

Result<std::vector<Job>> JobReader::load_unfinished(PartitionId partition) const {
  std::vector<Job> found;
  const std::string prefix = store::job_prefix(partition);
  Result<void> decoded;
  JD_RETURN_IF_ERROR(readers_.of(partition).scan(Table::main, prefix, store::after_prefix(prefix),
                                                 [&](std::string_view key, std::string_view value) {
                                                   auto job = store::decode_job(
                                                       value, store::id_of_job_key(key));
                                                   if (!job) {
                                                     decoded = std::move(job).error();
                                                     return false;
                                                   }
                                                   if (!is_ended(job->state))
                                                     found.push_back(std::move(*job));
                                                   return true;
                                                 }));
  JD_RETURN_IF_ERROR(decoded);
  return found;
}

Result<std::optional<JobChunk>> JobReader::load_chunk(std::string_view id,
                                                      std::uint64_t index) const {
  using Found = std::optional<JobChunk>;
  if (!is_job_id(id)) return Found();
  store::PartitionCursor cursor = readers_.of_job(id).open_cursor(Table::main);
  JD_TRY(auto input, load<JobInputChunk>(cursor, KeyKind::job_input, id, index, decode_input));
  if (!input) return Found();
  JD_TRY(auto results,
         load<JobResultChunk>(cursor, KeyKind::job_results, id, index, decode_results));
  const bool agree =
      results && results->first == input->first && results->results.size() == input->items.size();
  if (!agree) return Error(Errc::storage, "the input and the results of a job do not agree");
  return Found(JobChunk{input->first, std::move(input->items), std::move(results->results)});
}

Result<std::optional<JobInputChunk>> JobReader::load_input(std::string_view id,
                                                           std::uint64_t index) const {
  if (!is_job_id(id)) return std::optional<JobInputChunk>();
  store::PartitionCursor cursor = readers_.of_job(id).open_cursor(Table::main);
  return load<JobInputChunk>(cursor, KeyKind::job_input, id, index, decode_input);
}

Result<std::optional<JobResultChunk>> JobReader::load_results(std::string_view id,
                                                              std::uint64_t index) const {
  if (!is_job_id(id)) return std::optional<JobResultChunk>();
  store::PartitionCursor cursor = readers_.of_job(id).open_cursor(Table::main);
  return load<JobResultChunk>(cursor, KeyKind::job_results, id, index, decode_results);
}

}  // namespace jindou::partition
