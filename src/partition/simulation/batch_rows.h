// Looks into write batches of commits.
#pragma once

#include <rocksdb/write_batch.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "store/commit_log.h"
#include "store/keys.h"
#include "store/memory_reader.h"

namespace jindou::partition::simulation {

// Has the main table follow the batch.
void apply_batch(const rocksdb::WriteBatch& batch, store::MemoryReader& store);
// Commits on their way, in order; those of one entry are made all or none.
using PendingCommits = std::deque<std::vector<store::Commit>>;
// Rows that the commits write or delete, but for the states of partitions.
std::size_t count_rows(const PendingCommits& commits);
// The batch but for every third write of such rows; `writes` counts them.
rocksdb::WriteBatch without_some(const rocksdb::WriteBatch& batch, store::KeyKind lost,
                                 std::uint64_t& writes);

}  // namespace jindou::partition::simulation
