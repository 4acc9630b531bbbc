// What RocksDB's manifest says about the files of the store: which tables belong to it and which
// logs have to be replayed. Read before the store is opened, because an opened store changes both.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace jindou::store {

struct ManifestTable {
  std::uint64_t bytes = 0;
  std::uint64_t largest_sequence = 0;  // of its rows
};

class ManifestState {
 public:
  // Takes one record of the manifest into account. False when it has something this reader does not
  // know: then nothing can be said about the files.
  bool apply(std::string_view record);

  // Table files by number.
  std::map<std::uint64_t, ManifestTable> tables() const;
  // Whether a table file is of the column family with that name.
  bool is_of_family(std::uint64_t table, std::string_view family) const;
  // Logs with a smaller number are in tables.
  std::uint64_t first_log() const;
  // Closed logs that were synced, with the bytes that were.
  const std::map<std::uint64_t, std::uint64_t>& synced_logs() const { return synced_logs_; }

 private:
  struct Family {
    std::string name;
    std::uint64_t log_number = 0;
    std::map<std::uint64_t, ManifestTable> tables;
  };

  std::map<std::uint64_t, Family> families_;
  std::uint64_t min_log_ = 0;
  std::map<std::uint64_t, std::uint64_t> synced_logs_;
};

}  // namespace jindou::store
