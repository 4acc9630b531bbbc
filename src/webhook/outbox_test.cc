#include "webhook/outbox.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>

#include "store/keys.h"
#include "store/memory_reader.h"

namespace jindou::webhook {
namespace {

using store::Table;

constexpr PartitionId kOutboxPartition{1};
constexpr std::int64_t kNow = 1'700'000'000;

class OutboxTest : public testing::Test {
 protected:
  // One commit of `count` messages with the next counters, all to one channel.
  void commit(int count, std::int64_t at = kNow, const ChannelKey& log = {"g", ChannelType::group},
              PartitionId partition = kOutboxPartition) {
    store::CommitRecordBuilder record;
    for (int i = 0; i < count; ++i) add(record, at, log, partition, /*stored=*/true);
    finish(record, partition);
  }
  void add(store::CommitRecordBuilder& record, std::int64_t at, const ChannelKey& log,
           PartitionId partition, bool stored) {
    store::CommitEntry entry;
    entry.counter = ++counter_;
    entry.log = log;
    entry.seq = stored ? ++seqs_[log.id] : 0;
    record.add(entry, at);
    if (!stored) return;
    Message message;
    message.id = message_id_of(counter_, partition);
    message.seq = static_cast<MessageSeq>(entry.seq);
    message.channel = log;
    message.from_uid = "u";
    message.payload = std::string(10, 'p');
    message.timestamp = at;
    std::string value;
    store::encode_message(value, message, log);
    store_.put(Table::main, store::message_key(partition, log, message.seq), value);
  }
  void finish(store::CommitRecordBuilder& record, PartitionId partition = kOutboxPartition) {
    const std::string key = store::commit_record_key(partition, record.first_counter());
    store_.put(Table::main, key, record.take());
  }
  void erase(std::uint64_t seq) {
    store_.erase(Table::main, store::message_key(kOutboxPartition, {"g", ChannelType::group},
                                                 static_cast<MessageSeq>(seq)));
  }

  std::vector<std::uint64_t> take(std::size_t most, std::int64_t oldest = 0,
                                  PartitionId partition = kOutboxPartition) {
    TakeLimits limits;
    limits.messages = most;
    limits.oldest_seconds = oldest;
    auto cursors = readers_.open_cursors(Table::main);
    auto taken = outbox_.take(partition, cursors, limits);
    EXPECT_TRUE(taken);
    last_ = std::move(*taken);
    std::vector<std::uint64_t> counters;
    for (const Message& message : last_.messages) counters.push_back(counter_of(message.id));
    return counters;
  }
  std::uint64_t count() {
    auto cursors = readers_.open_cursors(Table::main);
    EXPECT_TRUE(outbox_.count_new(cursors, 1'000'000));
    return outbox_.backlog();
  }
  std::optional<std::int64_t> oldest() {
    auto cursors = readers_.open_cursors(Table::main);
    const auto oldest = outbox_.oldest_seconds(cursors);
    EXPECT_TRUE(oldest);
    return *oldest;
  }
  std::uint64_t drop(std::uint64_t most) {
    auto cursors = readers_.open_cursors(Table::main);
    const auto dropped = outbox_.drop_excess(cursors, most);
    EXPECT_TRUE(dropped);
    return *dropped;
  }

  using Counters = std::vector<std::uint64_t>;

  store::MemoryReader store_;
  store::PartitionReaders readers_{store_, PartitionMap(3)};
  Outbox outbox_{readers_};
  Taken last_;
  std::uint64_t counter_ = 0;
  std::map<std::string, std::uint64_t> seqs_;
};

TEST_F(OutboxTest, TakesMessagesInOrderAcrossRecords) {
  commit(3);
  commit(2);
  EXPECT_EQ(take(2), (Counters{1, 2}));
  EXPECT_TRUE(last_.more);
  EXPECT_TRUE(outbox_.is_out(kOutboxPartition));
  EXPECT_EQ(outbox_.done_to(kOutboxPartition), 0U);
  outbox_.finish(kOutboxPartition);
  EXPECT_EQ(outbox_.done_to(kOutboxPartition), 2U);
  EXPECT_EQ(take(100), (Counters{3, 4, 5}));
  EXPECT_FALSE(last_.more);
  outbox_.finish(kOutboxPartition);
  EXPECT_TRUE(take(100).empty());
  commit(1);
  EXPECT_EQ(take(100), (Counters{6}));
}

TEST_F(OutboxTest, StartsInsideARecord) {
  commit(5);
  commit(2);
  for (std::uint64_t start = 0; start <= 7; ++start) {
    outbox_.restart(kOutboxPartition, start);
    EXPECT_EQ(count(), 7 - start) << start;
    const auto taken = take(100);
    ASSERT_EQ(taken.size(), 7 - start) << start;
    EXPECT_TRUE(taken.empty() || taken.front() == start + 1);
    EXPECT_EQ(outbox_.backlog(), 7 - start);
    outbox_.finish(kOutboxPartition);
    EXPECT_EQ(outbox_.backlog(), 0U);
  }
}

TEST_F(OutboxTest, PutBackTakesTheSameAgain) {
  commit(5);
  EXPECT_EQ(take(3), (Counters{1, 2, 3}));
  outbox_.put_back(kOutboxPartition);
  EXPECT_EQ(take(4), (Counters{1, 2, 3, 4}));
  outbox_.finish(kOutboxPartition);
  EXPECT_EQ(take(3), (Counters{5}));
}

TEST_F(OutboxTest, PutBackAfterAMessageTakesTheOthersAgain) {
  commit(3);
  commit(3);
  for (const std::uint64_t kept : {2U, 3U, 5U}) {
    outbox_.restart(kOutboxPartition, 0);
    EXPECT_EQ(take(100).size(), 6U);
    outbox_.put_back_after(message_id_of(kept, kOutboxPartition), kept);
    EXPECT_TRUE(outbox_.is_out(kOutboxPartition));
    EXPECT_EQ(outbox_.done_to(kOutboxPartition), 0U);
    EXPECT_EQ(count(), 6U);
    outbox_.finish(kOutboxPartition);
    EXPECT_EQ(outbox_.done_to(kOutboxPartition), kept);
    EXPECT_EQ(count(), 6 - kept);
    EXPECT_EQ(take(1), (Counters{kept + 1}));
  }
}

TEST_F(OutboxTest, WhatIsPutBackIsNotDroppedAgain) {
  commit(2, kNow - 100);
  commit(2, kNow);
  EXPECT_EQ(take(100, kNow - 50), (Counters{3, 4}));
  EXPECT_EQ(last_.dropped.size(), 2U);
  EXPECT_EQ(outbox_.done_to(kOutboxPartition), 2U);
  EXPECT_EQ(outbox_.backlog(), 2U);
  outbox_.put_back(kOutboxPartition);
  EXPECT_EQ(take(100, kNow - 50), (Counters{3, 4}));
  EXPECT_EQ(last_.dropped.size(), 0U);
}

TEST_F(OutboxTest, LeavesOutWhatWasNeverStoredOrIsGone) {
  store::CommitRecordBuilder record;
  const ChannelKey log("g", ChannelType::group);
  add(record, kNow, log, kOutboxPartition, true);
  add(record, kNow, log, kOutboxPartition, false);
  add(record, kNow, log, kOutboxPartition, true);
  add(record, kNow, log, kOutboxPartition, true);
  finish(record);
  erase(2);
  EXPECT_EQ(take(100), (Counters{1, 4}));
  EXPECT_EQ(last_.dropped.size(), 0U);
}

TEST_F(OutboxTest, PassesOverWhatIsNoMessage) {
  const ChannelKey log("g", ChannelType::group);
  store::CommitRecordBuilder record;
  add(record, kNow, log, kOutboxPartition, true);
  // The message is still there: that the entry names it does not make it one.
  record.add({++counter_, log, 1, {}, 0, false, store::EntryKind::removal}, kNow);
  record.add({++counter_, log, 1, {}, 0, false, store::EntryKind::clearing}, kNow);
  add(record, kNow, log, kOutboxPartition, true);
  finish(record);
  EXPECT_EQ(count(), 2U);
  EXPECT_EQ(take(10), (std::vector<std::uint64_t>{1, 4}));
  EXPECT_EQ(last_.dropped.size(), 0U);
}

TEST_F(OutboxTest, RecallsAndEditsAreTakenInOrderWhereTheyAreWanted) {
  using Kind = store::EntryKind;
  const ChannelKey log("g", ChannelType::group);
  const auto fill = [&] {
    store::CommitRecordBuilder record;
    add(record, kNow, log, kOutboxPartition, true);
    add(record, kNow, log, kOutboxPartition, true);
    record.add({++counter_, log, 1, {}, 0, false, Kind::recall, 1}, kNow);
    record.add({++counter_, log, 9, {}, 0, false, Kind::recall, 2}, kNow);  // is not there
    record.add({++counter_, log, 2, {}, 0, false, Kind::edit, 3}, kNow);
    record.add({++counter_, log, 2, {}, 0, false, Kind::edit, 4}, kNow);
    add(record, kNow, log, kOutboxPartition, true);
    finish(record);
  };
  fill();
  EXPECT_EQ(count(), 3U);
  EXPECT_EQ(take(10), (Counters{1, 2, 7}));
  outbox_.set_kinds({true, true, true});
  outbox_.restart(kOutboxPartition, 0);
  EXPECT_EQ(count(), 7U);
  const auto next = [&](std::size_t most = 10) {
    outbox_.finish(kOutboxPartition);
    auto counters = take(most);
    counters.push_back(counter_of(last_.last));
    return counters;
  };
  EXPECT_EQ(next(), (Counters{1, 2, 2}));
  EXPECT_EQ(last_.kind, Kind::message);
  EXPECT_TRUE(last_.more);
  EXPECT_EQ(next(), (Counters{1, 3}));
  EXPECT_EQ(last_.kind, Kind::recall);
  // The same message once for each edit.
  EXPECT_EQ(next(1), (Counters{2, 5}));
  EXPECT_EQ(last_.kind, Kind::edit);
  outbox_.put_back(kOutboxPartition);
  EXPECT_EQ(next(), (Counters{2, 2, 6}));
  EXPECT_EQ(next(), (Counters{7, 7}));
  EXPECT_FALSE(last_.more);
  outbox_.finish(kOutboxPartition);
  EXPECT_EQ(count(), 0U);
  // Without messages nothing else stands between.
  outbox_.set_kinds({false, false, true});
  outbox_.restart(kOutboxPartition, 0);
  EXPECT_EQ(take(10), (Counters{2, 2}));
}

TEST_F(OutboxTest, RecallsAreTakenTogetherBeforeTheCommandsThatTellOfThem) {
  using Kind = store::EntryKind;
  const ChannelKey log("g", ChannelType::group);
  const ChannelKey commands("g____cmd", ChannelType::group);
  outbox_.set_kinds({true, true, true});
  commit(3);
  store::CommitRecordBuilder record;
  for (std::uint64_t seq = 1; seq <= 3; ++seq) {
    record.add({++counter_, log, seq, {}, 0, false, Kind::recall, seq}, kNow);
    add(record, kNow, commands, kOutboxPartition, true);
  }
  add(record, kNow, log, kOutboxPartition, true);
  finish(record);
  EXPECT_EQ(count(), 10U);
  EXPECT_EQ(take(10), (Counters{1, 2, 3}));
  outbox_.finish(kOutboxPartition);

  EXPECT_EQ(take(10), (Counters{1, 2, 3}));
  EXPECT_EQ(last_.kind, Kind::recall);
  EXPECT_EQ(counter_of(last_.last), 8U);
  EXPECT_TRUE(last_.more);
  // All of it again, as after a crash.
  outbox_.put_back(kOutboxPartition);
  EXPECT_EQ(take(2), (Counters{1, 2}));
  outbox_.put_back(kOutboxPartition);
  EXPECT_EQ(take(10), (Counters{1, 2, 3}));
  outbox_.finish(kOutboxPartition);
  // It begins before them until the commands are told.
  EXPECT_EQ(outbox_.done_to(kOutboxPartition), 3U);
  EXPECT_EQ(outbox_.backlog(), 4U);
  EXPECT_EQ(oldest(), kNow);

  EXPECT_EQ(take(2), (Counters{5, 7}));
  EXPECT_EQ(last_.kind, Kind::message);
  outbox_.put_back(kOutboxPartition);
  EXPECT_EQ(take(2), (Counters{5, 7}));
  outbox_.finish(kOutboxPartition);
  EXPECT_EQ(outbox_.backlog(), 2U);
  EXPECT_EQ(take(10), Counters{9});
  EXPECT_EQ(outbox_.done_to(kOutboxPartition), 3U);
  outbox_.finish(kOutboxPartition);
  EXPECT_EQ(outbox_.done_to(kOutboxPartition), 9U);
  EXPECT_EQ(take(10), Counters{10});
  outbox_.finish(kOutboxPartition);
  EXPECT_EQ(outbox_.backlog(), 0U);
}

TEST_F(OutboxTest, CommandsThatWerePassedByAndAreGoneAreDone) {
  using Kind = store::EntryKind;
  const ChannelKey log("g", ChannelType::group);
  const ChannelKey commands("g____cmd", ChannelType::group);
  outbox_.set_kinds({true, true, true});
  commit(1);
  store::CommitRecordBuilder record;
  record.add({++counter_, log, 1, {}, 0, false, Kind::recall, 1}, kNow);
  add(record, kNow, commands, kOutboxPartition, true);
  finish(record);
  EXPECT_EQ(take(10), Counters{1});
  outbox_.finish(kOutboxPartition);
  EXPECT_EQ(take(10), Counters{1});
  outbox_.finish(kOutboxPartition);
  store_.erase(Table::main, store::message_key(kOutboxPartition, commands, MessageSeq{1}));
  EXPECT_EQ(take(10), Counters{});
  EXPECT_FALSE(outbox_.is_out(kOutboxPartition));
  EXPECT_EQ(outbox_.done_to(kOutboxPartition), 3U);
  EXPECT_EQ(count(), 0U);
}

TEST_F(OutboxTest, ACommitOfChangesAloneIsDoneAtOnce) {
  const ChannelKey log("g", ChannelType::group);
  commit(1);
  EXPECT_EQ(take(10), Counters{1});
  outbox_.finish(kOutboxPartition);
  store::CommitRecordBuilder record;
  record.add({++counter_, log, 1, {}, 0, false, store::EntryKind::removal, 1}, kNow);
  record.add({++counter_, log, 1, {}, 0, false, store::EntryKind::clearing, 2}, kNow);
  finish(record);
  EXPECT_EQ(count(), 0U);
  EXPECT_EQ(take(10), Counters{});
  EXPECT_FALSE(outbox_.is_out(kOutboxPartition));
  EXPECT_EQ(outbox_.done_to(kOutboxPartition), 3U);
  commit(1);
  EXPECT_EQ(count(), 1U);
  EXPECT_EQ(take(10), Counters{4});
}

TEST_F(OutboxTest, MovesOnWhenNothingOfARecordIsLeft) {
  commit(2);
  erase(1);
  erase(2);
  EXPECT_TRUE(take(100).empty());
  EXPECT_FALSE(outbox_.is_out(kOutboxPartition));
  EXPECT_EQ(outbox_.done_to(kOutboxPartition), 2U);
  EXPECT_EQ(count(), 0U);
}

TEST_F(OutboxTest, DropsWhatIsTooOld) {
  commit(2, kNow - 100);
  commit(2, kNow - 50);
  commit(1, kNow);
  EXPECT_EQ(take(100, kNow - 50), (Counters{3, 4, 5}));
  EXPECT_EQ(last_.dropped.size(), 2U);
}

TEST_F(OutboxTest, ChoosesByChannelType) {
  commit(1);
  commit(2, kNow, {"u@bot", ChannelType::agent});
  commit(1);
  outbox_.set_choice(Choice::agent_channels);
  EXPECT_EQ(count(), 2U);
  EXPECT_EQ(take(100), (Counters{2, 3}));
  outbox_.finish(kOutboxPartition);
  EXPECT_EQ(outbox_.done_to(kOutboxPartition), 4U);
  outbox_.set_choice(Choice::no_agent_channels);
  outbox_.restart(kOutboxPartition, 0);
  EXPECT_EQ(take(100), (Counters{1, 4}));
}

TEST_F(OutboxTest, StopsAtTheBytesButTakesOneAtLeast) {
  commit(5);
  auto cursors = readers_.open_cursors(Table::main);
  TakeLimits limits;
  limits.payload_bytes = 15;  // of ten bytes each
  auto taken = outbox_.take(kOutboxPartition, cursors, limits);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->messages.size(), 2U);
  EXPECT_TRUE(taken->more);
  outbox_.finish(kOutboxPartition);
  limits.payload_bytes = 1;
  taken = outbox_.take(kOutboxPartition, cursors, limits);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->messages.size(), 1U);
}

TEST_F(OutboxTest, CountsWhatWaitsAndWhatIsOut) {
  commit(3);
  EXPECT_EQ(count(), 3U);
  commit(4, kNow, {"h", ChannelType::group}, PartitionId{2});
  EXPECT_EQ(count(), 7U);
  EXPECT_EQ(take(2).size(), 2U);
  EXPECT_EQ(count(), 7U);
  outbox_.finish(kOutboxPartition);
  EXPECT_EQ(count(), 5U);
}

TEST_F(OutboxTest, TellsWhenTheOldestWasCommittedUntilItIsDone) {
  EXPECT_EQ(oldest(), std::nullopt);
  commit(2, kNow - 30, {"h", ChannelType::group}, PartitionId{2});
  commit(1, kNow - 50);
  commit(1, kNow - 20);
  EXPECT_EQ(count(), 4U);
  EXPECT_EQ(oldest(), kNow - 50);
  EXPECT_EQ(take(2), (Counters{3, 4}));
  EXPECT_EQ(oldest(), kNow - 50);
  outbox_.put_back_after(message_id_of(3, kOutboxPartition), 1);
  EXPECT_EQ(oldest(), kNow - 50);
  outbox_.finish(kOutboxPartition);
  EXPECT_EQ(count(), 3U);
  EXPECT_EQ(oldest(), kNow - 30);
  EXPECT_EQ(take(9, 0, PartitionId{2}), (Counters{1, 2}));
  outbox_.finish(PartitionId{2});
  EXPECT_EQ(oldest(), kNow - 20);
  outbox_.leave(kOutboxPartition);
  EXPECT_EQ(oldest(), std::nullopt);
}

TEST_F(OutboxTest, DropsTheOldestOfAllPartitionsWhenTooManyWait) {
  commit(3, kNow - 30);
  commit(3, kNow - 20, {"h", ChannelType::group}, PartitionId{2});
  commit(3, kNow - 10);
  EXPECT_EQ(count(), 9U);
  EXPECT_EQ(drop(9), 0U);
  EXPECT_EQ(drop(5), 4U);
  EXPECT_EQ(outbox_.backlog(), 5U);
  EXPECT_EQ(outbox_.done_to(kOutboxPartition), 3U);
  EXPECT_EQ(outbox_.done_to(PartitionId{2}), 4U);
  EXPECT_EQ(take(100), (Counters{7, 8, 9}));
  EXPECT_EQ(take(100, 0, PartitionId{2}), (Counters{5, 6}));
}

TEST_F(OutboxTest, WhatIsOutIsNotDropped) {
  commit(4);
  EXPECT_EQ(take(2).size(), 2U);
  EXPECT_EQ(count(), 4U);
  EXPECT_EQ(drop(0), 2U);
  EXPECT_EQ(outbox_.backlog(), 2U);
  outbox_.finish(kOutboxPartition);
  EXPECT_EQ(outbox_.done_to(kOutboxPartition), 4U);
  EXPECT_EQ(outbox_.backlog(), 0U);
}

TEST_F(OutboxTest, LastListedIsThePresent) {
  const auto at = [this](PartitionId partition) {
    auto cursor = readers_.of(partition).open_cursor(Table::main);
    const auto last = last_listed(cursor);
    EXPECT_TRUE(last);
    return *last;
  };
  EXPECT_EQ(at(kOutboxPartition), 0U);
  commit(3);
  commit(2);
  EXPECT_EQ(at(kOutboxPartition), 5U);
  EXPECT_EQ(at(PartitionId{2}), 0U);
  EXPECT_EQ(at(PartitionId{0}), 0U);
}

}  // namespace
}  // namespace jindou::webhook
