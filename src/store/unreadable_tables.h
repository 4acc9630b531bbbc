// For a store that does not open: which of its table files are to blame.
#pragma once

#include <string>

namespace jindou::store {

// Table files in `directory` that cannot even be opened, each with what is wrong: RocksDB names the
// manifest instead when it finds one of them while it opens the store. Reads a little of each file.
std::string unreadable_tables(const std::string& directory);

}  // namespace jindou::store
