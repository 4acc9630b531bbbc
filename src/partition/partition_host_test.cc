// A partition that comes and goes on a node: when it takes commands, what becomes of those under
// way, and what two nodes over one log make of it.
#include "partition/partition_host.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "partition/command_router.h"
#include "partition/partition_worker.h"
#include "partition/simulation/failing_reader.h"
#include "partition/simulation/lone_partition.h"
#include "partition/simulation/memory_store.h"
#include "store/commit_log.h"

namespace jindou::partition {
namespace {

using simulation::FailingReader;
using simulation::FixedClock;
using simulation::kPartition;
using simulation::MemoryStore;

const ChannelKey kHostGroup("group", ChannelType::group);

// What a caller is told, and how often.
struct Told {
  int times = 0;
  std::optional<Errc> failed;
  void operator()(const Result<void>& done) {
    ++times;
    failed = done ? std::nullopt : std::optional(done.error().code());
  }
};

// One node over a store that it may share with others, as replicas with the same rows do.
class TestNode final : public EffectSink {
  MemoryStore& store_;

 public:
  explicit TestNode(MemoryStore& store) : store_(store) {
    const PartitionDeps deps{
        .reader = reader,
        .log = store,
        .loader = store,
        .inboxes = inboxes_,
        .accounts = accounts_,
        .horizon = horizon_,
        .effects = *this,
        .clock = clock_,
        .fingerprint_seed = 42,
    };
    PartitionOptions options;
    options.lists.slice = 2;
    host_ = std::make_unique<PartitionHost>(
        kPartition, deps, options, [] {}, &owned);
  }
  void post_committed(std::shared_ptr<const CommittedBatch>) override { ++batches; }

  PartitionHost& host() { return *host_; }
  Told* open() {
    Told* const told = new_told();
    host_->open([told](const Result<void>& done) { (*told)(done); });
    return told;
  }
  Told* close() {
    Told* const told = new_told();
    host_->close([told](const Result<void>& done) { (*told)(done); });
    return told;
  }
  void own() {
    open();
    host_->pump();
    ASSERT_EQ(host_->state(), Ownership::owned);
  }
  std::shared_ptr<SendBatch> batch(const std::string& number, Told* told) {
    SendCommand command;
    command.channel = kHostGroup;
    command.from_uid = "u1";
    command.client_msg_no = number;
    command.payload = "payload of " + number;
    command.idempotent = true;
    load_inboxes({&command, 1}, inboxes_);
    return std::make_shared<SendBatch>(
        std::vector<SendCommand>{command}, std::vector<SendBatch::Part>{{kPartition, {0}}}, nullptr,
        CommandRouter::kNever, [told](const std::vector<SendResult>& results) {
          (*told)(results[0].ok() ? Result<void>() : Error(results[0].code));
        });
  }
  Told* send(const std::string& number) {
    Told* const told = new_told();
    host_->execute(batch(number, told), 0);
    return told;
  }
  Told* change(Change what) {
    Told* const told = new_told();
    host_->execute(std::move(what), [told](const Result<void>& done) { (*told)(done); });
    return told;
  }
  Told* new_told() {
    told_.push_back(std::make_unique<Told>());
    return told_.back().get();
  }
  // One commit after the other until nothing is left.
  void settle() {
    host_->pump();
    while (store_.pending_commits() > 0) {
      store_.commit_one();
      host_->pump();
    }
    host_->pump();
  }

  OwnedPartitions owned{1};
  FailingReader reader{store_};
  int batches = 0;

 private:
  FixedClock clock_;
  InboxDirectory inboxes_{store::PartitionReaders(reader, PartitionMap(1)), 64};
  SystemAccounts accounts_;
  store::CommitHorizon horizon_{clock_, 1};
  std::vector<std::unique_ptr<Told>> told_;
  std::unique_ptr<PartitionHost> host_;
};

Change members(int count) {
  ChangeMembers change;
  change.channel = kHostGroup;
  change.operation = ChangeMembers::Operation::add;
  for (int i = 0; i < count; ++i) change.uids.push_back("u" + std::to_string(i));
  return change;
}

void expect_refused(TestNode& node) {
  for (Told* told : {node.send("refused"), node.change(members(1))}) {
    EXPECT_EQ(told->times, 1);
    EXPECT_EQ(told->failed, Errc::not_owner);
  }
  Told* const told = node.new_told();
  node.host().execute(AppendEvent(), [told](const Result<EventOutcome>& done) {
    (*told)(done ? Result<void>() : Error(done.error()));
  });
  EXPECT_EQ(told->failed, Errc::not_owner);
  node.host().ask_recipients(kHostGroup, [](const Result<Recipients>& who) {
    EXPECT_EQ(who.error().code(), Errc::not_owner);
  });
  EXPECT_FALSE(node.host().accept(node.batch("refused", told), 0));
  EXPECT_EQ(told->times, 2);
}

TEST(PartitionHost, TakesCommandsWhileItIsOwnedAndAtNoOtherTime) {
  MemoryStore store;
  TestNode node(store);
  EXPECT_EQ(node.host().state(), Ownership::following);
  expect_refused(node);
  Told* const opened = node.open();
  EXPECT_EQ(node.host().state(), Ownership::opening);
  EXPECT_EQ(opened->times, 0);
  expect_refused(node);
  EXPECT_EQ(node.close()->failed, Errc::unavailable);
  EXPECT_EQ(node.open()->failed, Errc::unavailable);
  node.host().pump();
  EXPECT_EQ(node.host().state(), Ownership::owned);
  EXPECT_EQ(opened->times, 1);
  EXPECT_FALSE(opened->failed.has_value());
  EXPECT_TRUE(node.owned.owns(kPartition));
  EXPECT_EQ(node.open()->times, 1);

  Told* const changed = node.change(members(2));
  Told* const sent = node.send("one");
  Told* const closed = node.close();
  Told* const closed_too = node.close();
  EXPECT_EQ(node.host().state(), Ownership::closing);
  EXPECT_FALSE(node.owned.owns(kPartition));
  expect_refused(node);
  EXPECT_EQ(node.open()->failed, Errc::unavailable);
  node.host().pump();
  EXPECT_EQ(closed->times, 0) << "a commit is on its way";
  node.settle();
  EXPECT_EQ(node.host().state(), Ownership::following);
  for (Told* told : {changed, sent, closed, closed_too}) {
    EXPECT_EQ(told->times, 1);
    EXPECT_FALSE(told->failed.has_value());
  }
  EXPECT_EQ(node.batches, 1) << "its effects are released";
  expect_refused(node);
  EXPECT_EQ(node.close()->times, 1) << "it is closed already";

  node.own();
  Told* const again = node.send("two");
  node.settle();
  EXPECT_FALSE(again->failed.has_value());
}

TEST(PartitionHost, FinishesWhatItHasAcceptedForLater) {
  MemoryStore store;
  TestNode node(store);
  node.own();
  node.change(members(2));
  Told* const told = node.new_told();
  const auto batch = node.batch("later", told);
  ASSERT_TRUE(node.host().accept(batch, 0));
  Told* const closed = node.close();
  node.settle();
  EXPECT_EQ(node.host().state(), Ownership::closing);
  EXPECT_EQ(closed->times, 0);
  node.host().execute_accepted(batch, 0);
  node.settle();
  EXPECT_EQ(told->times, 1);
  EXPECT_FALSE(told->failed.has_value());
  EXPECT_EQ(closed->times, 1);
}

TEST(PartitionHost, AnOldOwnerStoresNothingOnceAnotherNodeHasOpened) {
  MemoryStore store;
  TestNode old(store);
  TestNode next(store);
  old.own();
  old.change(members(2));
  old.send("one");
  old.settle();
  // Evaluated and appended; the log takes neither, as it is the other's by then.
  Told* const appended = old.send("two");
  old.host().pump();
  Told* const gathered = old.send("three");
  next.own();
  old.settle();
  for (Told* told : {appended, gathered}) {
    EXPECT_EQ(told->times, 1);
    EXPECT_EQ(told->failed, Errc::not_owner);
  }
  old.settle();
  EXPECT_EQ(old.host().state(), Ownership::following);
  EXPECT_FALSE(old.owned.owns(kPartition));
  EXPECT_EQ(old.batches, 1);
  expect_refused(old);

  // The other one stores them, once; and it comes back.
  for (const char* number : {"one", "two", "three"}) {
    Told* const told = next.send(number);
    next.settle();
    EXPECT_FALSE(told->failed.has_value());
  }
  EXPECT_EQ(next.batches, 2) << "the first is a repeat";
  next.close();
  next.settle();
  EXPECT_EQ(next.host().state(), Ownership::following);
  old.own();
  Told* const repeated = old.send("three");
  old.settle();
  EXPECT_FALSE(repeated->failed.has_value());
  EXPECT_EQ(old.batches, 1);
}

TEST(PartitionHost, IsFollowedWhenTheStoreCannotBeRead) {
  MemoryStore store;
  TestNode node(store);
  for (int nth = 1;; ++nth) {
    node.reader.arm(nth);
    Told* const opened = node.open();
    node.host().pump();
    if (!node.reader.disarm()) {
      EXPECT_FALSE(opened->failed.has_value());
      break;
    }
    EXPECT_EQ(opened->times, 1);
    EXPECT_EQ(opened->failed, Errc::storage);
    EXPECT_EQ(node.host().state(), Ownership::following);
    EXPECT_FALSE(node.owned.owns(kPartition));
    expect_refused(node);
    ASSERT_LT(nth, 100);
  }
  EXPECT_EQ(node.host().state(), Ownership::owned);
  node.change(members(2));
  Told* const sent = node.send("one");
  node.settle();
  EXPECT_FALSE(sent->failed.has_value());
}

TEST(PartitionHost, IsFollowedAtOnceWhenTheLastCommitOnItsWaySaysThatItIsLost) {
  MemoryStore store;
  TestNode old(store);
  TestNode next(store);
  old.own();
  Told* const changed = old.change(members(40));
  old.host().pump();
  next.own();
  while (store.pending_commits() > 0) store.commit_one();
  EXPECT_EQ(changed->times, 0) << "it goes in slices";
  // Whoever runs it is not woken again.
  old.host().pump();
  EXPECT_EQ(old.host().state(), Ownership::following);
  EXPECT_EQ(changed->times, 1);
  EXPECT_EQ(changed->failed, Errc::unknown_outcome);
}

// Takes commits and says nothing until the test says that the partition is another node's.
class LogThatIsLost final : public store::CommitLog {
  MemoryStore& store_;
  std::promise<store::Commit> first_;

 public:
  explicit LogThatIsLost(MemoryStore& store) : store_(store) {}
  void open(PartitionId partition, Opened done) override {
    store_.open(partition, std::move(done));
  }
  void append(store::Commit commit) override { first_.set_value(std::move(commit)); }
  void append_all(std::vector<store::Commit>) override { FAIL(); }
  void close(PartitionId partition, std::uint64_t opening) override {
    store_.close(partition, opening);
  }
  store::Commit wait_for_first() { return first_.get_future().get(); }
};

class NoEffects final : public EffectSink {
  void post_committed(std::shared_ptr<const CommittedBatch>) override {}
};

TEST(LostPartitionOnAWorker, TellsWhoWaitsForALongChangeThoughNothingElseComes) {
  MemoryStore store;
  LogThatIsLost log(store);
  FixedClock clock;
  InboxDirectory inboxes{store::PartitionReaders(store, PartitionMap(1)), 64};
  SystemAccounts accounts;
  store::CommitHorizon horizon{clock, 1};
  NoEffects effects;
  const PartitionDeps deps{
      .reader = store,
      .log = log,
      .loader = store,
      .inboxes = inboxes,
      .accounts = accounts,
      .horizon = horizon,
      .effects = effects,
      .clock = clock,
      .fingerprint_seed = 42,
  };
  PartitionOptions options;
  options.lists.slice = 2;
  OwnedPartitions owned{1};
  std::promise<Result<void>> changed;
  PartitionWorker worker("worker", &owned);
  ASSERT_TRUE(worker.add(kPartition, deps, options).has_value());
  worker.start();
  worker.post(kPartition, members(40),
              [&changed](Result<void> done) { changed.set_value(std::move(done)); });
  const store::Commit commit = log.wait_for_first();
  // By then its thread is done with what it was woken for, or about to be.
  std::promise<void> answered;
  worker.post(kPartition, kHostGroup, [&](const Result<Recipients>&) { answered.set_value(); });
  answered.get_future().wait();
  commit.done(store::not_owner());
  auto told = changed.get_future();
  ASSERT_EQ(told.wait_for(std::chrono::seconds(30)), std::future_status::ready);
  EXPECT_EQ(told.get().error().code(), Errc::unknown_outcome);
  worker.stop();
  EXPECT_FALSE(owned.owns(kPartition));
}

}  // namespace
}  // namespace jindou::partition
