// The backups of a running store: directories below one that is configured, each whole or not
// there.
//
// A backup is made under another name (….part), synced, and renamed; what a crash leaves under such
// a name is removed at the next start and before the next backup. Files that never change are hard
// links to those of the store, where the file system is the same: so a backup takes no room of its
// own at first, and one that follows another shares with it what has not been merged meanwhile
// (docs/decisions/0038-backups.md).
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "backup/backup_manifest.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "store/database.h"

namespace jindou::backup {

struct BackupsOptions {
  std::string data_directory;  // of the store
  std::string directory;       // of the backups; empty: none are made
  std::size_t keep = 3;
  // What is read for checksums, and copied. 0: as fast as it can be.
  std::uint64_t bytes_per_second = 0;
  std::string version;  // of the program
  // Names of files beside the store in its directory that belong into a backup, if they are there.
  std::vector<std::string> other_files;
};

// A backup, without its list of files.
struct BackupInfo {
  std::string name;
  std::string directory;
  std::int64_t made_at_ms = 0;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t linked_bytes = 0;
};

// Thread-safe. Has a thread while a backup is being made.
class Backups {
 public:
  // Borrows both. Removes what a crash has left.
  Backups(const store::Database& database, const Clock& clock, BackupsOptions options);
  // stop().
  ~Backups();
  Backups(const Backups&) = delete;
  Backups& operator=(const Backups&) = delete;

  using Done = std::function<void(Result<BackupInfo>)>;
  // Makes one, with everything that was acknowledged before the call. `done` is called once, here
  // or on the thread of the backup. Errors, after each of which nothing is left: not_found (none
  // are made here), conflict (one is being made), storage (no room, for example), unavailable.
  void make(Done done);

  // Whole ones, the newest first. Blocks. Errors: storage.
  Result<std::vector<BackupInfo>> list() const;
  bool is_on() const { return !options_.directory.empty(); }
  bool is_making() const { return making_.load(); }

  // A backup that is being made is given up, and none is made any more. Idempotent.
  void stop();

  void append_metrics(std::string& out) const;

 private:
  Result<BackupInfo> make_now(std::int64_t made_at_ms);
  // Into `part`, an empty directory. Adds to `manifest`.
  Result<void> fill(const std::string& part, BackupManifest& manifest);
  // Before anything is written.
  Result<void> check_room() const;
  // The last step before the name: checksums of what is in `part`.
  Result<void> sum_files(const std::string& part, BackupManifest& manifest);
  void remove_leftovers() const;
  void remove_old() const;
  // Waits as long as the rate asks for. False: it is to be given up.
  bool keep_on(std::uint64_t bytes);

  const store::Database& database_;
  const Clock& clock_;
  const BackupsOptions options_;
  std::atomic<bool> making_{false};
  std::atomic<std::int64_t> last_made_at_ms_{0};
  std::atomic<std::uint64_t> failures_{0};
  // Thread of the backup only: when what was read so far may have been read.
  std::chrono::steady_clock::time_point due_;
  Mutex mutex_;
  Condition wake_;
  bool stopping_ JD_GUARDED_BY(mutex_) = false;
  std::thread thread_ JD_GUARDED_BY(mutex_);
};

}  // namespace jindou::backup
