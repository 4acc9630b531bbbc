#include "store/unreadable_tables.h"

#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>

#include <filesystem>
#include <system_error>

namespace jindou::store {

std::string unreadable_tables(const std::string& directory) {
  std::string found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() != ".sst") continue;
    rocksdb::SstFileReader reader{rocksdb::Options()};
    const auto status = reader.Open(entry.path().string());
    if (status.ok()) continue;
    found += "; table file " + entry.path().string() + ": " + status.ToString();
  }
  return found;
}

}  // namespace jindou::store
