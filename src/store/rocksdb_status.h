// The border between RocksDB's status and our errors.
#pragma once

#include <rocksdb/status.h>

#include "base/result.h"

namespace jindou::store {

// `status` is not ok. Always Errc::storage, with RocksDB's text.
inline Error to_error(const rocksdb::Status& status) {
  return Error(Errc::storage, status.ToString());
}

}  // namespace jindou::store
