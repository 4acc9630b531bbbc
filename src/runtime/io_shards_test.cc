// Work posted to a shard runs on that shard's one thread, in order.
#include "runtime/io_shards.h"

#include <gtest/gtest.h>

#include <future>
#include <vector>

namespace jindou::runtime {
namespace {

TEST(IoShards, RunsPostedWorkInOrderOnTheShardsThread) {
  IoShards shards(2);
  shards.start();
  std::promise<bool> on_its_shard;
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) {
    shards.post(1, [&order, i] { order.push_back(i); });
  }
  shards.post(1, [&] { on_its_shard.set_value(shards.on_shard(1) && !shards.on_shard(0)); });
  EXPECT_TRUE(on_its_shard.get_future().get());
  shards.stop();
  ASSERT_EQ(order.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(IoShards, CountsCoresWhenAskedForNone) {
  const IoShards shards(0);
  EXPECT_GE(shards.size(), 1U);
}

}  // namespace
}  // namespace jindou::runtime
