#include "partition/txn.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "store/keys.h"

namespace jindou::partition {
namespace {

store::CommitEntry entry(std::uint64_t counter, const std::string& group) {
  store::CommitEntry entry;
  entry.counter = counter;
  entry.seq = counter;
  entry.log = ChannelKey(group, ChannelType::group);
  return entry;
}

class TxnTest : public ::testing::Test, private EffectSink {
 protected:
  struct Closed {
    std::string rows;
    std::size_t effects = 0;
    std::vector<std::string> told;
  };
  // One command's worth of everything.
  void do_something(const std::string& name, std::uint64_t counter) {
    txn_.put("row " + name, name);
    txn_.erase("gone " + name);
    txn_.erase_range("from " + name, "to " + name);
    txn_.add_entry(entry(counter, name), 1000);
    txn_.count_message();
    txn_.add_effect({});
    txn_.expect_bytes(10);
  }
  Closed close(const Result<void>& committed = {}) {
    txn_.write_record([](std::uint64_t counter) { return "record " + std::to_string(counter); });
    txn_.add_change(
        [this](const Result<void>& done) { told_.push_back(done ? "done" : "failed"); });
    Closed closed;
    closed.rows = txn_.take_batch().Data();
    txn_.release(committed, *this);
    closed.effects = effects_;
    closed.told = told_;
    return closed;
  }

  Txn txn_{7};

 private:
  void post_committed(std::shared_ptr<const CommittedBatch> batch) override {
    effects_ += batch->effects.size();
  }
  std::size_t effects_ = 0;
  std::vector<std::string> told_;
};

TEST_F(TxnTest, WhatWasRolledBackLeavesNothing) {
  do_something("one", 5);
  const std::size_t bytes = txn_.bytes();
  std::vector<std::string> undone;
  const auto point = txn_.save();
  do_something("two", 6);
  txn_.undo([&undone] { undone.emplace_back("two"); });
  do_something("three", 7);
  txn_.undo([&undone] { undone.emplace_back("three"); });
  EXPECT_EQ(txn_.messages(), 3U);
  txn_.roll_back(point);
  EXPECT_EQ(undone, (std::vector<std::string>{"three", "two"})) << "in reverse order";
  EXPECT_EQ(txn_.bytes(), bytes);
  EXPECT_EQ(txn_.messages(), 1U);
  EXPECT_EQ(txn_.effects(), 1U);
  do_something("four", 8);

  const Closed closed = close();
  EXPECT_EQ(closed.rows.find("two"), std::string::npos);
  EXPECT_EQ(closed.rows.find("three"), std::string::npos);
  EXPECT_NE(closed.rows.find("four"), std::string::npos);
  EXPECT_EQ(closed.effects, 2U);
  EXPECT_EQ(closed.told, (std::vector<std::string>{"done"}));
}

TEST_F(TxnTest, AValueInTwoPiecesIsTheRowOfTheWhole) {
  const std::string binary("\0\xff", 2);
  const std::vector<std::string> pieces = {"", "a", binary, std::string(127, 'b'),
                                           std::string(40'000, 'c')};
  Txn whole(7);
  for (const std::string& front : pieces) {
    for (const std::string& back : pieces) {
      whole.put("row", front + back);
      std::string own_front = front;
      std::string own_back = back;
      txn_.put("row", own_front, own_back);
      // Nothing of it is looked at again.
      own_front.assign(own_front.size(), '?');
      own_back.assign(own_back.size(), '?');
    }
  }
  EXPECT_EQ(txn_.rows(), whole.rows());
  EXPECT_EQ(txn_.bytes(), whole.bytes());
}

TEST_F(TxnTest, ARowInTwoPiecesIsTakenBackAndRememberedLikeAnyOther) {
  txn_.put("row", "one", "two");
  EXPECT_FALSE(txn_.has_remembered_rows());
  const std::string before = txn_.rows();
  const auto point = txn_.save();
  txn_.put(store::system_account_key(PartitionId{0}, "u1"), "one", "two");
  EXPECT_TRUE(txn_.has_remembered_rows());
  txn_.roll_back(point);
  EXPECT_EQ(txn_.rows(), before);
}

TEST_F(TxnTest, ACommitLikeTheOneBeforeTakesItsMemoryOnce) {
  const auto fill = [](Txn& txn) {
    for (int i = 0; i < 50; ++i) {
      txn.put("row " + std::to_string(i), std::string(200, 'x'));
      txn.add_effect({});
    }
  };
  fill(txn_);
  const Txn::Likely likely = txn_.next_likely();
  EXPECT_GE(likely.bytes, txn_.rows().size());
  EXPECT_GE(likely.effects, 50U);
  Txn next(8, likely);
  const char* const rows = next.rows().data();
  fill(next);
  EXPECT_EQ(next.rows().data(), rows);
  EXPECT_EQ(next.rows(), txn_.rows());
  const rocksdb::WriteBatch taken = next.take_batch();
  EXPECT_EQ(taken.Data().data(), rows) << "nor is it copied when it is taken";
}

TEST_F(TxnTest, WhatIsLikelyHasABound) {
  txn_.put("row", std::string(1'000'000, 'x'));
  for (int i = 0; i < 10'000; ++i) txn_.add_effect({});
  EXPECT_EQ(txn_.next_likely().bytes, 64U << 10);
  EXPECT_EQ(txn_.next_likely().effects, 256U);
  const Txn::Likely of_nothing = Txn(1).next_likely();
  EXPECT_LT(of_nothing.bytes, 64U);
  EXPECT_EQ(of_nothing.effects, 0U);
  // A commit that outgrows it is as good as any.
  Txn next(8, Txn::Likely());
  next.put("row", std::string(1'000'000, 'x'));
  EXPECT_EQ(next.rows(), txn_.rows());
}

TEST_F(TxnTest, TheCommitRecordIsThatOfWhatStayed) {
  do_something("one", 5);
  const auto point = txn_.save();
  do_something("two", 6);
  txn_.roll_back(point);
  do_something("one", 9);
  txn_.write_record([](std::uint64_t counter) { return "record " + std::to_string(counter); });
  struct StayedRows final : rocksdb::WriteBatch::Handler {
    rocksdb::Status PutCF(std::uint32_t, const rocksdb::Slice& key,
                          const rocksdb::Slice& value) override {
      if (key.starts_with("record "))
        record = *store::decode_commit_record(value.ToStringView(), 5);
      return rocksdb::Status::OK();
    }
    rocksdb::Status DeleteCF(std::uint32_t, const rocksdb::Slice&) override {
      return rocksdb::Status::OK();
    }
    rocksdb::Status DeleteRangeCF(std::uint32_t, const rocksdb::Slice&,
                                  const rocksdb::Slice&) override {
      return rocksdb::Status::OK();
    }
    std::optional<store::CommitRecord> record;
  } rows;
  const rocksdb::WriteBatch batch = txn_.take_batch();
  ASSERT_TRUE(batch.Iterate(&rows).ok());
  ASSERT_TRUE(rows.record.has_value());
  ASSERT_EQ(rows.record->entries.size(), 2U);
  EXPECT_EQ(rows.record->entries[0].counter, 5U);
  EXPECT_EQ(rows.record->entries[1].counter, 9U);
  EXPECT_EQ(rows.record->entries[1].log.id, "one");
}

TEST_F(TxnTest, SavePointsNest) {
  std::vector<std::string> undone;
  const auto outer = txn_.save();
  do_something("one", 5);
  txn_.undo([&undone] { undone.emplace_back("one"); });
  const auto inner = txn_.save();
  do_something("two", 6);
  txn_.undo([&undone] { undone.emplace_back("two"); });
  txn_.keep(inner);
  EXPECT_TRUE(undone.empty());
  txn_.roll_back(outer);
  EXPECT_EQ(undone, (std::vector<std::string>{"two", "one"}));
  EXPECT_FALSE(txn_.writes());
  EXPECT_EQ(close().effects, 0U);
}

TEST_F(TxnTest, ThatTheStateHasChangedIsTakenBackToo) {
  const auto point = txn_.save();
  txn_.need_state();
  EXPECT_TRUE(txn_.writes());
  txn_.roll_back(point);
  EXPECT_FALSE(txn_.writes());
}

TEST_F(TxnTest, WithoutASavePointNothingIsRememberedForUndoing) {
  bool undone = false;
  EXPECT_FALSE(txn_.undoable());
  txn_.undo([&undone] { undone = true; });
  const auto point = txn_.save();
  EXPECT_TRUE(txn_.undoable());
  txn_.roll_back(point);
  EXPECT_FALSE(undone);
}

TEST_F(TxnTest, NothingHappensAfterACommitThatFailed) {
  do_something("one", 5);
  const Closed closed = close(Error(Errc::unknown_outcome));
  EXPECT_EQ(closed.effects, 0U);
  EXPECT_EQ(closed.told, (std::vector<std::string>{"failed"}));
}

}  // namespace
}  // namespace jindou::partition
