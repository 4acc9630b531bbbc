// What the settings of RocksDB promise to the rest of the server.
#include <gtest/gtest.h>
#include <rocksdb/cache.h>
#include <rocksdb/rate_limiter.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#if __has_include(<rocksdb/advanced_cache.h>)
#include <rocksdb/advanced_cache.h>  // since RocksDB 8 the members of a cache are there
#endif

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/random.h"
#include "store/database.h"
#include "store/open_store.h"
#include "store/read_only_store.h"
#include "store/store_check.h"

namespace jindou::store {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

std::shared_ptr<rocksdb::Cache> cache_of(const rocksdb::Options& options) {
  const auto* table = options.table_factory->GetOptions<rocksdb::BlockBasedTableOptions>();
  return table != nullptr ? table->block_cache : nullptr;
}

StoreOptions with_memory(std::size_t write_buffer_bytes, std::size_t block_cache_bytes) {
  StoreOptions options;
  options.write_buffer_bytes = write_buffer_bytes;
  options.block_cache_bytes = block_cache_bytes;
  return options;
}

// Rows that stay in the memtable, of more bytes than `bytes`.
void fill_memtable(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, std::size_t bytes) {
  const std::string value(1024, 'x');
  for (std::size_t i = 0; i * value.size() < bytes; ++i) {
    ASSERT_TRUE(db.Put(rocksdb::WriteOptions(), family, "row " + std::to_string(i), value).ok());
  }
}

std::uint64_t metric(const std::string& text, std::string_view name) {
  const std::size_t at = text.find('\n' + std::string(name) + ' ');
  EXPECT_NE(at, std::string::npos) << name;
  return at == std::string::npos ? 0 : std::stoull(text.substr(at + name.size() + 2));
}

// A limiter that tunes itself begins at half of its rate and falls to a twentieth in quiet times.
TEST(RocksDbOptions, BackgroundWorkHasTheWholeRateAtOnce) {
  StoreOptions options;
  options.background_bytes_per_second = std::int64_t{100} << 20;
  const auto limiter = rocksdb_options(options).rate_limiter;
  ASSERT_TRUE(limiter);
  EXPECT_EQ(limiter->GetBytesPerSecond(), options.background_bytes_per_second);
}

// Both families together, however small the write buffers are made.
TEST(RocksDbOptions, MemtablesOfAllFamiliesHaveOneBound) {
  std::string directory = (std::filesystem::temp_directory_path() / "jindou-XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  StoreOptions options;
  options.write_buffer_bytes = std::size_t{4} << 20;
  {
    const auto store = OpenStore::open(rocksdb_options(options), directory);
    ASSERT_TRUE(store.has_value());
    std::size_t bound = 0;
    for (const Table table : {Table::main, Table::client_numbers}) {
      const rocksdb::Options used = (*store)->db().GetOptions((*store)->handle(table));
      bound += used.write_buffer_size * static_cast<std::size_t>(used.max_write_buffer_number);
    }
    EXPECT_GE(bound, options.write_buffer_bytes * 4);
    EXPECT_LE(bound, options.write_buffer_bytes * 4 * 17 / 16);
  }
  std::filesystem::remove_all(directory);
}

TEST(RocksDbOptions, MemtablesAndBlockCacheHaveOneBound) {
  struct Case {
    std::size_t write_buffer;
    std::size_t block_cache;
    std::size_t together;
  };
  for (const Case& each : {
           Case{32 * kMiB, 128 * kMiB, 168 * kMiB},    // the defaults: 136 and a quarter of 128
           Case{8 * kMiB, 32 * kMiB, 42 * kMiB},       // those of 512 MiB
           Case{64 * kMiB, 1024 * kMiB, 1024 * kMiB},  // a large cache has room for both
           Case{64 * kMiB, 4 * kMiB, 273 * kMiB},      // a small one keeps a quarter
       }) {
    const StoreOptions options = with_memory(each.write_buffer, each.block_cache);
    EXPECT_EQ(store_memory_bytes(options), each.together);
    const auto cache = cache_of(rocksdb_options(options));
    ASSERT_TRUE(cache);
    EXPECT_EQ(cache->GetCapacity(), each.together);
  }
}

TEST(RocksDbOptions, WhatMemtablesTakeCountsInTheBlockCache) {
  std::string directory = (std::filesystem::temp_directory_path() / "jindou-XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  {
    const rocksdb::Options options = rocksdb_options(with_memory(8 * kMiB, 8 * kMiB));
    const auto cache = cache_of(options);
    ASSERT_TRUE(cache);
    const auto store = OpenStore::open(options, directory);
    ASSERT_TRUE(store.has_value());
    const std::size_t before = cache->GetUsage();
    fill_memtable((*store)->db(), (*store)->handle(Table::main), 4 * kMiB);
    EXPECT_GE(cache->GetUsage(), before + 4 * kMiB);
    EXPECT_LE(cache->GetUsage(), before + 8 * kMiB);
  }
  std::filesystem::remove_all(directory);
}

// Its logs are in a memtable, which takes nothing from the blocks.
TEST(RocksDbOptions, AStoreThatIsOnlyReadHasItsCacheForBlocks) {
  constexpr std::size_t kBatches = 10;
  constexpr std::size_t kRows = 1024;
  std::string directory = (std::filesystem::temp_directory_path() / "jindou-XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  {
    StoreOptions options = with_memory(16 * kMiB, 8 * kMiB);
    options.directory = directory;
    options.prepared_logs = false;
    SystemRandom random;
    const auto database = Database::open(options, random);
    ASSERT_TRUE(database.has_value());
    const std::string value(1024, 'x');
    for (std::size_t i = 0; i < kBatches; ++i) {
      rocksdb::WriteBatch batch;
      for (std::size_t row = 0; row < kRows; ++row) {
        batch.Put("row " + std::to_string(i * kRows + row), value);
      }
      ASSERT_TRUE((*database)->write(batch).has_value());
    }
    ASSERT_TRUE((*database)->sync().has_value());
  }
  {
    const auto check = check_store(directory);
    ASSERT_TRUE(check.has_value());
    const auto store = ReadOnlyStore::open(directory, *check);
    ASSERT_TRUE(store.has_value()) << store.error().text();
    const OpenStore& opened = (*store)->store();
    const auto cache = cache_of(opened.db().GetOptions());
    ASSERT_TRUE(cache);
    EXPECT_EQ(cache->GetCapacity(), 64 * kMiB);
    EXPECT_LT(cache->GetUsage(), kMiB);
    std::string value;
    const std::string last = "row " + std::to_string(kBatches * kRows - 1);
    EXPECT_TRUE(
        opened.db().Get(rocksdb::ReadOptions(), opened.handle(Table::main), last, &value).ok());
    EXPECT_EQ(value.size(), 1024U);
  }
  std::filesystem::remove_all(directory);
}

// They are no blocks, whatever they count as.
TEST(RocksDbOptions, MemtablesAreNotToldAsBlocks) {
  std::string directory = (std::filesystem::temp_directory_path() / "jindou-XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  {
    StoreOptions options = with_memory(8 * kMiB, 8 * kMiB);
    options.directory = directory;
    SystemRandom random;
    const auto database = Database::open(options, random);
    ASSERT_TRUE(database.has_value());
    rocksdb::DB& db = (*database)->db();
    fill_memtable(db, db.DefaultColumnFamily(), 4 * kMiB);
    const std::string text = (*database)->metrics_text();
    EXPECT_LT(metric(text, "jindou_rocksdb_block_cache_bytes"), kMiB);
    EXPECT_GE(metric(text, "jindou_rocksdb_memtable_bytes"), 4 * kMiB);
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace jindou::store
