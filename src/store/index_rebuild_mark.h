// A file in the directory that says that the table client_numbers is being made again
// (index_rebuild.h), from before it is emptied until it is whole.
//
// The rows alone are those of an index that has not got far yet, and a server that took them for
// that would hold all other messages of the store in memory. As long as the file is there, only a
// repair opens the store (StoreOptions::rebuilds_index).
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace jindou::store {

// Nothing is done when it is there. Durable when it returns. Errors: storage.
Result<void> begin_index_rebuild(const std::string& directory);
// The table is whole. Errors: storage.
Result<void> end_index_rebuild(const std::string& directory);
// One was begun and did not come to its end: a sentence that says so, and what to do.
std::optional<std::string> unfinished_index_rebuild(const std::string& directory);

}  // namespace jindou::store
