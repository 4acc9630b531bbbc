// A copy of the open store is a store that was stopped: it opens without a word, has everything
// that was committed before, and nothing that is done with it reaches the store it is of.
#include "store/checkpoint.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <string>
#include <thread>

#include "store/damaged_store_fixture.h"
#include "store/data_loss.h"
#include "store/store_check.h"

namespace jindou::store {
namespace {

namespace fs = std::filesystem;

class CheckpointedStore : public DamagedStore {
 protected:
  std::string new_directory(const std::string& name) {
    const fs::path made = fs::path(options_.directory).parent_path() / name;
    fs::create_directory(made);
    return made.string();
  }
  void use(const std::string& directory) {
    close();
    options_.directory = directory;
  }
};

TEST_F(CheckpointedStore, HoldsWhatWasCommittedAndOpensAsIfItHadBeenStopped) {
  open();
  commit(100);
  const std::string copy = new_directory("copy");
  const auto made = database_->checkpoint(copy, nullptr);
  ASSERT_TRUE(made.has_value()) << made.error().text();
  EXPECT_EQ(made->positions, (std::vector<std::uint64_t>{0, 100}));
  commit(50);
  const auto check = check_store(copy);
  ASSERT_TRUE(check.has_value());
  EXPECT_TRUE(check->ok()) << check->sentence();
  EXPECT_TRUE(check->notes.empty());
  EXPECT_FALSE(check->copied_while_open);
  // Copied once more, by whatever: it is no copy of an open directory.
  const std::string moved = fs::path(options_.directory).parent_path() / "moved";
  fs::copy(copy, moved, fs::copy_options::recursive);
  EXPECT_FALSE(check_store(moved)->copied_while_open);
  use(moved);
  open();
  EXPECT_EQ(rows(), 100U);
  EXPECT_EQ(database_->data_loss().times, 0U);
}

TEST_F(CheckpointedStore, SharesTablesAndNothingThatIsWritten) {
  open();
  commit(100);
  ASSERT_TRUE(database_->flush_for_stop(std::chrono::seconds(30)));
  close();
  open();
  position_ = 100;
  commit(50);
  const std::string copy = new_directory("copy");
  const auto made = database_->checkpoint(copy, nullptr);
  ASSERT_TRUE(made.has_value()) << made.error().text();
  std::size_t linked = 0;
  for (const CheckpointFile& file : made->files) {
    const fs::path there = fs::path(copy) / file.name;
    EXPECT_EQ(fs::hard_link_count(there), file.linked ? 2U : 1U) << file.name;
    EXPECT_EQ(file.linked, there.extension() == ".sst") << file.name;
    linked += file.linked ? 1 : 0;
  }
  EXPECT_GE(linked, 1U);
  // The store goes on and merges: the copy is as it was, and writes of its own stay there.
  commit(50);
  ASSERT_TRUE(database_->compact());
  const std::string original = options_.directory;
  use(copy);
  expect_all(150);
  position_ = 150;
  commit(10);
  use(original);
  expect_all(200);
}

TEST_F(CheckpointedStore, DamageToACopyIsRefusedAsThatToAStore) {
  open();
  commit(100);
  const std::string copy = new_directory("copy");
  ASSERT_TRUE(database_->checkpoint(copy, nullptr));
  use(copy);
  const std::string log = newest(".log");
  flip(log, fs::file_size(log) - 3);
  expect_refused(log, "damaged");
  flip(log, fs::file_size(log) - 3);
  fs::resize_file(log, fs::file_size(log) - 1);
  expect_refused(log, "had been synced");
}

TEST_F(CheckpointedStore, UnderWritesACopyIsABeginningOfThem) {
  open();
  commit(20);
  std::atomic<bool> stop{false};
  std::thread writer([this, &stop] {
    while (!stop.load()) commit(1);
  });
  std::vector<std::uint64_t> at_least;
  for (int i = 0; i < 5; ++i) {
    const auto made = database_->checkpoint(new_directory("copy" + std::to_string(i)), nullptr);
    EXPECT_TRUE(made.has_value()) << made.error().text();
    at_least.push_back(made ? made->positions[1] : 0);
  }
  stop.store(true);
  writer.join();
  const std::uint64_t committed = position_;
  for (int i = 0; i < 5; ++i) {
    use(fs::path(options_.directory).parent_path() / ("copy" + std::to_string(i)));
    open();
    EXPECT_GE(rows(), at_least[static_cast<std::size_t>(i)]);
    EXPECT_LE(rows(), committed);
    // Nothing is missing in the middle.
    EXPECT_EQ(rows(), opening_.position);
  }
}

TEST_F(CheckpointedStore, IsGivenUpWhenItsCallerSaysSo) {
  open();
  commit(10);
  const auto made =
      database_->checkpoint(new_directory("copy"), [](std::uint64_t) { return false; });
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), Errc::unavailable);
  commit(10);
  ASSERT_TRUE(database_->checkpoint(new_directory("other"), nullptr));
}

TEST_F(CheckpointedStore, WhatIsThereAlreadyIsAnError) {
  open();
  commit(10);
  const std::string copy = new_directory("copy");
  ASSERT_TRUE(database_->checkpoint(copy, nullptr));
  const auto again = database_->checkpoint(copy, nullptr);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code(), Errc::storage);
}

TEST_F(CheckpointedStore, ARestoredOneGoesOnBehindAFloorOnce) {
  open();
  commit(100);
  const std::string copy = new_directory("copy");
  const auto made = database_->checkpoint(copy, nullptr);
  ASSERT_TRUE(made.has_value()) << made.error().text();
  ASSERT_TRUE(note_restored(copy, 1'000, 5));
  use(copy);
  expect_all(100);
  EXPECT_EQ(database_->data_loss().times, 1U);
  EXPECT_EQ(database_->data_loss().floor, 1'000 + kIdsSkippedMin);
  close();
  expect_all(100);
  EXPECT_EQ(database_->data_loss().times, 1U);
  close();
  // As far as the restore says, when that is more.
  ASSERT_TRUE(note_restored(copy, 0, 100'000'000));
  open();
  EXPECT_EQ(database_->data_loss().times, 2U);
  EXPECT_EQ(database_->data_loss().floor, 1'000 + kIdsSkippedMin + 100'000'000);
}

TEST_F(CheckpointedStore, ThatItWasRestoredIsNoLeaveToLoseMore) {
  open();
  commit(100);
  const std::string copy = new_directory("copy");
  ASSERT_TRUE(database_->checkpoint(copy, nullptr));
  ASSERT_TRUE(note_restored(copy, 0, 0));
  use(copy);
  const std::string log = newest(".log");
  flip(log, fs::file_size(log) / 2);
  expect_refused(log, "damaged");
  flip(log, fs::file_size(log) / 2);
  append(path("restored.floor"), "x");
  flip(path("restored.floor"), 0);
  expect_refused("restored.floor", "damaged");
}

}  // namespace
}  // namespace jindou::store
