// A store in a temporary directory of which backups are made. For tests.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "backup/backups.h"
#include "base/clock.h"
#include "base/random.h"
#include "store/database.h"
#include "store/keys.h"
#include "store/records.h"

namespace jindou::backup {

class BackupClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return now_ms.load(); }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::now();
  }
  std::atomic<std::int64_t> now_ms{1'795'997'700'000};  // 2026-11-30T00:15:00Z
};

class BackedUpStore : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "jindou-backup-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    store_options_.directory = root_ + "/data";
    store_options_.partitions = 2;
    store_options_.write_buffer_bytes = 1 << 20;
    store_options_.block_cache_bytes = 1 << 20;
    options_.data_directory = store_options_.directory;
    options_.directory = root_ + "/backups";
    options_.version = "0.1.0";
    open_store();
  }
  void TearDown() override {
    backups_.reset();
    database_.reset();
    std::filesystem::remove_all(root_);
  }
  void open_store() {
    auto database = store::Database::open(store_options_, random_);
    ASSERT_TRUE(database.has_value()) << database.error().text();
    database_ = std::move(*database);
  }
  void put(const std::string& key, const std::string& value) {
    rocksdb::WriteBatch batch;
    batch.Put(key, value);
    ASSERT_TRUE(database_->write(batch));
    ASSERT_TRUE(database_->sync());
  }
  Backups& backups() {
    if (!backups_) backups_ = std::make_unique<Backups>(*database_, clock_, options_);
    return *backups_;
  }
  Result<BackupInfo> make() {
    std::promise<Result<BackupInfo>> made;
    backups().make([&made](Result<BackupInfo> done) { made.set_value(std::move(done)); });
    return made.get_future().get();
  }

  std::string root_;
  store::StoreOptions store_options_;
  BackupsOptions options_;
  BackupClock clock_;
  SystemRandom random_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<Backups> backups_;
};

}  // namespace jindou::backup
