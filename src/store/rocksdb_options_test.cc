// What the settings of RocksDB promise to the rest of the server.
#include <gtest/gtest.h>
#include <rocksdb/rate_limiter.h>

#include "store/database.h"

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

}  // namespace
}  // namespace jindou::store
