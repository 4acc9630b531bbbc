// A real store is closed, one of its files is changed, and the store is opened again: what was
// acknowledged is there, or the opening fails and names the file. What a power cut may leave is
// never refused.
#include "store/store_check.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "store/damaged_store_fixture.h"

namespace jindou::store {
namespace {

namespace fs = std::filesystem;

using StoreChecked = DamagedStore;

TEST_F(StoreChecked, AWholeStoreHasNothingToSay) {
  for (int round = 1; round <= 3; ++round) {
    open();
    commit(50);
    close();
    const auto check = check_store(options_.directory);
    ASSERT_TRUE(check.has_value());
    EXPECT_TRUE(check->ok()) << check->sentence();
    EXPECT_TRUE(check->notes.empty());
    EXPECT_FALSE(check->copied_while_open);
    ASSERT_TRUE(check->mark.has_value());
    EXPECT_EQ(check->mark->synced.bytes, fs::file_size(newest(".log")));
  }
  expect_all(150);
}

TEST_F(StoreChecked, AFlippedBitInTheLogIsRefusedWithItsPlace) {
  open();
  commit(100);
  close();
  const std::string log = newest(".log");
  const std::uint64_t size = fs::file_size(log);
  for (const std::uint64_t offset : {std::uint64_t{1}, size / 10, size / 2, size - 1}) {
    flip(log, offset);
    expect_refused(log, "offset");
    flip(log, offset);
  }
  expect_all(100);
}

TEST_F(StoreChecked, ALogThatIsTooShortOrMissingIsRefused) {
  open();
  commit(100);
  close();
  const std::string log = newest(".log");
  fs::copy_file(log, path("kept"));
  for (const std::uint64_t size : {fs::file_size(log) - 1, fs::file_size(log) / 2, 0UL}) {
    fs::resize_file(log, size);
    expect_refused(log, "ends at offset " + std::to_string(size));
  }
  fs::remove(log);
  expect_refused(log, "missing");
  fs::rename(path("kept"), log);
  expect_all(100);
}

TEST_F(StoreChecked, AClosedLogThatIsMissingIsRefused) {
  open();
  commit(100);
  // A second log; the first is still needed, because nothing is flushed.
  rocksdb::FlushOptions later;
  ASSERT_TRUE(database_->db().PauseBackgroundWork().ok());
  later.wait = false;
  later.allow_write_stall = true;
  ASSERT_TRUE(database_->db().Flush(later).ok());
  commit(100);
  // As a kill would leave it.
  fs::copy(options_.directory, options_.directory + "-killed");
  ASSERT_TRUE(database_->db().ContinueBackgroundWork().ok());
  close();
  fs::remove_all(options_.directory);
  fs::rename(options_.directory + "-killed", options_.directory);

  std::map<std::string, std::uint64_t> logs;
  for (const auto& entry : fs::directory_iterator(options_.directory)) {
    if (entry.path().extension() == ".log") logs[entry.path()] = entry.file_size();
  }
  ASSERT_EQ(logs.size(), 2U);
  const std::string first = logs.begin()->first;
  fs::rename(first, path("kept"));
  expect_refused(first, "missing");
  fs::copy_file(path("kept"), first);
  fs::resize_file(first, logs.begin()->second - 10);
  expect_refused(first, "synced");
  fs::rename(path("kept"), first);
  // The copy has other inodes; it is whole, so nothing is lost.
  expect_all(200);
}

TEST_F(StoreChecked, WhatAPowerCutLeavesBehindTheLastSyncIsNoDamage) {
  open();
  commit(20);
  close();
  const std::string log = newest(".log");
  // Behind the mark: anything at all, also whole blocks of zeros and what looks like a record.
  append(log, std::string(100, '\0') + "half a record" + std::string(40'000, 'x'));
  expect_all(20);
}

TEST_F(StoreChecked, AMarkThatTheDiskNeverGotIsMadeUpForByTheLog) {
  open();
  commit(20);
  fs::copy_file(path(kMarkFileName), path("old mark"));
  const std::uint64_t then = fs::file_size(newest(".log"));
  commit(20);
  close();
  fs::rename(path("old mark"), path(kMarkFileName));
  const std::string log = newest(".log");
  const std::uint64_t size = fs::file_size(log);
  // Behind the old mark, with later groups there that say it had been synced.
  flip(log, then + 50);
  expect_refused(log, "offset");
  flip(log, then + 50);
  // In the last group: nothing says that it was.
  flip(log, size - 20);
  const auto check = check_store(options_.directory);
  ASSERT_TRUE(check.has_value());
  EXPECT_TRUE(check->ok()) << check->sentence();
  EXPECT_EQ(check->notes.size(), 1U);
  flip(log, size - 20);
  expect_all(40);
}

TEST_F(StoreChecked, WithoutAMarkRecordsBehindDamageTell) {
  open();
  commit(40);
  close();
  fs::remove(path(kMarkFileName));
  const std::string log = newest(".log");
  const std::uint64_t size = fs::file_size(log);
  flip(log, size / 2);
  expect_refused(log, "whole records");
  flip(log, size / 2);
  fs::resize_file(log, size - 5);
  expect_all(39);
}

TEST_F(StoreChecked, AManifestThatIsDamagedOrTooShortIsRefused) {
  open();
  commit(20);
  ASSERT_TRUE(database_->db().Flush(rocksdb::FlushOptions()).ok());
  commit(20);
  close();
  const std::string manifest = newest("MANIFEST-");
  const std::uint64_t size = fs::file_size(manifest);
  fs::copy_file(manifest, path("kept"));
  for (const std::uint64_t offset : {std::uint64_t{3}, size / 2, size - 3}) {
    flip(manifest, offset);
    expect_refused(manifest, "offset");
    flip(manifest, offset);
  }
  for (const std::uint64_t shorter : {size - 1, size / 2, std::uint64_t{0}}) {
    fs::resize_file(manifest, shorter);
    expect_refused(manifest, "too short");
  }
  fs::rename(path("kept"), manifest);
  expect_all(40);
}

TEST_F(StoreChecked, NoStoreIsMadeInPlaceOfOne) {
  open();
  commit(20);
  close();
  fs::rename(path("CURRENT"), path("kept"));
  expect_refused(path("CURRENT"), "missing");
  std::ofstream(path("CURRENT")) << "MANIFEST-00000x\n";
  expect_refused(path("CURRENT"), "damaged");
  std::ofstream(path("CURRENT")) << "MANIFEST-987654\n";
  expect_refused("MANIFEST-987654", "missing");
  fs::rename(path("kept"), path("CURRENT"));
  expect_all(20);
}

TEST_F(StoreChecked, TablesThatAreMissingOrTooShortAreRefused) {
  open();
  commit(20);
  ASSERT_TRUE(database_->db().Flush(rocksdb::FlushOptions()).ok());
  close();
  const std::string table = newest(".sst");
  fs::rename(table, path("kept"));
  expect_refused(table, "missing");
  fs::copy_file(path("kept"), table);
  fs::resize_file(table, fs::file_size(table) - 1);
  expect_refused(table, "instead of");
  fs::rename(path("kept"), table);
  expect_all(20);
}

TEST_F(StoreChecked, ACopyThatDoesNotFitTogetherIsCalledOne) {
  open();
  commit(20);
  const std::string copy = options_.directory + "-copy";
  fs::create_directory(copy);
  // The log first, the rest after more was written: as cp does it, file by file.
  const fs::path log = newest(".log");
  fs::copy_file(log, fs::path(copy) / log.filename());
  commit(20);
  for (const auto& entry : fs::directory_iterator(options_.directory)) {
    if (entry.path().filename() == log.filename()) continue;
    fs::copy_file(entry.path(), fs::path(copy) / entry.path().filename());
  }
  close();
  options_.directory = copy;
  expect_refused((fs::path(copy) / log.filename()).string(), "while a server had it open");
}

}  // namespace
}  // namespace jindou::store
