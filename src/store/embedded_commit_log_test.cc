// The embedded log against a real RocksDB: durable before done, order, fencing by position, and
// what a reopened store remembers.
#include "store/embedded_commit_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "store/faulty_file_system.h"
#include "store/keys.h"
#include "store/records.h"

namespace jindou::store {
namespace {

class EmbeddedLog : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "jindou-log-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    options_.directory = name;
    options_.partitions = 4;
    options_.write_buffer_bytes = 4 << 20;
    options_.block_cache_bytes = 4 << 20;
    options_.env = env_.get();
    open();
  }
  void TearDown() override {
    close();
    std::filesystem::remove_all(options_.directory);
  }
  void open() {
    auto database = Database::open(options_, random_);
    ASSERT_TRUE(database.has_value()) << database.error().text();
    database_ = std::move(*database);
    log_ = std::make_unique<EmbeddedCommitLog>(
        *database_, [this](const CommitStats& group) { groups_.push_back(group.commits); });
    ASSERT_TRUE(log_->open().has_value());
    opening_ = open_partition(PartitionId{1});
    opening_of_2_ = open_partition(PartitionId{2});
  }
  LogOpening open_partition(PartitionId partition) {
    const auto opening = open_and_wait(*log_, partition);
    EXPECT_TRUE(opening.has_value()) << opening.error().text();
    return opening.value_or(LogOpening());
  }
  void close() {
    log_.reset();
    database_.reset();
  }
  // One commit as a partition makes it: a row and the new position.
  Commit make(PartitionId partition, std::uint64_t position, const std::string& key,
              const std::string& value) const {
    Commit commit;
    commit.partition = partition;
    commit.opening = partition == PartitionId{1} ? opening_.number : opening_of_2_.number;
    commit.expected_position = position;
    commit.batch.Put(key, value);
    PartitionState state;
    state.position = position + 1;
    commit.batch.Put(partition_state_key(partition), encode(state));
    return commit;
  }
  Result<void> commit(std::uint64_t position, const std::string& key, const std::string& value) {
    return commit(opening_, position, key, value);
  }
  Result<void> commit(const LogOpening& opening, std::uint64_t position, const std::string& key,
                      const std::string& value) {
    Commit commit = make(PartitionId{1}, position, key, value);
    commit.opening = opening.number;
    std::promise<Result<void>> outcome;
    commit.done = [&outcome](Result<void> done) { outcome.set_value(std::move(done)); };
    log_->append(std::move(commit));
    return outcome.get_future().get();
  }

  // What each of them is told.
  std::vector<Result<void>> commit_all(std::vector<Commit> commits) {
    std::vector<std::promise<Result<void>>> outcomes(commits.size());
    for (std::size_t i = 0; i < commits.size(); ++i) {
      commits[i].done = [&outcome = outcomes[i]](Result<void> done) {
        outcome.set_value(std::move(done));
      };
    }
    log_->append_all(std::move(commits));
    std::vector<Result<void>> told;
    for (auto& outcome : outcomes) told.push_back(outcome.get_future().get());
    return told;
  }
  bool has(const std::string& key) {
    std::string value;
    const auto found = database_->get(Table::main, key, value);
    EXPECT_TRUE(found.has_value());
    return found && *found;
  }

  std::shared_ptr<FaultyFileSystem> files_ = std::make_shared<FaultyFileSystem>();
  std::unique_ptr<rocksdb::Env> env_ = rocksdb::NewCompositeEnv(files_);
  StoreOptions options_;
  SystemRandom random_;
  std::vector<std::uint32_t> groups_;  // commits of each; read it when the log has stopped
  std::unique_ptr<Database> database_;
  std::unique_ptr<EmbeddedCommitLog> log_;
  LogOpening opening_;  // of partition 1
  LogOpening opening_of_2_;
};

TEST_F(EmbeddedLog, WritesCommitsOfSeveralPartitionsAllOrNone) {
  std::vector<Commit> both;
  both.push_back(make(PartitionId{1}, 0, "a1", "v"));
  both.push_back(make(PartitionId{2}, 0, "a2", "v"));
  for (const auto& told : commit_all(std::move(both))) EXPECT_TRUE(told.has_value());
  EXPECT_TRUE(has("a1"));
  EXPECT_TRUE(has("a2"));

  // One that expects another position keeps the others out, wherever it stands.
  for (const bool first : {true, false}) {
    std::vector<Commit> refused;
    refused.push_back(make(PartitionId{1}, first ? 7 : 1, "b1", "v"));
    refused.push_back(make(PartitionId{2}, first ? 1 : 7, "b2", "v"));
    for (const auto& told : commit_all(std::move(refused))) {
      ASSERT_FALSE(told.has_value());
      EXPECT_EQ(told.error().code(), Errc::unavailable);
    }
    EXPECT_FALSE(has("b1"));
    EXPECT_FALSE(has("b2"));
  }
  // And the positions are where they were, also over a restart.
  EXPECT_TRUE(commit(1, "c1", "v").has_value());
  close();
  open();
  std::vector<Commit> last;
  last.push_back(make(PartitionId{1}, 2, "d1", "v"));
  last.push_back(make(PartitionId{2}, 1, "d2", "v"));
  for (const auto& told : commit_all(std::move(last))) EXPECT_TRUE(told.has_value());
}

// A write into a memtable that is full begins a new log: at that moment another commit comes.
TEST_F(EmbeddedLog, WhatIsAppendedDuringAWriteSharesItsSync) {
  options_.prepared_logs = false;
  close();
  open();
  std::promise<Result<void>> late;
  std::atomic<bool> come{false};
  files_->set_watch([&](FileCall call, FileKind kind) {
    if (call != FileCall::create || kind != FileKind::log || come.exchange(true)) return;
    Commit commit = make(PartitionId{2}, 0, "late", "v");
    commit.done = [&late](Result<void> done) { late.set_value(std::move(done)); };
    log_->append(std::move(commit));
  });
  const std::string large(300'000, 'v');
  for (std::uint64_t i = 0; !come; ++i) {
    ASSERT_LT(i, 100U) << "no memtable was full";
    ASSERT_TRUE(commit(i, "k" + std::to_string(i), large).has_value());
  }
  EXPECT_TRUE(late.get_future().get().has_value());
  log_->stop();
  EXPECT_EQ(groups_.back(), 2U);
  EXPECT_EQ(std::count(groups_.begin(), groups_.end(), 1U), std::ssize(groups_) - 1);
  EXPECT_TRUE(has("late"));
}

// The second of a group is refused like any other when the first could not be written.
TEST_F(EmbeddedLog, WhatIsAppendedDuringAWriteThatFailsIsNotStored) {
  options_.prepared_logs = false;
  close();
  open();
  std::promise<Result<void>> late;
  std::atomic<bool> come{false};
  files_->inject({FileCall::create, FileKind::log, EIO, 1});
  files_->set_watch([&](FileCall call, FileKind kind) {
    if (call != FileCall::create || kind != FileKind::log || come.exchange(true)) return;
    Commit commit = make(PartitionId{2}, 0, "late", "v");
    commit.done = [&late](Result<void> done) { late.set_value(std::move(done)); };
    log_->append(std::move(commit));
  });
  const std::string large(300'000, 'v');
  Result<void> told;
  for (std::uint64_t i = 0; !come; ++i) {
    ASSERT_LT(i, 100U) << "no memtable was full";
    told = commit(i, "k" + std::to_string(i), large);
  }
  ASSERT_FALSE(told.has_value());
  const Result<void> of_late = late.get_future().get();
  ASSERT_FALSE(of_late.has_value());
  EXPECT_EQ(of_late.error().code(), Errc::unavailable);
  log_->stop();
  EXPECT_FALSE(has("late"));
}

TEST_F(EmbeddedLog, OneOfSeveralMayHaveNothingToWrite) {
  for (const bool first : {true, false}) {
    const std::uint64_t position = first ? 0 : 1;
    std::vector<Commit> both;
    both.push_back(make(PartitionId{1}, position, first ? "e1" : "e2", "v"));
    Commit nothing;
    nothing.partition = PartitionId{2};
    nothing.opening = opening_of_2_.number;
    both.insert(first ? both.begin() : both.end(), std::move(nothing));
    for (const auto& told : commit_all(std::move(both))) EXPECT_TRUE(told.has_value());
  }
  EXPECT_TRUE(has("e1"));
  EXPECT_TRUE(has("e2"));
  // It expects its position like the others.
  std::vector<Commit> both;
  both.push_back(make(PartitionId{1}, 2, "e3", "v"));
  Commit nothing;
  nothing.partition = PartitionId{2};
  nothing.opening = opening_of_2_.number;
  nothing.expected_position = 4;
  both.push_back(std::move(nothing));
  for (const auto& told : commit_all(std::move(both))) EXPECT_FALSE(told.has_value());
  EXPECT_FALSE(has("e3"));
}

// The one that is not this node's hears that; the others only that nothing was written.
TEST_F(EmbeddedLog, OneThatWasClosedKeepsTheOthersOut) {
  log_->close(PartitionId{2}, opening_of_2_.number);
  std::vector<Commit> both;
  both.push_back(make(PartitionId{1}, 0, "f1", "v"));
  both.push_back(make(PartitionId{2}, 0, "f2", "v"));
  const auto told = commit_all(std::move(both));
  ASSERT_FALSE(told[0].has_value());
  EXPECT_EQ(told[0].error().code(), Errc::unavailable);
  ASSERT_FALSE(told[1].has_value());
  EXPECT_EQ(told[1].error().code(), Errc::not_owner);
  EXPECT_FALSE(has("f1"));
  EXPECT_TRUE(commit(0, "f1", "v").has_value());
}

TEST_F(EmbeddedLog, RefusesSeveralAfterStop) {
  log_->stop();
  std::vector<Commit> both;
  both.push_back(make(PartitionId{1}, 0, "k1", "v"));
  both.push_back(make(PartitionId{2}, 0, "k2", "v"));
  for (const auto& told : commit_all(std::move(both))) {
    ASSERT_FALSE(told.has_value());
    EXPECT_EQ(told.error().code(), Errc::unavailable);
  }
}

TEST_F(EmbeddedLog, KeepsCommitsAndPositionsOverAReopen) {
  ASSERT_TRUE(commit(0, "k1", "v1").has_value());
  ASSERT_TRUE(commit(1, "k2", "v2").has_value());
  const auto seed = database_->fingerprint_seed();
  close();
  open();
  EXPECT_EQ(database_->partitions(), 4);
  EXPECT_EQ(database_->fingerprint_seed(), seed);
  std::string value;
  const auto found = database_->get(Table::main, "k2", value);
  ASSERT_TRUE(found.has_value() && *found);
  EXPECT_EQ(value, "v2");
  EXPECT_TRUE(commit(2, "k3", "v3").has_value());
}

TEST_F(EmbeddedLog, RefusesACommitThatExpectsAnotherPosition) {
  ASSERT_TRUE(commit(0, "k1", "v1").has_value());
  const auto again = commit(0, "k1", "other");
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code(), Errc::unavailable);
  std::string value;
  ASSERT_TRUE(database_->get(Table::main, "k1", value).has_value());
  EXPECT_EQ(value, "v1");
}

TEST_F(EmbeddedLog, AnOlderOpeningStoresNothing) {
  ASSERT_TRUE(commit(0, "k1", "v1").has_value());
  const LogOpening before = opening_;
  const LogOpening after = open_partition(PartitionId{1});
  EXPECT_EQ(after.position, 1U);
  EXPECT_NE(after.number, before.number);
  const auto fenced = commit(before, 1, "k2", "of the one before");
  ASSERT_FALSE(fenced.has_value());
  EXPECT_EQ(fenced.error().code(), Errc::not_owner);
  ASSERT_TRUE(commit(after, 1, "k3", "v3").has_value());
  // Nor at the position it would be right for now, nor by closing what is not its own.
  EXPECT_EQ(commit(before, 2, "k2", "of the one before").error().code(), Errc::not_owner);
  log_->close(PartitionId{1}, before.number);
  ASSERT_TRUE(commit(after, 2, "k4", "v4").has_value());
  std::string value;
  const auto found = database_->get(Table::main, "k2", value);
  ASSERT_TRUE(found.has_value());
  EXPECT_FALSE(*found);
}

TEST_F(EmbeddedLog, AClosedPartitionTakesNothingUntilItIsOpenedAgain) {
  ASSERT_TRUE(commit(0, "k1", "v1").has_value());
  log_->close(PartitionId{1}, opening_.number);
  EXPECT_EQ(commit(1, "k2", "v2").error().code(), Errc::not_owner);
  EXPECT_EQ(commit(LogOpening(), 1, "k2", "v2").error().code(), Errc::not_owner);
  const LogOpening again = open_partition(PartitionId{1});
  EXPECT_EQ(again.position, 1U);
  EXPECT_EQ(commit(opening_, 1, "k2", "v2").error().code(), Errc::not_owner);
  EXPECT_TRUE(commit(again, 1, "k2", "v2").has_value());
}

// What is appended while the partition is opened anew is decided in order: first what the older
// opening had appended before, then the opening, and what comes after it from the older one never.
TEST_F(EmbeddedLog, AnOpeningComesBehindWhatWasAppendedBefore) {
  for (std::uint64_t round = 0; round < 50; ++round) {
    std::vector<std::string> order;
    const auto append = [&](std::uint64_t position, const std::string& name) {
      Commit commit;
      commit.partition = PartitionId{1};
      commit.opening = opening_.number;
      commit.expected_position = position;
      PartitionState state;
      state.position = position + 1;
      commit.batch.Put(partition_state_key(PartitionId{1}), encode(state));
      commit.done = [&order, name](const Result<void>& done) {
        order.push_back(name + (done ? "" : " " + std::string(errc_name(done.error().code()))));
      };
      log_->append(std::move(commit));
    };
    append(round, "before");
    std::promise<LogOpening> opened;
    log_->open(PartitionId{1}, [&](const Result<LogOpening>& done) {
      order.push_back("opened");
      opened.set_value(*done);
    });
    append(round + 1, "after");
    opening_ = opened.get_future().get();
    EXPECT_EQ(opening_.position, round + 1);
    ASSERT_TRUE(open_and_wait(*log_, PartitionId{3}).has_value());  // all is decided
    EXPECT_EQ(order.front(), "before");
    EXPECT_EQ(std::set<std::string>(order.begin(), order.end()),
              (std::set<std::string>{"before", "opened", "after not_owner"}));
  }
}

TEST_F(EmbeddedLog, AnswersInAppendOrderAndWritesNothingForEmptyCommits) {
  std::promise<void> last;
  std::vector<int> order;
  const LogOpening opening = open_partition(PartitionId{2});
  for (int i = 0; i < 10; ++i) {
    Commit commit;
    commit.partition = PartitionId{2};
    commit.opening = opening.number;
    commit.done = [&order, &last, i](const Result<void>& done) {
      EXPECT_TRUE(done.has_value());
      order.push_back(i);
      if (i == 9) last.set_value();
    };
    log_->append(std::move(commit));
  }
  last.get_future().wait();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(EmbeddedLog, AnswersUnavailableAfterStop) {
  log_->stop();
  const auto refused = commit(0, "k", "v");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::unavailable);
}

TEST_F(EmbeddedLog, RefusesASecondProcessOnTheSameDirectory) {
  const auto second = Database::open(options_, random_);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), Errc::storage);
}

TEST_F(EmbeddedLog, LoadsSortedEntriesInBulk) {
  BulkLoader::Entries entries;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    entries.emplace_back(client_number_key(PartitionId{1}, Fingerprint{i, i}), "v");
  }
  std::promise<Result<void>> outcome;
  database_->load(
      Table::client_numbers, [entries] { return entries; },
      [&outcome](Result<void> done) { outcome.set_value(std::move(done)); });
  ASSERT_TRUE(outcome.get_future().get().has_value());
  std::string value;
  const auto found = database_->get(
      Table::client_numbers, client_number_key(PartitionId{1}, Fingerprint{999, 999}), value);
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(*found);
}

// Whoever erases has read before, and a load may have come in between.
TEST_F(EmbeddedLog, ErasesNoEntryThatIsNotAsItWasSeen) {
  const std::string key = client_number_key(PartitionId{1}, Fingerprint{1, 1});
  const std::string other = client_number_key(PartitionId{1}, Fingerprint{2, 2});
  const auto load = [this](const BulkLoader::Entries& entries) {
    std::promise<Result<void>> outcome;
    database_->load(
        Table::client_numbers, [&entries] { return entries; },
        [&outcome](Result<void> done) { outcome.set_value(std::move(done)); });
    ASSERT_TRUE(outcome.get_future().get().has_value());
  };
  const BulkLoader::Entries seen = {{key, "older"}, {other, "older"}};
  load(seen);
  load({{key, "newer"}});
  ASSERT_TRUE(database_->erase(Table::client_numbers, seen).has_value());
  std::string value;
  EXPECT_TRUE(*database_->get(Table::client_numbers, key, value));
  EXPECT_EQ(value, "newer");
  EXPECT_FALSE(*database_->get(Table::client_numbers, other, value));
  EXPECT_TRUE(database_->erase(Table::client_numbers, seen).has_value());
  EXPECT_TRUE(*database_->get(Table::client_numbers, key, value));
}

}  // namespace
}  // namespace jindou::store
