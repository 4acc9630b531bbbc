// Reads the table files of the store, slowly, and checks what they hold against its checksums: a
// disk that loses bits is noticed before somebody asks for them, while backups still have them.
#pragma once

#include <rocksdb/rate_limiter.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "base/random.h"
#include "store/database.h"

namespace jindou::store {

struct VerifierOptions {
  std::uint64_t bytes_per_second = std::uint64_t{4} << 20;  // 0: nothing is verified
  // From the beginning of one walk over all files to that of the next.
  std::chrono::milliseconds interval = std::chrono::hours(24);
};

// A thread of its own, of low priority. Reads past the page cache where the file system lets it, so
// that it sees what is on the disk. Findings go to the database's damage().
class TableVerifier {
 public:
  // Borrows both. The first walk begins a minute after the start, with a file chosen at random.
  TableVerifier(Database& database, Random& random, VerifierOptions options);
  ~TableVerifier();
  TableVerifier(const TableVerifier&) = delete;
  TableVerifier& operator=(const TableVerifier&) = delete;

  // Ends within about a second. Idempotent.
  void stop();
  void append_metrics(std::string& out) const;

 private:
  void run();
  void walk();
  void verify(const TableFile& file);
  // False when it is time to stop.
  bool wait_until(std::chrono::steady_clock::time_point time);

  Database& database_;
  Random& random_;
  const VerifierOptions options_;
  std::shared_ptr<rocksdb::RateLimiter> limiter_;
  bool direct_ = true;  // own thread only
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> walks_{0};
  Mutex mutex_;
  Condition wake_;
  bool stopping_ JD_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace jindou::store
