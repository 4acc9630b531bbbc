#include "store/database.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/rate_limiter.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/varint.h"
#include "observe/log.h"
#include "store/data_loss.h"
#include "store/database_cursor.h"
#include "store/file_keeper.h"
#include "store/index_progress.h"
#include "store/index_rebuild_mark.h"
#include "store/keys.h"
#include "store/rocksdb_slice.h"
#include "store/rocksdb_status.h"
#include "store/room_probe.h"
#include "store/store_check.h"
#include "store/unreadable_tables.h"

namespace jindou::store {

namespace {

constexpr char kOldestFormat = 1;
constexpr const char* kLoadSuffix = ".load";
constexpr std::int64_t kStopBytesPerSecond = std::int64_t{1} << 40;
// Of each family; when all are full, writers wait.
constexpr std::size_t kWriteBuffers = 4;
// What full write buffers leave of the block cache, where they take more than it has.
constexpr std::size_t kCacheLeftShare = 4;

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
    // Of a checkpoint: the list of files is made under the same protection once more.
    if (std::string_view(format).find("File Deletions ") != std::string_view::npos) return;
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

}  // namespace

std::size_t store_memory_bytes(const StoreOptions& options) {
  const std::size_t of_messages = options.write_buffer_bytes * kWriteBuffers;
  const std::size_t of_client_numbers = of_messages / OpenStore::kClientNumbersShare;
  return std::max(options.block_cache_bytes,
                  of_messages + of_client_numbers + options.block_cache_bytes / kCacheLeftShare);
}

rocksdb::Options rocksdb_options(const StoreOptions& options) {
  rocksdb::Options out;
  out.create_if_missing = true;
  out.create_missing_column_families = true;
  if (options.env != nullptr) out.env = options.env;
  // After an error the store is opened again instead (fault_watch.h).
  out.max_bgerror_resume_count = 0;
  out.write_buffer_size = options.write_buffer_bytes;
  out.max_write_buffer_number = static_cast<int>(kWriteBuffers);
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
  // A closed log that is missing or too short is an error when the store is opened.
  out.track_and_verify_wals_in_manifest = true;
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
  table.block_cache = rocksdb::NewLRUCache(store_memory_bytes(options));
  // Memtables count in the cache, so blocks make room for them, and the two have one bound. That of
  // the memtables alone is their number (open_store.cc).
  out.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(std::size_t{0}, table.block_cache);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  // Neighbouring keys share their first bytes: those of a log all but the last. Indexes are kept in
  // the cache, and without this are a quarter of what ten million messages put there.
  table.index_block_restart_interval = 16;
  out.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return out;
}

Result<std::unique_ptr<Database>> Database::open(const StoreOptions& options, Random& random) {
  JD_TRY(const WantedIdentity wanted,
         load_wanted_identity(options.partitions, options.identity_file));
  if (!options.rebuilds_index) {
    const auto unfinished = unfinished_index_rebuild(options.directory);
    if (unfinished) return Error(Errc::storage, *unfinished);
  }
  std::error_code error;
  std::filesystem::create_directories(options.directory, error);
  if (error) {
    return Error(Errc::storage, "cannot create " + options.directory + ": " + error.message());
  }
  std::filesystem::permissions(options.directory, std::filesystem::perms::owner_all, error);

  std::unique_ptr<Database> database(new Database());
  database->directory_ = options.directory;
  database->options_ = rocksdb_options(options);
  database->options_.listeners.push_back(database->faults_);
  JD_TRY(database->durability_,
         DurabilityTracker::open(options.directory, database->faults_, random));
  database->options_.listeners.push_back(database->durability_->listener());
  const auto files = database->options_.env->GetFileSystem();
  LogPreparation preparation = log_preparation(options.directory, options.write_buffer_bytes,
                                               database->options_.rate_limiter);
  if (!options.prepared_logs) preparation.bytes = 0;
  database->logs_ = std::make_shared<PreparedLogs>(files, std::move(preparation));
  database->env_ = rocksdb::NewCompositeEnv(
      std::make_shared<FileKeeper>(files, database->faults_, database->logs_));
  database->options_.env = database->env_.get();
  // What a crash left of a load, a probe or a log that was prepared.
  for (const auto& entry : std::filesystem::directory_iterator(options.directory, error)) {
    if (entry.path().extension() == kLoadSuffix || entry.path().filename() == kProbeFile ||
        entry.path().filename() == kSpareName) {
      std::filesystem::remove(entry.path(), error);
    }
  }

  database->accept_data_loss_ = options.accept_data_loss;
  JD_TRY(database->open_, database->open_rocksdb());
  database->gate_.open();
  JD_RETURN_IF_ERROR(database->load_or_create_identity(wanted, random));
  JD_RETURN_IF_ERROR(database->settle_accepted_loss());
  // Merging old rows can wait for a moment when senders leave the processor alone.
  database->options_.env->LowerThreadPoolCPUPriority(rocksdb::Env::Priority::LOW,
                                                     rocksdb::CpuPriority::kLow);
  database->loader_ =
      std::make_unique<LoadQueue>([raw = database.get()](Table table, const Entries& entries) {
        return raw->load_file(table, entries);
      });
  return database;
}

Database::Database() : faults_(std::make_shared<FaultWatch>()) {}

Database::~Database() { stop_loading(); }

Result<std::unique_ptr<OpenStore>> Database::open_rocksdb() {
  JD_RETURN_IF_ERROR(accept_or_refuse_damage());
  // The manifest still names the logs that were cut.
  rocksdb::Options options = options_;
  JD_TRY(const auto accepted, find_accepted_loss(directory_));
  if (accepted) options.track_and_verify_wals_in_manifest = false;
  auto opening = OpenStore::open(options, directory_);
  if (!opening) {
    return Error(opening.error().code(), opening.error().detail() + unreadable_tables(directory_));
  }
  auto opened = std::move(*opening);
  const auto marked = durability_->opened(opened->db());
  if (!marked.ok()) return to_error(marked);
  return opened;
}

Result<void> Database::accept_or_refuse_damage() {
  JD_TRY(const StoreCheck check, check_store(directory_));
  for (const auto& note : check.notes) observe::log_warn("store", "{}", note);
  if (check.ok()) {
    if (check.copied_while_open) {
      observe::log_warn("store",
                        "{} is a copy that was made while a server had it open, or was restored "
                        "from one; no file is damaged",
                        directory_);
    }
    return cut_log_tails(directory_, check);
  }
  JD_TRY(const auto begun, find_accepted_loss(directory_));
  const bool accepted = accept_data_loss_ || begun.has_value();
  if (!check.damage.empty() || !accepted) return Error(Errc::storage, check.sentence());
  JD_TRY(const std::string aside, cut_logs(directory_, check, SystemClock().wall_seconds()));
  observe::log_error("store", "data loss accepted: {}The damaged logs are kept in {}",
                     check.findings(), aside);
  return {};
}

Result<void> Database::settle_accepted_loss() {
  // Not when the store is opened again later on.
  const bool wanted = std::exchange(accept_data_loss_, false);
  JD_TRY(const auto accepted, find_accepted_loss(directory_));
  JD_TRY(const auto restored, find_restored(directory_));
  if (!accepted) {
    if (wanted) {
      observe::log_warn("store",
                        "there is no data loss to accept: take storage.acceptDataLoss or "
                        "--accept-data-loss away");
    }
  }
  if (!accepted && !restored) {
    JD_TRY(data_loss_, load_data_loss(*open_));
    return {};
  }
  AcceptedLoss loss = accepted.value_or(AcceptedLoss());
  if (restored) {
    loss.id_bound = std::max(loss.id_bound, restored->id_bound);
    loss.skip = restored->skip;
  }
  JD_TRY(data_loss_, raise_floor(*open_, partitions(), loss, SystemClock().wall_seconds()));
  JD_RETURN_IF_ERROR(sync(data_loss_.floor));
  forget_losses(directory_);
  observe::log_error(
      "store",
      "{}message ids and the seqs of all channels skip {} and go on behind {}, so that "
      "none is given out twice",
      restored ? "the store was restored from a backup: " : "", data_loss_.skipped,
      data_loss_.floor);
  return {};
}

bool Database::flush_for_stop(std::chrono::milliseconds limit) {
  const auto pass = gate_.enter();
  if (!pass || limit.count() == 0 || faults_->failed()) return false;
  const auto deadline = std::chrono::steady_clock::now() + limit;
  // Nobody waits for the disk any more.
  options_.rate_limiter->SetBytesPerSecond(kStopBytesPerSecond);
  rocksdb::FlushOptions flush;
  flush.wait = false;
  flush.allow_write_stall = true;
  rocksdb::DB& db = open_->db();
  const std::vector<rocksdb::ColumnFamilyHandle*> families = {open_->handle(Table::main),
                                                              open_->handle(Table::client_numbers)};
  auto status = db.Flush(flush, families);
  const auto left = [&] {
    std::uint64_t sum = 0;
    for (rocksdb::ColumnFamilyHandle* family : families) {
      for (const char* name :
           {"rocksdb.num-immutable-mem-table", "rocksdb.mem-table-flush-pending",
            "rocksdb.num-running-flushes", "rocksdb.num-entries-active-mem-table"}) {
        std::uint64_t value = 0;
        if (db.GetIntProperty(family, name, &value)) sum += value;
      }
    }
    return sum;
  };
  while (status.ok() && left() > 0) {
    if (std::chrono::steady_clock::now() >= deadline || faults_->failed()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (status.ok()) status = durability_->stopped(db);
  if (!status.ok()) observe::log_warn("store", "cannot flush for the stop: {}", status.ToString());
  return status.ok();
}

Result<Database::Identity> Database::parse_identity(std::string_view stored) {
  ByteReader reader(stored);
  Identity identity;
  identity.format = static_cast<char>(reader.read_u8());
  if (identity.format < kOldestFormat || identity.format > kStoreFormat) {
    return Error(Errc::invalid,
                 fmt::format("the store has format {}, which a newer version of Jindou wrote; this "
                             "one reads up to {}: use the newer one, or a backup from before",
                             static_cast<int>(identity.format), static_cast<int>(kStoreFormat)));
  }
  identity.shared.partitions = static_cast<std::uint16_t>(reader.read_varint());
  identity.shared.fingerprint_seed = reader.read_varint();
  const std::uint16_t partitions = identity.shared.partitions;
  if (!reader.ok() || partitions == 0 || partitions > kPartitionsMax) {
    return Error(Errc::storage, "unreadable store identity");
  }
  return identity;
}

// What the file of the cluster holds from now on.
static Result<StoreIdentity> share(const StoreIdentity& identity, const WantedIdentity& wanted) {
  if (wanted.file.empty() || wanted.given) return identity;
  return share_identity(wanted.file, identity);
}

Result<void> Database::load_or_create_identity(const WantedIdentity& wanted, Random& random) {
  std::string value;
  JD_TRY(const bool exists, get(Table::main, store_identity_key(), value));
  if (exists) {
    JD_TRY(identity_, parse_identity(value));
    JD_RETURN_IF_ERROR(store::check_identity(identity_.shared, directory_, wanted));
    // Before the upgrade, after which an older program does not open the store any more.
    JD_TRY(const StoreIdentity shared, share(identity_.shared, wanted));
    if (shared != identity_.shared) {
      return store::check_identity(identity_.shared, directory_,
                                   {wanted.partitions, wanted.file, shared});
    }
    JD_RETURN_IF_ERROR(upgrade());
  } else {
    identity_.format = kStoreFormat;
    const StoreIdentity own{wanted.partitions, random.next_u64()};
    JD_TRY(identity_.shared, share(wanted.given.value_or(own), wanted));
    JD_RETURN_IF_ERROR(
        store::check_identity(identity_.shared, directory_, {wanted.partitions, wanted.file, {}}));
    rocksdb::WriteBatch batch;
    batch.Put(store_identity_key(), encode(identity_));
    JD_RETURN_IF_ERROR(write(batch));
    JD_RETURN_IF_ERROR(sync());
  }
  return {};
}

Result<void> Database::upgrade() {
  if (identity_.format == kStoreFormat) return {};
  // One write: a crash leaves the store in the old format or in the new one.
  rocksdb::WriteBatch batch;
  JD_RETURN_IF_ERROR(move_index_progress(*open_, partitions(), batch));
  Identity upgraded = identity_;
  upgraded.format = kStoreFormat;
  batch.Put(store_identity_key(), encode(upgraded));
  JD_RETURN_IF_ERROR(write(batch));
  JD_RETURN_IF_ERROR(sync());
  observe::log_info("store",
                    "the store was brought from format {} to {}; older versions of Jindou "
                    "do not open it any more",
                    static_cast<int>(identity_.format), static_cast<int>(kStoreFormat));
  identity_ = upgraded;
  return {};
}

std::string Database::encode(const Identity& identity) {
  std::string out(1, identity.format);
  append_varint(out, identity.shared.partitions);
  append_varint(out, identity.shared.fingerprint_seed);
  return out;
}

Error Database::read_error(const rocksdb::Status& status) const {
  damage_->note(status);
  return to_error(status);
}

std::vector<TableFile> Database::table_files() const {
  std::vector<TableFile> files;
  const auto pass = gate_.enter();
  if (!pass) return files;
  std::vector<rocksdb::LiveFileMetaData> live;
  open_->db().GetLiveFilesMetaData(&live);
  for (const auto& file : live) {
    files.push_back({file.db_path + file.name, file.size, file.largest_seqno,
                     OpenStore::table_of(file.column_family_name)});
  }
  return files;
}

std::unique_ptr<Cursor> Database::open_cursor(Table table) const {
  auto pass = gate_.enter();
  const OpenStore* store = pass ? open_.get() : nullptr;
  return std::make_unique<DatabaseCursor>(gate_, std::move(pass), store, table, *damage_);
}

Result<bool> Database::get(Table table, std::string_view key, std::string& value) const {
  const auto pass = gate_.enter();
  if (!pass) return store_is_closed();
  const auto status =
      open_->db().Get(rocksdb::ReadOptions(), open_->handle(table), slice(key), &value);
  if (status.ok()) return true;
  if (status.IsNotFound()) return false;
  return read_error(status);
}

Result<void> Database::scan(Table table, std::string_view lower, std::string_view upper,
                            const Visit& visit) const {
  const auto pass = gate_.enter();
  if (!pass) return store_is_closed();
  rocksdb::ReadOptions read;
  const rocksdb::Slice bound = slice(upper);
  read.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> it(open_->db().NewIterator(read, open_->handle(table)));
  for (it->Seek(slice(lower)); it->Valid(); it->Next()) {
    if (gate_.is_shut()) return store_is_closed();
    if (!visit(view(it->key()), view(it->value()))) break;
  }
  if (!it->status().ok()) return read_error(it->status());
  return {};
}

Result<void> Database::scan_backward(Table table, std::string_view lower, std::string_view upper,
                                     const Visit& visit) const {
  const auto pass = gate_.enter();
  if (!pass) return store_is_closed();
  rocksdb::ReadOptions read;
  const rocksdb::Slice bound = slice(lower);
  read.iterate_lower_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> it(open_->db().NewIterator(read, open_->handle(table)));
  it->SeekForPrev(slice(upper));
  if (it->Valid() && it->key() == slice(upper)) it->Prev();
  for (; it->Valid(); it->Prev()) {
    if (gate_.is_shut()) return store_is_closed();
    if (!visit(view(it->key()), view(it->value()))) break;
  }
  if (!it->status().ok()) return read_error(it->status());
  return {};
}

Result<void> Database::write(rocksdb::WriteBatch& batch) {
  const auto pass = gate_.enter();
  if (!pass) return store_is_closed();
  const auto status = open_->db().Write(rocksdb::WriteOptions(), &batch);
  if (status.ok()) return {};
  faults_->note(status);
  return to_error(status);
}

Result<void> Database::sync(std::uint64_t id_bound) {
  const auto pass = gate_.enter();
  if (!pass) return store_is_closed();
  const auto status = durability_->sync(open_->db(), id_bound);
  if (status.ok()) return {};
  faults_->note(status);
  return to_error(status);
}

void Database::load(Table table, std::function<Entries()> make,
                    std::function<void(Result<void>)> done) {
  loader_->post(table, std::move(make), std::move(done));
}

Result<void> Database::erase(Table table, const Entries& seen) {
  const auto pass = gate_.enter();
  if (!pass) return store_is_closed();
  const MutexLock no_load(loading_);
  rocksdb::WriteBatch batch;
  std::string value;
  for (const auto& [key, seen_value] : seen) {
    JD_TRY(const bool there, get(table, key, value));
    if (there && value == seen_value) batch.Delete(open_->handle(table), key);
  }
  if (batch.Count() == 0) return {};
  const MutexLock held(durability_->log_mutex());
  const auto status = open_->db().Write(rocksdb::WriteOptions(), &batch);
  if (status.ok()) return {};
  faults_->note(status);
  return to_error(status);
}

Result<void> Database::compact() {
  const auto pass = gate_.enter();
  if (!pass || compaction_stopped_.load()) return store_is_closed();
  rocksdb::CompactRangeOptions range;
  range.exclusive_manual_compaction = false;
  // Writers go on into the next memtable; they are not made to wait.
  range.allow_write_stall = false;
  for (const Table table : {Table::main, Table::client_numbers}) {
    const auto status = open_->db().CompactRange(range, open_->handle(table), nullptr, nullptr);
    if (gate_.is_shut()) return store_is_closed();
    if (!status.ok() && !status.IsShutdownInProgress() && !status.IsIncomplete()) {
      return to_error(status);
    }
  }
  return {};
}

void Database::stop_compaction() {
  compaction_stopped_.store(true);
  const auto pass = gate_.enter();
  if (pass) open_->db().DisableManualCompaction();
}

void Database::stop_loading() {
  if (loader_) loader_->stop();
}

Result<void> Database::load_file(Table table, const Entries& entries) {
  const auto pass = gate_.enter();
  if (!pass) return store_is_closed();
  // RocksDB would take the file, and give it a number that is not one.
  if (faults_->failed()) return Error(Errc::storage, "waits for the store: " + faults_->cause());
  const std::string path = directory_ + "/" + std::to_string(++load_count_) + kLoadSuffix;
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options_, open_->handle(table));
  auto status = writer.Open(path);
  for (const auto& [key, value] : entries) {
    if (!status.ok()) break;
    status = writer.Put(key, value);
  }
  if (status.ok()) status = writer.Finish();
  if (status.ok()) {
    rocksdb::IngestExternalFileOptions ingest;
    ingest.move_files = true;
    const MutexLock no_erase(loading_);
    status = open_->db().IngestExternalFile(open_->handle(table), {path}, ingest);
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
  static constexpr std::array<Property, 7> kProperties = {{
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
  }};
  std::string out;
  const auto append = [&out](const char* name, const char* help, std::uint64_t value) {
    out += std::string("# HELP ") + name + " " + help + "\n";
    out += std::string("# TYPE ") + name + " gauge\n";
    out += std::string(name) + " " + std::to_string(value) + "\n";
  };
  append("jindou_rocksdb_background_errors", "Errors of flushes and compactions since the start.",
         faults_->background_errors());
  append("jindou_store_reopened", "Times the store was opened again after an error.",
         reopened_.load());
  append("jindou_store_logs_prepared", "Log files begun in blocks that were written before.",
         logs_->prepared());
  append("jindou_store_logs_grown", "Log files that grow, so that each sync takes longer.",
         logs_->grown());
  append("jindou_data_losses_accepted",
         "Times something was given up: a damaged part of the log, what came after a restored "
         "backup, or what a repair could not keep.",
         data_loss_.times);
  append("jindou_data_loss_floor", "Ids and seqs up to here were skipped after that.",
         data_loss_.floor);
  const auto pass = gate_.enter();
  if (!pass) return out;
  const std::uint64_t memtables_in_cache =
      options_.write_buffer_manager->dummy_entries_in_cache_usage();
  for (const auto& property : kProperties) {
    std::uint64_t total = 0;
    bool known = false;
    for (const Table table : {Table::main, Table::client_numbers}) {
      std::uint64_t value = 0;
      if (!open_->db().GetIntProperty(open_->handle(table), property.name, &value)) continue;
      // The block cache is one for both families, and memtables count in it.
      const bool shared = std::string_view(property.name) == "rocksdb.block-cache-usage";
      total = shared ? value - std::min(value, memtables_in_cache) : total + value;
      known = true;
    }
    if (known) append(property.metric, property.help, total);
  }
  return out;
}

}  // namespace jindou::store
