// What the settings of RocksDB promise to the rest of the server.
#include <gtest/gtest.h>
#include <rocksdb/rate_limiter.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "store/database.h"
#include "store/open_store.h"

namespace jindou::store {
namespace {

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

}  // namespace
}  // namespace jindou::store
