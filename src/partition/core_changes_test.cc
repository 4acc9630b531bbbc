// What changes do to channels and to what users see of them: conversations, commands, events,
// deletions, accounts.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "partition/addressing.h"
#include "partition/core_fixture.h"
#include "store/keys.h"
#include "store/records.h"

namespace jindou::partition {
namespace {

using What = ChangeConversation::Operation;
using EventEffect = AppendEvent::Effect;

const ChannelKey kChangedGroup("g1", ChannelType::group);

ChangeMembers members(ChangeMembers::Operation operation, std::vector<std::string> uids,
                      MemberList list = MemberList::subscribers) {
  ChangeMembers change;
  change.channel = kChangedGroup;
  change.list = list;
  change.operation = operation;
  change.uids = std::move(uids);
  return change;
}

ChangeConversation by_user(const std::string& uid, What operation, std::uint64_t value = 0) {
  ChangeConversation change;
  change.channel = kChangedGroup;
  change.uids = {uid};
  change.operation = operation;
  change.value = value;
  return change;
}

SendCommand to_pair(const std::string& from, const std::string& to, ChannelType type) {
  SendCommand command;
  command.channel = type == ChannelType::person ? ChannelKey(person_channel_id(from, to), type)
                                                : ChannelKey(from + "@" + to, type);
  command.from_uid = from;
  command.payload = "p";
  static int generated = 0;
  command.client_msg_no = "pair" + std::to_string(++generated);
  return command;
}

class Conversations : public Core {
 protected:
  void SetUp() override {
    Core::SetUp();
    ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u1", "u2"})).has_value());
  }
};

TEST_F(Conversations, BeginReadForWhoeverJoins) {
  send({to_group("g1", "a"), to_group("g1", "b")});
  ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u3"})).has_value());
  const auto joined = conversation("u3", kChangedGroup);
  ASSERT_TRUE(joined.has_value());
  EXPECT_EQ(joined->read_to, 2U);
  EXPECT_EQ(conversation("u2", kChangedGroup)->read_to, 0U);
}

TEST_F(Conversations, StayAsTheyAreWhenASubscriberIsAddedAgain) {
  send({to_group("g1", "a")});
  ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u2"})).has_value());
  EXPECT_EQ(conversation("u2", kChangedGroup)->read_to, 0U);
  ASSERT_TRUE(change(members(ChangeMembers::Operation::replace, {"u2"})).has_value());
  EXPECT_EQ(conversation("u2", kChangedGroup)->read_to, 0U);
  EXPECT_FALSE(conversation("u1", kChangedGroup).has_value());
}

TEST_F(Conversations, GoWithTheSubscriber) {
  ASSERT_TRUE(change(members(ChangeMembers::Operation::remove, {"u2"})).has_value());
  EXPECT_FALSE(conversation("u2", kChangedGroup).has_value());
  EXPECT_TRUE(conversation("u1", kChangedGroup).has_value());
}

TEST_F(Conversations, GoWithTheDenylistAndComeBackUnread) {
  send({to_group("g1", "a")});
  const auto list = MemberList::denylist;
  ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u2"}, list)).has_value());
  EXPECT_FALSE(conversation("u2", kChangedGroup).has_value());
  ASSERT_TRUE(change(members(ChangeMembers::Operation::remove, {"u2"}, list)).has_value());
  ASSERT_TRUE(conversation("u2", kChangedGroup).has_value());
  EXPECT_EQ(conversation("u2", kChangedGroup)->read_to, 0U);
}

TEST_F(Conversations, ComeBackForSubscribersWhenTheDenylistIsReplaced) {
  const auto list = MemberList::denylist;
  ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u2", "u9"}, list)).has_value());
  ASSERT_TRUE(change(members(ChangeMembers::Operation::replace, {}, list)).has_value());
  EXPECT_TRUE(conversation("u2", kChangedGroup).has_value());
  EXPECT_FALSE(conversation("u9", kChangedGroup).has_value());
}

// However the denylist becomes shorter, in a short or a long change.
TEST_F(Conversations, ComeBackForSubscribersAndWhomTheChannelIsNamedAfter) {
  const auto list = MemberList::denylist;
  const ChannelKey visit("visitor", ChannelType::visitors);
  SendCommand hello = to_group("visitor", "hello");
  hello.channel = visit;
  hello.from_uid = "helper";
  send({hello, to_group("g1", "a")});
  ASSERT_TRUE(conversation("visitor", visit).has_value());
  std::vector<std::string> many;
  for (std::size_t i = 0; i < 2 * partition_options_.lists.slice; ++i) {
    many.push_back("m" + std::to_string(i));
  }
  for (const auto& others : {std::vector<std::string>(), many}) {
    std::vector<std::string> denied = others;
    for (const auto* uid : {"u2", "stranger", "visitor"}) denied.emplace_back(uid);
    for (const auto operation :
         {ChangeMembers::Operation::remove, ChangeMembers::Operation::replace}) {
      for (const ChannelKey& channel : {kChangedGroup, visit}) {
        ChangeMembers deny = members(ChangeMembers::Operation::add, denied, list);
        deny.channel = channel;
        ASSERT_TRUE(change(deny).has_value());
        ChangeMembers back = deny;
        back.operation = operation;
        if (operation == ChangeMembers::Operation::replace) back.uids = {"u9"};
        ASSERT_TRUE(change(back).has_value());
      }
      EXPECT_TRUE(conversation("u2", kChangedGroup).has_value());
      EXPECT_FALSE(conversation("stranger", kChangedGroup).has_value());
      EXPECT_FALSE(conversation("visitor", kChangedGroup).has_value());
      EXPECT_TRUE(conversation("visitor", visit).has_value());
      EXPECT_FALSE(conversation("stranger", visit).has_value());
    }
  }
}

TEST_F(Conversations, AreNotMadeForUsersOnTheDenylist) {
  send({to_group("g1", "a")});
  const auto list = MemberList::denylist;
  ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u2", "u9"}, list)).has_value());
  for (const What what : {What::open, What::read, What::set_unread, What::remove}) {
    ASSERT_TRUE(change(by_user("u2", what, 1)).has_value());
    ASSERT_TRUE(change(by_user("u9", what, 1)).has_value());
    EXPECT_FALSE(conversation("u2", kChangedGroup).has_value());
    EXPECT_FALSE(conversation("u9", kChangedGroup).has_value());
  }
  ASSERT_TRUE(change(by_user("u3", What::open)).has_value());
  EXPECT_TRUE(conversation("u3", kChangedGroup).has_value());
}

// A store may hold the row of a denied user: it still changes, and his readmission leaves it alone.
TEST_F(Conversations, ThatAreThereOutliveTheDenylist) {
  send({to_group("g1", "a"), to_group("g1", "b"), to_group("g1", "c")});
  const auto list = MemberList::denylist;
  ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u2", "u3"}, list)).has_value());
  for (const std::string uid : {"u2", "u3"}) {
    store::ConversationRecord row;
    row.read_to = 2;
    const PartitionId partition = partition_for("g1", database_->partitions());
    std::promise<bool> planted;
    database_->load(
        store::Table::main,
        [&]() -> store::BulkLoader::Entries {
          return {{store::conversation_key(partition, uid, kChangedGroup), store::encode(row)}};
        },
        [&planted](const Result<void>& done) { planted.set_value(done.has_value()); });
    ASSERT_TRUE(planted.get_future().get());
  }
  close();
  open();
  ASSERT_TRUE(change(by_user("u2", What::set_unread, 1)).has_value());
  EXPECT_EQ(conversation("u2", kChangedGroup)->manual_count, 1U);
  ASSERT_TRUE(change(members(ChangeMembers::Operation::remove, {"u2"}, list)).has_value());
  EXPECT_EQ(conversation("u2", kChangedGroup)->read_to, 2U);
  EXPECT_EQ(conversation("u2", kChangedGroup)->manual_count, 1U);
  ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u3"})).has_value());
  ASSERT_TRUE(change(members(ChangeMembers::Operation::replace, {}, list)).has_value());
  EXPECT_EQ(conversation("u3", kChangedGroup)->read_to, 2U);
}

TEST_F(Conversations, MoveWithWhatTheUserSends) {
  send({to_group("g1", "a"), to_group("g1", "b"), to_group("g1", "c")});
  EXPECT_EQ(read_position("u1", kChangedGroup), 3U);
  EXPECT_EQ(read_position("u2", kChangedGroup), 0U);
  close();
  open();
  EXPECT_EQ(read_position("u1", kChangedGroup), 3U);
}

TEST_F(Conversations, OfASenderAreWrittenOnceForARunOfMessages) {
  for (std::uint64_t seq = 1; seq <= 40; ++seq) {
    send({to_group("g1", std::to_string(seq))});
    EXPECT_EQ(read_position("u1", kChangedGroup), seq);
    const std::uint64_t written = conversation("u1", kChangedGroup)->read_to;
    EXPECT_EQ(written, seq - (seq - 1) % (store::kOwnMessagesUnwritten + 1));
  }
}

TEST_F(Conversations, OfASenderAreWrittenWhenSomebodyElseWroteInBetween) {
  SendCommand other = to_group("g1", "other");
  other.from_uid = "u2";
  other.client_msg_no = "o1";
  send({to_group("g1", "a")});
  send({other});
  EXPECT_EQ(read_position("u1", kChangedGroup), 1U);
  EXPECT_EQ(read_position("u2", kChangedGroup), 2U);
  send({to_group("g1", "b")});
  EXPECT_EQ(conversation("u1", kChangedGroup)->read_to, 3U);
  other.client_msg_no = "o2";
  send({other});
  EXPECT_EQ(read_position("u1", kChangedGroup), 3U);
  EXPECT_EQ(read_position("u2", kChangedGroup), 4U);
}

TEST_F(Conversations, OfASenderGoOnFromWhatARestartFinds) {
  send({to_group("g1", "a")});
  send({to_group("g1", "b")});
  ASSERT_EQ(conversation("u1", kChangedGroup)->read_to, 1U);
  close();
  open();
  // Joins the run that the store holds; the row stays as it is.
  send({to_group("g1", "c")});
  EXPECT_EQ(conversation("u1", kChangedGroup)->read_to, 1U);
  EXPECT_EQ(read_position("u1", kChangedGroup), 3U);
  close();
  open();
  // Any change of the row takes along what was open.
  ASSERT_TRUE(change(by_user("u1", What::set_unread, 1)).has_value());
  EXPECT_EQ(conversation("u1", kChangedGroup)->read_to, 3U);
}

TEST_F(Conversations, OfASenderAreWrittenWithAMessageThatExpires) {
  send({to_group("g1", "a")});
  SendCommand command = to_group("g1", "b");
  command.expire = 5;
  send({command});
  EXPECT_EQ(conversation("u1", kChangedGroup)->read_to, 2U);
}

TEST_F(Conversations, AreNotMadeForABackEndThatIsNoSubscriber) {
  SendCommand command = to_group("g1", "a");
  command.from_uid = "robot";
  send({command});
  EXPECT_FALSE(conversation("robot", kChangedGroup).has_value());
}

TEST_F(Conversations, OfASenderWhoIsNoSubscriberMoveAlsoAfterARestart) {
  const ChannelKey news("news", ChannelType::info);
  SendCommand command = to_group("news", "a");
  command.channel = news;
  command.from_uid = "u9";
  command.client_msg_no = "n1";
  ASSERT_TRUE(send({command})[0].ok());
  ChangeConversation look = by_user("u9", What::read);
  look.channel = news;
  ASSERT_TRUE(change(look).has_value());
  close();
  open();
  command.client_msg_no = "n2";
  command.from_uid = "u8";
  ASSERT_TRUE(send({command})[0].ok());
  command.client_msg_no = "n3";
  command.from_uid = "u9";
  ASSERT_TRUE(send({command})[0].ok());
  EXPECT_EQ(read_position("u9", news), 3U);
}

TEST_F(Conversations, OfBothUsersBeginWithTheFirstMessageOfAPair) {
  send({to_pair("u1", "u2", ChannelType::person)});
  const ChannelKey pair(person_channel_id("u1", "u2"), ChannelType::person);
  ASSERT_TRUE(conversation("u1", pair).has_value());
  ASSERT_TRUE(conversation("u2", pair).has_value());
  EXPECT_EQ(read_position("u1", pair), 1U);
  EXPECT_EQ(conversation("u2", pair)->read_to, 0U);
}

TEST_F(Conversations, AreNotMadeForTheSystemAccount) {
  send({to_pair(std::string(kSystemUid), "u2", ChannelType::person)});
  const ChannelKey pair(person_channel_id(kSystemUid, "u2"), ChannelType::person);
  EXPECT_FALSE(conversation(std::string(kSystemUid), pair).has_value());
  EXPECT_TRUE(conversation("u2", pair).has_value());
}

TEST_F(Conversations, DoNotExistForLiveDataAndTempChannels) {
  for (const ChannelType type : {ChannelType::live, ChannelType::data, ChannelType::temp}) {
    ChangeMembers join = members(ChangeMembers::Operation::add, {"u1"});
    join.channel.type = type;
    ASSERT_TRUE(change(join).has_value());
    EXPECT_FALSE(conversation("u1", join.channel).has_value());
  }
}

TEST_F(Conversations, AreReadUpToAMessageAndNeverBack) {
  SendCommand command = to_group("g1", "x");
  command.from_uid = "robot";
  for (int i = 0; i < 10; ++i) {
    command.client_msg_no = std::to_string(i);
    send({command});
  }
  ASSERT_TRUE(change(by_user("u2", What::read, 6)).has_value());
  EXPECT_EQ(conversation("u2", kChangedGroup)->read_to, 6U);
  ASSERT_TRUE(change(by_user("u2", What::read, 3)).has_value());
  EXPECT_EQ(conversation("u2", kChangedGroup)->read_to, 6U);
  ASSERT_TRUE(change(by_user("u2", What::read, 99)).has_value());
  EXPECT_EQ(conversation("u2", kChangedGroup)->read_to, 10U);
}

TEST_F(Conversations, TakeAManualCountThatTheNextReadEnds) {
  send({to_group("g1", "a"), to_group("g1", "b"), to_group("g1", "c")});
  ASSERT_TRUE(change(by_user("u1", What::set_unread, 2)).has_value());
  EXPECT_EQ(conversation("u1", kChangedGroup)->manual_count, 2U);
  EXPECT_EQ(conversation("u1", kChangedGroup)->manual_at, 3U);
  ASSERT_TRUE(change(by_user("u1", What::set_unread, 50)).has_value());
  EXPECT_EQ(conversation("u1", kChangedGroup)->manual_count, 3U);
  ASSERT_TRUE(change(by_user("u1", What::set_unread, 0)).has_value());
  EXPECT_EQ(conversation("u1", kChangedGroup)->manual_count, 0U);
}

TEST_F(Conversations, AreHiddenUpToTheLastMessage) {
  send({to_group("g1", "a"), to_group("g1", "b")});
  ASSERT_TRUE(change(by_user("u2", What::remove)).has_value());
  EXPECT_EQ(conversation("u2", kChangedGroup)->deleted_to, 2U);
}

TEST_F(Conversations, KeepTheirTimeWhenNothingChanges) {
  send({to_group("g1", "a")});
  ASSERT_TRUE(change(by_user("u2", What::read)).has_value());
  const auto before = conversation("u2", kChangedGroup)->updated_at_ns;
  clock_.now_ms += 5000;
  ASSERT_TRUE(change(by_user("u2", What::read)).has_value());
  EXPECT_EQ(conversation("u2", kChangedGroup)->updated_at_ns, before);
}

TEST_F(Conversations, EndWithTheChannel) {
  send({to_group("g1", "a")});
  DeleteChannel gone;
  gone.channel = kChangedGroup;
  ASSERT_TRUE(change(gone).has_value());
  EXPECT_FALSE(conversation("u1", kChangedGroup).has_value());
  EXPECT_FALSE(conversation("u2", kChangedGroup).has_value());
}

TEST_F(Conversations, AnAgentAnswersInTheChannelItsUserBegan) {
  send({to_pair("u1", "bot", ChannelType::agent)});
  const auto answer = send({to_pair("bot", "u1", ChannelType::agent)});
  EXPECT_EQ(raw(answer[0].message_seq), 2U);
  const auto found = history_->load_agent_channel("bot", "u1");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->id, "u1@bot");
}

TEST_F(Core, AStoredTargetedCommandWaitsForEachOfItsUsers) {
  SendCommand command = to_group("", "c");
  command.channel = ChannelKey();
  command.flags.sync_once = true;
  command.subscribers = {"u1", "u2"};
  send({command});
  const ChannelKey log("17922244540036557902____cmd", ChannelType::temp);
  ASSERT_TRUE(conversation("u1", log).has_value());
  EXPECT_EQ(conversation("u1", log)->command_read_to, 0U);
  AdvanceCommandPosition advance;
  advance.channel = log;
  advance.uid = "u1";
  advance.seq = 1;
  ASSERT_TRUE(change(advance).has_value());
  EXPECT_FALSE(conversation("u1", log).has_value()) << "all read: nothing is kept";
  EXPECT_TRUE(conversation("u2", log).has_value());
  command.client_msg_no = "second";
  send({command});
  EXPECT_EQ(conversation("u1", log)->command_read_to, 1U);
}

// More users than a channel keeps conversations of in memory: what the first command left is there
// when the second comes after a restart.
TEST_F(Core, ATargetedCommandToManyUsersLeavesWhatTheyHaveNotRead) {
  constexpr int kUsers = 5000;
  SendCommand command = to_group("", "c", "first");
  command.channel = ChannelKey();
  command.flags.sync_once = true;
  for (int i = 0; i < kUsers; ++i) command.subscribers.push_back("u" + std::to_string(i));
  const ChannelKey log = log_of(command);
  ASSERT_TRUE(send({command})[0].ok());
  close();
  open();
  command.client_msg_no = "second";
  ASSERT_EQ(raw(send({command})[0].message_seq), 2U);
  int waiting = 0;
  for (const auto& uid : command.subscribers) {
    const auto row = conversation(uid, log);
    if (row && row->command_read_to == 0) ++waiting;
  }
  EXPECT_EQ(waiting, kUsers);
}

TEST_F(Core, TheOldestMessageThatIsLeftIsFoundByItsNumber) {
  SendCommand command = to_group("g1", "a", "n");
  command.expire = 10;
  send({command});
  for (const std::string uid : {"u2", "u3", "u4"}) {
    SendCommand next = to_group("g1", "of " + uid, "n");
    next.from_uid = uid;
    send({next});
  }
  const auto found = [this]() -> std::uint64_t {
    const auto message = history_->load_by_client_msg_no(kChangedGroup, "n");
    EXPECT_TRUE(message.has_value());
    return message && *message ? raw((*message)->seq) : 0;
  };
  EXPECT_EQ(found(), 1U);
  clock_.now_ms += 11'000;
  EXPECT_EQ(found(), 2U);
  DeleteMessages gone;
  gone.channel = kChangedGroup;
  gone.seqs = {2};
  ASSERT_TRUE(change(gone).has_value());
  EXPECT_EQ(found(), 3U);
  ClearMessages clear;
  clear.channel = kChangedGroup;
  clear.up_to = 3;
  ASSERT_TRUE(change(clear).has_value());
  EXPECT_EQ(found(), 4U);
  clear.up_to = 4;
  ASSERT_TRUE(change(clear).has_value());
  EXPECT_EQ(found(), 0U);
}

// Whoever follows the commits sees what became of messages, too.
TEST_F(Core, CommitRecordsTellWhatWasDeletedAndCleared) {
  using Entry = store::EntryKind;
  const auto sent = send({to_group("g1", "a"), to_group("g1", "b"), to_group("g1", "c")});
  DeleteMessages gone;
  gone.channel = kChangedGroup;
  gone.seqs = {2, 2, 9};
  ASSERT_TRUE(change(gone).has_value());
  ClearMessages clear;
  clear.channel = kChangedGroup;
  clear.up_to = 2;
  ASSERT_TRUE(change(clear).has_value());
  const auto after = send({to_group("g1", "d")});
  const PartitionId partition = partition_for("g1", database_->partitions());
  std::vector<std::pair<Entry, std::uint64_t>> told;
  std::vector<std::uint64_t> counters;
  const std::string prefix = store::commit_record_prefix(partition);
  ASSERT_TRUE(database_
                  ->scan(store::Table::main, prefix, store::after_prefix(prefix),
                         [&](std::string_view key, std::string_view value) {
                           const auto record = store::decode_commit_record(
                               value, store::counter_of_commit_record_key(key));
                           for (const auto& entry : record->entries) {
                             told.emplace_back(entry.kind, entry.seq);
                             counters.push_back(entry.counter);
                             EXPECT_EQ(entry.log, kChangedGroup);
                           }
                           return true;
                         })
                  .has_value());
  EXPECT_EQ(told, (std::vector<std::pair<Entry, std::uint64_t>>{{Entry::message, 1},
                                                                {Entry::message, 2},
                                                                {Entry::message, 3},
                                                                {Entry::removal, 2},
                                                                {Entry::clearing, 2},
                                                                {Entry::message, 4}}));
  EXPECT_TRUE(std::is_sorted(counters.begin(), counters.end()));
  EXPECT_EQ(counters.back(), counter_of(after[0].message_id));
  // The number of a change is that of no message, and restarts pass over it.
  const MessageId of_removal = message_id_of(counters[3], partition);
  EXPECT_FALSE(history_->load_by_id(of_removal)->has_value());
  close();
  open();
  EXPECT_GT(raw(send({to_group("g1", "e")})[0].message_id), raw(after[0].message_id));
  EXPECT_EQ(payloads("g1"), (std::vector<std::string>{"c", "d", "e"}));
}

TEST_F(Core, ClearingMessagesHidesAndFreesThemAndKeepsTheSeqs) {
  send({to_group("g1", "a"), to_group("g1", "b"), to_group("g1", "c")});
  ClearMessages clear;
  clear.channel = kChangedGroup;
  clear.up_to = 2;
  ASSERT_TRUE(change(clear).has_value());
  EXPECT_EQ(payloads("g1"), std::vector<std::string>{"c"});
  clear.up_to = 99;
  ASSERT_TRUE(change(clear).has_value());
  EXPECT_TRUE(payloads("g1").empty());
  close();
  open();
  EXPECT_EQ(raw(send({to_group("g1", "d")})[0].message_seq), 4U);
}

TEST_F(Core, DeletingTheLastMessageNeverGivesItsSeqAgain) {
  send({to_group("g1", "a"), to_group("g1", "b")});
  DeleteMessages gone;
  gone.channel = kChangedGroup;
  gone.seqs = {2, 7};
  ASSERT_TRUE(change(gone).has_value());
  EXPECT_EQ(payloads("g1"), std::vector<std::string>{"a"});
  close();
  open();
  EXPECT_EQ(raw(*history_->load_last_seq(kChangedGroup)), 2U);
  EXPECT_EQ(raw(send({to_group("g1", "c")})[0].message_seq), 3U);
}

// Times are kept in whole seconds; a message that was sent late in one is there all the same for as
// long as it was said.
TEST_F(Core, KeepsAMessageForAllOfItsTime) {
  clock_.now_ms += 999 - clock_.now_ms % 1000;
  SendCommand command = to_group("g1", "a");
  command.expire = 1;
  send({command});
  const PartitionId partition = partition_for("g1", database_->partitions());
  ReclaimExpired expired;
  expired.partition = partition;
  expired.keys = {store::expiry_key(partition,
                                    static_cast<std::uint64_t>(clock_.wall_seconds() + 1),
                                    kChangedGroup, MessageSeq{1})};
  clock_.now_ms += 999;
  ASSERT_TRUE(change(expired).has_value());
  EXPECT_EQ(payloads("g1"), std::vector<std::string>{"a"});
  clock_.now_ms += 1001;
  EXPECT_EQ(payloads("g1"), std::vector<std::string>{});
  ASSERT_TRUE(change(expired).has_value());
  std::string value;
  EXPECT_FALSE(*database_->get(store::Table::main,
                               store::message_key(partition, kChangedGroup, MessageSeq{1}), value));
}

TEST_F(Core, ReclaimsOnlyMessagesWhoseTimeIsOver) {
  SendCommand soon = to_group("g1", "soon");
  soon.expire = 10;
  SendCommand later = to_group("g1", "later");
  later.expire = 1000;
  send({soon, later});
  clock_.now_ms += 11'000;
  const PartitionId partition = partition_for("g1", database_->partitions());
  ReclaimExpired expired;
  expired.partition = partition;
  const auto prefix = store::expiry_prefix(partition);
  ASSERT_TRUE(database_
                  ->scan(store::Table::main, prefix, store::after_prefix(prefix),
                         [&](std::string_view key, std::string_view) {
                           expired.keys.emplace_back(key);
                           return true;
                         })
                  .has_value());
  ASSERT_EQ(expired.keys.size(), 2U);
  ASSERT_TRUE(change(expired).has_value());
  std::string value;
  EXPECT_FALSE(*database_->get(store::Table::main,
                               store::message_key(partition, kChangedGroup, MessageSeq{1}), value));
  EXPECT_TRUE(*database_->get(store::Table::main,
                              store::message_key(partition, kChangedGroup, MessageSeq{2}), value));
}

// For whoever counts what is left: each message that goes by itself is a gap from the beginning,
// and when all at the front of the log are gone, the log begins behind them.
TEST_F(Core, KeepsTrackOfMessagesThatExpire) {
  const PartitionId partition = partition_for("g1", database_->partitions());
  const auto gaps = [&] {
    std::vector<std::uint64_t> seqs;
    const std::string lower = store::gap_key(partition, kChangedGroup, MessageSeq{1});
    const std::string upper = store::gap_key(partition, kChangedGroup, MessageSeq{1000});
    EXPECT_TRUE(database_
                    ->scan(store::Table::main, lower, upper,
                           [&](std::string_view key, std::string_view) {
                             seqs.push_back(raw(store::seq_of_message_key(key)));
                             return true;
                           })
                    .has_value());
    return seqs;
  };
  const auto expire_all = [&] {
    clock_.now_ms += 11'000;
    ReclaimExpired expired;
    expired.partition = partition;
    const auto prefix = store::expiry_prefix(partition);
    EXPECT_TRUE(database_
                    ->scan(store::Table::main, prefix, store::after_prefix(prefix),
                           [&](std::string_view key, std::string_view) {
                             expired.keys.emplace_back(key);
                             return true;
                           })
                    .has_value());
    EXPECT_TRUE(change(expired).has_value());
  };
  const auto cleared_to = [&] {
    std::string value;
    EXPECT_TRUE(
        *database_->get(store::Table::main, store::channel_key(partition, kChangedGroup), value));
    return store::decode_channel(value)->cleared_to;
  };
  std::vector<SendCommand> commands;
  for (int i = 0; i < 3; ++i) {
    commands.push_back(to_group("g1", "goes"));
    commands.back().expire = 10;
  }
  commands.push_back(to_group("g1", "stays"));
  send(commands);
  EXPECT_EQ(gaps(), (std::vector<std::uint64_t>{1, 2, 3}));
  expire_all();
  EXPECT_EQ(gaps(), (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(cleared_to(), 0U);
  ASSERT_TRUE(change(DeleteMessages{kChangedGroup, {4}}).has_value());
  commands.assign(70, commands[0]);
  for (auto& command : commands)
    command.client_msg_no = "n" + std::to_string(&command - &commands[0]);
  commands.push_back(to_group("g1", "stays"));
  send(commands);
  expire_all();
  EXPECT_EQ(gaps(), std::vector<std::uint64_t>{});
  EXPECT_EQ(cleared_to(), 74U);
  EXPECT_EQ(payloads("g1"), std::vector<std::string>{"stays"});
  EXPECT_EQ(raw(send({to_group("g1", "next")})[0].message_seq), 76U);
}

TEST_F(Core, ClearedTokensAreEmptyAndKeepTheirLevel) {
  StoreToken token;
  token.uid = "u1";
  token.device_flag = DeviceFlag::web;
  token.level = DeviceLevel::master;
  token.token = "secret";
  ASSERT_TRUE(change(token).has_value());
  ClearTokens clear;
  clear.uid = "u1";
  ASSERT_TRUE(change(clear).has_value());
  const auto stored = records_->load_token("u1", DeviceFlag::web);
  ASSERT_TRUE(stored.has_value() && stored->has_value());
  EXPECT_TRUE((*stored)->token.empty());
  EXPECT_EQ((*stored)->level, DeviceLevel::master);
}

TEST_F(Core, ATokenThatMayOnlyBeTheUsersOwnIsTakenOnceForAllDevices) {
  const auto claim = [&](DeviceFlag flag, std::string secret) {
    StoreToken token;
    token.uid = "v";
    token.device_flag = flag;
    token.token = std::move(secret);
    token.only_own = true;
    return change(token);
  };
  EXPECT_TRUE(claim(DeviceFlag::web, "mine").has_value());
  EXPECT_TRUE(claim(DeviceFlag::web, "mine").has_value());
  EXPECT_TRUE(claim(DeviceFlag::app, "mine").has_value());
  for (const DeviceFlag flag : {DeviceFlag::web, DeviceFlag::app, DeviceFlag{7}}) {
    const auto refused = claim(flag, "other");
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), Errc::conflict);
  }
  ClearTokens clear;
  clear.uid = "v";
  ASSERT_TRUE(change(clear).has_value());
  EXPECT_FALSE(claim(DeviceFlag{7}, "mine").has_value());
  EXPECT_EQ(records_->load_token("v", DeviceFlag{7})->has_value(), false);
}

TEST_F(Core, SystemAccountsAreInForceWhenTheChangeIsDoneAndAfterAReopen) {
  UpsertChannel banned;
  banned.channel = kChangedGroup;
  banned.flags.ban = true;
  ASSERT_TRUE(change(banned).has_value());
  EXPECT_EQ(send({to_group("g1", "a")})[0].reason, Reason::ban);
  ChangeSystemAccounts add;
  add.uids = {"u1"};
  ASSERT_TRUE(change(add).has_value());
  EXPECT_TRUE(send({to_group("g1", "a")})[0].ok());
  close();
  accounts_.replace({});
  open();
  EXPECT_TRUE(send({to_group("g1", "b")})[0].ok());
  add.add = false;
  ASSERT_TRUE(change(add).has_value());
  EXPECT_EQ(send({to_group("g1", "c")})[0].reason, Reason::ban);
}

TEST_F(Core, TellsWhoWouldReceive) {
  ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u1", "u2"})).has_value());
  const auto group = recipients(kChangedGroup);
  ASSERT_TRUE(group.has_value());
  ASSERT_NE(group->subscribers, nullptr);
  EXPECT_EQ(group->subscribers->size(), 2U);
  const auto pair = recipients(ChannelKey(person_channel_id("a", "b"), ChannelType::person));
  ASSERT_TRUE(pair.has_value());
  EXPECT_EQ(pair->listed.size(), 2U);
}

TEST_F(Core, AConversationIsActivatedWithoutChangingItsVersion) {
  ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u1"})).has_value());
  send({to_group("g1", "a")});
  const auto before = conversation("u1", kChangedGroup);
  ChangeConversation wanted;
  wanted.channel = kChangedGroup;
  wanted.uids = {"u1"};
  wanted.operation = ChangeConversation::Operation::activate;
  ASSERT_TRUE(change(wanted).has_value());
  const auto first = conversation("u1", kChangedGroup);
  EXPECT_GT(first->activated_at_ns, before->updated_at_ns);
  EXPECT_EQ(first->updated_at_ns, before->updated_at_ns);
  ASSERT_TRUE(change(wanted).has_value());
  EXPECT_GT(conversation("u1", kChangedGroup)->activated_at_ns, first->activated_at_ns);
  // It outlasts a restart and what the user writes, and ends with the deletion.
  close();
  open();
  SendCommand own = to_group("g1", "b");
  own.from_uid = "u1";
  send({own});
  EXPECT_GT(conversation("u1", kChangedGroup)->activated_at_ns, 0);
  wanted.operation = ChangeConversation::Operation::remove;
  ASSERT_TRUE(change(wanted).has_value());
  EXPECT_EQ(conversation("u1", kChangedGroup)->activated_at_ns, 0);
}

TEST_F(Core, WhatAUserDoesNotHaveIsNotActivated) {
  ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u1"})).has_value());
  ChangeConversation wanted;
  wanted.channel = kChangedGroup;
  wanted.uids = {"u1", "u2"};
  wanted.operation = ChangeConversation::Operation::activate;
  const auto refused = change(wanted);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::not_found);
  EXPECT_EQ(conversation("u1", kChangedGroup)->activated_at_ns, 0) << "all or nothing";
  EXPECT_FALSE(conversation("u2", kChangedGroup).has_value());
  for (const ChannelType type : {ChannelType::data, ChannelType::temp, ChannelType::live}) {
    wanted.channel = ChannelKey("g1", type);
    const auto none = change(wanted);
    ASSERT_FALSE(none.has_value());
    EXPECT_EQ(none.error().code(), Errc::not_found) << "these have no conversations";
  }
}

// With a change of a few subscribers and with one that takes many commits.
TEST_F(Core, WhenAChannelWasDisbandedOrBroughtBackIsRecorded) {
  const PartitionId partition = partition_for(kChangedGroup.id, database_->partitions());
  const auto changed_at = [&] {
    std::string value;
    EXPECT_TRUE(
        *database_->get(store::Table::main, store::channel_key(partition, kChangedGroup), value));
    return store::decode_channel(value)->disband_changed_at_ns;
  };
  std::vector<std::string> many;
  for (std::size_t i = 0; i < 2 * partition_options_.lists.slice; ++i) {
    many.push_back("u" + std::to_string(i));
  }
  UpsertChannel upsert;
  upsert.channel = kChangedGroup;
  upsert.revives = true;
  ASSERT_TRUE(change(upsert).has_value());
  EXPECT_EQ(changed_at(), 0) << "it was never gone";
  std::int64_t last = 0;
  for (const auto& subscribers : {std::vector<std::string>{"u1"}, many}) {
    upsert.subscribers = {};
    upsert.flags.disband = true;
    ASSERT_TRUE(change(upsert).has_value());
    EXPECT_GT(changed_at(), last);
    last = changed_at();
    ASSERT_TRUE(change(upsert).has_value());
    EXPECT_EQ(changed_at(), last) << "it was gone already";
    upsert.flags.disband = false;
    upsert.subscribers = subscribers;
    ASSERT_TRUE(change(upsert).has_value());
    EXPECT_GT(changed_at(), last);
    last = changed_at();
    DeleteChannel gone;
    gone.channel = kChangedGroup;
    ASSERT_TRUE(change(gone).has_value());
    EXPECT_GT(changed_at(), last);
    last = changed_at();
    ASSERT_TRUE(change(upsert).has_value());
    EXPECT_GT(changed_at(), last);
    last = changed_at();
  }
}

// Somebody who is no subscriber yet opens the group, then joins it, in a short or a long change.
TEST_F(Core, WhatAUserHasOpenedStaysSoWhenHeJoins) {
  std::vector<std::string> many;
  for (std::size_t i = 0; i < 2 * partition_options_.lists.slice; ++i) {
    many.push_back("u" + std::to_string(i));
  }
  int number = 0;
  for (auto joining : {std::vector<std::string>(), many}) {
    const std::string guest = "guest" + std::to_string(++number);
    ChangeConversation action;
    action.channel = kChangedGroup;
    action.uids = {guest};
    action.operation = ChangeConversation::Operation::read;
    ASSERT_TRUE(change(action).has_value());
    action.operation = ChangeConversation::Operation::activate;
    ASSERT_TRUE(change(action).has_value());
    const std::int64_t activated_at_ns = conversation(guest, kChangedGroup)->activated_at_ns;
    EXPECT_GT(activated_at_ns, 0);
    send({to_group("g1", "a")});
    // The rows are read from the store, too.
    close();
    open();
    joining.push_back(guest);
    ASSERT_TRUE(change(members(ChangeMembers::Operation::add, joining)).has_value());
    EXPECT_EQ(conversation(guest, kChangedGroup)->activated_at_ns, activated_at_ns);
    EXPECT_EQ(conversation(guest, kChangedGroup)->read_to, static_cast<std::uint64_t>(number));
    // Removed and back: anew.
    ASSERT_TRUE(change(members(ChangeMembers::Operation::remove, joining)).has_value());
    ASSERT_TRUE(change(members(ChangeMembers::Operation::add, joining)).has_value());
    EXPECT_EQ(conversation(guest, kChangedGroup)->activated_at_ns, 0);
    ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u1"})).has_value());
  }
}

// What is left of a conversation that its user lost; 0: nothing.
class Tombstones : public Core {
 protected:
  std::int64_t deleted_at(const std::string& uid, const ChannelKey& channel = kChangedGroup) {
    std::string value;
    const auto key =
        store::tombstone_key(partition_for(channel.id, database_->partitions()), uid, channel);
    if (!*database_->get(store::Table::main, key, value)) return 0;
    return store::decode_tombstone(value)->deleted_at_ns;
  }
};

TEST_F(Tombstones, AreLeftToWhoeverHadAConversation) {
  ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u1", "u2", "u3", "u4"})).has_value());
  EXPECT_EQ(deleted_at("u1"), 0);
  ASSERT_TRUE(change(members(ChangeMembers::Operation::remove, {"u1", "nobody"})).has_value());
  const std::int64_t first = deleted_at("u1");
  EXPECT_GT(first, 0);
  EXPECT_EQ(deleted_at("nobody"), 0);
  ChangeMembers denied = members(ChangeMembers::Operation::add, {"u2", "stranger"});
  denied.list = MemberList::denylist;
  ASSERT_TRUE(change(denied).has_value());
  EXPECT_GT(deleted_at("u2"), first);
  EXPECT_EQ(deleted_at("stranger"), 0) << "he is not told of a channel he never saw";
  ChangeConversation opened;
  opened.channel = kChangedGroup;
  opened.uids = {"guest"};
  opened.operation = ChangeConversation::Operation::open;
  ASSERT_TRUE(change(opened).has_value());
  denied.uids = {"guest"};
  ASSERT_TRUE(change(denied).has_value());
  EXPECT_GT(deleted_at("guest"), 0);
  ASSERT_TRUE(change(members(ChangeMembers::Operation::replace, {"u4"})).has_value());
  EXPECT_GT(deleted_at("u3"), 0);
  DeleteChannel gone;
  gone.channel = kChangedGroup;
  ASSERT_TRUE(change(gone).has_value());
  EXPECT_GT(deleted_at("u4"), deleted_at("u3"));
  // Once more, later.
  UpsertChannel back;
  back.channel = kChangedGroup;
  back.revives = true;
  ASSERT_TRUE(change(back).has_value());
  ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u1"})).has_value());
  ASSERT_TRUE(change(members(ChangeMembers::Operation::remove, {"u1"})).has_value());
  EXPECT_GT(deleted_at("u1"), first);
}

// One without messages is shown while it is activated; nothing but a tombstone tells that it went.
TEST_F(Tombstones, AreLeftBesideARowThatIsShownNoMore) {
  ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u1", "u2"})).has_value());
  ChangeConversation action;
  action.channel = kChangedGroup;
  action.uids = {"u1"};
  action.operation = ChangeConversation::Operation::activate;
  ASSERT_TRUE(change(action).has_value());
  action.uids = {"u1", "u2"};
  action.operation = ChangeConversation::Operation::remove;
  ASSERT_TRUE(change(action).has_value());
  const std::int64_t first = deleted_at("u1");
  EXPECT_GT(first, 0);
  EXPECT_EQ(deleted_at("u2"), 0) << "it was never shown";
  ASSERT_TRUE(conversation("u1", kChangedGroup).has_value());
  EXPECT_EQ(conversation("u1", kChangedGroup)->activated_at_ns, 0);
  ASSERT_TRUE(change(action).has_value());
  EXPECT_EQ(deleted_at("u1"), first) << "it was gone already";
  // Lost and back: the trace stays.
  ASSERT_TRUE(change(members(ChangeMembers::Operation::remove, {"u2"})).has_value());
  ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u2"})).has_value());
  EXPECT_GT(deleted_at("u2"), first);
  // Where messages are, the row tells.
  send({to_group("g1", "a")});
  action.uids = {"u1"};
  action.operation = ChangeConversation::Operation::activate;
  ASSERT_TRUE(change(action).has_value());
  action.operation = ChangeConversation::Operation::remove;
  ASSERT_TRUE(change(action).has_value());
  EXPECT_EQ(deleted_at("u1"), first);
}

TEST_F(Tombstones, AreNotLeftByTypesWithoutConversations) {
  const ChannelKey live("l1", ChannelType::live);
  ChangeMembers joined = members(ChangeMembers::Operation::add, {"u1"});
  joined.channel = live;
  ASSERT_TRUE(change(joined).has_value());
  joined.operation = ChangeMembers::Operation::remove;
  ASSERT_TRUE(change(joined).has_value());
  EXPECT_EQ(deleted_at("u1", live), 0);
}

TEST_F(Tombstones, GoWhenTheyAreOldAndNotOneThatWasRenewed) {
  ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u1", "u2"})).has_value());
  ASSERT_TRUE(change(members(ChangeMembers::Operation::remove, {"u1", "u2"})).has_value());
  const PartitionId partition = partition_for(kChangedGroup.id, database_->partitions());
  DropTombstones drop;
  drop.partition = partition;
  drop.keys = {store::tombstone_key(partition, "u1", kChangedGroup),
               store::tombstone_key(partition, "u2", kChangedGroup),
               store::tombstone_key(partition, "u3", kChangedGroup)};
  drop.up_to_ns = std::max(deleted_at("u1"), deleted_at("u2"));
  ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u1"})).has_value());
  ASSERT_TRUE(change(members(ChangeMembers::Operation::remove, {"u1"})).has_value());
  ASSERT_TRUE(change(drop).has_value());
  EXPECT_GT(deleted_at("u1"), drop.up_to_ns);
  EXPECT_EQ(deleted_at("u2"), 0);
  std::string value;
  ASSERT_TRUE(*database_->get(store::Table::main, store::tombstones_dropped_key(partition), value));
  EXPECT_EQ(store::decode_tombstone(value)->deleted_at_ns, drop.up_to_ns);
}

// Knows one group, after a while.
class FakeLists final : public ListSource {
 public:
  bool enabled() const override { return true; }
  std::shared_ptr<const Lists> find(const ChannelKey& channel) const override {
    return channel == kChangedGroup ? lists : nullptr;
  }
  void when_ready(std::vector<ChannelKey> channels, std::function<void(Result<void>)> go) override {
    asked = std::move(channels);
    go(outcome);
  }
  std::shared_ptr<Lists> lists;
  std::vector<ChannelKey> asked;
  Result<void> outcome;
};

TEST_F(Core, ListsOfAnotherSystemGoBeforeTheStoredOnes) {
  ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u1"})).has_value());
  FakeLists other;
  other.lists = std::make_shared<ListSource::Lists>();
  other.lists->subscribers = std::make_shared<UidSet>(UidSet{"u2", "u3"});
  other.lists->denylist = std::make_shared<UidSet>(UidSet{"u3"});
  other.lists->allowlist = std::make_shared<UidSet>();
  close();
  lists_ = &other;
  open();
  SendCommand command = to_group("g1", "a");
  command.origin = Origin::socket;
  EXPECT_EQ(send({command})[0].reason, Reason::subscriber_not_exist);
  command.from_uid = "u3";
  EXPECT_EQ(send({command})[0].reason, Reason::in_denylist);
  command.from_uid = "u2";
  EXPECT_TRUE(send({command})[0].ok());
  EXPECT_EQ(other.asked, std::vector<ChannelKey>{kChangedGroup});
  {
    const MutexLock lock(sink_.mutex);
    ASSERT_EQ(sink_.effects.size(), 1U);
    EXPECT_TRUE(sink_.effects[0].recipients.subscribers->contains("u2"));
  }
  other.lists->flags = ChannelFlags();
  other.lists->flags->ban = true;
  EXPECT_EQ(send({command})[0].reason, Reason::ban);
  // No answer: refused, certainly not stored.
  other.outcome = Error(Errc::unavailable);
  const auto refused = send({command});
  EXPECT_EQ(refused[0].state, SendResult::State::refused);
  EXPECT_EQ(refused[0].code, Errc::unavailable);
  EXPECT_EQ(payloads("g1").size(), 1U);
}

class Events : public Core {
 protected:
  void SetUp() override {
    Core::SetUp();
    ASSERT_TRUE(change(members(ChangeMembers::Operation::add, {"u1", "u2"})).has_value());
    SendCommand anchor = to_group("g1", "anchor", "m1");
    anchor.setting = kSettingStream;
    seq_ = send({anchor})[0].message_seq;
  }

  AppendEvent event(EventEffect effect, const std::string& id, const std::string& text = {}) {
    AppendEvent out;
    out.channel = kChangedGroup;
    out.client_msg_no = "m1";
    out.effect = effect;
    out.event_id = id;
    out.event_type = "t";
    out.event_key = std::string(kMainLane);
    out.text = text;
    return out;
  }
  LaneState lane() {
    const auto events = history_->load_events(kChangedGroup, seq_);
    EXPECT_TRUE(events.has_value());
    if (!events || events->lanes.empty()) return {};
    return events->lanes.front();
  }

  MessageSeq seq_{};
};

TEST_F(Events, AddTextThatIsDurableAtOnce) {
  EXPECT_EQ(append(event(EventEffect::text_delta, "e1", "Hel"))->msg_event_seq, 0U);
  ASSERT_TRUE(append(event(EventEffect::text_delta, "e2", "lo")).has_value());
  EXPECT_EQ(lane().snapshot, "Hello");
  EXPECT_TRUE(lane().text);
  close();
  open();
  ASSERT_TRUE(append(event(EventEffect::text_delta, "e3", "!")).has_value());
  EXPECT_EQ(lane().snapshot, "Hello!");
  const auto closed = append(event(EventEffect::close, "e4"));
  ASSERT_TRUE(closed.has_value());
  EXPECT_EQ(closed->msg_event_seq, 1U);
  EXPECT_EQ(closed->status, LaneStatus::closed);
  EXPECT_EQ(lane().snapshot, "Hello!");
  EXPECT_EQ(lane().status, LaneStatus::closed);
}

TEST_F(Events, AnswerARepeatWithTheStateAndChangeNothing) {
  append(event(EventEffect::text_delta, "e1", "a")).ignore("checked below");
  append(event(EventEffect::text_delta, "e1", "a")).ignore("checked below");
  EXPECT_EQ(lane().snapshot, "a");
  close();
  open();
  append(event(EventEffect::text_delta, "e1", "a")).ignore("checked below");
  EXPECT_EQ(lane().snapshot, "a");
  EXPECT_EQ(append(event(EventEffect::note, "e2"))->msg_event_seq, 1U);
  EXPECT_EQ(append(event(EventEffect::note, "e2"))->msg_event_seq, 1U);
}

TEST_F(Events, AreRefusedOrIgnoredOnceTheLaneHasEnded) {
  append(event(EventEffect::fail, "e1")).ignore("checked below");
  EXPECT_EQ(append(event(EventEffect::text_delta, "e2", "late")).error().code(), Errc::conflict);
  const auto late = append(event(EventEffect::close, "e3"));
  ASSERT_TRUE(late.has_value());
  EXPECT_EQ(late->status, LaneStatus::error);
  EXPECT_EQ(late->msg_event_seq, 1U);
}

TEST_F(Events, NeedAStreamMessage) {
  AppendEvent unknown = event(EventEffect::note, "e1");
  unknown.client_msg_no = "nobody";
  EXPECT_EQ(append(unknown).error().code(), Errc::not_found);
  send({to_group("g1", "plain", "m2")});
  AppendEvent plain = event(EventEffect::note, "e1");
  plain.client_msg_no = "m2";
  EXPECT_EQ(append(plain).error().code(), Errc::invalid);
}

TEST_F(Events, CountOverAllLanesOfAMessage) {
  EXPECT_EQ(append(event(EventEffect::note, "e1"))->msg_event_seq, 1U);
  AppendEvent other = event(EventEffect::note, "e1");
  other.event_key = "tool";
  EXPECT_EQ(append(other)->msg_event_seq, 2U);
  EXPECT_EQ(history_->load_events(kChangedGroup, seq_)->lanes.size(), 2U);
}

TEST_F(Events, TheCollectedTextCountsMoreThanWhatTheEndBrings) {
  append(event(EventEffect::text_delta, "e1", "collected")).ignore("checked below");
  AppendEvent end = event(EventEffect::close, "e2");
  end.snapshot = R"({"kind":"text","text":"supplied"})";
  end.end_reason = 3;
  append(end).ignore("checked below");
  EXPECT_EQ(lane().snapshot, "collected");
  EXPECT_EQ(lane().end_reason, 3U);
}

TEST_F(Events, ReachTheSubscribersInOrder) {
  append(event(EventEffect::text_delta, "e1", "a")).ignore("checked below");
  append(event(EventEffect::close, "e2")).ignore("checked below");
  const MutexLock lock(sink_.mutex);
  std::vector<std::string> ids;
  for (const auto& told : sink_.events()) ids.push_back(told->event_id);
  EXPECT_EQ(ids, (std::vector<std::string>{"e1", "e2"}));
}

TEST_F(Events, OneStreamRunsInAChannelUntilItEndsOrIsIdle) {
  AppendEvent begin = event(EventEffect::note, "e1");
  begin.begins_stream = true;
  ASSERT_TRUE(append(begin).has_value());
  EXPECT_EQ(*history_->load_running_stream(kChangedGroup), "m1");
  SendCommand second = to_group("g1", "anchor", "m2");
  second.setting = kSettingStream;
  send({second});
  AppendEvent other = begin;
  other.client_msg_no = "m2";
  EXPECT_EQ(append(other).error().code(), Errc::conflict);
  clock_.now_ms += 31'000;
  CloseIdleStreams close_idle;
  close_idle.partition = partition_for("g1", database_->partitions());
  close_idle.event_type = "ended";
  ASSERT_TRUE(change(close_idle).has_value());
  EXPECT_EQ(lane().status, LaneStatus::closed);
  EXPECT_EQ(lane().end_reason, kEndReasonTimeout);
  EXPECT_EQ(lane().event_type, "ended") << "how it is told is the caller's";
  EXPECT_TRUE(append(other).has_value());
}

TEST_F(Events, GoWithTheirMessage) {
  append(event(EventEffect::text_delta, "e1", "a")).ignore("checked below");
  append(event(EventEffect::note, "e2")).ignore("checked below");
  DeleteMessages gone;
  gone.channel = kChangedGroup;
  gone.seqs = {raw(seq_)};
  ASSERT_TRUE(change(gone).has_value());
  EXPECT_TRUE(history_->load_events(kChangedGroup, seq_)->lanes.empty());
  EXPECT_EQ(append(event(EventEffect::note, "e3")).error().code(), Errc::not_found);
}

TEST_F(Events, DoNotReviveAMessageWhoseDeletionIsOnItsWay) {
  append(event(EventEffect::text_delta, "e1", "a")).ignore("checked below");
  DeleteMessages gone;
  gone.channel = kChangedGroup;
  gone.seqs = {raw(seq_)};
  std::promise<Result<void>> deleted;
  ASSERT_TRUE(
      router_->post_change(gone, [&](Result<void> done) { deleted.set_value(std::move(done)); }));
  EXPECT_EQ(append(event(EventEffect::text_delta, "e2", "b")).error().code(), Errc::not_found);
  EXPECT_TRUE(deleted.get_future().get());
  EXPECT_TRUE(history_->load_events(kChangedGroup, seq_)->lanes.empty());
}

}  // namespace
}  // namespace jindou::partition
