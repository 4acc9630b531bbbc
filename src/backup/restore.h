// A backup becomes the data directory of a server.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "backup/verify.h"
#include "base/clock.h"
#include "base/result.h"

namespace jindou::backup {

struct RestoreOptions {
  std::string backup;
  std::string directory;  // missing, or empty
  // Message ids and seqs that may have been given out after the backup; 0: none were, and the
  // server goes on where the backup ends. None: as many as suggested_skip() says.
  std::optional<std::uint64_t> skip;
  // The data directory that is lost, if its durable mark can be read: it tells exactly. Empty:
  // none.
  std::string lost;
};

struct RestoreOutcome {
  VerifyOutcome verified;
  // Ids and seqs go on so far behind those of the backup; 0: directly behind.
  std::uint64_t skip = 0;
};

// How many ids of one partition may have been given out since the backup: 1,000 a second, and 2^24
// at least (docs/decisions/0038-backups.md).
std::uint64_t suggested_skip(std::int64_t made_at_ms, std::int64_t now_ms);

// Verifies the backup, copies it, reads what it copies against the checksums once more, and waits
// for the disk. CURRENT comes last: what an interruption leaves is no store that a server opens.
// As root, files are given to whoever owns the directory, and a directory that is made to whoever
// owns the one that it is made in. Errors: invalid (the backup is none or is damaged, of which the
// handlers were told; the directory is not empty, or `lost` has no mark), conflict (a server has
// the directory open), storage, unavailable.
Result<RestoreOutcome> restore(const RestoreOptions& options, const Clock& clock,
                               const VerifyHandlers& handlers);

}  // namespace jindou::backup
