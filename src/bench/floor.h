// What the disk and RocksDB can do without a server: the references that the other rows are
// compared with.
#pragma once

#include <rocksdb/db.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/net.h"

namespace jindou::bench {

// RocksDB alone: one 200-byte value per message under ascending 8-byte keys, batches of 100, each
// synced, one thread. The database is opened with the options of the server's own.
class FloorDb {
 public:
  // Makes a new database in `directory`. Errors: storage.
  static Result<std::unique_ptr<FloorDb>> open(const std::string& directory,
                                               std::vector<std::string> payloads);

  struct Round {
    std::uint64_t messages = 0;
    double seconds = 0;
    double per_second() const { return seconds > 0 ? static_cast<double>(messages) / seconds : 0; }
  };
  // Writes for `seconds`. Errors: storage.
  Result<Round> run(double seconds);

 private:
  FloorDb(std::unique_ptr<rocksdb::DB> db, std::vector<std::string> payloads);

  std::unique_ptr<rocksdb::DB> db_;
  std::vector<std::string> payloads_;
  std::uint64_t next_key_ = 0;
};

// Appends 512 bytes and calls fdatasync, again and again, on a file of its own.
class DiskProbe {
 public:
  // Errors: storage.
  static Result<std::unique_ptr<DiskProbe>> open(const std::string& file);
  // Appends for `seconds` and adds each append's nanoseconds to `samples`. Errors: storage.
  Result<void> run(double seconds, std::vector<std::uint64_t>& samples);

 private:
  explicit DiskProbe(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace jindou::bench
