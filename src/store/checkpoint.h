// The open store as it is at one moment, in another directory: what backups are made of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace jindou::store {

struct CheckpointFile {
  std::string name;
  // Another name of the store's own file, which never changes; otherwise a copy.
  bool linked = false;
};

struct Checkpoint {
  std::vector<CheckpointFile> files;
  // By partition: commits that are in it at least. Those that came meanwhile may be as well.
  std::vector<std::uint64_t> positions;
  // No message id counter in it is higher.
  std::uint64_t id_bound = 0;
};

}  // namespace jindou::store
