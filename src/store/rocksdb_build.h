// Which RocksDB this binary is built with: figures depend on it.
#pragma once

#include <string>

namespace jindou::store {

// Its version, and where it comes from: the system's library, which Debian builds with assertions
// on, or Debian's source package without them (JINDOU_ROCKSDB in cmake/deps.cmake).
std::string rocksdb_build();

}  // namespace jindou::store
