// Stores that were damaged are repaired as far as that is possible, never silently: afterwards
// nothing is found wrong, and what was lost had been accepted.
#include "backup/repair.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backup/verified_store_fixture.h"
#include "model/device.h"
#include "store/data_loss.h"
#include "store/durable_mark.h"
#include "store/index_rebuild.h"
#include "store/index_rebuild_mark.h"
#include "store/open_store.h"

namespace jindou::backup {
namespace {

namespace fs = std::filesystem;

constexpr const char* kGarbage = "\xff garbage";

class RepairedStore : public VerifiedStore {
 protected:
  std::string directory() const { return store_options_.directory; }

  // Of the store, which is closed.
  Result<RepairOutcome> try_to_mend(bool apply, bool accept_loss = false) {
    backups_.reset();
    database_.reset();
    lines_.clear();
    // Each has a report, and a copy, of its own.
    clock_.now_ms += 1000;
    RepairOptions options;
    options.directory = directory();
    options.apply = apply;
    options.accept_loss = accept_loss;
    options.keep_copy = keep_copy_;
    RepairHandlers handlers;
    handlers.tell = [this](const std::string& line) {
      lines_.push_back(line);
      if (on_line_) on_line_(line);
    };
    handlers.keep_on = keep_on_;
    return repair(options, clock_, random_, handlers);
  }
  RepairOutcome mend(bool apply, bool accept_loss = false) {
    const auto repaired = try_to_mend(apply, accept_loss);
    EXPECT_TRUE(repaired.has_value()) << repaired.error().text() << told();
    return repaired.value_or(RepairOutcome{RepairVerdict::hopeless, 0, {}, {}});
  }
  // What is found is told, and changes nothing.
  void expect_left_alone(bool apply, bool accept_loss, RepairVerdict verdict,
                         std::uint64_t faults) {
    backups_.reset();
    database_.reset();
    const auto before = state_of(directory());
    const RepairOutcome done = mend(apply, accept_loss);
    EXPECT_EQ(done.verdict, verdict) << told();
    EXPECT_EQ(done.faults, faults) << told();
    EXPECT_EQ(done.report, "");
    EXPECT_EQ(state_of(directory()), before);
  }
  // All is well afterwards; `losses`: what the store tells of from then on.
  void expect_repaired(bool accept_loss, std::uint64_t losses) {
    const RepairOutcome done = mend(true, accept_loss);
    EXPECT_EQ(done.verdict, RepairVerdict::repaired) << told();
    EXPECT_EQ(done.faults, 0U);
    EXPECT_TRUE(fs::exists(done.report)) << done.report;
    EXPECT_EQ(fs::exists(done.copy), keep_copy_);
    EXPECT_EQ(faults_of(directory()), std::vector<std::string>());
    open_store();
    EXPECT_EQ(database_->data_loss().times, losses);
    if (losses > 0) {
      EXPECT_GE(database_->data_loss().floor, 65'536 + store::kIdsSkippedMin);
    }
  }
  std::string told() const {
    std::string all;
    for (const auto& line : lines_) all += "\n" + line;
    return all;
  }
  bool tells(std::string_view words) const {
    return std::ranges::any_of(
        lines_, [words](const std::string& line) { return line.find(words) != std::string::npos; });
  }
  // Of the open store.
  std::optional<std::string> row(const std::string& key,
                                 store::Table table = store::Table::main) const {
    std::string value;
    const auto found = database_->get(table, key, value);
    EXPECT_TRUE(found.has_value());
    if (!found.value_or(false)) return std::nullopt;
    return value;
  }
  std::string gap_key_of(std::uint64_t seq) const {
    return store::gap_key(kPartition, kGroup, static_cast<MessageSeq>(seq));
  }
  std::string number_key_of(std::uint64_t seq) const {
    return store::client_number_key(kPartition, fingerprint_of(seq));
  }
  // A table file of the open store.
  std::string file_of(store::Table table) const {
    for (const store::TableFile& file : database_->table_files()) {
      if (file.table == table) return file.path;
    }
    ADD_FAILURE() << "no such file";
    return {};
  }

  // The log that was synced last, damaged shortly before where that ended.
  std::string damage_log() {
    backups_.reset();
    database_.reset();
    const auto mark = store::read_durable_mark(directory() + "/" + store::kMarkFileName);
    EXPECT_TRUE(mark.has_value());
    if (!mark) return {};
    std::string log = std::to_string(mark->synced.log) + ".log";
    log.insert(0, std::string("000000").substr(0, 10 - log.size()));
    flip_byte(directory() + "/" + log, mark->synced.bytes - 20);
    return log;
  }
  void add_one_message(std::uint64_t seq) {
    rocksdb::WriteBatch batch;
    add_message(batch, seq);
    write(batch);
  }

  bool keep_copy_ = true;
  std::function<void(const std::string&)> on_line_;
  std::function<bool(const std::string&)> keep_on_;
  std::vector<std::string> lines_;
};

TEST_F(RepairedStore, AWholeOneIsLeftAlone) {
  fill(100);
  expect_left_alone(true, true, RepairVerdict::whole, 0);
  EXPECT_TRUE(tells("is whole"));
}

TEST_F(RepairedStore, AnIndexThatDisagreesIsMadeAgainWithoutLoss) {
  fill(100);
  erase_numbers({3});
  expect_left_alone(false, false, RepairVerdict::repairable, 1);
  EXPECT_TRUE(tells("seq 3 is missing in the index"));
  EXPECT_TRUE(tells("without loss: the index of client_msg_no is made again"));
  EXPECT_TRUE(tells("--apply"));
  expect_repaired(false, 0);
  EXPECT_EQ(outcome_.records.numbers, 100U);
  EXPECT_EQ(outcome_.records.messages, 100U);
  const auto number = row(number_key_of(3), store::Table::client_numbers);
  ASSERT_TRUE(number.has_value());
  EXPECT_EQ(store::decode_client_number(*number)->counter, 3U);
  EXPECT_FALSE(row(store::data_loss_key()).has_value());
}

TEST_F(RepairedStore, FilesOfTheIndexAreNotMissed) {
  keep_copy_ = false;
  fill(100);
  for (const std::string damage : {"a flipped bit", "a cut", "no file"}) {
    SCOPED_TRACE(damage);
    const std::string file = file_of(store::Table::client_numbers);
    ASSERT_NE(file, "");
    database_.reset();
    if (damage == "a flipped bit") flip_byte(file, 100);
    if (damage == "a cut") std::filesystem::resize_file(file, 200);
    if (damage == "no file") std::filesystem::remove(file);
    expect_left_alone(false, false, RepairVerdict::repairable, 1);
    EXPECT_TRUE(tells(file)) << told();
    expect_repaired(false, 0);
    EXPECT_EQ(outcome_.records.numbers, 100U);
  }
}

TEST_F(RepairedStore, ManyWrongEntriesOfTheIndexAreOneIndex) {
  fill(300);
  std::vector<std::uint64_t> seqs(150);
  std::iota(seqs.begin(), seqs.end(), 1);
  erase_numbers(seqs);
  expect_left_alone(false, false, RepairVerdict::repairable, 100);
  EXPECT_TRUE(tells("note: 50 more entries of the index are wrong"));
  expect_repaired(false, 0);
  EXPECT_EQ(outcome_.records.numbers, 300U);
}

TEST_F(RepairedStore, WhatRootRepairsBelongsToWhoeverOwnsTheDirectory) {
  fill(10);
  add_one_message(11);
  const std::string file = file_of(store::Table::client_numbers);
  damage_log();
  fs::remove(file);
  for (const std::string& path : not_given(directory())) {
    if (!can_give_away(path)) GTEST_SKIP() << "only root gives files away";
  }
  const RepairOutcome done = mend(true, true);
  ASSERT_EQ(done.verdict, RepairVerdict::repaired) << told();
  ASSERT_FALSE(done.copy.empty());
  EXPECT_FALSE(fs::is_empty(done.copy));
  EXPECT_EQ(not_given(directory()), std::vector<std::string>());
}

TEST_F(RepairedStore, AnInterruptedRepairIsFinishedByTheNextAndNobodyElse) {
  fill(100);
  erase_numbers({3});
  keep_on_ = [](const std::string& so_far) {
    return so_far.find("client_msg_no") == std::string::npos;
  };
  const auto stopped = try_to_mend(true);
  ASSERT_FALSE(stopped.has_value()) << told();
  EXPECT_EQ(stopped.error().code(), Errc::unavailable);
  keep_on_ = nullptr;
  const auto opened = store::Database::open(store_options_, random_);
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().detail().find("jindou repair " + directory() + " --apply"),
            std::string::npos)
      << opened.error().text();
  expect_one(faults_of(directory()), "was interrupted while it made the index");
  expect_left_alone(false, false, RepairVerdict::repairable, 1);
  EXPECT_TRUE(tells("was interrupted while it made the index"));
  expect_repaired(false, 0);
  EXPECT_EQ(outcome_.records.numbers, 100U);
}

TEST_F(RepairedStore, ACrashThatLeftNoTableOfTheIndexIsRepaired) {
  fill(100);
  database_.reset();
  ASSERT_TRUE(store::begin_index_rebuild(directory()));
  {
    const auto opened = store::OpenStore::open(store::rocksdb_options(store_options_), directory());
    ASSERT_TRUE(opened.has_value()) << opened.error().text();
    rocksdb::DB& db = (*opened)->db();
    ASSERT_TRUE(db.DropColumnFamily((*opened)->handle(store::Table::client_numbers)).ok());
  }
  expect_one(faults_of(directory()), "was interrupted while it made the index");
  expect_left_alone(false, false, RepairVerdict::repairable, 1);
  expect_repaired(false, 0);
  EXPECT_EQ(outcome_.records.numbers, 100U);
}

TEST_F(RepairedStore, FilesOfTheIndexThatTakeSomethingAlongWaitForThat) {
  fill(100);
  const std::string file = file_of(store::Table::client_numbers);
  put(store::commit_record_key(kPartition, 7), kGarbage);
  // It alone could be seen to, in a store that opens.
  put(store::tombstone_key(kPartition, "u1", kGroup), kGarbage);
  database_.reset();
  std::filesystem::remove(file);
  expect_left_alone(true, false, RepairVerdict::repairable, 3);
  expect_repaired(true, 1);
  EXPECT_EQ(outcome_.records.numbers, 99U);
}

TEST_F(RepairedStore, WhatAServerHasHadOpenMeanwhileIsLookedAtAnew) {
  fill(10);
  erase_numbers({3});
  on_line_ = [this](const std::string& line) {
    if (!line.starts_with("  without loss: ")) return;
    open_store();
    database_.reset();
  };
  const auto stopped = try_to_mend(true);
  ASSERT_FALSE(stopped.has_value()) << told();
  EXPECT_EQ(stopped.error().code(), Errc::conflict);
  on_line_ = nullptr;
  expect_repaired(false, 0);
}

TEST_F(RepairedStore, AnIndexIsMadeInPieces) {
  fill(100);
  store::IndexRebuildOptions options;
  options.numbers_per_load = 7;
  const auto rebuilt = store::rebuild_client_numbers(*database_, options);
  ASSERT_TRUE(rebuilt.has_value()) << rebuilt.error().text();
  EXPECT_EQ(rebuilt->records, 100U);
  EXPECT_EQ(rebuilt->numbers, 100U);
  EXPECT_EQ(faults(), std::vector<std::string>());
  EXPECT_EQ(outcome_.records.numbers, 100U);
  // Given up in between, it is right as far as it says.
  open_store();
  options.keep_on = [](const store::IndexRebuild&) { return false; };
  EXPECT_EQ(store::rebuild_client_numbers(*database_, options).error().code(), Errc::unavailable);
}

TEST_F(RepairedStore, AMessageThatCannotBeReadIsGivenUpOnlyWhenThatIsSaid) {
  fill(10);
  put(key_of(5), kGarbage);
  expect_left_alone(false, false, RepairVerdict::repairable, 1);
  EXPECT_TRUE(tells("lost: the message at seq 5"));
  EXPECT_TRUE(tells("jindou restore BACKUP"));
  expect_left_alone(true, false, RepairVerdict::repairable, 1);
  expect_repaired(true, 1);
  EXPECT_EQ(outcome_.records.messages, 9U);
  EXPECT_FALSE(row(key_of(5)).has_value());
  const auto gap = row(gap_key_of(5));
  ASSERT_TRUE(gap.has_value());
  EXPECT_FALSE(store::decode_gap(*gap)->readable_by("u1", 0));
  EXPECT_TRUE(tells("/health"));
}

TEST_F(RepairedStore, PlacesOfMissingMessagesAreMarked) {
  fill(100);
  for (const std::uint64_t seq : {50U, 51U, 100U}) erase(key_of(seq));
  // By their neighbours once, and each by its commit record.
  expect_left_alone(true, false, RepairVerdict::repairable, 4);
  EXPECT_TRUE(tells("lost: the messages from seq 50 to 51"));
  expect_repaired(true, 1);
  EXPECT_FALSE(row(gap_key_of(50)).has_value());
  EXPECT_EQ(store::decode_gap(row(gap_key_of(51)).value())->seqs, 2U);
  EXPECT_EQ(store::decode_gap(row(gap_key_of(100)).value())->seqs, 1U);
  const auto channel = store::decode_channel(row(store::channel_key(kPartition, kGroup)).value());
  ASSERT_TRUE(channel.has_value());
  EXPECT_TRUE(channel->has_gaps);
  EXPECT_EQ(channel->seq_floor, 100U);
}

TEST_F(RepairedStore, ACommitRecordThatCannotBeReadTakesItsNumbersAlong) {
  fill(100);
  put(store::commit_record_key(kPartition, 7), kGarbage);
  expect_left_alone(true, false, RepairVerdict::repairable, 2);
  expect_repaired(true, 1);
  EXPECT_EQ(outcome_.records.messages, 100U);
  EXPECT_EQ(outcome_.records.numbers, 99U);
  EXPECT_FALSE(row(number_key_of(7), store::Table::client_numbers).has_value());
}

TEST_F(RepairedStore, WhatFollowsFromAMessageIsMadeAgain) {
  fill(10);
  Message message;
  message.id = message_id_of(5, kPartition);
  message.seq = MessageSeq{5};
  message.channel = kGroup;
  message.from_uid = "u1";
  message.payload = Payload("hello");
  message.timestamp = 1'700'000'000;
  message.expire = 60;
  std::string value;
  store::encode_message(value, message, kGroup);
  put(key_of(5), value);
  // Beside one that everybody reads there is none.
  put(gap_key_of(5), kGarbage);
  put(gap_key_of(6), kGarbage);
  expect_left_alone(false, false, RepairVerdict::repairable, 3);
  expect_repaired(false, 0);
  EXPECT_TRUE(row(store::expiry_key(kPartition, 1'700'000'060, kGroup, MessageSeq{5})).has_value());
  const auto gap = store::decode_gap(row(gap_key_of(5)).value());
  ASSERT_TRUE(gap.has_value());
  EXPECT_TRUE(gap->everybody);
  EXPECT_EQ(gap->expires_at, 1'700'000'060);
  EXPECT_FALSE(row(gap_key_of(6)).has_value());
}

TEST_F(RepairedStore, RecordsThatStandForThemselvesGo) {
  fill(10);
  const std::string token = store::device_token_key(kPartition, "u1", DeviceFlag::app);
  const std::string tombstone = store::tombstone_key(kPartition, "u1", kGroup);
  put(token, kGarbage);
  put(tombstone, kGarbage);
  // What costs nothing is repaired; the rest is left.
  const RepairOutcome first = mend(true);
  EXPECT_EQ(first.verdict, RepairVerdict::repairable) << told();
  EXPECT_EQ(first.faults, 1U) << told();
  expect_repaired(true, 1);
  EXPECT_FALSE(row(token).has_value());
  EXPECT_FALSE(row(tombstone).has_value());
  const auto dropped =
      store::decode_tombstone(row(store::tombstones_dropped_key(kPartition)).value());
  ASSERT_TRUE(dropped.has_value());
  EXPECT_GE(dropped->deleted_at_ns, 1'795'997'700'000'000'000);
}

TEST_F(RepairedStore, TombstonesAreForgottenUpToTheLastStamp) {
  fill(10);
  // The clock was set back since.
  store::PartitionState state;
  state.position = 10;
  state.id_bound = 65'536;
  state.stamped_to_ns = 1'900'000'000'000'000'000;
  put(store::partition_state_key(kPartition), store::encode(state));
  put(store::tombstone_key(kPartition, "u1", kGroup), kGarbage);
  expect_repaired(false, 0);
  const std::string dropped = store::tombstones_dropped_key(kPartition);
  EXPECT_EQ(store::decode_tombstone(row(dropped).value())->deleted_at_ns, state.stamped_to_ns);
  // What was said before holds.
  store::TombstoneRecord later;
  later.deleted_at_ns = state.stamped_to_ns + 1;
  put(dropped, store::encode(later));
  put(store::tombstone_key(kPartition, "u1", kGroup), kGarbage);
  expect_repaired(false, 0);
  EXPECT_EQ(store::decode_tombstone(row(dropped).value())->deleted_at_ns, later.deleted_at_ns);
}

TEST_F(RepairedStore, WhatDecidesOverOthersIsNotGuessed) {
  fill(10);
  put(store::channel_key(kPartition, kGroup), kGarbage);
  // Nothing else is touched then.
  put(key_of(5), kGarbage);
  expect_left_alone(true, true, RepairVerdict::hopeless, 2);
  EXPECT_TRUE(tells("cannot be repaired"));
  EXPECT_TRUE(tells("jindou restore BACKUP " + directory() + ".restored --lost " + directory()));
}

TEST_F(RepairedStore, ADamagedTableOfMessagesNeedsABackup) {
  fill(100);
  ASSERT_TRUE(database_->flush_for_stop(std::chrono::seconds(30)));
  const std::string file = file_of(store::Table::main);
  options_.directory = directory() + "/backups";
  const auto made = make();
  ASSERT_TRUE(made.has_value()) << made.error().text();
  backups_.reset();
  database_.reset();
  flip_byte(file, 100);
  expect_left_alone(true, true, RepairVerdict::hopeless, 1);
  EXPECT_TRUE(tells(file)) << told();
  EXPECT_TRUE(tells("jindou restore " + made->directory + " ")) << told();
}

TEST_F(RepairedStore, ADamagedLogIsCutWhereItIsDamaged) {
  fill(10);
  add_one_message(11);
  const std::string log = damage_log();
  expect_left_alone(true, false, RepairVerdict::repairable, 1);
  EXPECT_TRUE(tells(log)) << told();
  expect_repaired(true, 1);
  EXPECT_EQ(outcome_.records.messages, 10U);
}

TEST_F(RepairedStore, ADamagedLogDoesNotHideWhatCannotBeRepaired) {
  fill(10);
  put(store::channel_key(kPartition, kGroup), kGarbage);
  add_one_message(11);
  damage_log();
  expect_left_alone(true, true, RepairVerdict::hopeless, 2);
  EXPECT_TRUE(tells("cannot be repaired")) << told();
}

TEST_F(RepairedStore, ADamagedLogIsNotCutWhereATableIsDamagedToo) {
  fill(10);
  ASSERT_TRUE(database_->flush_for_stop(std::chrono::seconds(30)));
  const std::string file = file_of(store::Table::main);
  database_.reset();
  open_store();
  add_one_message(11);
  damage_log();
  flip_byte(file, 100);
  expect_left_alone(true, true, RepairVerdict::hopeless, 2);
  EXPECT_TRUE(tells(file)) << told();
}

TEST_F(RepairedStore, ADamagedLogAndADamagedIndexAreRepairedTogether) {
  fill(10);
  add_one_message(11);
  const std::string file = file_of(store::Table::client_numbers);
  const std::string log = damage_log();
  std::filesystem::remove(file);
  expect_left_alone(true, false, RepairVerdict::repairable, 2);
  EXPECT_TRUE(tells(log)) << told();
  EXPECT_TRUE(tells(file)) << told();
  expect_repaired(true, 1);
  EXPECT_EQ(outcome_.records.messages, 10U);
  EXPECT_EQ(outcome_.records.numbers, 10U);
}

TEST_F(RepairedStore, ALogThatIsGoneIsGivenUpAsADamagedOne) {
  fill(10);
  ASSERT_TRUE(database_->flush_for_stop(std::chrono::seconds(30)));
  database_.reset();
  open_store();
  add_one_message(11);
  const std::string file = file_of(store::Table::client_numbers);
  const std::string log = damage_log();
  std::filesystem::remove(directory() + "/" + log);
  std::filesystem::remove(file);
  expect_left_alone(true, false, RepairVerdict::repairable, 2);
  EXPECT_TRUE(tells(log)) << told();
  expect_repaired(true, 1);
  EXPECT_EQ(outcome_.records.messages, 10U);
  EXPECT_EQ(outcome_.records.numbers, 10U);
}

TEST_F(RepairedStore, ABackupIsNone) {
  fill(10);
  const auto made = make();
  ASSERT_TRUE(made.has_value());
  RepairOptions options;
  options.directory = made->directory;
  EXPECT_EQ(repair(options, clock_, random_, {}).error().code(), Errc::invalid);
  options.directory = root_;
  EXPECT_EQ(repair(options, clock_, random_, {}).error().code(), Errc::invalid);
}

}  // namespace
}  // namespace jindou::backup
