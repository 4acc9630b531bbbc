// Backups of an open store: whole or not there, so many as are to be kept, one at a time.
#include "backup/backups.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "backup/backup_store_fixture.h"
#include "store/file_copy.h"

namespace jindou::backup {
namespace {

namespace fs = std::filesystem;

class BackupsOfAStore : public BackedUpStore {
 protected:
  std::set<std::string> names() {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(options_.directory)) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }
};

TEST_F(BackupsOfAStore, HaveWhatTheManifestSays) {
  put("key", std::string(1000, 'v'));
  std::ofstream(options_.data_directory + "/jwt.secret") << "secret";
  options_.other_files = {"jwt.secret", "none"};
  const auto made = make();
  ASSERT_TRUE(made.has_value()) << made.error().text();
  EXPECT_EQ(made->name, "backup-20261130T001500Z");
  EXPECT_EQ(made->directory, options_.directory + "/" + made->name);
  const auto manifest = read_manifest(made->directory);
  ASSERT_TRUE(manifest.has_value()) << manifest.error().text();
  EXPECT_EQ(manifest->made_at_ms, clock_.now_ms.load());
  EXPECT_EQ(manifest->partitions, 2U);
  EXPECT_EQ(manifest->positions.size(), 2U);
  EXPECT_EQ(manifest->identity, identity_sum(2, database_->fingerprint_seed()));
  std::set<std::string> listed = {kBackupManifestName};
  for (const BackupFile& file : manifest->files) {
    listed.insert(file.name);
    const auto sum = store::sum_file(made->directory + "/" + file.name, nullptr);
    ASSERT_TRUE(sum.has_value());
    EXPECT_EQ(*sum, (store::FileSum{file.bytes, file.crc32c})) << file.name;
  }
  EXPECT_TRUE(listed.contains("jwt.secret"));
  std::set<std::string> there;
  for (const auto& entry : fs::directory_iterator(made->directory)) {
    there.insert(entry.path().filename().string());
    EXPECT_EQ(entry.status().permissions() & fs::perms::others_all, fs::perms::none);
  }
  EXPECT_EQ(listed, there);
  EXPECT_EQ(fs::status(made->directory).permissions() & fs::perms::all, fs::perms::owner_all);
}

TEST_F(BackupsOfAStore, ShareFilesWithTheStoreAndWithEachOther) {
  put("key", std::string(100'000, 'v'));
  database_->db().Flush(rocksdb::FlushOptions());
  const auto first = make();
  ASSERT_TRUE(first.has_value()) << first.error().text();
  EXPECT_GE(first->linked_bytes, 100'000U);
  clock_.now_ms += 1000;
  const auto second = make();
  ASSERT_TRUE(second.has_value()) << second.error().text();
  EXPECT_EQ(second->linked_bytes, first->linked_bytes);
  const auto manifest = read_manifest(second->directory);
  for (const BackupFile& file : manifest->files) {
    if (!file.name.ends_with(".sst")) continue;
    EXPECT_EQ(fs::hard_link_count(second->directory + "/" + file.name), 3U);
  }
}

TEST_F(BackupsOfAStore, TheNewestStay) {
  options_.keep = 2;
  for (int i = 0; i < 3; ++i) {
    put("key" + std::to_string(i), "value");
    ASSERT_TRUE(make().has_value());
    clock_.now_ms += 60'000;
  }
  EXPECT_EQ(names(), (std::set<std::string>{"backup-20261130T001600Z", "backup-20261130T001700Z"}));
  const auto made = backups().list();
  ASSERT_TRUE(made.has_value());
  ASSERT_EQ(made->size(), 2U);
  EXPECT_EQ((*made)[0].name, "backup-20261130T001700Z");
  std::string metrics;
  backups().append_metrics(metrics);
  EXPECT_NE(metrics.find("\njindou_backup_last_timestamp_seconds 1795997820\n"), std::string::npos)
      << metrics;
}

TEST_F(BackupsOfAStore, AStartFindsTheTimeOfTheNewest) {
  ASSERT_TRUE(make().has_value());
  clock_.now_ms += 60'000;
  ASSERT_TRUE(make().has_value());
  std::string before;
  backups().append_metrics(before);
  clock_.now_ms += 60'000;
  const Backups next(*database_, clock_, options_);
  std::string after;
  next.append_metrics(after);
  EXPECT_EQ(after, before);
  EXPECT_NE(after.find("\njindou_backup_last_timestamp_seconds 17959977"), std::string::npos)
      << after;
}

TEST_F(BackupsOfAStore, TwoOfOneSecondHaveNamesOfTheirOwn) {
  ASSERT_TRUE(make().has_value());
  ASSERT_TRUE(make().has_value());
  EXPECT_EQ(names(),
            (std::set<std::string>{"backup-20261130T001500Z", "backup-20261130T001500Z-2"}));
}

TEST_F(BackupsOfAStore, WhatACrashLeftIsRemovedAndNeverListed) {
  ASSERT_TRUE(make().has_value());
  const std::string part = options_.directory + "/backup-20261130T001400Z.part";
  const auto leave = [&part] {
    fs::create_directory(part);
    std::ofstream(part + "/CURRENT") << "MANIFEST-000001\n";
  };
  leave();
  fs::create_directory(options_.directory + "/mine");
  EXPECT_EQ(backups().list()->size(), 1U);
  clock_.now_ms += 1000;
  ASSERT_TRUE(make().has_value());
  EXPECT_FALSE(fs::exists(part));
  leave();
  backups_.reset();
  EXPECT_EQ(backups().list()->size(), 2U);
  EXPECT_FALSE(fs::exists(part));
  EXPECT_TRUE(fs::exists(options_.directory + "/mine"));
}

TEST_F(BackupsOfAStore, OneWithADamagedManifestIsNeitherListedNorRemoved) {
  options_.keep = 1;
  const auto first = make();
  ASSERT_TRUE(first.has_value());
  std::ofstream(first->directory + "/" + kBackupManifestName, std::ios::app) << "x";
  clock_.now_ms += 1000;
  ASSERT_TRUE(make().has_value());
  EXPECT_EQ(backups().list()->size(), 1U);
  EXPECT_TRUE(fs::exists(first->directory));
}

TEST_F(BackupsOfAStore, OneIsMadeAtATime) {
  put("key", std::string(300'000, 'v'));
  // So slow that it is still being made.
  options_.bytes_per_second = 1;
  std::promise<Result<BackupInfo>> first;
  backups().make([&first](Result<BackupInfo> done) { first.set_value(std::move(done)); });
  EXPECT_TRUE(backups().is_making());
  const auto second = make();
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), Errc::conflict);
  backups().stop();
  const auto outcome = first.get_future().get();
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), Errc::unavailable);
  EXPECT_TRUE(names().empty());
  EXPECT_EQ(make().error().code(), Errc::unavailable);
}

TEST_F(BackupsOfAStore, WhereNothingCanBeWrittenNothingIsLeft) {
  std::ofstream(root_ + "/file") << "no directory";
  options_.directory = root_ + "/file/backups";
  const auto made = make();
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), Errc::storage);
  EXPECT_NE(made.error().detail().find(options_.directory), std::string::npos);
  std::string metrics;
  backups().append_metrics(metrics);
  EXPECT_NE(metrics.find("\njindou_backup_failures_total 1\n"), std::string::npos) << metrics;
}

TEST_F(BackupsOfAStore, NoneAreMadeWithoutADirectory) {
  options_.directory.clear();
  EXPECT_FALSE(backups().is_on());
  EXPECT_EQ(make().error().code(), Errc::not_found);
}

}  // namespace
}  // namespace jindou::backup
