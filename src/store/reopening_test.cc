// A store that met an error is opened again while others use it: what was acknowledged and what
// readers saw is there, readers under way end with an error, and the disk decides when.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.h"
#include "store/database.h"
#include "store/embedded_commit_log.h"
#include "store/faulty_file_system.h"
#include "store/keys.h"
#include "store/records.h"

namespace jindou::store {
namespace {

constexpr std::chrono::seconds kPatience{60};

class Reopening : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "jindou-reopen-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    files_ = std::make_shared<FaultyFileSystem>();
    env_ = rocksdb::NewCompositeEnv(files_);
    options_.directory = name;
    options_.partitions = 4;
    options_.write_buffer_bytes = 1 << 20;
    options_.block_cache_bytes = 1 << 20;
    options_.env = env_.get();
    auto database = Database::open(options_, random_);
    ASSERT_TRUE(database.has_value()) << database.error().text();
    database_ = std::move(*database);
    log_ = std::make_unique<EmbeddedCommitLog>(*database_, nullptr);
    ASSERT_TRUE(log_->open().has_value());
    for (std::uint16_t i = 0; i < 4; ++i) {
      const auto opened = open_and_wait(*log_, static_cast<PartitionId>(i));
      ASSERT_TRUE(opened.has_value()) << opened.error().text();
      openings_[i] = opened->number;
    }
  }
  void TearDown() override {
    log_.reset();
    database_.reset();
    std::filesystem::remove_all(options_.directory);
  }
  Commit make(PartitionId partition, std::uint64_t position, const std::string& key,
              const std::string& value) {
    Commit commit;
    commit.partition = partition;
    commit.opening = openings_[raw(partition)];
    commit.expected_position = position;
    commit.batch.Put(key, value);
    PartitionState state;
    state.position = position + 1;
    commit.batch.Put(partition_state_key(partition), encode(state));
    return commit;
  }
  // The first error of two commits that are made all or none.
  Result<void> commit_both(Commit a, Commit b) {
    std::promise<Result<void>> outcome_a;
    std::promise<Result<void>> outcome_b;
    a.done = [&outcome_a](Result<void> done) { outcome_a.set_value(std::move(done)); };
    b.done = [&outcome_b](Result<void> done) { outcome_b.set_value(std::move(done)); };
    std::vector<Commit> both;
    both.push_back(std::move(a));
    both.push_back(std::move(b));
    log_->append_all(std::move(both));
    Result<void> told = outcome_a.get_future().get();
    EXPECT_EQ(told.has_value(), outcome_b.get_future().get().has_value());
    return told;
  }
  Result<void> commit(std::uint64_t position, const std::string& key, const std::string& value) {
    Commit commit = make(PartitionId{1}, position, key, value);
    std::promise<Result<void>> outcome;
    commit.done = [&outcome](Result<void> done) { outcome.set_value(std::move(done)); };
    log_->append(std::move(commit));
    return outcome.get_future().get();
  }
  // The value, or "" when there is none.
  std::string read(const std::string& key) {
    std::string value;
    const auto found = database_->get(Table::main, key, value);
    EXPECT_TRUE(found.has_value()) << found.error().text();
    return found && *found ? value : std::string();
  }
  void wait_until_recovered() {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!log_->trouble().empty() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ASSERT_EQ(log_->trouble(), "");
  }
  std::string wait_for_trouble(std::string_view part) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < until) {
      if (log_->trouble().find(part) != std::string::npos) return log_->trouble();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return {};
  }
  Result<void> load(const std::string& value) {
    std::promise<Result<void>> outcome;
    database_->load(
        Table::client_numbers,
        [value] {
          return BulkLoader::Entries{{client_number_key(PartitionId{1}, Fingerprint{1, 1}), value}};
        },
        [&outcome](Result<void> done) { outcome.set_value(std::move(done)); });
    return outcome.get_future().get();
  }

  std::shared_ptr<FaultyFileSystem> files_;
  std::unique_ptr<rocksdb::Env> env_;
  StoreOptions options_;
  SystemRandom random_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<EmbeddedCommitLog> log_;
  std::array<std::uint64_t, 4> openings_{};  // numbers, by partition
};

TEST_F(Reopening, ACommitWhoseSyncFailedStays) {
  ASSERT_TRUE(commit(0, "k1", "v1").has_value());
  files_->inject({FileCall::sync, FileKind::log, EIO, 1});
  const auto failed = commit(1, "k2", "v2");
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code(), Errc::unknown_outcome);
  wait_until_recovered();
  EXPECT_EQ(read("k1"), "v1");
  EXPECT_EQ(read("k2"), "v2");
  EXPECT_TRUE(commit(2, "k3", "v3").has_value());
}

// The log's buffer could not be written, so the log does not have the batch, but readers saw it in
// the memtable.
TEST_F(Reopening, WhatReadersSawIsWrittenAgain) {
  ASSERT_TRUE(commit(0, "k1", "v1").has_value());
  files_->inject({FileCall::write, FileKind::log, EIO, 1});
  const auto failed = commit(1, "k2", "v2");
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code(), Errc::unknown_outcome);
  wait_until_recovered();
  EXPECT_EQ(read("k2"), "v2");
  EXPECT_EQ(commit(1, "k2", "other").error().code(), Errc::unavailable);
  EXPECT_TRUE(commit(2, "k3", "v3").has_value());
}

// Part of the record reached the log: whole or not at all.
TEST_F(Reopening, APartOfARecordIsNothing) {
  ASSERT_TRUE(commit(0, "k1", "v1").has_value());
  files_->inject({FileCall::write, FileKind::log, ENOSPC, 1, 20});
  EXPECT_FALSE(commit(1, "k2", std::string(1000, 'v')).has_value());
  wait_until_recovered();
  EXPECT_EQ(read("k2"), std::string(1000, 'v'));
  EXPECT_TRUE(commit(2, "k3", "v3").has_value());
}

// Of several partitions, whatever of the record reached the log: nothing, the row of the first,
// all.
TEST_F(Reopening, CommitsThatAreMadeAllOrNoneAreRestoredSo) {
  const std::string large(1000, 'v');
  std::uint64_t position = 0;
  for (const FileFault& fault : {FileFault{FileCall::write, FileKind::log, EIO, 1},
                                 FileFault{FileCall::write, FileKind::log, ENOSPC, 1, 1500},
                                 FileFault{FileCall::sync, FileKind::log, EIO, 1}}) {
    SCOPED_TRACE(position);
    const std::string a = "a" + std::to_string(position);
    const std::string b = "b" + std::to_string(position);
    files_->inject(fault);
    const auto failed = commit_both(make(PartitionId{1}, position, a, large),
                                    make(PartitionId{2}, position, b, large));
    ASSERT_FALSE(failed.has_value());
    EXPECT_EQ(failed.error().code(), Errc::unknown_outcome);
    wait_until_recovered();
    EXPECT_EQ(read(a), large);
    EXPECT_EQ(read(b), large);
    ++position;
    // Both have moved.
    EXPECT_TRUE(commit_both(make(PartitionId{1}, position, a + "+", "v"),
                            make(PartitionId{2}, position, b + "+", "v"))
                    .has_value());
    ++position;
  }
}

// The first is in the memtable when the write of the others fails.
TEST_F(Reopening, OneOfTheSameGroupThatIsAloneIsRestoredBesideThem) {
  files_->inject({FileCall::sync, FileKind::log, EIO, 1});
  std::promise<Result<void>> alone;
  Commit first = make(PartitionId{3}, 0, "k", "v");
  first.done = [&alone](Result<void> done) { alone.set_value(std::move(done)); };
  log_->append(std::move(first));
  const auto both =
      commit_both(make(PartitionId{1}, 0, "a", "v"), make(PartitionId{2}, 0, "b", "v"));
  EXPECT_FALSE(alone.get_future().get().has_value());
  wait_until_recovered();
  EXPECT_EQ(read("k"), "v");
  // Refused, or on its way when the sync failed.
  const bool stays = !both.has_value() && both.error().code() == Errc::unknown_outcome;
  EXPECT_EQ(read("a"), stays ? "v" : "");
  EXPECT_EQ(read("b"), stays ? "v" : "");
}

TEST_F(Reopening, AFileThatCannotBeCreatedIsNoLastingTrouble) {
  // A prepared one, and the new one in its place.
  files_->inject({FileCall::create, FileKind::log, EMFILE, 2});
  std::uint64_t position = 0;
  while (commit(position, "k" + std::to_string(position), std::string(100'000, 'v')).has_value()) {
    ASSERT_LT(++position, 100u);
  }
  wait_until_recovered();
  const auto again = commit(position, "last", "v");
  EXPECT_TRUE(again.has_value() || commit(position + 1, "last", "v").has_value());
}

// Without a commit that meets it.
TEST_F(Reopening, ATableFileThatFailedIsNoticed) {
  ASSERT_TRUE(commit(0, "k1", "v1").has_value());
  files_->inject({FileCall::write, FileKind::table, ENOSPC, 1});
  EXPECT_FALSE(database_->db().Flush(rocksdb::FlushOptions()).ok());
  EXPECT_NE(wait_for_trouble("storage failed"), "");
  wait_until_recovered();
  EXPECT_EQ(read("k1"), "v1");
  EXPECT_NE(database_->metrics_text().find("jindou_store_reopened 1"), std::string::npos);
  EXPECT_TRUE(commit(1, "k2", "v2").has_value());
}

TEST_F(Reopening, ReadsGoOnWhileThereIsNoRoom) {
  ASSERT_TRUE(commit(0, "k1", "v1").has_value());
  files_->inject({FileCall::write, FileKind::log, ENOSPC});
  files_->inject({FileCall::allocate, FileKind::other, ENOSPC});
  EXPECT_FALSE(commit(1, "k2", "v2").has_value());
  EXPECT_NE(wait_for_trouble("room.probe"), "");
  EXPECT_EQ(read("k1"), "v1");
  EXPECT_EQ(commit(1, "k2", "v2").error().code(), Errc::unavailable);
  files_->lift();
  wait_until_recovered();
  EXPECT_EQ(read("k2"), "v2");
}

TEST_F(Reopening, AStoreThatCannotBeOpenedYetSaysSo) {
  ASSERT_TRUE(commit(0, "k1", "v1").has_value());
  files_->inject({FileCall::sync, FileKind::log, EIO, 1});
  files_->inject({FileCall::create, FileKind::manifest, EDQUOT});
  EXPECT_FALSE(commit(1, "k2", "v2").has_value());
  EXPECT_NE(wait_for_trouble("recovery: "), "");
  std::string value;
  EXPECT_EQ(database_->get(Table::main, "k1", value).error().code(), Errc::unavailable);
  EXPECT_EQ(database_->open_cursor(Table::main)->status().error().code(), Errc::unavailable);
  EXPECT_EQ(database_->compact().error().code(), Errc::unavailable);
  EXPECT_FALSE(load("v").has_value());
  files_->lift();
  wait_until_recovered();
  EXPECT_EQ(read("k2"), "v2");
  EXPECT_TRUE(load("v").has_value());
}

TEST_F(Reopening, CursorsAndScansUnderWayEnd) {
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(commit(static_cast<std::uint64_t>(i), "k" + std::to_string(i), "v").has_value());
  }
  const auto cursor = database_->open_cursor(Table::main);
  ASSERT_TRUE(cursor->seek("k"));
  std::promise<void> scanning;
  std::promise<void> go_on;
  Result<void> scanned;
  int rows = 0;
  std::thread scan([&] {
    scanned = database_->scan(Table::main, "k", "l", [&](auto, auto) {
      if (++rows == 1) {
        scanning.set_value();
        go_on.get_future().wait();
      }
      return true;
    });
  });
  scanning.get_future().wait();
  files_->inject({FileCall::sync, FileKind::log, EIO, 1});
  EXPECT_FALSE(commit(10, "k10", "v").has_value());
  // Nobody new gets in once the store is to be closed; those inside still hold it.
  const auto until = std::chrono::steady_clock::now() + kPatience;
  std::string value;
  while (database_->get(Table::main, "k0", value) && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(cursor->key(), "k0");
  go_on.set_value();
  scan.join();
  EXPECT_EQ(rows, 1);
  ASSERT_FALSE(scanned.has_value());
  EXPECT_EQ(scanned.error().code(), Errc::unavailable);
  EXPECT_EQ(cursor->get("k1", value).error().code(), Errc::unavailable);
  EXPECT_FALSE(cursor->next());
  EXPECT_EQ(cursor->status().error().code(), Errc::unavailable);
  wait_until_recovered();
  EXPECT_FALSE(cursor->seek("k"));
  EXPECT_TRUE(database_->open_cursor(Table::main)->seek("k"));
  EXPECT_EQ(read("k10"), "v");
}

// RocksDB would take the file under the number 0.
TEST_F(Reopening, NothingIsLoadedIntoAStoreThatFailed) {
  ASSERT_TRUE(load("v1").has_value());
  files_->inject({FileCall::sync, FileKind::log, EIO, 1});
  files_->inject({FileCall::create, FileKind::other, ENOSPC});
  EXPECT_FALSE(commit(0, "k1", "v1").has_value());
  EXPECT_EQ(load("v2").error().code(), Errc::storage);
  files_->lift();
  wait_until_recovered();
  EXPECT_TRUE(load("v3").has_value());
  std::string value;
  EXPECT_TRUE(
      database_
          ->get(Table::client_numbers, client_number_key(PartitionId{1}, Fingerprint{1, 1}), value)
          .value());
  EXPECT_EQ(value, "v3");
}

// A flush syncs the logs that are closed. A commit that came to such a log after the flush had
// failed ended the process.
TEST_F(Reopening, ACommitAfterAFlushThatCouldNotSyncALogIsAnError) {
  ASSERT_TRUE(commit(0, "k1", "v1").has_value());
  log_->stop();  // so that nothing reopens the store
  rocksdb::WriteBatch batch;
  batch.Put("k2", "v2");
  ASSERT_TRUE(database_->write(batch).has_value());
  files_->inject({FileCall::sync, FileKind::log, EIO, 1});
  database_->db().Flush(rocksdb::FlushOptions()).PermitUncheckedError();
  EXPECT_TRUE(database_->faults().failed());
  const auto synced = database_->sync();
  ASSERT_FALSE(synced.has_value());
  EXPECT_EQ(synced.error().code(), Errc::storage);
  ASSERT_TRUE(database_->reopen().has_value());
  EXPECT_EQ(read("k1"), "v1");
}

// The entry of the second of two is in the manifest when its sync fails, and so must be its file.
TEST_F(Reopening, ALoadedFileThatTheManifestMayNameIsKept) {
  ASSERT_TRUE(load("v1").has_value());
  files_->inject({FileCall::sync, FileKind::manifest, EIO, 1, 0, 1});
  EXPECT_FALSE(load("v2").has_value());
  wait_until_recovered();
  EXPECT_NE(database_->metrics_text().find("jindou_store_reopened 1"), std::string::npos);
  EXPECT_TRUE(load("v3").has_value());
}

TEST_F(Reopening, WhoeverRemembersWhatHeReadIsTold) {
  std::atomic<int> told{0};
  log_->on_reopened([&told] { ++told; });
  files_->inject({FileCall::sync, FileKind::log, EIO, 1});
  EXPECT_FALSE(commit(0, "k1", "v1").has_value());
  wait_until_recovered();
  EXPECT_EQ(told.load(), 1);
}

TEST_F(Reopening, CanBeStoppedWhileTheDiskIsFull) {
  files_->inject({FileCall::write, FileKind::log, ENOSPC});
  files_->inject({FileCall::create, FileKind::other, ENOSPC});
  EXPECT_FALSE(commit(0, "k1", "v1").has_value());
  EXPECT_NE(wait_for_trouble("recovery: "), "");
}

}  // namespace
}  // namespace jindou::store
