// Logs of a real RocksDB in prepared files: what is in them after a kill, a power cut, a full disk.
#include "store/prepared_logs.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "store/damaged_store_fixture.h"
#include "store/faulty_file_system.h"
#include "store/log_file.h"
#include "store/log_test_writer.h"
#include "store/store_check.h"

namespace jindou::store {
namespace {

namespace fs = std::filesystem;

class LogsPrepared : public DamagedStore {
 protected:
  void SetUp() override {
    DamagedStore::SetUp();
    options_.write_buffer_bytes = 1 << 20;
    options_.env = env_.get();
  }

  // A store whose newest log is a prepared one with `count` rows in it.
  void open_prepared(int count) {
    open();
    fill_until_spare();
    switch_log();
    ASSERT_EQ(database_->logs().prepared(), 1U);
    commit(count);
  }
  void fill_until_spare() {
    commit(200);
    ASSERT_TRUE(database_->logs().wait_until_idle());
    ASSERT_TRUE(fs::exists(path(kSpareName)));
  }
  // RocksDB begins a new log with each flush. What was in the old one is in a table then.
  void switch_log() { ASSERT_TRUE(database_->db().Flush(rocksdb::FlushOptions()).ok()); }
  // The same, and the old log is still needed.
  void switch_log_only() {
    ASSERT_TRUE(database_->db().PauseBackgroundWork().ok());
    rocksdb::FlushOptions later;
    later.wait = false;
    later.allow_write_stall = true;
    ASSERT_TRUE(database_->db().Flush(later).ok());
  }
  // The directory as a kill leaves it; the store is closed.
  void kill() {
    const std::string kept = options_.directory + "-killed";
    fs::copy(options_.directory, kept);
    database_->db().ContinueBackgroundWork().PermitUncheckedError();
    close();
    fs::remove_all(options_.directory);
    fs::rename(kept, options_.directory);
  }
  std::map<std::string, std::uint64_t> logs() const {
    std::map<std::string, std::uint64_t> found;
    for (const auto& entry : fs::directory_iterator(options_.directory)) {
      if (entry.path().extension() == ".log") found[entry.path()] = entry.file_size();
    }
    return found;
  }
  std::uint64_t marked() const {
    return read_durable_mark(path(kMarkFileName)).value_or(DurableMark()).synced.bytes;
  }
  void overwrite(const std::string& file, std::uint64_t offset, const std::string& bytes) const {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(static_cast<std::streamoff>(offset));
    stream << bytes;
  }
  void write_unsynced(int count) {
    for (int i = 0; i < count; ++i) {
      rocksdb::WriteBatch batch;
      batch.Put("row unsynced" + std::to_string(i), std::string(3000, 'u'));
      ASSERT_TRUE(database_->write(batch).has_value());
    }
    ASSERT_TRUE(database_->db().FlushWAL(false).ok());
  }

  FaultyFileSystem* faults_ = new FaultyFileSystem();
  std::unique_ptr<rocksdb::Env> env_ =
      rocksdb::NewCompositeEnv(std::shared_ptr<rocksdb::FileSystem>(faults_));
};

TEST_F(LogsPrepared, ALogIsWrittenIntoTheSpareAndCutWhenItIsClosed) {
  open_prepared(20);
  const std::string log = newest(".log");
  EXPECT_GE(fs::file_size(log), options_.write_buffer_bytes);
  EXPECT_FALSE(fs::exists(path(kSpareName)));
  const std::uint64_t synced = marked();
  EXPECT_LT(synced, 20'000U);
  EXPECT_GT(synced, 5'000U);
  close();
  EXPECT_EQ(fs::file_size(log), synced);
  expect_all(220);
}

TEST_F(LogsPrepared, ASpareIsNotLeftBehind) {
  open();
  fill_until_spare();
  close();
  EXPECT_FALSE(fs::exists(path(kSpareName)));
  // After a kill it may hold records of a rename that the disk never got.
  fs::copy_file(newest(".log"), path(kSpareName));
  open();
  EXPECT_FALSE(fs::exists(path(kSpareName)));
  EXPECT_EQ(rows(), 200U);
}

TEST_F(LogsPrepared, ZerosBehindTheLastRecordAreWhatAKillLeaves) {
  open_prepared(20);
  kill();
  const auto check = check_store(options_.directory);
  ASSERT_TRUE(check.has_value());
  EXPECT_TRUE(check->ok()) << check->sentence();
  EXPECT_TRUE(check->notes.empty()) << check->notes[0];
  expect_all(220);
  EXPECT_TRUE(fs::file_size(newest(".log")) < 20'000);
}

TEST_F(LogsPrepared, DamageToWhatWasSyncedIsRefused) {
  open_prepared(20);
  kill();
  const std::string log = newest(".log");
  const std::uint64_t synced = marked();
  const auto size = fs::file_size(log);
  for (const std::uint64_t offset : {std::uint64_t{1}, synced / 2, synced - 1}) {
    flip(log, offset);
    expect_refused(log, "offset");
    flip(log, offset);
  }
  // Zeros where records were, up to the end.
  fs::copy_file(log, path("kept"));
  overwrite(log, synced - 500, std::string(500, '\0'));
  expect_refused(log, "offset");
  fs::rename(path("kept"), log);
  fs::copy_file(log, path("kept"));
  fs::resize_file(log, synced - 1);
  expect_refused(log, "ends at offset");
  fs::rename(path("kept"), log);
  // Nothing of the zeros is needed.
  fs::resize_file(log, (synced + size) / 2);
  expect_all(220);
}

TEST_F(LogsPrepared, NothingIsReplayedFromBehindAWriteThatTheDiskNeverGot) {
  open_prepared(20);
  const std::uint64_t synced = marked();
  kill();
  const std::string log = newest(".log");
  // RocksDB alone passes over zeros, and takes a record that begins a block behind them.
  rocksdb::WriteBatch batch;
  batch.Put("row behind", "v");
  std::string record = batch.Data();
  record[2] = '\1';  // a sequence number that is higher than all others
  LogTestWriter behind;
  behind.add(record);
  overwrite(log, (synced / kLogBlockBytes + 2) * kLogBlockBytes, behind.bytes());
  const auto check = check_store(options_.directory);
  ASSERT_TRUE(check.has_value());
  EXPECT_TRUE(check->ok()) << check->sentence();
  EXPECT_EQ(check->notes.size(), 1U);
  expect_all(220);
}

TEST_F(LogsPrepared, ALogIsCutBeforeTheNextOneIsSynced) {
  open_prepared(200);
  ASSERT_TRUE(database_->logs().wait_until_idle());
  const std::string first = newest(".log");
  switch_log_only();
  const std::string second = newest(".log");
  ASSERT_NE(first, second);
  EXPECT_GE(fs::file_size(first), options_.write_buffer_bytes);
  commit(10);
  EXPECT_LT(fs::file_size(first), options_.write_buffer_bytes / 2);
  EXPECT_GE(fs::file_size(second), options_.write_buffer_bytes);
  kill();
  expect_all(410);
}

TEST_F(LogsPrepared, ALogThatWasNeverSyncedDoesNotFollowOneThatLacksItsEnd) {
  open_prepared(200);
  ASSERT_TRUE(database_->logs().wait_until_idle());
  write_unsynced(3);
  const std::string first = newest(".log");
  const std::uint64_t synced = marked();
  switch_log_only();
  write_unsynced(3);
  kill();
  ASSERT_EQ(logs().size(), 2U);
  overwrite(first, synced, std::string(20'000, '\0'));
  expect_all(400);
}

TEST_F(LogsPrepared, AFullDiskTakesTheSpareAndNothingElse) {
  faults_->inject({FileCall::write, FileKind::spare, ENOSPC, -1, 0, 0});
  open();
  commit(200);
  EXPECT_FALSE(database_->logs().wait_until_idle());
  EXPECT_FALSE(fs::exists(path(kSpareName)));
  switch_log();
  commit(200);
  EXPECT_FALSE(database_->faults().failed());
  EXPECT_EQ(database_->logs().prepared(), 0U);
  EXPECT_EQ(database_->logs().grown(), 2U);
  faults_->lift();
  switch_log();
  fill_until_spare();
  switch_log();
  EXPECT_EQ(database_->logs().prepared(), 1U);
  close();
  expect_all(600);
}

TEST_F(LogsPrepared, ASpareThatCannotBeTakenIsReplaced) {
  open();
  fill_until_spare();
  faults_->inject({FileCall::rename, FileKind::log, EIO, 1, 0, 0});
  switch_log();
  EXPECT_EQ(database_->logs().prepared(), 0U);
  EXPECT_FALSE(fs::exists(path(kSpareName)));
  commit(20);
  close();
  expect_all(220);
}

TEST_F(LogsPrepared, TheStoreIsOpenedAgainAfterAnErrorOfAPreparedLog) {
  for (const FileCall call : {FileCall::write, FileCall::sync}) {
    open_prepared(20);
    faults_->inject({call, FileKind::log, EIO, 1, 100, 0});
    rocksdb::WriteBatch batch;
    batch.Put("row lost", std::string(3000, 'l'));
    EXPECT_FALSE(database_->write(batch).has_value() && database_->sync().has_value());
    EXPECT_TRUE(database_->faults().failed());
    log_.reset();
    ASSERT_TRUE(database_->reopen().has_value());
    const std::uint64_t then = rows();
    EXPECT_GE(then, 220U);
    EXPECT_LE(then, 221U);
    rocksdb::WriteBatch gone;
    gone.Delete("row lost");
    ASSERT_TRUE(database_->write(gone).has_value() && database_->sync().has_value());
    close();
    fs::remove_all(options_.directory);
    position_ = 0;
  }
}

TEST_F(LogsPrepared, SettingItOffLetsLogsGrow) {
  options_.prepared_logs = false;
  open();
  commit(200);
  switch_log();
  commit(20);
  EXPECT_EQ(database_->logs().prepared(), 0U);
  EXPECT_EQ(fs::file_size(newest(".log")), marked());
}

}  // namespace
}  // namespace jindou::store
