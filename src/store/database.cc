#include "store/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/rate_limiter.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/snapshot.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <array>
#include <condition_variable>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "base/varint.h"
#include "observe/log.h"
#include "runtime/thread_identity.h"
#include "store/keys.h"
#include "store/rocksdb_status.h"

namespace jindou::store {

namespace {

constexpr char kIdentityFormat = 1;
constexpr const char* kClientNumbersName = "client_numbers";
constexpr const char* kLoadSuffix = ".load";

// Tells the memtable where the next message of a log goes: right after the one before.
class InsertHint final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "jindou.insert_hint"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    const auto prefix = insert_hint_prefix({key.data(), key.size()});
    return {prefix.data(), prefix.size()};
  }
  bool InDomain(const rocksdb::Slice& key) const override {
    return !insert_hint_prefix({key.data(), key.size()}).empty();
  }
};

// RocksDB's own log goes into ours. Its default, a file in the data directory, is no good on a full
// disk: after one failed write to that file the next one trips an assertion in the library.
class InfoLog final : public rocksdb::Logger {
 public:
  InfoLog() : rocksdb::Logger(rocksdb::WARN_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    write(observe::LogLevel::info, format, arguments);
  }
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level < GetInfoLogLevel()) return;
    write(level >= rocksdb::ERROR_LEVEL ? observe::LogLevel::error : observe::LogLevel::warn,
          format, arguments);
  }

 private:
  static void write(observe::LogLevel level, const char* format, va_list arguments) {
    std::array<char, 1024> line{};
    std::vsnprintf(line.data(), line.size(), format, arguments);
    observe::log_write(level, "rocksdb", line.data());
  }
};

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

class DatabaseCursor final : public Cursor {
 public:
  DatabaseCursor(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family)
      : db_(db), family_(family), snapshot_(&db) {
    read_.snapshot = snapshot_.snapshot();
    it_.reset(db_.NewIterator(read_, family_));
  }

  bool seek(std::string_view key) override {
    it_->Seek(slice(key));
    return it_->Valid();
  }
  bool seek_before(std::string_view key) override {
    it_->SeekForPrev(slice(key));
    if (it_->Valid() && it_->key() == slice(key)) it_->Prev();
    return it_->Valid();
  }
  bool next() override {
    if (it_->Valid()) it_->Next();
    return it_->Valid();
  }
  bool prev() override {
    if (it_->Valid()) it_->Prev();
    return it_->Valid();
  }
  std::string_view key() const override { return view(it_->key()); }
  std::string_view value() const override { return view(it_->value()); }
  Result<void> status() const override {
    if (!it_->status().ok()) return to_error(it_->status());
    return {};
  }
  Result<bool> get(std::string_view key, std::string& value) const override {
    const auto status = db_.Get(read_, family_, slice(key), &value);
    if (status.ok()) return true;
    if (status.IsNotFound()) return false;
    return to_error(status);
  }

 private:
  rocksdb::DB& db_;
  rocksdb::ColumnFamilyHandle* family_;
  rocksdb::ManagedSnapshot snapshot_;
  rocksdb::ReadOptions read_;
  std::unique_ptr<rocksdb::Iterator> it_;
};

}  // namespace

rocksdb::Options rocksdb_options(const StoreOptions& options) {
  rocksdb::Options out;
  out.create_if_missing = true;
  out.create_missing_column_families = true;
  out.write_buffer_size = options.write_buffer_bytes;
  out.max_write_buffer_number = 4;
  out.max_background_jobs = options.background_jobs;
  // Messages are written once and never overwritten, so tiers of runs are merged, not levels: a row
  // is rewritten about once for every sixteenfold growth, where levels rewrite it five or six
  // times. The price is paid by reads, which look into up to some twenty runs, mostly at their
  // filters.
  out.compaction_style = rocksdb::kCompactionStyleUniversal;
  out.compaction_options_universal.min_merge_width = 4;
  // Space is not amplified by rows that nobody overwrites; do not merge everything because of it.
  out.compaction_options_universal.max_size_amplification_percent = 1000;
  out.level0_file_num_compaction_trigger = 16;
  out.level0_slowdown_writes_trigger = 40;
  out.level0_stop_writes_trigger = 60;
  // Payloads are often compressed or encrypted by the sender; the CPU is needed elsewhere.
  out.compression = rocksdb::kNoCompression;
  // The commit log writes from one thread: no write group to wait for, and hints need it so.
  out.allow_concurrent_memtable_write = false;
  out.enable_write_thread_adaptive_yield = false;
  out.memtable_insert_with_hint_prefix_extractor = std::make_shared<InsertHint>();
  // The commit log calls FlushWAL(sync) once per group, however many batches are in it.
  out.manual_wal_flush = true;
  out.max_total_wal_size = options.write_buffer_bytes * 4;
  out.bytes_per_sync = 1 << 20;
  // Flushes and merges share the disk with the commits' syncs: spread them instead of letting each
  // run as fast as it can. RocksDB can tune the rate by itself, and must not: after ten quiet
  // seconds it allows a twentieth and comes back by 5 % every ten seconds; meanwhile the memtables
  // fill, and all writes stop for seconds (docs/performance.md, "steady").
  out.rate_limiter.reset(rocksdb::NewGenericRateLimiter(
      options.background_bytes_per_second, 100'000, 10, rocksdb::RateLimiter::Mode::kWritesOnly));
  out.info_log = std::make_shared<InfoLog>();

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  out.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return out;
}

Result<std::unique_ptr<Database>> Database::open(const StoreOptions& options, Random& random) {
  std::error_code error;
  std::filesystem::create_directories(options.directory, error);
  if (error) {
    return Error(Errc::storage, "cannot create " + options.directory + ": " + error.message());
  }
  std::filesystem::permissions(options.directory, std::filesystem::perms::owner_all, error);

  std::unique_ptr<Database> database(new Database());
  database->directory_ = options.directory;
  database->options_ = rocksdb_options(options);
  // Files of a load that a crash interrupted.
  for (const auto& entry : std::filesystem::directory_iterator(options.directory, error)) {
    if (entry.path().extension() == kLoadSuffix) std::filesystem::remove(entry.path(), error);
  }

  rocksdb::ColumnFamilyOptions numbers(database->options_);
  numbers.memtable_insert_with_hint_prefix_extractor = nullptr;
  // Filled by bulk loads; the memtable stays empty. Loads are small files, each of one partition,
  // and seldom read, thanks to the filters in memory: let many gather before they are merged.
  numbers.compaction_style = rocksdb::kCompactionStyleLevel;
  numbers.write_buffer_size = 4 << 20;
  numbers.target_file_size_base = 64 << 20;
  numbers.max_bytes_for_level_base = std::uint64_t{1} << 30;
  numbers.level0_file_num_compaction_trigger = 128;
  numbers.level0_slowdown_writes_trigger = 600;
  numbers.level0_stop_writes_trigger = 1000;
  const std::vector<rocksdb::ColumnFamilyDescriptor> families = {
      {rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions(database->options_)},
      {kClientNumbersName, numbers}};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto status =
      rocksdb::DB::Open(database->options_, options.directory, families, &handles, &db);
  if (!status.ok()) return to_error(status);
  database->db_.reset(db);
  database->main_ = handles[0];
  database->client_numbers_ = handles[1];
  JD_CHECK_OK(database->load_or_create_identity(options, random));
  // Merging old rows can wait for a moment when senders leave the processor alone.
  database->options_.env->LowerThreadPoolCPUPriority(rocksdb::Env::Priority::LOW,
                                                     rocksdb::CpuPriority::kLow);
  database->loader_ = std::thread([raw = database.get()] { raw->run_loader(); });
  return database;
}

Database::~Database() {
  stop_loading();
  if (db_) {
    if (client_numbers_ != nullptr) db_->DestroyColumnFamilyHandle(client_numbers_);
    if (main_ != nullptr) db_->DestroyColumnFamilyHandle(main_);
    db_->Close().PermitUncheckedError();
  }
}

Result<void> Database::load_or_create_identity(const StoreOptions& options, Random& random) {
  std::string value;
  JD_TRY(const bool exists, get(Table::main, store_identity_key(), value));
  if (exists) {
    ByteReader reader(value);
    if (reader.read_u8() != kIdentityFormat) {
      return Error(Errc::invalid, "the store was written by a newer version of Jindou");
    }
    partitions_ = static_cast<std::uint16_t>(reader.read_varint());
    fingerprint_seed_ = reader.read_varint();
    if (!reader.ok() || partitions_ == 0 || partitions_ > kPartitionsMax) {
      return Error(Errc::storage, "unreadable store identity");
    }
    return {};
  }
  partitions_ = options.partitions;
  fingerprint_seed_ = random.next_u64();
  std::string identity(1, kIdentityFormat);
  append_varint(identity, partitions_);
  append_varint(identity, fingerprint_seed_);
  const auto put = db_->Put(rocksdb::WriteOptions(), main_, store_identity_key(), identity);
  if (!put.ok()) return to_error(put);
  const auto synced = db_->FlushWAL(true);
  if (!synced.ok()) return to_error(synced);
  return {};
}

rocksdb::ColumnFamilyHandle* Database::handle(Table table) const {
  return table == Table::main ? main_ : client_numbers_;
}

std::unique_ptr<Cursor> Database::open_cursor(Table table) const {
  return std::make_unique<DatabaseCursor>(*db_, handle(table));
}

Result<bool> Database::get(Table table, std::string_view key, std::string& value) const {
  const auto status = db_->Get(rocksdb::ReadOptions(), handle(table), slice(key), &value);
  if (status.ok()) return true;
  if (status.IsNotFound()) return false;
  return to_error(status);
}

Result<void> Database::scan(Table table, std::string_view lower, std::string_view upper,
                            const Visit& visit) const {
  rocksdb::ReadOptions read;
  const rocksdb::Slice bound = slice(upper);
  read.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read, handle(table)));
  for (it->Seek(slice(lower)); it->Valid(); it->Next()) {
    if (!visit(view(it->key()), view(it->value()))) break;
  }
  if (!it->status().ok()) return to_error(it->status());
  return {};
}

Result<void> Database::scan_backward(Table table, std::string_view lower, std::string_view upper,
                                     const Visit& visit) const {
  rocksdb::ReadOptions read;
  const rocksdb::Slice bound = slice(lower);
  read.iterate_lower_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read, handle(table)));
  it->SeekForPrev(slice(upper));
  if (it->Valid() && it->key() == slice(upper)) it->Prev();
  for (; it->Valid(); it->Prev()) {
    if (!visit(view(it->key()), view(it->value()))) break;
  }
  if (!it->status().ok()) return to_error(it->status());
  return {};
}

void Database::load(Table table, std::function<Entries()> make,
                    std::function<void(Result<void>)> done) {
  {
    const std::lock_guard lock(load_mutex_);
    if (!load_stop_) {
      load_queue_.push_back(LoadRequest{table, std::move(make), std::move(done)});
      load_wake_.notify_one();
      return;
    }
  }
  done(Error(Errc::unavailable, "the store is closing"));
}

Result<void> Database::erase(Table table, const std::vector<std::string>& keys) {
  rocksdb::WriteBatch batch;
  for (const auto& key : keys) batch.Delete(handle(table), key);
  const auto status = db_->Write(rocksdb::WriteOptions(), &batch);
  if (!status.ok()) return to_error(status);
  return {};
}

Result<void> Database::compact() {
  rocksdb::CompactRangeOptions range;
  range.exclusive_manual_compaction = false;
  // Writers go on into the next memtable; they are not made to wait.
  range.allow_write_stall = false;
  for (rocksdb::ColumnFamilyHandle* family : {main_, client_numbers_}) {
    const auto status = db_->CompactRange(range, family, nullptr, nullptr);
    if (!status.ok() && !status.IsShutdownInProgress() && !status.IsIncomplete()) {
      return to_error(status);
    }
  }
  return {};
}

void Database::stop_compaction() { db_->DisableManualCompaction(); }

void Database::stop_loading() {
  {
    const std::lock_guard lock(load_mutex_);
    load_stop_ = true;
    load_wake_.notify_one();
  }
  if (loader_.joinable()) loader_.join();
}

void Database::run_loader() {
  runtime::name_this_thread("index-loader");
  runtime::lower_this_threads_priority();
  for (;;) {
    LoadRequest request;
    {
      std::unique_lock lock(load_mutex_);
      load_wake_.wait(lock, [this] { return load_stop_ || !load_queue_.empty(); });
      if (load_queue_.empty()) return;
      request = std::move(load_queue_.front());
      load_queue_.erase(load_queue_.begin());
      if (load_stop_) {
        lock.unlock();
        request.done(Error(Errc::unavailable, "the store is closing"));
        continue;
      }
    }
    auto outcome = load_now(request);
    request.done(std::move(outcome));
  }
}

Result<void> Database::load_now(LoadRequest& request) {
  const std::string path = directory_ + "/" + std::to_string(++load_count_) + kLoadSuffix;
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options_, handle(request.table));
  auto status = writer.Open(path);
  for (const auto& [key, value] : request.make()) {
    if (!status.ok()) break;
    status = writer.Put(key, value);
  }
  if (status.ok()) status = writer.Finish();
  if (status.ok()) {
    rocksdb::IngestExternalFileOptions ingest;
    ingest.move_files = true;
    status = db_->IngestExternalFile(handle(request.table), {path}, ingest);
  }
  if (status.ok()) return {};
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  return to_error(status);
}

std::string Database::metrics_text() const {
  struct Property {
    const char* name;
    const char* metric;
    const char* help;
  };
  static constexpr std::array<Property, 8> kProperties = {{
      {"rocksdb.estimate-num-keys", "jindou_rocksdb_keys", "Estimated number of keys."},
      {"rocksdb.total-sst-files-size", "jindou_rocksdb_table_bytes", "Bytes in table files."},
      {"rocksdb.cur-size-all-mem-tables", "jindou_rocksdb_memtable_bytes", "Bytes in memtables."},
      {"rocksdb.block-cache-usage", "jindou_rocksdb_block_cache_bytes",
       "Bytes in the block cache."},
      {"rocksdb.estimate-pending-compaction-bytes", "jindou_rocksdb_pending_compaction_bytes",
       "Bytes that compaction still has to rewrite."},
      {"rocksdb.num-running-compactions", "jindou_rocksdb_running_compactions",
       "Compactions running now."},
      {"rocksdb.is-write-stopped", "jindou_rocksdb_write_stopped",
       "1 while writers wait for compaction."},
      {"rocksdb.background-errors", "jindou_rocksdb_background_errors",
       "Errors of flushes and compactions since the start."},
  }};
  std::string out;
  for (const auto& property : kProperties) {
    std::uint64_t total = 0;
    bool known = false;
    for (auto* family : {main_, client_numbers_}) {
      std::uint64_t value = 0;
      if (!db_->GetIntProperty(family, property.name, &value)) continue;
      // The block cache is one for both families.
      const bool shared = std::string_view(property.name) == "rocksdb.block-cache-usage";
      total = shared ? value : total + value;
      known = true;
    }
    if (!known) continue;
    out += std::string("# HELP ") + property.metric + " " + property.help + "\n";
    out += std::string("# TYPE ") + property.metric + " gauge\n";
    out += std::string(property.metric) + " " + std::to_string(total) + "\n";
  }
  return out;
}

}  // namespace jindou::store
