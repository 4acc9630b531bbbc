// Looks at a backup, or at the data directory of a server that is stopped: whether every byte is as
// it was written, and whether what is stored agrees with itself. Changes nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "backup/backup_manifest.h"
#include "base/result.h"
#include "store/record_audit.h"

namespace jindou::backup {

struct VerifyHandlers {
  // Something is wrong: a sentence that names the file, or partition, channel and seq.
  std::function<void(const std::string& sentence)> fault;
  // Nothing is wrong, and still worth a line.
  std::function<void(const std::string& sentence)> note;
  // Now and then, with what was done so far. False: give up.
  std::function<bool(const std::string& so_far)> keep_on;
};

struct VerifyOutcome {
  std::uint64_t faults = 0;
  std::uint64_t files = 0;  // that were read against a checksum
  std::uint64_t bytes = 0;  // of these
  store::AuditCounts records;
  // Of a backup.
  std::optional<BackupManifest> manifest;
};

// Files first; where one of them is damaged, the records are not looked at. Takes as long as
// reading the directory twice. Errors, when nothing can be said: invalid (neither a backup nor a
// data directory, or of a newer version), conflict (a server has it open), storage, unavailable.
Result<VerifyOutcome> verify(const std::string& directory, const VerifyHandlers& handlers);

}  // namespace jindou::backup
