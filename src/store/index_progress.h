// How far the table client_numbers has got in each partition.
//
// The row lives in that table and is loaded with the entries it tells of, so that row and table
// agree, whatever is lost. It belongs to this store alone and is in no commit: whoever else applies
// the partition's commits has a table of its own, which has got somewhere else.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "model/ids.h"
#include "store/open_store.h"
#include "store/partition_reader.h"

namespace jindou::store {

// The value of the row (index_progress_key): counters up to `counter` are in the table.
std::string encode_index_progress(std::uint64_t counter);
// Errors: storage.
Result<std::uint64_t> decode_index_progress(std::string_view bytes);

// 0: nothing was loaded yet. Errors: storage.
Result<std::uint64_t> load_index_progress(const PartitionReader& reader);

// A store of format 1 kept the progress in the row that every commit writes. Adds what brings it to
// where it belongs to `batch`. Errors: storage.
Result<void> move_index_progress(const OpenStore& store, std::uint16_t partitions,
                                 rocksdb::WriteBatch& batch);

}  // namespace jindou::store
