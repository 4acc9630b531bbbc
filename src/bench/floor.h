// What the disk and RocksDB can do without a server: the references that the other rows are
// compared with.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/net.h"
#include "store/fault_watch.h"

namespace jindou::bench {

// RocksDB alone: one 200-byte value per message under ascending 8-byte keys, batches of 100, each
// synced, one thread. The database is opened with the options of the server's own, and has the same
// log files.
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
  FloorDb(std::shared_ptr<store::FaultWatch> faults, std::unique_ptr<rocksdb::Env> env,
          std::unique_ptr<rocksdb::DB> db, std::vector<std::string> payloads);

  std::shared_ptr<store::FaultWatch> faults_;  // of syncs that failed
  std::unique_ptr<rocksdb::Env> env_;          // db_ has it
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<std::string> payloads_;
  std::uint64_t next_key_ = 0;
};

// The bytes of the floor's batches alone, without RocksDB: each written to a file and synced. What
// the disk has room for; the floor and the server cannot be faster.
class RawLog {
 public:
  // growing: at the end of a file. written: into blocks that hold zeros already, from the beginning
  // again when the end is reached. Errors: storage.
  enum class Blocks : std::uint8_t { growing, written };
  static Result<std::unique_ptr<RawLog>> open(const std::string& file, Blocks blocks,
                                              const std::vector<std::string>& payloads);
  // Writes for `seconds`. Errors: storage.
  Result<FloorDb::Round> run(double seconds);

 private:
  RawLog(Fd fd, Blocks blocks, std::string batch)
      : fd_(std::move(fd)), blocks_(blocks), batch_(std::move(batch)) {}

  Fd fd_;
  Blocks blocks_;
  std::string batch_;
  std::uint64_t offset_ = 0;
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
