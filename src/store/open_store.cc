#include "store/open_store.h"

#include <vector>

#include "store/rocksdb_status.h"

namespace jindou::store {

namespace {

constexpr const char* kClientNumbersName = "client_numbers";

rocksdb::ColumnFamilyOptions client_numbers_options(const rocksdb::Options& options) {
  rocksdb::ColumnFamilyOptions numbers(options);
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
  return numbers;
}

}  // namespace

Result<std::unique_ptr<OpenStore>> OpenStore::open(const rocksdb::Options& options,
                                                   const std::string& directory) {
  const std::vector<rocksdb::ColumnFamilyDescriptor> families = {
      {rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions(options)},
      {kClientNumbersName, client_numbers_options(options)}};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::Open(options, directory, families, &handles, &db);
  if (!status.ok()) return to_error(status);
  std::unique_ptr<OpenStore> store(new OpenStore());
  store->db_.reset(db);
  store->main_ = handles[0];
  store->client_numbers_ = handles[1];
  return store;
}

OpenStore::~OpenStore() {
  for (rocksdb::ColumnFamilyHandle* family : {client_numbers_, main_}) {
    db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  db_->Close().PermitUncheckedError();
}

}  // namespace jindou::store
