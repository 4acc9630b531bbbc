#include "api/batch_advice.h"

#include <gtest/gtest.h>

namespace jindou::api {
namespace {

std::string advised(const BatchLoad& load) { return batch_advice_field(advise(load)); }

TEST(BatchAdvice, WithoutLoadBatchesAreLargeAndSeveral) {
  EXPECT_EQ(advised({}), "Batch-Advice: items=1000, concurrency=8\r\n");
}

TEST(BatchAdvice, FewerAtATimeThenSmallerOnes) {
  EXPECT_EQ(advised({.items_in_flight = 190'000}), "Batch-Advice: items=1000, concurrency=5\r\n");
  EXPECT_EQ(advised({.items_in_flight = 198'000}), "Batch-Advice: items=500, concurrency=2\r\n");
  EXPECT_EQ(advised({.items_in_flight = 200'000}), "Batch-Advice: items=50, concurrency=1\r\n");
  EXPECT_EQ(advised({.items_in_flight = 300'000}), "Batch-Advice: items=50, concurrency=1\r\n");
}

TEST(BatchAdvice, PlacesForBatchesCountToo) {
  EXPECT_EQ(advised({.batches_in_flight = 250}), "Batch-Advice: items=1000, concurrency=3\r\n");
  EXPECT_EQ(advised({.batches_in_flight = 400}), "Batch-Advice: items=1000, concurrency=1\r\n");
}

TEST(BatchAdvice, NeverMoreThanWhatALimitLetsPass) {
  EXPECT_EQ(advised({.portion_max = 20}), "Batch-Advice: items=20, concurrency=8\r\n");
  EXPECT_EQ(advised({.portion_max = 0}), "Batch-Advice: items=1, concurrency=8\r\n");
  EXPECT_EQ(advised({.items_max = 10}), "Batch-Advice: items=10, concurrency=8\r\n");
  EXPECT_EQ(advised({.items_max = 0}), "Batch-Advice: items=1, concurrency=8\r\n");
}

}  // namespace
}  // namespace jindou::api
