// Our views as RocksDB's, and back. Neither copies.
#pragma once

#include <rocksdb/slice.h>

#include <string_view>

namespace jindou::store {

inline rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
inline std::string_view view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace jindou::store
