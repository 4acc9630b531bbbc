// One write batch out of several.
#pragma once

#include <rocksdb/write_batch.h>

namespace jindou::store {

// Adds the rows of `from`, which are of the main table, behind those of `to`.
void append_batch(rocksdb::WriteBatch& to, const rocksdb::WriteBatch& from);

}  // namespace jindou::store
