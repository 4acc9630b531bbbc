// Is there any use in opening the store again? Asked while it is still open for reads.
#pragma once

#include <rocksdb/file_system.h>

#include <string>

#include "base/result.h"

namespace jindou::store {

// Name of the file that the probe makes in the store's directory and removes.
inline constexpr const char* kProbeFile = "room.probe";

// Opening replays the logs into table files, so there must be room for as much as the logs hold:
// makes a file of that size in `directory` (its blocks are reserved, not written), writes a little,
// syncs and removes it. Errors: storage, with the step that failed, and for want of room with how
// much is needed and how much there is. Blocks on the disk.
Result<void> probe_room(rocksdb::FileSystem& files, const std::string& directory);

}  // namespace jindou::store
