// How much of the write-ahead log and of the manifest is known to be durable: what tells a torn
// tail, which every crash may leave, from damage, which loses what was acknowledged.
//
// The mark is a small file of its own in the data directory, written after every sync of the log
// and not synced itself. So it never promises more than the disk holds. After a kill it is exact;
// after a power cut it may be some seconds old. For those seconds the log carries the mark too: the
// first batch of each synced group holds the one before (docs/decisions/0013).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"

namespace jindou::store {

inline constexpr const char* kMarkFileName = "durable.mark";

// A place in the logs, which are numbered in the order they were written.
struct LogPosition {
  std::uint64_t log = 0;
  std::uint64_t bytes = 0;
  friend auto operator<=>(const LogPosition&, const LogPosition&) = default;
};

struct DurableMark {
  LogPosition synced;  // everything before it is durable
  std::uint64_t manifest = 0;
  std::uint64_t manifest_bytes = 0;
  std::uint64_t id_bound = 0;    // no message id counter of any partition is higher
  std::uint64_t inode = 0;       // of the file when it was written; a copy has another one
  std::uint64_t secret = 0;      // known to nobody who sends messages; see LogMarker
  std::uint64_t generation = 0;  // rises with each write
  bool stopped = false;          // the server was stopped and everything is in table files
};

// The newest mark that the file at `path` holds; none when there is no file or nothing readable.
std::optional<DurableMark> read_durable_mark(const std::string& path);

// Makes the file, durable, in a directory that has none: `mark` with an inode and a generation of
// its own. Errors: storage.
Result<void> write_new_mark(const std::string& directory, DurableMark mark);

// What a group's first batch carries in the log. The secret tells it from a message that looks like
// one.
std::string encode_log_marker(const DurableMark& mark);
// From the end of a write batch as the log has it.
std::optional<LogPosition> find_log_marker(std::string_view batch, std::uint64_t secret);

// The file, open for writing. Thread-safe.
class MarkFile {
 public:
  // Goes on from what the file holds; makes it when it is not there. Errors: storage.
  static Result<std::unique_ptr<MarkFile>> open(const std::string& directory, Random& random);
  ~MarkFile();
  MarkFile(const MarkFile&) = delete;
  MarkFile& operator=(const MarkFile&) = delete;

  DurableMark get() const;
  // After a sync of the log. A failed write leaves an older mark, which is still true: it is logged
  // once.
  void advance(LogPosition synced, std::uint64_t id_bound);
  void set_manifest(std::uint64_t number, std::uint64_t bytes);
  // All of it, and waits for the disk.
  void replace(const DurableMark& mark);

 private:
  MarkFile(int descriptor, DurableMark mark) : descriptor_(descriptor), mark_(mark) {}
  void write() JD_REQUIRES(mutex_);

  const int descriptor_;
  mutable Mutex mutex_;
  DurableMark mark_ JD_GUARDED_BY(mutex_);
  bool failed_ JD_GUARDED_BY(mutex_) = false;
};

}  // namespace jindou::store
