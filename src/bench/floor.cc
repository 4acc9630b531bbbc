#include "bench/floor.h"

#include <fcntl.h>
#include <rocksdb/perf_level.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "bench/interrupt.h"
#include "bench/stats.h"
#include "store/database.h"
#include "store/file_keeper.h"
#include "store/prepared_logs.h"

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

FloorDb::FloorDb(std::shared_ptr<store::FaultWatch> faults, std::unique_ptr<rocksdb::Env> env,
                 std::unique_ptr<rocksdb::DB> db, std::vector<std::string> payloads)
    : faults_(std::move(faults)),
      env_(std::move(env)),
      db_(std::move(db)),
      payloads_(std::move(payloads)) {}

Result<std::unique_ptr<FloorDb>> FloorDb::open(const std::string& directory,
                                               std::vector<std::string> payloads) {
  store::StoreOptions own;
  own.directory = directory;
  rocksdb::Options options = store::rocksdb_options(own);
  const auto files = options.env->GetFileSystem();
  const auto faults = std::make_shared<store::FaultWatch>();
  auto env = rocksdb::NewCompositeEnv(std::make_shared<store::FileKeeper>(
      files, faults,
      std::make_shared<store::PreparedLogs>(
          files, store::log_preparation(directory, own.write_buffer_bytes, options.rate_limiter))));
  options.env = env.get();
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, directory, &raw);
  if (!status.ok()) return Error(Errc::storage, "floor: " + status.ToString());
  return std::unique_ptr<FloorDb>(
      new FloorDb(faults, std::move(env), std::unique_ptr<rocksdb::DB>(raw), std::move(payloads)));
}

Result<FloorDb::Round> FloorDb::run(double seconds) {
  // As the thread of the commit log has it.
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
  Round round;
  rocksdb::WriteBatch batch;
  const TimePoint start = std::chrono::steady_clock::now();
  do {
    JD_RETURN_IF_ERROR(check_interrupted());
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
    if (faults_->failed()) return Error(Errc::storage, "floor: " + faults_->cause());
    round.messages += kBatchMessages;
    round.seconds = seconds_since(start);
  } while (round.seconds < seconds);
  return round;
}

namespace {

// As long as a log of the server's gets.
constexpr std::uint64_t kRawLogBytes = std::uint64_t{64} << 20;

bool write_at(int descriptor, std::string_view bytes, std::uint64_t offset) {
  return ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
         static_cast<ssize_t>(bytes.size());
}

}  // namespace

Result<std::unique_ptr<RawLog>> RawLog::open(const std::string& file, Blocks blocks,
                                             const std::vector<std::string>& payloads) {
  Fd fd(::open(file.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
  bool ok = fd.valid();
  const std::string zeros(std::size_t{1} << 20, '\0');
  for (std::uint64_t at = 0; ok && blocks == Blocks::written && at < kRawLogBytes;
       at += zeros.size()) {
    ok = write_at(fd.get(), zeros, at);
  }
  if (!ok || ::fsync(fd.get()) != 0) {
    return Error(Errc::storage, file + ": " + std::strerror(errno));
  }
  rocksdb::WriteBatch batch;
  for (std::uint64_t i = 0; i < kBatchMessages; ++i) {
    const auto key = key_of(i);
    const auto put =
        batch.Put(rocksdb::Slice(key.data(), key.size()), payloads[i % payloads.size()]);
    if (!put.ok()) return Error(Errc::storage, "raw log: " + put.ToString());
  }
  return std::unique_ptr<RawLog>(new RawLog(std::move(fd), blocks, batch.Data()));
}

Result<FloorDb::Round> RawLog::run(double seconds) {
  FloorDb::Round round;
  const TimePoint start = std::chrono::steady_clock::now();
  do {
    JD_RETURN_IF_ERROR(check_interrupted());
    if (blocks_ == Blocks::written && offset_ + batch_.size() > kRawLogBytes) offset_ = 0;
    if (!write_at(fd_.get(), batch_, offset_) || ::fdatasync(fd_.get()) != 0) {
      return Error(Errc::storage, std::string("raw log: ") + std::strerror(errno));
    }
    offset_ += batch_.size();
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
