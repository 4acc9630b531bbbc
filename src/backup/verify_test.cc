// Backups and stopped stores are looked at and not touched; what is wrong is named.
#include "backup/verify.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "backup/restore.h"
#include "backup/verified_store_fixture.h"
#include "store/data_loss.h"

namespace jindou::backup {
namespace {

namespace fs = std::filesystem;
using store::Table;

TEST_F(VerifiedStore, AWholeStoreHasNoFaultsAndIsNotTouched) {
  fill(100);
  database_.reset();
  const auto before = state_of(store_options_.directory);
  EXPECT_EQ(faults(), std::vector<std::string>());
  EXPECT_EQ(state_of(store_options_.directory), before);
  EXPECT_EQ(outcome_.records.messages, 100U);
  EXPECT_EQ(outcome_.records.logs, 1U);
  EXPECT_EQ(outcome_.records.numbers, 100U);
  EXPECT_FALSE(outcome_.manifest.has_value());
}

TEST_F(VerifiedStore, ABackupIsWholeAndADamagedFileOfItIsNamed) {
  fill(100);
  const auto made = make();
  ASSERT_TRUE(made.has_value()) << made.error().text();
  EXPECT_EQ(faults_of(made->directory), std::vector<std::string>());
  EXPECT_EQ(outcome_.files, made->files);
  EXPECT_EQ(outcome_.records.messages, 100U);
  const auto listed = read_manifest(made->directory);
  for (const BackupFile& file : listed->files) {
    const std::string path = made->directory + "/" + file.name;
    flip_byte(path, file.bytes / 2);
    expect_one(faults_of(made->directory), path + " is damaged");
    flip_byte(path, file.bytes / 2);
    fs::rename(path, path + ".away");
    expect_one(faults_of(made->directory), path + " is missing");
    fs::rename(path + ".away", path);
  }
  const std::string manifest = made->directory + "/" + kBackupManifestName;
  flip_byte(manifest, 20);
  expect_one(faults_of(made->directory), manifest);
  flip_byte(manifest, 20);
  std::ofstream(made->directory + "/stranger") << "x";
  EXPECT_TRUE(faults_of(made->directory).empty());
  ASSERT_EQ(notes_.size(), 1U);
  EXPECT_NE(notes_[0].find("stranger"), std::string::npos);
}

TEST_F(VerifiedStore, AMissingMessageIsNamedBySeqUnlessSomethingSaysWhy) {
  fill(100);
  erase(key_of(50));
  const auto found = faults();
  ASSERT_EQ(found.size(), 2U);  // by its neighbours, and by its commit record
  EXPECT_EQ(found[0],
            "channel 2:g1 (partition 1): there is no message at seq 50, and nothing says why");
  EXPECT_EQ(found[1],
            "channel 2:g1 (partition 1): the message at seq 50 was committed and is not there");
  open_store();
  put_channel(0, 100);
  put_gap(50, 1);
  EXPECT_EQ(faults(), std::vector<std::string>());
  // The end of a channel tells by its floor.
  open_store();
  erase(key_of(100));
  EXPECT_EQ(faults().size(), 2U);
  open_store();
  put_gap(100, 1);
  EXPECT_EQ(faults(), std::vector<std::string>());
  // Its beginning by what was cleared.
  open_store();
  for (std::uint64_t seq = 1; seq <= 10; ++seq) erase(key_of(seq));
  EXPECT_EQ(faults().size(), 11U);
  open_store();
  put_channel(10, 100);
  EXPECT_EQ(faults(), std::vector<std::string>());
}

TEST_F(VerifiedStore, SeqsThatWereSkippedAreExplainedByOneGap) {
  fill(10);
  rocksdb::WriteBatch batch;
  add_message(batch, 1001);
  write(batch);
  put_channel(0, 0);
  put_gap(999, 989);
  expect_one(faults(), "no message at seq 1000, and nothing says why");
  open_store();
  put_gap(1000, 990);
  EXPECT_EQ(faults(), std::vector<std::string>());
}

TEST_F(VerifiedStore, EachHoleIsNamedAndOneGapMayBeOfMany) {
  fill(10);
  for (const std::uint64_t seq : {3U, 4U, 5U}) erase(key_of(seq));
  put_channel(0, 10);
  put_gap(4, 1);
  const auto found = faults();
  ASSERT_EQ(found.size(), 4U);  // by neighbours, and by commit records
  EXPECT_NE(found[0].find("no message at seq 3, and"), std::string::npos) << found[0];
  EXPECT_NE(found[1].find("no message at seq 5, and"), std::string::npos) << found[1];
  open_store();
  erase(store::gap_key(kPartition, kGroup, MessageSeq{4}));
  put_gap(5, 3);
  EXPECT_EQ(faults(), std::vector<std::string>());
}

TEST_F(VerifiedStore, AMessageThatExpiresHasToBeInTheListOfThose) {
  fill(10);
  Message message;
  message.id = message_id_of(5, kPartition);
  message.seq = MessageSeq{5};
  message.channel = kGroup;
  message.timestamp = 1'700'000'000;
  message.expire = 60;
  std::string value;
  store::encode_message(value, message, kGroup);
  put(key_of(5), value);
  expect_one(faults(), "the message at seq 5 expires and is not in the list");
  open_store();
  put(store::expiry_key(kPartition, 1'700'000'060, kGroup, MessageSeq{5}), "");
  EXPECT_EQ(faults(), std::vector<std::string>());
}

TEST_F(VerifiedStore, ARecordThatCannotBeReadIsNamed) {
  fill(10);
  rocksdb::WriteBatch batch;
  batch.Put(key_of(5), "\xff garbage");
  batch.Put(store::webhook_cursor_key(kPartition), "\xff garbage");
  write(batch);
  const auto found = faults();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_NE(found[0].find("channel 2:g1 (partition 1): the message at seq 5 cannot be read"),
            std::string::npos)
      << found[0];
  EXPECT_NE(found[1].find("partition 1: a record of kind 0x51"), std::string::npos) << found[1];
}

TEST_F(VerifiedStore, AnIndexThatDisagreesIsNamed) {
  fill(10);
  erase_numbers({3});
  expect_one(faults(), "the message at seq 3 is missing in the index of client_msg_no");
  open_store();
  erase(store::commit_record_key(kPartition, 7));
  const auto found = faults();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_NE(found[1].find("(seq 7), which no commit record has"), std::string::npos) << found[1];
}

TEST_F(VerifiedStore, AnOpenDirectoryIsNotLookedAt) {
  // The lock is between processes: here it is enough that nothing else is.
  const auto none = verify(root_, {});
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code(), Errc::invalid);
  EXPECT_NE(none.error().detail().find("neither a backup nor a data directory"), std::string::npos);
}

TEST_F(VerifiedStore, VerifyingIsGivenUpWhenItsCallerSaysSo) {
  fill(10);
  const auto made = make();
  VerifyHandlers handlers;
  handlers.keep_on = [](const std::string&) { return false; };
  const auto outcome = verify(made->directory, handlers);
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), Errc::unavailable);
}

class RestoredStore : public VerifiedStore {
 protected:
  Result<RestoreOutcome> restore_to(const std::string& directory) {
    RestoreOptions options;
    options.backup = backup_;
    options.directory = directory;
    options.skip = skip_;
    options.lost = lost_;
    return restore(options, clock_, {});
  }
  void back_up() {
    fill(100);
    const auto made = make();
    ASSERT_TRUE(made.has_value()) << made.error().text();
    backup_ = made->directory;
  }

  std::string backup_;
  std::optional<std::uint64_t> skip_;
  std::string lost_;
};

TEST_F(RestoredStore, IsTheOneThatWasBackedUpBehindAFloor) {
  back_up();
  const std::string target = root_ + "/new/data";
  const auto restored = restore_to(target);
  ASSERT_TRUE(restored.has_value()) << restored.error().text();
  EXPECT_EQ(restored->skip, store::kIdsSkippedMin);
  EXPECT_EQ(fs::status(target).permissions() & fs::perms::all, fs::perms::owner_all);
  for (const auto& entry : fs::directory_iterator(target)) {
    EXPECT_EQ(fs::hard_link_count(entry.path()), 1U) << entry.path();
  }
  EXPECT_EQ(faults_of(target), std::vector<std::string>());
  backups_.reset();
  store_options_.directory = target;
  open_store();
  EXPECT_EQ(database_->data_loss().floor, 65'536 + store::kIdsSkippedMin);
  std::string value;
  EXPECT_TRUE(database_->get(Table::main, key_of(100), value).value());
}

TEST_F(RestoredStore, SkipsAsFarAsTimeOrTheOperatorSays) {
  back_up();
  clock_.now_ms += 1000LL * 3600 * 24;
  EXPECT_EQ(restore_to(root_ + "/a")->skip, 86'400'000U);
  skip_ = 5;
  EXPECT_EQ(restore_to(root_ + "/b")->skip, 5U);
  skip_ = 0;
  EXPECT_EQ(restore_to(root_ + "/c")->skip, 0U);
  backups_.reset();
  store_options_.directory = root_ + "/c";
  open_store();
  EXPECT_EQ(database_->data_loss().times, 0U);
  skip_.reset();
  lost_ = root_ + "/nowhere";
  EXPECT_EQ(restore_to(root_ + "/d").error().code(), Errc::invalid);
  EXPECT_FALSE(fs::exists(root_ + "/d"));
  lost_ = root_ + "/data";
  EXPECT_EQ(restore_to(root_ + "/d")->skip, store::kIdsSkippedMin);
}

TEST_F(RestoredStore, NothingIsWrittenOver) {
  back_up();
  fs::create_directory(root_ + "/used");
  std::ofstream(root_ + "/used/file") << "x";
  EXPECT_EQ(restore_to(root_ + "/used").error().code(), Errc::invalid);
  EXPECT_EQ(restore_to(root_ + "/used/file").error().code(), Errc::invalid);
  fs::create_directory(root_ + "/empty");
  EXPECT_TRUE(restore_to(root_ + "/empty").has_value());
  EXPECT_EQ(restore_to(root_ + "/empty").error().code(), Errc::invalid);
}

TEST_F(RestoredStore, WhatRootMakesBelongsToWhoeverOwnsTheDirectoryAroundIt) {
  back_up();
  const std::string home = root_ + "/home";
  fs::create_directory(home);
  if (!can_give_away(home)) GTEST_SKIP() << "only root gives files away";
  for (const std::string& name : {home + "/data", home + "/new/data/", home + "/./new/../b"}) {
    const auto restored = restore_to(name);
    ASSERT_TRUE(restored.has_value()) << restored.error().text();
    EXPECT_EQ(fs::status(name).permissions() & fs::perms::all, fs::perms::owner_all) << name;
  }
  EXPECT_FALSE(fs::is_empty(home + "/data"));
  EXPECT_EQ(not_given(home), std::vector<std::string>());
  // By a link to it, and relative to it.
  fs::create_directory_symlink(home, root_ + "/link");
  EXPECT_TRUE(restore_to(root_ + "/link/linked").has_value());
  EXPECT_EQ(not_given(home + "/linked"), std::vector<std::string>());
  const fs::path before = fs::current_path();
  fs::current_path(home);
  const auto restored = restore_to("relative");
  fs::current_path(before);
  EXPECT_TRUE(restored.has_value());
  EXPECT_EQ(not_given(home + "/relative"), std::vector<std::string>());
}

TEST_F(RestoredStore, FilesThatRootRestoresBelongToWhoeverOwnsTheirDirectory) {
  back_up();
  const std::string target = root_ + "/empty";
  fs::create_directory(target);
  if (!can_give_away(target)) GTEST_SKIP() << "only root gives files away";
  ASSERT_TRUE(restore_to(target).has_value());
  EXPECT_EQ(not_given(target), std::vector<std::string>());
  // Where root owns what is around it, it is root's.
  ASSERT_TRUE(restore_to(root_ + "/own").has_value());
  struct stat status {};
  ASSERT_EQ(::stat((root_ + "/own").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0U);
}

TEST_F(RestoredStore, AnInterruptionLeavesNoStoreThatIsOpened) {
  back_up();
  VerifyHandlers handlers;
  handlers.keep_on = [](const std::string& so_far) { return !so_far.starts_with("copied"); };
  RestoreOptions options;
  options.backup = backup_;
  options.directory = root_ + "/a";
  const auto restored = restore(options, clock_, handlers);
  ASSERT_FALSE(restored.has_value());
  EXPECT_EQ(restored.error().code(), Errc::unavailable);
  store_options_.directory = root_ + "/a";
  const auto opened = store::Database::open(store_options_, random_);
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().detail().find("CURRENT is missing"), std::string::npos)
      << opened.error().text();
}

TEST_F(RestoredStore, ADamagedBackupIsNotRestored) {
  back_up();
  EXPECT_TRUE(restore_to(root_ + "/a").has_value());
  flip_byte(backup_ + "/CURRENT", 3);
  const auto restored = restore_to(root_ + "/b");
  ASSERT_FALSE(restored.has_value());
  EXPECT_EQ(restored.error().code(), Errc::invalid);
  EXPECT_FALSE(fs::exists(root_ + "/b"));
  EXPECT_EQ(restore_to(root_ + "/c").error().code(), Errc::invalid);
  backup_ = root_ + "/data";
  EXPECT_NE(restore_to(root_ + "/c").error().detail().find("is no backup"), std::string::npos);
}

}  // namespace
}  // namespace jindou::backup
