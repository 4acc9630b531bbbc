#include "webhook/cursor_keeper.h"

#include <gtest/gtest.h>

#include <map>

#include "store/keys.h"
#include "store/memory_reader.h"
#include "store/records.h"

namespace jindou::webhook {
namespace {

constexpr PartitionId kPartition{1};

// Stores cursors at once, or holds or fails the changes.
class CursorCore final : public CoreLink {
 public:
  explicit CursorCore(store::MemoryReader& store) : store_(store) {}
  Result<void> post_change(partition::Change change, ChangeDone done) override {
    if (refuse) return Error(Errc::overloaded);
    ++changes;
    if (fail) {
      done(Error(Errc::storage));
      return {};
    }
    const auto& advance = std::get<partition::AdvanceWebhook>(change);
    store_.put(
        store::Table::main, store::webhook_cursor_key(advance.partition),
        store::encode(store::WebhookCursorRecord{*advance.notified_to, *advance.offline_to}));
    done({});
    return {};
  }
  Result<void> post_recipients(ChannelKey, RecipientsDone) override {
    return Error(Errc::unavailable);
  }

  bool refuse = false;
  bool fail = false;
  int changes = 0;

 private:
  store::MemoryReader& store_;
};

class CursorKeeperTest : public testing::Test {
 protected:
  CursorKeeperTest() {
    for (std::uint16_t i = 0; i < 3; ++i) owned_.begin(static_cast<PartitionId>(i));
  }
  // Where the stream begins, by partition.
  std::vector<std::uint64_t> activate(std::size_t stream) { return activate(keeper_, stream); }
  std::vector<std::uint64_t> activate(CursorKeeper& keeper, std::size_t stream) {
    keeper.activate(stream);
    std::vector<std::uint64_t> at;
    for (const PartitionId partition : owned_.list()) {
      const auto joined = keeper.join(stream, partition, owned_.term(partition));
      EXPECT_TRUE(joined.has_value());
      at.push_back(joined.value_or(0));
    }
    return at;
  }
  void open() {
    ASSERT_TRUE(keeper_.open());
    notify_ = keeper_.add_stream(Event::notify);
    offline_ = keeper_.add_stream(Event::offline);
    agents_ = keeper_.add_stream(Event::notify);
  }
  store::WebhookCursorRecord stored() {
    keeper_.flush(/*force=*/true);
    std::string value;
    EXPECT_TRUE(store_.get(store::Table::main, store::webhook_cursor_key(kPartition), value));
    const auto record = store::decode_webhook_cursor(value);
    EXPECT_TRUE(record);
    return *record;
  }

  store::MemoryReader store_;
  store::PartitionReaders readers_{store_, PartitionMap(3)};
  CursorCore core_{store_};
  SystemClock clock_;
  partition::OwnedPartitions owned_{3};
  CursorKeeper keeper_{readers_, core_, clock_, owned_};
  std::size_t notify_ = 0;
  std::size_t offline_ = 0;
  std::size_t agents_ = 0;
};

TEST_F(CursorKeeperTest, StartsAtThePresentOnceAndAtTheRecordLater) {
  store::CommitRecordBuilder record;
  store::CommitEntry entry;
  entry.counter = 41;
  entry.log = ChannelKey("g", ChannelType::group);
  entry.seq = 1;
  record.add(entry, 1);
  store_.put(store::Table::main, store::commit_record_key(kPartition, 41), record.take());
  open();
  EXPECT_EQ(core_.changes, 3);
  EXPECT_EQ(activate(notify_), (std::vector<std::uint64_t>{0, 41, 0}));
  CursorKeeper again(readers_, core_, clock_, owned_);
  ASSERT_TRUE(again.open());
  EXPECT_EQ(core_.changes, 3);
  EXPECT_EQ(activate(again, again.add_stream(Event::offline)),
            (std::vector<std::uint64_t>{0, 41, 0}));
}

TEST_F(CursorKeeperTest, OpenFailsUntilTheStartIsStored) {
  core_.fail = true;
  EXPECT_FALSE(keeper_.open());
  core_.fail = false;
  core_.refuse = true;
  EXPECT_FALSE(keeper_.open());
  core_.refuse = false;
  EXPECT_TRUE(keeper_.open());
}

TEST_F(CursorKeeperTest, AnEventIsAsFarAsItsSlowestStream) {
  open();
  keeper_.set_wanted({true, true, true});
  activate(notify_);
  activate(offline_);
  activate(agents_);
  keeper_.advance(notify_, kPartition, 100);
  keeper_.advance(offline_, kPartition, 50);
  EXPECT_EQ(stored().notified_to, 0U);
  EXPECT_EQ(stored().offline_to, 50U);
  keeper_.advance(agents_, kPartition, 70);
  EXPECT_EQ(stored().notified_to, 70U);
}

TEST_F(CursorKeeperTest, AStreamThatIsWantedButNotRunningHoldsItsEvent) {
  open();
  keeper_.set_wanted({true, true, false});
  activate(offline_);
  keeper_.advance(offline_, kPartition, 100);
  EXPECT_EQ(stored().notified_to, 0U);
  EXPECT_EQ(activate(notify_)[1], 0U);
  keeper_.advance(notify_, kPartition, 60);
  keeper_.deactivate(notify_, /*wanted=*/true);
  keeper_.advance(offline_, kPartition, 200);
  EXPECT_EQ(activate(notify_)[1], 60U);
}

TEST_F(CursorKeeperTest, AnEventThatNobodyWantsKeepsUpWithTheOther) {
  open();
  keeper_.set_wanted({true, false, false});
  activate(notify_);
  keeper_.advance(notify_, kPartition, 100);
  EXPECT_EQ(stored().offline_to, 100U);
  EXPECT_EQ(activate(offline_)[1], 100U);
}

TEST_F(CursorKeeperTest, AFailedWriteIsRepeatedAndUnchangedPositionsAreNotWritten) {
  open();
  keeper_.set_wanted({true, false, false});
  activate(notify_);
  keeper_.advance(notify_, kPartition, 10);
  core_.fail = true;
  keeper_.flush(/*force=*/true);
  core_.fail = false;
  EXPECT_EQ(stored().notified_to, 10U);
  const int before = core_.changes;
  keeper_.flush(/*force=*/true);
  EXPECT_EQ(core_.changes, before);
}

TEST_F(CursorKeeperTest, APartitionThatIsAwayIsLeftToWhoeverHasIt) {
  open();
  keeper_.set_wanted({true, true, false});
  activate(notify_);
  activate(offline_);
  keeper_.advance(notify_, kPartition, 10);
  keeper_.advance(offline_, kPartition, 10);
  EXPECT_EQ(stored().notified_to, 10U);
  keeper_.advance(notify_, kPartition, 30);  // told of, and not written when it goes
  const std::uint64_t before = owned_.term(kPartition);
  owned_.end(kPartition);
  EXPECT_EQ(keeper_.join(notify_, kPartition, before).error().code(), Errc::not_owner);
  const int changes = core_.changes;
  keeper_.flush(/*force=*/true);
  EXPECT_EQ(core_.changes, changes);
  // The other node tells of more of one event and of less of the other.
  store_.put(store::Table::main, store::webhook_cursor_key(kPartition),
             store::encode(store::WebhookCursorRecord{20, 70}));
  owned_.begin(kPartition);
  const std::uint64_t term = owned_.term(kPartition);
  EXPECT_EQ(keeper_.join(notify_, kPartition, term).value_or(0), 30U);
  EXPECT_EQ(keeper_.join(offline_, kPartition, term).value_or(0), 70U);
  EXPECT_EQ(stored().notified_to, 30U);
  EXPECT_EQ(stored().offline_to, 70U);
}

TEST_F(CursorKeeperTest, APartitionThatComesFirstLaterBeginsAtThePresent) {
  owned_.end(kPartition);
  open();
  EXPECT_EQ(core_.changes, 2);
  activate(notify_);
  store::CommitRecordBuilder record;
  store::CommitEntry entry;
  entry.counter = 41;
  entry.log = ChannelKey("g", ChannelType::group);
  entry.seq = 1;
  record.add(entry, 1);
  store_.put(store::Table::main, store::commit_record_key(kPartition, 41), record.take());
  owned_.begin(kPartition);
  core_.fail = true;
  const std::uint64_t term = owned_.term(kPartition);
  EXPECT_FALSE(keeper_.join(notify_, kPartition, term).has_value());
  core_.fail = false;
  EXPECT_EQ(keeper_.join(notify_, kPartition, term).value_or(0), 41U);
  EXPECT_EQ(stored().notified_to, 41U);
}

}  // namespace
}  // namespace jindou::webhook
