// A store with messages, as a partition writes them, that is verified. For tests.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "backup/backup_store_fixture.h"
#include "backup/verify.h"
#include "model/channel.h"
#include "model/message.h"
#include "store/index_progress.h"

namespace jindou::backup {

class VerifiedStore : public BackedUpStore {
 protected:
  const PartitionId kPartition{1};
  const ChannelKey kGroup{"g1", ChannelType::group};

  // Messages 1 to `count` of the group, each with a commit record and an entry of the index, as a
  // partition writes them.
  void fill(std::uint64_t count) {
    rocksdb::WriteBatch batch;
    for (std::uint64_t seq = 1; seq <= count; ++seq) add_message(batch, seq);
    store::PartitionState state;
    state.position = count;
    state.id_bound = 65'536;
    batch.Put(store::partition_state_key(kPartition), store::encode(state));
    write(batch);
    std::promise<Result<void>> loaded;
    database_->load(
        store::Table::client_numbers,
        [this, count] {
          std::map<std::string, std::string> entries;
          for (std::uint64_t seq = 1; seq <= count; ++seq) {
            store::ClientNumber number;
            number.counter = seq;
            number.seq = seq;
            number.payload = seq;
            entries[store::client_number_key(kPartition, fingerprint_of(seq))] =
                store::encode(number);
          }
          entries[store::index_progress_key(kPartition)] = store::encode_index_progress(count);
          return store::BulkLoader::Entries(entries.begin(), entries.end());
        },
        [&loaded](Result<void> done) { loaded.set_value(std::move(done)); });
    ASSERT_TRUE(loaded.get_future().get());
  }
  static store::Fingerprint fingerprint_of(std::uint64_t n) { return {n * 1'000'003, n}; }
  std::string key_of(std::uint64_t seq) const {
    return store::message_key(kPartition, kGroup, static_cast<MessageSeq>(seq));
  }
  void add_message(rocksdb::WriteBatch& batch, std::uint64_t seq) {
    Message message;
    message.id = message_id_of(seq, kPartition);
    message.seq = static_cast<MessageSeq>(seq);
    message.channel = kGroup;
    message.from_uid = "u1";
    message.payload = Payload("hello");
    std::string value;
    store::encode_message(value, message, kGroup);
    batch.Put(key_of(seq), value);
    store::CommitRecordBuilder record;
    store::CommitEntry entry;
    entry.counter = seq;
    entry.log = kGroup;
    entry.seq = seq;
    entry.fingerprint = fingerprint_of(seq);
    entry.payload = seq;
    record.add(entry, 1'700'000'000);
    batch.Put(store::commit_record_key(kPartition, seq), record.take());
  }
  void write(rocksdb::WriteBatch& batch) {
    ASSERT_TRUE(database_->write(batch));
    ASSERT_TRUE(database_->sync());
  }
  void erase(const std::string& key) {
    rocksdb::WriteBatch batch;
    batch.Delete(key);
    write(batch);
  }
  // From the index.
  void erase_numbers(const std::vector<std::uint64_t>& seqs) {
    store::BulkLoader::Entries entries;
    for (const std::uint64_t seq : seqs) {
      auto& [key, value] = entries.emplace_back();
      key = store::client_number_key(kPartition, fingerprint_of(seq));
      const auto found = database_->get(store::Table::client_numbers, key, value);
      ASSERT_TRUE(found && *found);
    }
    ASSERT_TRUE(database_->erase(store::Table::client_numbers, entries));
    ASSERT_TRUE(database_->sync());
  }
  void put_channel(std::uint64_t cleared_to, std::uint64_t seq_floor) {
    store::ChannelRecord record;
    record.cleared_to = cleared_to;
    record.seq_floor = seq_floor;
    record.has_gaps = true;
    rocksdb::WriteBatch batch;
    batch.Put(store::channel_key(kPartition, kGroup), store::encode(record));
    write(batch);
  }
  void put_gap(std::uint64_t seq, std::uint64_t seqs) {
    store::GapRecord gap;
    gap.seqs = seqs;
    rocksdb::WriteBatch batch;
    batch.Put(store::gap_key(kPartition, kGroup, static_cast<MessageSeq>(seq)), store::encode(gap));
    write(batch);
  }
  // What is found wrong in a directory.
  std::vector<std::string> faults_of(const std::string& directory) {
    std::vector<std::string> faults;
    notes_.clear();
    VerifyHandlers handlers;
    handlers.fault = [&faults](const std::string& sentence) { faults.push_back(sentence); };
    handlers.note = [this](const std::string& sentence) { notes_.push_back(sentence); };
    auto outcome = verify(directory, handlers);
    EXPECT_TRUE(outcome.has_value()) << outcome.error().text();
    if (outcome) {
      EXPECT_EQ(outcome->faults, faults.size());
      outcome_ = std::move(*outcome);
    }
    return faults;
  }
  // Of the store, once it is closed.
  std::vector<std::string> faults() {
    backups_.reset();
    database_.reset();
    return faults_of(store_options_.directory);
  }
  void expect_one(const std::vector<std::string>& faults, const std::string& words) {
    ASSERT_EQ(faults.size(), 1U) << (faults.empty() ? "" : faults[0]);
    EXPECT_NE(faults[0].find(words), std::string::npos) << faults[0];
  }
  // Root may give files to others; elsewhere, and where root is nobody, such a test is skipped.
  static constexpr uid_t kOther = 65'534;
  static bool can_give_away(const std::string& path) {
    return ::geteuid() == 0 && ::chown(path.c_str(), kOther, kOther) == 0;
  }
  // What there is of a directory, with itself, that is not of that user and group.
  static std::vector<std::string> not_given(const std::string& directory) {
    std::vector<std::string> kept;
    const auto look = [&kept](const std::string& path) {
      struct stat status {};
      EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
      if (status.st_uid != kOther || status.st_gid != kOther) kept.push_back(path);
    };
    look(directory);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
      look(entry.path().string());
    }
    return kept;
  }
  // Names, sizes and times of all files.
  static std::map<std::string, std::pair<std::uintmax_t, std::filesystem::file_time_type>> state_of(
      const std::string& directory) {
    std::map<std::string, std::pair<std::uintmax_t, std::filesystem::file_time_type>> state;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      if (!entry.is_regular_file()) continue;
      state[entry.path().filename().string()] = {entry.file_size(), entry.last_write_time()};
    }
    return state;
  }
  static void flip_byte(const std::string& file, std::uint64_t offset) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(stream.get());
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.put(static_cast<char>(byte ^ 1));
  }

  VerifyOutcome outcome_;
  std::vector<std::string> notes_;
};

}  // namespace jindou::backup
