// Gives RocksDB log files whose blocks the file system has already written.
//
// A log that grows changes its file's size and blocks, so each sync of it waits for the file
// system's journal too, and with it for what compactions have just written. A sync into blocks that
// were written before waits for the data alone (docs/decisions/0017). So the next log is prepared
// in the background: one file of zeros, synced, under a name of its own (kSpareName). A new log
// takes it over and is written from its beginning. When none is ready the log grows as any file.
//
// What follows from it:
// - Behind the last record of a prepared log stand zeros. It is cut to its length when it is
// closed,
//   and durably so before a newer log is synced for the first time. So only the last log that was
//   ever synced can end in zeros, and store_check.h may take them for what a crash has left.
// - How long the file is does not say how much is in it: written() does.
// - A spare is never used again after a restart, because a rename that the disk never got leaves
//   records in it; an old record would be taken for a new one.
#pragma once

#include <rocksdb/file_system.h>
#include <rocksdb/rate_limiter.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/mutex.h"

namespace jindou::store {

// The file that is prepared, in the store's directory.
inline constexpr const char* kSpareName = "log.spare";

struct LogPreparation {
  std::string directory;
  // Of a prepared file; 0: none is prepared.
  std::uint64_t bytes = 0;
  // The next one is prepared when a log has so many, so that a store that is hardly written to
  // pays nothing.
  std::uint64_t begin_after = 0;
  // What the zeros are written at; null: as fast as they can.
  std::shared_ptr<rocksdb::RateLimiter> pace;
};

// For a store with write buffers of that size: about what a log has when RocksDB begins the next.
LogPreparation log_preparation(const std::string& directory, std::size_t write_buffer_bytes,
                               std::shared_ptr<rocksdb::RateLimiter> pace);

// Thread-safe. Has a thread from the first spare on. Outlives the logs it gave out.
class PreparedLogs {
 public:
  PreparedLogs(std::shared_ptr<rocksdb::FileSystem> files, LogPreparation preparation);
  // Ends the thread and removes the spare.
  ~PreparedLogs();
  PreparedLogs(const PreparedLogs&) = delete;
  PreparedLogs& operator=(const PreparedLogs&) = delete;

  // Makes a log, of the spare when there is one. `path` is as RocksDB names it.
  rocksdb::IOStatus create(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           rocksdb::IODebugContext* debug);

  // What was written to a prepared log that is open; none for any other file.
  std::optional<std::uint64_t> written(const std::string& path) const;

  // Gives the room of the spare back.
  void release();

  // Since the start: logs that were made of a spare, and those that were not.
  std::uint64_t prepared() const { return prepared_.load(); }
  std::uint64_t grown() const { return grown_.load(); }

  // Returns when no spare is wanted that is not there, for tests. True: there is one.
  bool wait_until_idle();

 private:
  class Log;

  // The newest log has grown: it is time for the next one.
  void ask();
  // Cuts the prepared logs before this one, which is about to be synced for the first time.
  rocksdb::IOStatus cut_before(std::uint64_t number);
  void forget(const Log& log);

  void run();
  rocksdb::IOStatus prepare();
  rocksdb::IOStatus fill(rocksdb::FSWritableFile& file);
  // Takes the spare over; null when there is none.
  rocksdb::IOStatus take(const std::string& path, const rocksdb::FileOptions& options,
                         std::unique_ptr<rocksdb::FSWritableFile>* file,
                         rocksdb::IODebugContext* debug);
  rocksdb::IOStatus sync_directory();
  void remove_spare();

  const std::shared_ptr<rocksdb::FileSystem> files_;
  const LogPreparation preparation_;
  const std::string spare_path_;
  std::atomic<std::uint64_t> prepared_{0};
  std::atomic<std::uint64_t> grown_{0};

  mutable Mutex logs_mutex_;
  std::map<std::uint64_t, Log*> logs_ JD_GUARDED_BY(logs_mutex_);  // open ones, by number

  Mutex mutex_;
  Condition wake_;
  bool wanted_ JD_GUARDED_BY(mutex_) = false;
  bool ready_ JD_GUARDED_BY(mutex_) = false;
  bool told_ JD_GUARDED_BY(mutex_) = false;  // that there is none, in the log
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace jindou::store
