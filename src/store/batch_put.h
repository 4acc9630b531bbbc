// Rows of a write batch whose values lie in two places.
#pragma once

#include <rocksdb/slice.h>
#include <rocksdb/status.h>
#include <rocksdb/write_batch.h>

#include <array>
#include <string_view>

#include "store/rocksdb_slice.h"

namespace jindou::store {

// Adds a row whose value is `front` and, behind it, `back`: the same bytes as Put() adds for both
// in one string, which nobody has to make. Each is copied once, into the batch; none has to be
// there afterwards. The status is that of WriteBatch::Put().
inline rocksdb::Status put_joined(rocksdb::WriteBatch& batch, std::string_view key,
                                  std::string_view front, std::string_view back) {
  const rocksdb::Slice name = slice(key);
  const std::array<rocksdb::Slice, 2> value = {slice(front), slice(back)};
  return batch.Put(rocksdb::SliceParts(&name, 1),
                   rocksdb::SliceParts(value.data(), static_cast<int>(value.size())));
}

}  // namespace jindou::store
