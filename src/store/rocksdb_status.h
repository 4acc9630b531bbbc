// The border between RocksDB's status and our errors.
#pragma once

#include <rocksdb/status.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace jindou::store {

// RocksDB's text, in which an error that was passed on names its class twice.
inline std::string text_of(const rocksdb::Status& status) {
  constexpr std::string_view kClass = "IO error: ";
  std::string text = status.ToString();
  while (text.starts_with(kClass) && text.compare(kClass.size(), kClass.size(), kClass) == 0) {
    text.erase(0, kClass.size());
  }
  return text;
}

// `status` is not ok. Always Errc::storage, with RocksDB's text.
inline Error to_error(const rocksdb::Status& status) {
  return Error(Errc::storage, text_of(status));
}

}  // namespace jindou::store
