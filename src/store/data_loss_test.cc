// With the operator's word a store with a damaged log opens as it was before the damage; ids and
// seqs go on behind everything that can have been given out, and an interruption changes nothing of
// that.
#include "store/data_loss.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "store/damaged_store_fixture.h"

namespace jindou::store {
namespace {

namespace fs = std::filesystem;

class AcceptedDataLoss : public DamagedStore {
 protected:
  void damage_the_middle() {
    open();
    commit(100);
    close();
    const std::string log = newest(".log");
    flip(log, fs::file_size(log) / 2);
  }
  PartitionState state() {
    std::string value;
    EXPECT_TRUE(database_->get(Table::main, partition_state_key(PartitionId{1}), value));
    return decode_partition_state(value).value();
  }
  std::vector<fs::path> kept_logs() {
    std::vector<fs::path> kept;
    for (const auto& entry : fs::recursive_directory_iterator(options_.directory)) {
      if (entry.path().parent_path().filename().string().starts_with("damaged-logs-")) {
        kept.push_back(entry.path());
      }
    }
    return kept;
  }
};

TEST_F(AcceptedDataLoss, KeepsWhatIsBeforeTheDamageAndSkipsAhead) {
  damage_the_middle();
  const std::uint64_t bytes = fs::file_size(newest(".log"));
  expect_refused(newest(".log"), "--accept-data-loss");
  options_.accept_data_loss = true;
  open();
  const std::uint64_t kept = rows();
  EXPECT_GT(kept, 40U);
  EXPECT_LT(kept, 60U);
  EXPECT_EQ(database_->data_loss().times, 1U);
  EXPECT_GE(database_->data_loss().floor, std::uint64_t{1} << 24);
  EXPECT_EQ(state().id_bound, database_->data_loss().floor);
  EXPECT_EQ(state().position, kept);
  ASSERT_EQ(kept_logs().size(), 1U);
  EXPECT_EQ(fs::file_size(kept_logs()[0]), bytes);
  EXPECT_NE(database_->metrics_text().find("jindou_data_losses_accepted 1\n"), std::string::npos);

  // Once, and it stays known.
  position_ = kept;
  commit(3);
  close();
  options_.accept_data_loss = false;
  expect_all(kept + 3);
  EXPECT_EQ(database_->data_loss().times, 1U);
}

TEST_F(AcceptedDataLoss, IdsOfTheMarkAreSkippedToo) {
  open();
  commit(10);
  {
    Commit commit;
    commit.partition = PartitionId{1};
    commit.opening = opening_.number;
    commit.expected_position = position_++;
    commit.id_bound = 5'000'000'000;
    commit.batch.Put("row reserved", "v");
    PartitionState state;
    state.position = position_;
    commit.batch.Put(partition_state_key(PartitionId{1}), encode(state));
    std::promise<Result<void>> outcome;
    commit.done = [&outcome](Result<void> done) { outcome.set_value(std::move(done)); };
    log_->append(std::move(commit));
    ASSERT_TRUE(outcome.get_future().get().has_value());
  }
  close();
  fs::remove(newest(".log"));
  options_.accept_data_loss = true;
  open();
  EXPECT_GT(database_->data_loss().floor, 5'000'000'000U);
}

TEST_F(AcceptedDataLoss, LogsBehindTheDamageAreNotReplayed) {
  open();
  commit(50);
  rocksdb::FlushOptions later;
  later.wait = false;
  later.allow_write_stall = true;
  ASSERT_TRUE(database_->db().PauseBackgroundWork().ok());
  ASSERT_TRUE(database_->db().Flush(later).ok());
  commit(50);
  const std::string killed = options_.directory + "-killed";
  fs::copy(options_.directory, killed);
  ASSERT_TRUE(database_->db().ContinueBackgroundWork().ok());
  close();
  options_.directory = killed;
  std::string first = newest(".log");
  for (const auto& entry : fs::directory_iterator(killed)) {
    if (entry.path().extension() == ".log") first = std::min(first, entry.path().string());
  }
  ASSERT_NE(first, newest(".log"));
  fs::remove(first);
  expect_refused(first, "missing");
  options_.accept_data_loss = true;
  open();
  EXPECT_EQ(rows(), 0U) << "a store with a hole in it";
  EXPECT_EQ(kept_logs().size(), 1U);
}

TEST_F(AcceptedDataLoss, AnInterruptedAcceptanceIsCarriedThrough) {
  damage_the_middle();
  const auto check = check_store(options_.directory);
  ASSERT_TRUE(check.has_value());
  // The logs are cut, and then the machine goes down.
  ASSERT_TRUE(cut_logs(options_.directory, *check, 1000).has_value());
  open();
  EXPECT_EQ(database_->data_loss().times, 1U);
  EXPECT_EQ(state().id_bound, database_->data_loss().floor);
  const std::uint64_t floor = database_->data_loss().floor;
  close();
  open();
  EXPECT_EQ(database_->data_loss().floor, floor) << "not again";
}

TEST_F(AcceptedDataLoss, WhatWasLostLeavesTheIndexOfNumbers) {
  open();
  commit(20);
  const Fingerprint early{1, 2};
  const Fingerprint late{3, 4};
  const auto put = [this](const Fingerprint& fingerprint, std::uint64_t counter) {
    ClientNumber number;
    number.counter = counter;
    std::promise<Result<void>> loaded;
    const auto make = [&] {
      return BulkLoader::Entries{{client_number_key(PartitionId{1}, fingerprint), encode(number)}};
    };
    database_->load(Table::client_numbers, make,
                    [&loaded](Result<void> done) { loaded.set_value(std::move(done)); });
    ASSERT_TRUE(loaded.get_future().get().has_value());
  };
  // A commit record that is durable in a table, and one that is lost with the log.
  CommitRecordBuilder builder;
  CommitEntry entry;
  entry.counter = 7;
  entry.log = ChannelKey("g", ChannelType::group);
  builder.add(entry, 1);
  ASSERT_TRUE(
      database_->db()
          .Put(rocksdb::WriteOptions(), commit_record_key(PartitionId{1}, 7), builder.take())
          .ok());
  ASSERT_TRUE(database_->db().Flush(rocksdb::FlushOptions()).ok());
  put(early, 7);
  put(late, 8);
  commit(20);
  close();
  fs::remove(newest(".log"));
  options_.accept_data_loss = true;
  open();
  std::string value;
  EXPECT_TRUE(database_->get(Table::client_numbers, client_number_key(PartitionId{1}, early), value)
                  .value());
  EXPECT_FALSE(database_->get(Table::client_numbers, client_number_key(PartitionId{1}, late), value)
                   .value());
}

TEST_F(AcceptedDataLoss, OtherDamageIsNotAccepted) {
  open();
  commit(10);
  ASSERT_TRUE(database_->db().Flush(rocksdb::FlushOptions()).ok());
  close();
  fs::remove(newest(".sst"));
  options_.accept_data_loss = true;
  auto database = Database::open(options_, random_);
  ASSERT_FALSE(database.has_value());
  EXPECT_EQ(database.error().detail().find("--accept"), std::string::npos);
}

TEST_F(DamagedStore, AStopLeavesNothingToReplay) {
  open();
  commit(50);
  ASSERT_TRUE(database_->flush_for_stop(std::chrono::seconds(10)));
  close();
  const auto check = check_store(options_.directory);
  ASSERT_TRUE(check.has_value());
  EXPECT_TRUE(check->mark->stopped);
  EXPECT_LT(check->log_bytes, 200U);
  // The last record is nobody's.
  const std::string log = newest(".log");
  ASSERT_GT(fs::file_size(log), 0U);
  flip(log, 4);
  expect_all(50);
  close();
  open();
  EXPECT_TRUE(database_->flush_for_stop(std::chrono::seconds(10))) << "with nothing to do";
  EXPECT_FALSE(database_->flush_for_stop(std::chrono::seconds(0)));
}

}  // namespace
}  // namespace jindou::store
