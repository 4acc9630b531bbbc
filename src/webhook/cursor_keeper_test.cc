#include "webhook/cursor_keeper.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

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
    last = advance;
    if (hold) {
      held = std::move(done);
      return {};
    }
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
  bool hold = false;  // answered when `held` is called
  int changes = 0;
  partition::AdvanceWebhook last;
  ChangeDone held;

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

class DeadLetters : public CursorKeeperTest {
 protected:
  void begin() {
    open();
    keeper_.set_wanted({true, false, true});
    activate(notify_);
    activate(agents_);
  }
  void give_up(std::size_t stream, std::uint64_t counter) {
    partition::WebhookLetter letter;
    letter.counter = counter;
    letter.record.seq = counter;
    keeper_.give_up(stream, kPartition, std::move(letter));
  }
  // The counters in the last change.
  std::vector<std::uint64_t> posted() const {
    std::vector<std::uint64_t> counters;
    for (const auto& letter : core_.last.letters) counters.push_back(letter.counter);
    return counters;
  }
  using Counters = std::vector<std::uint64_t>;
};

TEST_F(DeadLetters, GoWithThePositionThatPassesThem) {
  begin();
  give_up(notify_, 5);
  give_up(notify_, 8);
  keeper_.advance(notify_, kPartition, 9);
  // The other stream of the event is not as far.
  keeper_.advance(agents_, kPartition, 6);
  EXPECT_EQ(stored().notified_to, 6U);
  EXPECT_EQ(posted(), Counters{5});
  keeper_.advance(agents_, kPartition, 9);
  EXPECT_EQ(stored().notified_to, 9U);
  EXPECT_EQ(posted(), Counters{8});
  keeper_.advance(notify_, kPartition, 10);
  keeper_.advance(agents_, kPartition, 10);
  EXPECT_EQ(stored().notified_to, 10U);
  EXPECT_EQ(posted(), Counters{});
}

TEST_F(DeadLetters, ArePostedAgainUntilTheyAreStored) {
  begin();
  give_up(notify_, 5);
  keeper_.advance(notify_, kPartition, 5);
  keeper_.advance(agents_, kPartition, 5);
  core_.fail = true;
  keeper_.flush(/*force=*/true);
  core_.fail = false;
  core_.refuse = true;
  keeper_.flush(/*force=*/true);
  core_.refuse = false;
  core_.hold = true;
  keeper_.flush(/*force=*/true);
  EXPECT_EQ(posted(), Counters{5});
  // What comes while they are under way waits for the next change.
  give_up(notify_, 7);
  keeper_.advance(notify_, kPartition, 7);
  keeper_.advance(agents_, kPartition, 7);
  keeper_.flush(/*force=*/true);
  EXPECT_EQ(posted(), Counters{5});
  core_.hold = false;
  core_.held({});
  EXPECT_EQ(stored().notified_to, 7U);
  EXPECT_EQ(posted(), Counters{7});
}

TEST_F(DeadLetters, AreForgottenWhenTheirStreamComesToThemAgain) {
  begin();
  give_up(notify_, 5);
  give_up(agents_, 6);
  keeper_.advance(notify_, kPartition, 7);
  keeper_.deactivate(notify_, /*wanted=*/true);
  activate(notify_);  // behind 0: the other one was not further
  keeper_.advance(agents_, kPartition, 7);
  keeper_.advance(notify_, kPartition, 7);
  EXPECT_EQ(stored().notified_to, 7U);
  EXPECT_EQ(posted(), Counters{6});
}

TEST_F(DeadLetters, HaveABoundAndTheOldestAreCounted) {
  CursorKeeper keeper(readers_, core_, clock_, owned_, /*letters_max=*/3);
  ASSERT_TRUE(keeper.open());
  const std::size_t stream = keeper.add_stream(Event::notify);
  keeper.set_wanted({true});
  activate(keeper, stream);
  for (std::uint64_t i = 1; i <= 10; ++i) keeper.give_up(stream, kPartition, {i, {}});
  keeper.advance(stream, kPartition, 10);
  keeper.flush(/*force=*/true);
  EXPECT_EQ(posted(), (Counters{8, 9, 10}));
  EXPECT_EQ(core_.last.letters_dropped, 7U);
  keeper.advance(stream, kPartition, 11);
  keeper.flush(/*force=*/true);
  EXPECT_EQ(posted(), Counters{});
  EXPECT_EQ(core_.last.letters_dropped, 0U);
}

TEST_F(DeadLetters, GoInSeveralChangesWhenThereAreMany) {
  begin();
  for (std::uint64_t i = 1; i <= 2'500; ++i) give_up(notify_, i);
  keeper_.advance(notify_, kPartition, 3'000);
  keeper_.advance(agents_, kPartition, 3'000);
  std::size_t letters = 0;
  std::uint64_t before = 0;
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t to = stored().notified_to;
    EXPECT_GT(to, before);
    before = to;
    letters += core_.last.letters.size();
    EXPECT_LE(core_.last.letters.back().counter, to) << "no position before its letters";
  }
  EXPECT_EQ(before, 3'000U);
  EXPECT_EQ(letters, 2'500U);
}

}  // namespace
}  // namespace jindou::webhook
