// A store in a temporary directory whose files a test can damage while it is closed.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>

#include "base/random.h"
#include "store/database.h"
#include "store/embedded_commit_log.h"
#include "store/keys.h"
#include "store/records.h"

namespace jindou::store {

class DamagedStore : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "jindou-check-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    options_.directory = name + "/data";
    options_.partitions = 2;
    options_.write_buffer_bytes = 4 << 20;
    options_.block_cache_bytes = 4 << 20;
  }
  void TearDown() override {
    close();
    std::filesystem::remove_all(std::filesystem::path(options_.directory).parent_path());
  }

  void open() {
    auto database = Database::open(options_, random_);
    ASSERT_TRUE(database.has_value()) << database.error().text();
    database_ = std::move(*database);
    log_ = std::make_unique<EmbeddedCommitLog>(*database_, nullptr);
    ASSERT_TRUE(log_->open().has_value());
    const auto opened = open_and_wait(*log_, PartitionId{1});
    ASSERT_TRUE(opened.has_value()) << opened.error().text();
    opening_ = *opened;
  }
  void close() {
    log_.reset();
    database_.reset();
  }
  // One synced group after the other, each with one row.
  void commit(int count) {
    for (int i = 0; i < count; ++i) {
      Commit commit;
      commit.partition = PartitionId{1};
      commit.opening = opening_.number;
      commit.expected_position = position_++;
      commit.batch.Put("row" + std::to_string(position_), std::string(300, 'v'));
      PartitionState state;
      state.position = position_;
      commit.batch.Put(partition_state_key(PartitionId{1}), encode(state));
      std::promise<Result<void>> outcome;
      commit.done = [&outcome](Result<void> done) { outcome.set_value(std::move(done)); };
      log_->append(std::move(commit));
      ASSERT_TRUE(outcome.get_future().get().has_value());
    }
  }
  std::uint64_t rows() {
    std::uint64_t count = 0;
    EXPECT_TRUE(database_
                    ->scan(Table::main, "row", "rox",
                           [&](auto, auto) {
                             ++count;
                             return true;
                           })
                    .has_value());
    return count;
  }

  std::string path(const std::string& name) const { return options_.directory + "/" + name; }
  // The newest file with that ending, or beginning.
  std::string newest(const std::string& part) const {
    std::string found;
    for (const auto& entry : std::filesystem::directory_iterator(options_.directory)) {
      const std::string name = entry.path().filename().string();
      if (name.find(part) != std::string::npos && name > found) found = name;
    }
    return path(found);
  }
  static void flip(const std::string& file, std::uint64_t offset) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(stream.get());
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.put(static_cast<char>(byte ^ 4));
  }
  static void append(const std::string& file, const std::string& bytes) {
    std::ofstream(file, std::ios::app | std::ios::binary) << bytes;
  }
  // Fails, and names the file.
  void expect_refused(const std::string& file, const std::string& words) {
    auto database = Database::open(options_, random_);
    ASSERT_FALSE(database.has_value());
    EXPECT_EQ(database.error().code(), Errc::storage);
    EXPECT_NE(database.error().detail().find(file), std::string::npos) << database.error().text();
    EXPECT_NE(database.error().detail().find(words), std::string::npos) << database.error().text();
  }
  void expect_all(std::uint64_t wanted) {
    open();
    EXPECT_EQ(rows(), wanted);
  }

  StoreOptions options_;
  SystemRandom random_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<EmbeddedCommitLog> log_;
  LogOpening opening_;  // of partition 1
  std::uint64_t position_ = 0;
};

}  // namespace jindou::store
