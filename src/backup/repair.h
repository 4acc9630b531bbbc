// Repairs the data directory of a server that is stopped, as far as that is possible, and says what
// it does and what is lost with it (docs/decisions/0044-repair.md).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"

namespace jindou::backup {

struct RepairOptions {
  std::string directory;
  // False: nothing is changed, only told.
  bool apply = false;
  // Also what loses something. Without it only what follows from other records is made again.
  bool accept_loss = false;
  // Before the first change the files are kept in a subdirectory: tables as hard links.
  bool keep_copy = true;
};

struct RepairHandlers {
  // A line for the operator, which stands in the report too.
  std::function<void(const std::string& line)> tell;
  // Now and then, with what was done so far. False: give up.
  std::function<bool(const std::string& so_far)> keep_on;
};

enum class RepairVerdict : std::uint8_t {
  whole,       // nothing is wrong, and nothing was
  repaired,    // nothing is wrong any more
  repairable,  // something is, and can be repaired: with `apply`, or with `accept_loss`
  hopeless,    // something is that cannot be repaired
};

struct RepairOutcome {
  RepairVerdict verdict = RepairVerdict::whole;
  std::uint64_t faults = 0;  // that were found and are still there
  std::string copy;          // directory with the files as they were; empty: none was made
  std::string report;        // file; empty: nothing was changed
};

// Takes as long as verifying (verify.h), twice that when something is changed, and a few
// microseconds for each message when the index is made again. Nobody else may have the directory
// open. Errors, when nothing can be said or something failed on the way: invalid (no data
// directory, or of a newer version), conflict (somebody has it open, or has had since it was looked
// at), storage, unavailable. After an error or a crash on the way the directory is one that can be
// repaired again. A server starts with it as far as it did before, but not while the index is half
// made (store/index_rebuild_mark.h).
Result<RepairOutcome> repair(const RepairOptions& options, const Clock& clock, Random& random,
                             const RepairHandlers& handlers);

}  // namespace jindou::backup
