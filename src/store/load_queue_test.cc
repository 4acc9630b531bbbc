// Loads run one after the other; a failing one is not tried again without a pause.
#include "store/load_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace jindou::store {
namespace {

using Outcome = std::promise<Result<void>>;

void post(LoadQueue& queue, Outcome& outcome) {
  queue.post(
      Table::client_numbers,
      [] {
        return BulkLoader::Entries{{"k", "v"}};
      },
      [&outcome](Result<void> done) { outcome.set_value(std::move(done)); });
}

TEST(LoadQueue, HandsOverWhatWasMade) {
  BulkLoader::Entries loaded;
  LoadQueue queue([&](Table, const BulkLoader::Entries& entries) -> Result<void> {
    loaded = entries;
    return {};
  });
  Outcome outcome;
  post(queue, outcome);
  EXPECT_TRUE(outcome.get_future().get().has_value());
  EXPECT_EQ(loaded, (BulkLoader::Entries{{"k", "v"}}));
}

// A caller that posts again as soon as it hears of a failure, as a partition does. With a pause of
// a minute the second try never begins; stopping does not wait for the minute to be over.
TEST(LoadQueue, AFailureIsToldOnlyAfterThePause) {
  std::atomic<int> tries{0};
  Outcome tried;
  LoadQueue queue(
      [&](Table, const BulkLoader::Entries&) -> Result<void> {
        if (++tries == 1) tried.set_value({});
        return Error(Errc::storage, "no room");
      },
      LoadPauses{std::chrono::minutes(1), std::chrono::minutes(1)});
  Outcome outcome;
  auto told = outcome.get_future();
  queue.post(
      Table::client_numbers, [] { return BulkLoader::Entries(); },
      [&](Result<void> done) {
        queue.post(
            Table::client_numbers, [] { return BulkLoader::Entries(); },
            [](const Result<void>&) {});
        outcome.set_value(std::move(done));
      });
  ASSERT_TRUE(tried.get_future().get().has_value());
  EXPECT_EQ(told.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  queue.stop();
  EXPECT_EQ(told.get().error().code(), Errc::storage);
  EXPECT_EQ(tries.load(), 1);
}

TEST(LoadQueue, TriesAgainAndThenPausesAreShortAgain) {
  int failures = 3;
  LoadQueue queue(
      [&](Table, const BulkLoader::Entries&) -> Result<void> {
        if (failures-- > 0) return Error(Errc::storage, "no room");
        return {};
      },
      LoadPauses{std::chrono::milliseconds(1), std::chrono::milliseconds(2)});
  for (int i = 0; i < 3; ++i) {
    Outcome outcome;
    post(queue, outcome);
    EXPECT_FALSE(outcome.get_future().get().has_value());
  }
  Outcome outcome;
  post(queue, outcome);
  EXPECT_TRUE(outcome.get_future().get().has_value());
}

TEST(LoadQueue, RefusesWhatComesAfterStop) {
  LoadQueue queue([](Table, const BulkLoader::Entries&) -> Result<void> { return {}; });
  queue.stop();
  Outcome outcome;
  post(queue, outcome);
  EXPECT_EQ(outcome.get_future().get().error().code(), Errc::unavailable);
}

}  // namespace
}  // namespace jindou::store
