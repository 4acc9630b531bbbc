#include "partition/inbox_stage.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "partition/simulation/lone_partition.h"
#include "store/keys.h"
#include "store/memory_reader.h"
#include "store/records.h"

namespace jindou::partition {
namespace {

using State = SeenInbox::State;

constexpr std::uint16_t kPartitions = 3;

class InboxStageTest : public ::testing::Test {
 protected:
  // A batch of one message for each of the partitions.
  std::shared_ptr<SendBatch> batch(const std::string& from,
                                   const std::vector<std::uint16_t>& partitions) {
    std::vector<SendCommand> commands;
    std::vector<SendBatch::Part> parts;
    for (const std::uint16_t partition : partitions) {
      SendCommand command;
      command.from_uid = from;
      command.channel = ChannelKey("g", ChannelType::group);
      parts.push_back({PartitionId{partition}, {static_cast<std::uint32_t>(commands.size())}});
      commands.push_back(std::move(command));
    }
    return std::make_shared<SendBatch>(std::move(commands), std::move(parts), nullptr,
                                       std::chrono::steady_clock::time_point::max(),
                                       [](const std::vector<SendResult>&) {});
  }
  // Has it go as the router does; `name` is put down when it has gone.
  void send(const std::string& name, const std::shared_ptr<SendBatch>& what) {
    if (stage_.pass(*what)) {
      gone_.push_back(name);
      return;
    }
    stage_.wait(what, [this, name](const Result<void>& known) {
      gone_.push_back(known ? name : name + " refused");
    });
  }
  // The n-th of the reads that wait is made.
  void read(std::size_t n = 0) {
    const auto work = std::move(work_[n]);
    work_.erase(work_.begin() + static_cast<std::ptrdiff_t>(n));
    work();
  }
  void ban(const std::string& uid, bool banned) {
    store::ChannelRecord record;
    record.flags.ban = banned;
    const ChannelKey inbox(uid, ChannelType::person);
    store_.put(store::Table::main, store::channel_key(map_.of_user(uid), inbox),
               store::encode(record));
    inboxes_.invalidate(uid);
  }
  void know(const std::string& uid) { EXPECT_TRUE(inboxes_.load(uid).has_value()); }

  using Names = std::vector<std::string>;

  PartitionMap map_{kPartitions};
  store::MemoryReader store_;
  simulation::FailingReader reader_{store_};
  InboxDirectory inboxes_{store::PartitionReaders(reader_, map_), 100};
  std::deque<std::function<void()>> work_;
  bool full_ = false;
  InboxStage stage_{inboxes_, map_, [this](std::function<void()> work) {
                      if (full_) return false;
                      work_.push_back(std::move(work));
                      return true;
                    }};
  Names gone_;
};

TEST_F(InboxStageTest, WhatIsInMemoryGoesAtOnce) {
  ban("u1", true);
  know("u1");
  const auto what = batch("u1", {0, 1});
  ASSERT_TRUE(stage_.pass(*what));
  for (const SendCommand& command : what->commands()) {
    EXPECT_EQ(command.sender_inbox.state, State::read);
    ASSERT_NE(command.sender_inbox.inbox, nullptr);
    EXPECT_TRUE(command.sender_inbox.inbox->flags.ban);
    EXPECT_EQ(command.receiver_inbox.state, State::unread) << "a group has no receiver";
  }
  EXPECT_TRUE(work_.empty());
}

TEST_F(InboxStageTest, BothOfAPairAreRead) {
  ban("u2", true);
  const auto what = batch("u1", {0});
  what->commands()[0].channel = ChannelKey(person_channel_id("u1", "u2"), ChannelType::person);
  send("a", what);
  EXPECT_TRUE(gone_.empty());
  read();
  EXPECT_EQ(gone_, Names{"a"});
  EXPECT_EQ(what->commands()[0].sender_inbox.state, State::read);
  EXPECT_EQ(what->commands()[0].sender_inbox.inbox, nullptr) << "there is none";
  ASSERT_NE(what->commands()[0].receiver_inbox.inbox, nullptr);
  EXPECT_TRUE(what->commands()[0].receiver_inbox.inbox->flags.ban);
}

TEST_F(InboxStageTest, ThatOfTheOnlyListedUserIsRead) {
  ban("u2", true);
  const auto what = batch("u1", {0});
  what->commands()[0].subscribers = {"u2"};
  send("a", what);
  read();
  EXPECT_EQ(gone_, Names{"a"});
  ASSERT_NE(what->commands()[0].receiver_inbox.inbox, nullptr);
  EXPECT_TRUE(what->commands()[0].receiver_inbox.inbox->flags.ban);
}

TEST_F(InboxStageTest, NothingIsReadForTheSystemAccount) {
  const auto what = batch(std::string(kSystemUid), {0});
  what->commands()[0].channel =
      ChannelKey(person_channel_id(kSystemUid, "u2"), ChannelType::person);
  EXPECT_TRUE(stage_.pass(*what));
}

TEST_F(InboxStageTest, NobodyPassesWhoIsForThePartitionOfOneThatWaits) {
  know("known");
  send("a", batch("u1", {0, 1}));
  send("b", batch("known", {1}));
  send("c", batch("known", {2}));
  send("d", batch("known", {1, 2}));
  send("e", batch("known", {2}));
  EXPECT_EQ(gone_, Names{"c"});
  ASSERT_EQ(work_.size(), 1U) << "what is known is not read again";
  read();
  EXPECT_EQ(gone_, (Names{"c", "a", "b", "d", "e"}));
  send("f", batch("known", {0, 1, 2}));
  EXPECT_EQ(gone_.back(), "f");
  stage_.drain();
}

TEST_F(InboxStageTest, TheOrderIsThatOfTheCallsNotOfTheReads) {
  send("a", batch("u1", {0, 1}));
  send("b", batch("u2", {1, 2}));
  send("c", batch("u3", {2}));
  read(2);
  read(1);
  EXPECT_TRUE(gone_.empty());
  read(0);
  EXPECT_EQ(gone_, (Names{"a", "b", "c"}));
}

TEST_F(InboxStageTest, OneThatCannotBeReadForTooMuchWorkHoldsUpNobody) {
  send("a", batch("u1", {0}));
  full_ = true;
  send("b", batch("u2", {0}));
  send("c", batch("u1", {0}));
  EXPECT_TRUE(gone_.empty());
  read();
  EXPECT_EQ(gone_, (Names{"a", "b refused", "c refused"}));
  stage_.drain();
}

TEST_F(InboxStageTest, AnInboxThatCannotBeReadIsSoForItsMessagesOnly) {
  const auto what = batch("u1", {0});
  what->commands()[0].channel = ChannelKey(person_channel_id("u1", "u2"), ChannelType::person);
  send("a", what);
  reader_.arm(2);
  read();
  EXPECT_EQ(gone_, Names{"a"});
  EXPECT_EQ(what->commands()[0].sender_inbox.state, State::read);
  EXPECT_EQ(what->commands()[0].receiver_inbox.state, State::unreadable);
  EXPECT_EQ(what->commands()[0].receiver_inbox.error, Errc::storage);
}

TEST_F(InboxStageTest, WhatWasChangedBeforeIsSeen) {
  know("u1");
  ban("u1", true);
  const auto banned = batch("u1", {0});
  send("a", banned);
  read();
  EXPECT_TRUE(banned->commands()[0].sender_inbox.inbox->flags.ban);
  ban("u1", false);
  const auto free = batch("u1", {0});
  send("b", free);
  read();
  EXPECT_FALSE(free->commands()[0].sender_inbox.inbox->flags.ban);
}

// The inbox may be of another partition, where the evaluation must not look.
TEST(InboxStageDeathTest, AMessageWithoutInboxesIsNotEvaluated) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const simulation::MemoryStore nothing;
  simulation::LonePartition lone(nothing);
  SendCommand command;
  command.channel = ChannelKey("g", ChannelType::group);
  command.from_uid = "u1";
  command.client_msg_no = "n";
  const auto batch = std::make_shared<SendBatch>(
      std::vector<SendCommand>{command},
      std::vector<SendBatch::Part>{{simulation::kPartition, {0}}}, nullptr, CommandRouter::kNever,
      [](const std::vector<SendResult>&) {});
  EXPECT_DEATH(lone.partition().execute(batch, 0), "unread");
}

}  // namespace
}  // namespace jindou::partition
