#include "store/prepared_logs.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "observe/log.h"
#include "runtime/thread_identity.h"
#include "store/log_file.h"

namespace jindou::store {

namespace {

// A step of the zeros. The disk is asked to write each at once, so that the sync at the end has
// little left to do and other syncs never wait for much.
constexpr std::uint64_t kStepBytes = 1 << 20;
// A spare must not be what fills the disk: none is made where less than so many would fit.
constexpr std::uint64_t kRoomFor = 8;
// RocksDB counts the memory of a write buffer, which is a little more or less than what its log
// has.
constexpr std::uint64_t kMoreShare = 16;
constexpr std::uint64_t kBeginShare = 16;
// What the file system reads of a file whose page is written in part; a multiple of what writes
// that go past the page cache are aligned to.
constexpr std::uint64_t kPageBytes = 4096;

// A step of zeros, aligned for writes past the page cache.
std::unique_ptr<char, decltype(&std::free)> make_zeros() {
  std::unique_ptr<char, decltype(&std::free)> zeros(
      static_cast<char*>(std::aligned_alloc(kPageBytes, kStepBytes)), &std::free);
  if (zeros) std::fill_n(zeros.get(), kStepBytes, '\0');
  return zeros;
}

std::uint64_t number_of_log(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);
  std::uint64_t number = 0;
  std::from_chars(path.data(), path.data() + path.size(), number);
  return number;
}

}  // namespace

LogPreparation log_preparation(const std::string& directory, std::size_t write_buffer_bytes,
                               std::shared_ptr<rocksdb::RateLimiter> pace) {
  LogPreparation preparation;
  preparation.directory = directory;
  const std::uint64_t bytes = write_buffer_bytes + write_buffer_bytes / kMoreShare;
  // Whole blocks: RocksDB takes a part of one for a record that was torn.
  preparation.bytes = (bytes + kLogBlockBytes - 1) / kLogBlockBytes * kLogBlockBytes;
  preparation.begin_after = write_buffer_bytes / kBeginShare;
  preparation.pace = std::move(pace);
  return preparation;
}

// Any log while it is written; the prepared ones are cut in the end. Appends come from one thread
// at a time, and end before a newer log is synced.
class PreparedLogs::Log final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  Log(std::unique_ptr<rocksdb::FSWritableFile> file, PreparedLogs& logs, std::uint64_t number,
      bool prepared)
      : FSWritableFileOwnerWrapper(std::move(file)),
        logs_(logs),
        number_(number),
        prepared_(prepared) {}
  ~Log() override { logs_.forget(*this); }

  std::uint64_t number() const { return number_; }
  bool prepared() const { return prepared_; }
  std::uint64_t written() const { return written_.load(std::memory_order_acquire); }

  // Leaves what was written, and makes that durable.
  rocksdb::IOStatus cut() {
    const MutexLock lock(mutex_);
    return cut_locked();
  }

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    touch_last_page(data.size());
    return counted(target()->Append(data, options, debug), data.size());
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& verification,
                           rocksdb::IODebugContext* debug) override {
    touch_last_page(data.size());
    return counted(target()->Append(data, options, verification, debug), data.size());
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    auto status = before_sync();
    return status.ok() ? target()->Sync(options, debug) : status;
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    auto status = before_sync();
    return status.ok() ? target()->Fsync(options, debug) : status;
  }
  rocksdb::IOStatus Close(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    const MutexLock lock(mutex_);
    auto cut = cut_locked();
    cut_ = true;
    auto closed = target()->Close(options, debug);
    return cut.ok() ? closed : cut;
  }
  std::uint64_t GetFileSize(const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* debug) override {
    return prepared_ ? written() : target()->GetFileSize(options, debug);
  }
  // Reserves blocks, which a prepared log has.
  void PrepareWrite(std::size_t offset, std::size_t bytes, const rocksdb::IOOptions& options,
                    rocksdb::IODebugContext* debug) override {
    if (!prepared_) target()->PrepareWrite(offset, bytes, options, debug);
  }

 private:
  // The zeros were written past the page cache: of a page that is then written in part the rest
  // would be read from the disk first. So the page in which `bytes` more will end is written as a
  // whole before, as the zeros that it holds. That this works is of no consequence.
  void touch_last_page(std::size_t bytes) {
    if (!prepared_) return;
    static constexpr std::array<char, kPageBytes> kZeros{};
    const std::uint64_t begin = written();
    const std::uint64_t last_page = (begin + bytes) / kPageBytes * kPageBytes;
    if (last_page < begin || last_page + kPageBytes > logs_.preparation_.bytes) return;
    target()
        ->PositionedAppend(rocksdb::Slice(kZeros.data(), kZeros.size()), last_page,
                           rocksdb::IOOptions(), nullptr)
        .PermitUncheckedError();
  }

  rocksdb::IOStatus counted(rocksdb::IOStatus status, std::size_t bytes) {
    if (!status.ok()) return status;
    const std::uint64_t now = written() + bytes;
    written_.store(now, std::memory_order_release);
    if (!asked_ && now >= logs_.preparation_.begin_after) {
      asked_ = true;
      logs_.ask();
    }
    return status;
  }

  rocksdb::IOStatus before_sync() {
    if (first_synced_.load(std::memory_order_acquire)) return rocksdb::IOStatus::OK();
    auto status = logs_.cut_before(number_);
    if (status.ok()) first_synced_.store(true, std::memory_order_release);
    return status;
  }

  rocksdb::IOStatus cut_locked() JD_REQUIRES(mutex_) {
    if (!prepared_ || cut_) return rocksdb::IOStatus::OK();
    auto status = target()->Truncate(written(), rocksdb::IOOptions(), nullptr);
    if (status.ok()) status = target()->Fsync(rocksdb::IOOptions(), nullptr);
    cut_ = status.ok();
    return status;
  }

  PreparedLogs& logs_;
  const std::uint64_t number_;
  const bool prepared_;
  std::atomic<std::uint64_t> written_{0};
  std::atomic<bool> first_synced_{false};
  bool asked_ = false;  // the appending thread's
  Mutex mutex_;
  bool cut_ JD_GUARDED_BY(mutex_) = false;
};

PreparedLogs::PreparedLogs(std::shared_ptr<rocksdb::FileSystem> files, LogPreparation preparation)
    : files_(std::move(files)),
      preparation_(std::move(preparation)),
      spare_path_(preparation_.directory + '/' + kSpareName) {}

PreparedLogs::~PreparedLogs() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  release();
}

rocksdb::IOStatus PreparedLogs::create(const std::string& path, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       rocksdb::IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSWritableFile> made;
  auto status = take(path, options, &made, debug);
  if (!status.ok()) return status;
  const bool prepared = made != nullptr;
  if (!prepared) status = files_->NewWritableFile(path, options, &made, debug);
  if (!status.ok()) return status;
  (prepared ? prepared_ : grown_).fetch_add(1);
  auto log = std::make_unique<Log>(std::move(made), *this, number_of_log(path), prepared);
  {
    const MutexLock lock(logs_mutex_);
    logs_[log->number()] = log.get();
  }
  *file = std::move(log);
  return status;
}

rocksdb::IOStatus PreparedLogs::take(const std::string& path, const rocksdb::FileOptions& options,
                                     std::unique_ptr<rocksdb::FSWritableFile>* file,
                                     rocksdb::IODebugContext* debug) {
  {
    const MutexLock lock(mutex_);
    if (!std::exchange(ready_, false)) return rocksdb::IOStatus::OK();
  }
  const auto taken = files_->ReuseWritableFile(path, spare_path_, options, file, debug);
  if (!taken.ok()) {
    // Another log is made in its place, and if that is no use either it says why.
    observe::log_warn("store", "cannot use the prepared log file: {}", taken.ToString());
    remove_spare();
    file->reset();
    return rocksdb::IOStatus::OK();
  }
  // RocksDB syncs the directory with the first sync of a new log, and where a new file needs none,
  // it does not: a file that was renamed needs it.
  return sync_directory();
}

rocksdb::IOStatus PreparedLogs::sync_directory() {
  std::unique_ptr<rocksdb::FSDirectory> directory;
  auto status =
      files_->NewDirectory(preparation_.directory, rocksdb::IOOptions(), &directory, nullptr);
  if (status.ok()) status = directory->Fsync(rocksdb::IOOptions(), nullptr);
  return status;
}

std::optional<std::uint64_t> PreparedLogs::written(const std::string& path) const {
  const MutexLock lock(logs_mutex_);
  const auto found = logs_.find(number_of_log(path));
  if (found == logs_.end() || !found->second->prepared()) return std::nullopt;
  return found->second->written();
}

rocksdb::IOStatus PreparedLogs::cut_before(std::uint64_t number) {
  const MutexLock lock(logs_mutex_);
  for (auto it = logs_.begin(); it != logs_.end() && it->first < number; ++it) {
    auto status = it->second->cut();
    if (!status.ok()) return status;
  }
  return rocksdb::IOStatus::OK();
}

void PreparedLogs::forget(const Log& log) {
  const MutexLock lock(logs_mutex_);
  const auto found = logs_.find(log.number());
  if (found != logs_.end() && found->second == &log) logs_.erase(found);
}

void PreparedLogs::ask() {
  if (preparation_.bytes == 0) return;
  const MutexLock lock(mutex_);
  if (ready_ || stopping_) return;
  wanted_ = true;
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  wake_.notify_all();
}

void PreparedLogs::release() {
  {
    const MutexLock lock(mutex_);
    if (!std::exchange(ready_, false)) return;
  }
  remove_spare();
}

bool PreparedLogs::wait_until_idle() {
  MutexLock lock(mutex_);
  wake_.wait(lock, [this]() JD_REQUIRES(mutex_) { return !wanted_; });
  return ready_;
}

void PreparedLogs::run() {
  runtime::name_this_thread("log-preparer");
  MutexLock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this]() JD_REQUIRES(mutex_) { return wanted_ || stopping_; });
    if (stopping_) return;
    lock.unlock();
    const auto status = prepare();
    lock.lock();
    wanted_ = false;
    ready_ = status.ok();
    wake_.notify_all();
    // The next log asks again.
    if (!status.ok() && !stopping_ && !std::exchange(told_, true)) {
      observe::log_info("store", "no log file is prepared, so syncs take longer: {}",
                        status.ToString());
    }
    if (status.ok()) told_ = false;
  }
}

rocksdb::IOStatus PreparedLogs::prepare() {
  std::uint64_t free = 0;
  const auto known =
      files_->GetFreeSpace(preparation_.directory, rocksdb::IOOptions(), &free, nullptr);
  if (known.ok() && free / kRoomFor < preparation_.bytes) {
    return rocksdb::IOStatus::NoSpace("the disk is nearly full");
  }
  // Past the page cache, where the file system can: copying zeros into it took 6 % of the
  // processor time of a load of batches.
  rocksdb::FileOptions options;
  options.use_direct_writes = true;
  std::unique_ptr<rocksdb::FSWritableFile> file;
  auto status = files_->NewWritableFile(spare_path_, options, &file, nullptr);
  if (!status.ok()) {
    status = files_->NewWritableFile(spare_path_, rocksdb::FileOptions(), &file, nullptr);
  }
  if (!status.ok()) return status;
  status = fill(*file);
  const auto closed = file->Close(rocksdb::IOOptions(), nullptr);
  if (status.ok()) status = closed;
  if (!status.ok()) remove_spare();
  return status;
}

rocksdb::IOStatus PreparedLogs::fill(rocksdb::FSWritableFile& file) {
  const rocksdb::IOOptions io;
  const auto zeros = make_zeros();
  if (!zeros) return rocksdb::IOStatus::IOError("no memory for zeros");
  rocksdb::RateLimiter* const pace = preparation_.pace.get();
  for (std::uint64_t at = 0; at < preparation_.bytes;) {
    if (stopping_) return rocksdb::IOStatus::Aborted("the store is closed");
    std::uint64_t step = std::min(kStepBytes, preparation_.bytes - at);
    if (pace != nullptr) {
      const auto burst = static_cast<std::uint64_t>(pace->GetSingleBurstBytes());
      step = std::min(step, std::max(burst / kPageBytes, std::uint64_t{1}) * kPageBytes);
      pace->Request(static_cast<std::int64_t>(step), rocksdb::Env::IO_LOW, nullptr,
                    rocksdb::RateLimiter::OpType::kWrite);
    }
    auto status = file.Append(rocksdb::Slice(zeros.get(), step), io, nullptr);
    if (status.ok() && !file.use_direct_io()) status = file.RangeSync(at, step, io, nullptr);
    if (!status.ok()) return status;
    at += step;
  }
  return file.Sync(io, nullptr);
}

void PreparedLogs::remove_spare() {
  files_->DeleteFile(spare_path_, rocksdb::IOOptions(), nullptr).PermitUncheckedError();
}

}  // namespace jindou::store
