#include "bench/floor.h"

#include <fcntl.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "bench/interrupt.h"
#include "bench/stats.h"
#include "store/database.h"

namespace jindou::bench {

namespace {

constexpr int kBatchMessages = 100;

// Big-endian, so that counting up is ascending key order.
std::array<char, 8> key_of(std::uint64_t number) {
  std::array<char, 8> key{};
  for (std::size_t i = 8; i > 0; --i) {
    key[i - 1] = static_cast<char>(static_cast<unsigned char>(number));
    number >>= 8;
  }
  return key;
}

}  // namespace

FloorDb::FloorDb(std::unique_ptr<rocksdb::DB> db, std::vector<std::string> payloads)
    : db_(std::move(db)), payloads_(std::move(payloads)) {}

Result<std::unique_ptr<FloorDb>> FloorDb::open(const std::string& directory,
                                               std::vector<std::string> payloads) {
  store::StoreOptions own;
  own.directory = directory;
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(store::rocksdb_options(own), directory, &raw);
  if (!status.ok()) return Error(Errc::storage, "floor: " + status.ToString());
  return std::unique_ptr<FloorDb>(
      new FloorDb(std::unique_ptr<rocksdb::DB>(raw), std::move(payloads)));
}

Result<FloorDb::Round> FloorDb::run(double seconds) {
  Round round;
  rocksdb::WriteBatch batch;
  const TimePoint start = std::chrono::steady_clock::now();
  do {
    JD_CHECK_OK(check_interrupted());
    batch.Clear();
    for (int i = 0; i < kBatchMessages; ++i) {
      const auto key = key_of(next_key_);
      const std::string& value = payloads_[next_key_ % payloads_.size()];
      ++next_key_;
      const rocksdb::Status put = batch.Put(rocksdb::Slice(key.data(), key.size()), value);
      if (!put.ok()) return Error(Errc::storage, "floor: " + put.ToString());
    }
    // Written and synced by the same two calls as the server's commit log.
    const rocksdb::Status written = db_->Write(rocksdb::WriteOptions(), &batch);
    if (!written.ok()) return Error(Errc::storage, "floor: " + written.ToString());
    const rocksdb::Status synced = db_->FlushWAL(true);
    if (!synced.ok()) return Error(Errc::storage, "floor: " + synced.ToString());
    round.messages += kBatchMessages;
    round.seconds = seconds_since(start);
  } while (round.seconds < seconds);
  return round;
}

Result<std::unique_ptr<DiskProbe>> DiskProbe::open(const std::string& file) {
  Fd fd(::open(file.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600));
  if (!fd.valid()) return Error(Errc::storage, file + ": " + std::strerror(errno));
  return std::unique_ptr<DiskProbe>(new DiskProbe(std::move(fd)));
}

Result<void> DiskProbe::run(double seconds, std::vector<std::uint64_t>& samples) {
  constexpr std::size_t kAppendBytes = 512;
  const std::string block(kAppendBytes, 'j');
  const TimePoint start = std::chrono::steady_clock::now();
  do {
    const TimePoint begin = std::chrono::steady_clock::now();
    if (::write(fd_.get(), block.data(), block.size()) != static_cast<ssize_t>(block.size()) ||
        ::fdatasync(fd_.get()) != 0) {
      return Error(Errc::storage, std::string("disk probe: ") + std::strerror(errno));
    }
    samples.push_back(nanoseconds_since(begin));
  } while (seconds_since(start) < seconds);
  return {};
}

}  // namespace jindou::bench
