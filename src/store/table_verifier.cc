#include "store/table_verifier.h"

#include <rocksdb/convenience.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <vector>

#include "observe/log.h"
#include "runtime/thread_identity.h"

namespace jindou::store {

namespace {

constexpr std::chrono::seconds kFirstWalkAfter{60};
constexpr std::int64_t kUnlimited = std::int64_t{1} << 40;

std::string name_of(const TableFile& file) {
  return std::filesystem::path(file.path).filename().string();
}

}  // namespace

TableVerifier::TableVerifier(Database& database, Random& random, VerifierOptions options)
    : database_(database), random_(random), options_(options) {
  if (options_.bytes_per_second == 0) return;
  limiter_.reset(
      rocksdb::NewGenericRateLimiter(static_cast<std::int64_t>(options_.bytes_per_second), 100'000,
                                     10, rocksdb::RateLimiter::Mode::kReadsOnly));
  thread_ = std::thread([this] { run(); });
}

TableVerifier::~TableVerifier() { stop(); }

void TableVerifier::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  // A file that is being read is read to its end.
  if (limiter_) limiter_->SetBytesPerSecond(kUnlimited);
  if (thread_.joinable()) thread_.join();
}

bool TableVerifier::wait_until(std::chrono::steady_clock::time_point time) {
  MutexLock lock(mutex_);
  return !wake_.wait_until(lock, time, [this]() JD_REQUIRES(mutex_) { return stopping_; });
}

void TableVerifier::run() {
  using Steady = std::chrono::steady_clock;
  runtime::name_this_thread("table-verifier");
  runtime::lower_this_threads_priority();
  auto next =
      Steady::now() + std::min<std::chrono::milliseconds>(options_.interval, kFirstWalkAfter);
  while (wait_until(next)) {
    next = Steady::now() + options_.interval;
    walk();
  }
}

void TableVerifier::walk() {
  std::vector<TableFile> files = database_.table_files();
  std::set<std::string> names;
  for (const auto& file : files) names.insert(name_of(file));
  database_.damage().keep_only(names);
  if (!files.empty()) {
    // A server that is restarted often does not see the same few each time.
    const auto first = static_cast<std::ptrdiff_t>(random_.next_u64() % files.size());
    std::rotate(files.begin(), files.begin() + first, files.end());
  }
  for (const auto& file : files) {
    const auto begin = std::chrono::steady_clock::now();
    verify(file);
    bytes_.fetch_add(file.bytes);
    // Whatever came from a cache counts as well.
    const std::chrono::duration<double> due(static_cast<double>(file.bytes) /
                                            static_cast<double>(options_.bytes_per_second));
    const auto pause = std::chrono::duration_cast<std::chrono::steady_clock::duration>(due);
    if (!wait_until(begin + pause)) return;
  }
  walks_.fetch_add(1);
}

void TableVerifier::verify(const TableFile& file) {
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;
  rocksdb::Options options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.rate_limiter = limiter_;
  rocksdb::ReadOptions read;
  read.rate_limiter_priority = rocksdb::Env::IO_LOW;
  rocksdb::EnvOptions env;
  env.use_direct_reads = direct_;
  auto status =
      rocksdb::VerifySstFileChecksum(options, env, read, file.path, file.largest_sequence);
  if (direct_ && !status.ok() && !status.IsCorruption()) {
    // Not every file system can.
    env.use_direct_reads = false;
    status = rocksdb::VerifySstFileChecksum(options, env, read, file.path, file.largest_sequence);
    if (status.ok()) direct_ = false;
  }
  if (status.ok()) return;
  // Merged away meanwhile?
  const auto files = database_.table_files();
  const bool live = std::any_of(files.begin(), files.end(),
                                [&file](const TableFile& one) { return one.path == file.path; });
  if (live) database_.damage().add(name_of(file), status.ToString());
}

void TableVerifier::append_metrics(std::string& out) const {
  const auto append = [&out](const char* name, const char* type, const char* help,
                             std::uint64_t value) {
    out += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + type + "\n" +
           name + " " + std::to_string(value) + "\n";
  };
  append("jindou_tables_verified_bytes_total", "counter",
         "Bytes of table files that were read to verify them.", bytes_.load());
  append("jindou_tables_verified_walks_total", "counter", "Times all table files were verified.",
         walks_.load());
  append("jindou_damaged_files", "gauge", "Files of the store that are known to be damaged.",
         database_.damage().count());
}

}  // namespace jindou::store
