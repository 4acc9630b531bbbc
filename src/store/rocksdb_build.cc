#include "store/rocksdb_build.h"

#include <fmt/format.h>
#include <rocksdb/version.h>

namespace jindou::store {

std::string rocksdb_build() {
#ifdef JINDOU_ROCKSDB_FROM_SOURCE
  const char* origin = "from Debian's source package, without assertions";
#else
  const char* origin = "the system's library; Debian's has assertions on";
#endif
  return fmt::format("{}.{}.{} ({})", ROCKSDB_MAJOR, ROCKSDB_MINOR, ROCKSDB_PATCH, origin);
}

}  // namespace jindou::store
