// The table client_numbers made again from the commit records, which list all that it holds
// (docs/decisions/0006-client-msg-no-index.md). For a store that serves nobody and whose table is
// empty (OpenStore::empty_client_numbers), which is noted for as long as it takes
// (index_rebuild_mark.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/result.h"
#include "store/database.h"

namespace jindou::store {

struct IndexRebuild {
  std::uint64_t records = 0;     // commit records
  std::uint64_t unreadable = 0;  // others, of which the index has nothing
  std::uint64_t numbers = 0;     // entries that were made of them
};

struct IndexRebuildOptions {
  // In memory at a time, some 150 bytes each.
  std::size_t numbers_per_load = 200'000;
  // Now and then. False: give up, which is `unavailable`.
  std::function<bool(const IndexRebuild& so_far)> keep_on;
};

// Loads it piece by piece, each with how far the table has got (index_progress.h). After an error
// it begins from the start: with an empty table. Errors: storage (a table cannot be read, or a file
// not be written), unavailable.
Result<IndexRebuild> rebuild_client_numbers(Database& database, const IndexRebuildOptions& options);

}  // namespace jindou::store
