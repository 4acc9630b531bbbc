// A partition is used by one thread, its worker's; anything else ends the process.
#include <gtest/gtest.h>

#include <thread>

#include "partition/simulation/lone_partition.h"

namespace jindou::partition::simulation {
namespace {

// It was opened here and not handed over.
TEST(PartitionDeathTest, ACallFromAnotherThreadEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const MemoryStore nothing;
  LonePartition lone(nothing);
  EXPECT_DEATH(std::thread([&lone] { lone.partition().pump(); }).join(),
               "assertion failed: owner_.is_this_thread\\(\\) at .*partition.cc");
}

// As a worker does that was started after its partitions were opened.
TEST(PartitionDeathTest, ItBelongsToTheThreadThatTakesItOver) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const MemoryStore nothing;
  LonePartition lone(nothing);
  lone.partition().leave_thread();
  std::thread worker([&lone] { EXPECT_FALSE(lone.partition().has_gathered()); });
  worker.join();
  EXPECT_DEATH(lone.partition().pump(), "assertion failed: owner_.is_this_thread");
}

}  // namespace
}  // namespace jindou::partition::simulation
