// The whole core on a real RocksDB with its real threads: router, workers, partitions, commit log.
// What an edge sees, and what is there after a reopen.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "partition/core_fixture.h"

namespace jindou::partition {
namespace {

TEST_F(Core, GivesABatchAlignedResultsWithDenseSeqsPerChannel) {
  std::vector<SendCommand> commands;
  for (int i = 0; i < 100; ++i) {
    commands.push_back(to_group("g" + std::to_string(i % 10), "p" + std::to_string(i)));
  }
  const auto results = send(std::move(commands));
  ASSERT_EQ(results.size(), 100U);
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(results[i].state, SendResult::State::accepted);
    EXPECT_EQ(raw(results[i].message_seq), i / 10 + 1);
    EXPECT_LT(raw(results[i].message_id), std::uint64_t{1} << 53);
  }
  EXPECT_EQ(payloads("g3"), (std::vector<std::string>{"p3", "p13", "p23", "p33", "p43", "p53",
                                                      "p63", "p73", "p83", "p93"}));
}

TEST_F(Core, AnswersARepeatWithTheFirstResultAlsoAfterAReopen) {
  const auto first = send({to_group("g1", "hello", "n1")});
  const auto repeat = send({to_group("g1", "hello", "n1")});
  EXPECT_EQ(repeat[0].state, SendResult::State::duplicate);
  EXPECT_EQ(repeat[0].message_id, first[0].message_id);
  close();
  open();
  const auto later = send({to_group("g1", "hello", "n1"), to_group("g1", "next")});
  EXPECT_EQ(later[0].state, SendResult::State::duplicate);
  EXPECT_EQ(later[0].message_id, first[0].message_id);
  EXPECT_EQ(later[0].message_seq, first[0].message_seq);
  EXPECT_EQ(raw(later[1].message_seq), 2U);
  EXPECT_GT(raw(later[1].message_id), raw(first[0].message_id));
}

TEST_F(Core, RepeatsInsideOneBatchStoreOneMessage) {
  const auto results = send({to_group("g1", "a", "n1"), to_group("g1", "a", "n1")});
  EXPECT_EQ(results[0].state, SendResult::State::accepted);
  EXPECT_EQ(results[1].state, SendResult::State::duplicate);
  EXPECT_EQ(results[0].message_id, results[1].message_id);
  EXPECT_EQ(payloads("g1").size(), 1U);
}

TEST_F(Core, RefusesTheSameKeyWithAnotherPayload) {
  send({to_group("g1", "a", "n1")});
  const auto results = send({to_group("g1", "b", "n1")});
  EXPECT_EQ(results[0].state, SendResult::State::refused);
  EXPECT_EQ(results[0].code, Errc::conflict);
  EXPECT_EQ(payloads("g1"), std::vector<std::string>{"a"});
}

TEST_F(Core, ForgetsAKeyAfterTheWindow) {
  send({to_group("g1", "a", "n1")});
  clock_.now_ms += (partition_options_.idempotency_window_seconds + 1) * 1000;
  const auto results = send({to_group("g1", "a", "n1")});
  EXPECT_EQ(results[0].state, SendResult::State::accepted);
  EXPECT_EQ(raw(results[0].message_seq), 2U);
}

TEST_F(Core, FindsWhatASenderHasSentUnderANumberInATime) {
  const ChannelKey g1("g1", ChannelType::group);
  const std::int64_t begin_s = clock_.wall_seconds();
  const std::int64_t window_s = partition_options_.idempotency_window_seconds;
  const auto find = [&](const std::string& uid, std::int64_t after_s, std::int64_t until_s) {
    const auto found = history_->load_sent(g1, "n1", uid, {begin_s + after_s, begin_s + until_s});
    EXPECT_TRUE(found);
    return found && *found ? raw((*found)->seq) : 0;
  };
  SendCommand other = to_group("g1", "of another", "n1");
  other.from_uid = "u2";
  send({other});
  send({to_group("g1", "first", "n1")});
  clock_.now_ms += window_s * 1000;
  send({to_group("g1", "second", "n1"), to_group("g1", "another number", "n2")});
  EXPECT_EQ(find("u1", -1, window_s), 3U);
  EXPECT_EQ(find("u1", -1, window_s - 1), 2U);
  EXPECT_EQ(find("u1", 0, window_s - 1), 0U);
  EXPECT_EQ(find("u1", window_s, 2 * window_s), 0U);
  EXPECT_EQ(find("u2", -1, window_s), 1U);
  EXPECT_EQ(find("u3", -1, window_s), 0U);
}

TEST_F(Core, FindsKeysThatWereSpilledToDisk) {
  close();
  partition_options_.index_generation_entries = 10;
  open();
  const auto send_number = [&](int i) {
    return send_when_there_is_room(to_group("g1", "p", "n" + std::to_string(i)));
  };
  for (int i = 0; i < 100; ++i) send_number(i);
  for (int i = 0; i < 100; ++i) {
    const SendResult result = send_number(i);
    EXPECT_EQ(result.state, SendResult::State::duplicate);
    EXPECT_EQ(raw(result.message_seq), static_cast<std::uint64_t>(i) + 1);
  }
  const auto found = history_->load_by_client_msg_no(ChannelKey("g1", ChannelType::group), "n5");
  ASSERT_TRUE(found.has_value() && found->has_value());
  EXPECT_EQ(raw((*found)->seq), 6U);
  const std::int64_t now_s = clock_.wall_seconds();
  const auto sent = history_->load_sent((*found)->channel, "n5", "u1", {now_s - 1, now_s});
  ASSERT_TRUE(sent.has_value() && sent->has_value());
  EXPECT_EQ((*sent)->id, (*found)->id);
}

TEST_F(Core, DoesNotStoreNoPersistMessagesButDeliversThem) {
  UpsertChannel group;
  group.channel = ChannelKey("g1", ChannelType::group);
  group.subscribers = {"u1", "u2"};
  ASSERT_TRUE(change(group).has_value());
  auto command = to_group("g1", "flash");
  command.flags.no_persist = true;
  const auto results = send({command});
  EXPECT_EQ(results[0].state, SendResult::State::accepted);
  EXPECT_NE(raw(results[0].message_id), 0U);
  EXPECT_EQ(raw(results[0].message_seq), 0U);
  EXPECT_TRUE(payloads("g1").empty());
  ASSERT_EQ(sink_.effects.size(), 1U);
  EXPECT_EQ(sink_.effects[0].recipients.subscribers->size(), 2U);
}

// Whoever delivers counts for the job; a repeat was counted when it was first sent.
TEST_F(Core, HandsOnWhichJobAMessageIsOfAlsoWhenNobodyReceivesIt) {
  auto command = to_group("g1", "one", "n1");
  command.job = std::make_shared<const std::string>("job");
  send({command, to_group("g1", "two", "n2")});
  EXPECT_EQ(send({command})[0].state, SendResult::State::duplicate);
  const MutexLock lock(sink_.mutex);
  ASSERT_EQ(sink_.effects.size(), 1U);
  const auto& told = std::get<CommittedMessage>(sink_.effects[0].what);
  ASSERT_NE(told.pushes, nullptr);
  EXPECT_EQ(*told.pushes->job, "job");
  EXPECT_EQ(told.pushes->users.load(), 0U);
}

TEST_F(Core, StoresAMessageWhoseKeyWasUsedForOneThatWasNotToBeStored) {
  auto flash = to_group("g1", "x", "n1");
  flash.flags.no_persist = true;
  EXPECT_EQ(raw(send({flash})[0].message_seq), 0U);
  EXPECT_EQ(send({flash})[0].state, SendResult::State::duplicate);
  const auto stored = send({to_group("g1", "x", "n1")});
  EXPECT_EQ(stored[0].state, SendResult::State::accepted);
  EXPECT_EQ(raw(stored[0].message_seq), 1U);
  EXPECT_EQ(send({to_group("g1", "x", "n1")})[0].state, SendResult::State::duplicate);
}

TEST_F(Core, NeverGivesAnIdTwiceOverRestarts) {
  std::set<std::uint64_t> ids;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5; ++i) {
      auto command = to_group("g1", "x");
      command.flags.no_persist = i % 2 == 0;
      EXPECT_TRUE(ids.insert(raw(send({command})[0].message_id)).second);
    }
    close();
    open();
  }
}

TEST_F(Core, StampsChangesInOrderWhenTheClockGoesBack) {
  const ChannelKey group("g", ChannelType::group);
  std::int64_t last = 0;
  const auto expect_later = [&last](std::int64_t stamp) {
    EXPECT_GT(stamp, last);
    last = stamp;
  };
  const auto stored_at = [this, &group](std::uint64_t seq) {
    RangeQuery query;
    query.channel = group;
    query.start_seq = seq;
    query.end_seq = 0;
    const auto page = history_->load_range(query);
    for (const auto& message : page->messages) {
      if (raw(message.seq) != seq) continue;
      EXPECT_EQ(message.timestamp, clock_.wall_seconds());
      return message.stored_at_ns();
    }
    ADD_FAILURE() << "no message " << seq;
    return std::int64_t{0};
  };
  ChangeConversation read;
  read.channel = group;
  read.uids = {"u2"};
  for (std::uint64_t seq = 1; seq <= 3; ++seq) {
    const SendResult sent = send({to_group("g", "a")})[0];
    EXPECT_EQ(sent.timestamp, clock_.wall_seconds());
    expect_later(stored_at(seq));
    ASSERT_TRUE(change(read).has_value());
    expect_later(conversation("u2", group)->updated_at_ns);
    // What was changed is within the horizon.
    EXPECT_GE(horizon_->stable_ns(), last);
    clock_.now_ms -= 3'600'000;
    if (seq == 2) continue;  // once without a restart
    close();
    open();
  }
}

TEST_F(Core, LooksUpMessagesById) {
  std::vector<SendCommand> commands;
  for (int i = 0; i < 20; ++i) commands.push_back(to_group("g" + std::to_string(i), "p"));
  const auto results = send(std::move(commands));
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto found = history_->load_by_id(results[i].message_id);
    ASSERT_TRUE(found.has_value() && found->has_value());
    EXPECT_EQ((*found)->channel.id, "g" + std::to_string(i));
  }
  const auto missing =
      history_->load_by_id(static_cast<MessageId>(raw(results[0].message_id) + 1024));
  ASSERT_TRUE(missing.has_value());
  EXPECT_TRUE(!missing->has_value() || (*missing)->channel.id != "g0");
  EXPECT_FALSE(history_->load_by_id(MessageId{1023})->has_value());
}

// Of every kind of log, by the message as it was handed on.
TEST_F(Core, TellsWhetherWhatWasDeliveredIsStillThere) {
  UpsertChannel group;
  group.channel = ChannelKey("g1", ChannelType::group);
  group.subscribers = {"u2"};
  ASSERT_TRUE(change(group).has_value());
  auto command = to_group("g1", "command");
  command.flags.sync_once = true;
  auto targeted = command;
  targeted.client_msg_no = "targeted";
  targeted.subscribers = {"u2", "u3"};
  auto nowhere = targeted;  // a targeted command that names no channel
  nowhere.client_msg_no = "nowhere";
  nowhere.channel = {};
  auto flash = to_group("g1", "flash");
  flash.flags.no_persist = true;
  const auto sent = send({to_group("g1", "a"), to_group("g1", "b"), command, flash});
  send({targeted});
  send({nowhere});
  const auto there = [this] {
    std::vector<std::string> out;
    const MutexLock lock(sink_.mutex);
    for (const auto& told : sink_.messages()) {
      const Message& message = *told;
      const auto found = history_->is_there(message);
      EXPECT_TRUE(found.has_value());
      if (found && *found) {
        out.push_back(message.payload.str() + (message.subscribers.empty() ? "" : "*"));
      }
    }
    std::sort(out.begin(), out.end());
    return out;
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(there(), (Texts{"a", "b", "command", "command*", "command*", "flash"}));
  ASSERT_TRUE(change(DeleteMessages{group.channel, {raw(sent[1].message_seq)}}).has_value());
  EXPECT_EQ(there(), (Texts{"a", "command", "command*", "command*", "flash"}));
  ASSERT_TRUE(change(DeleteChannel{group.channel}).has_value());
  EXPECT_EQ(there(), (Texts{"command*", "command*", "flash"}));
}

TEST_F(Core, HidesRestrictedMessagesFromOthersAndExpiredOnesFromAll) {
  auto restricted = to_group("g1", "for u2");
  restricted.subscribers = {"u2"};
  auto expiring = to_group("g1", "short");
  expiring.expire = 10;
  send({restricted, expiring, to_group("g1", "for all")});
  EXPECT_EQ(payloads("g1", "u2"), (std::vector<std::string>{"for u2", "short", "for all"}));
  EXPECT_EQ(payloads("g1", "u3"), (std::vector<std::string>{"short", "for all"}));
  clock_.now_ms += 11'000;
  EXPECT_EQ(payloads("g1", "u3"), std::vector<std::string>{"for all"});
}

SendCommand to_person(SendCommand command, const std::string& to) {
  command.channel = ChannelKey(person_channel_id(command.from_uid, to), ChannelType::person);
  return command;
}

TEST_F(Core, AListOfOneUserIsNoWayRoundThatUsersInbox) {
  ChangeMembers deny;
  deny.channel = ChannelKey("u2", ChannelType::person);
  deny.list = MemberList::denylist;
  deny.uids = {"u1"};
  ASSERT_TRUE(change(deny).has_value());
  auto to_one = to_group("any", "a");
  to_one.subscribers = {"u2"};
  EXPECT_EQ(send({to_one})[0].reason, Reason::in_denylist);
  inboxes_->clear();
  EXPECT_EQ(send({to_one})[0].reason, Reason::in_denylist);
  to_one.subscribers = {"u2", "u3"};
  EXPECT_TRUE(send({to_one})[0].ok());
  auto to_other = to_person(to_group("", "b"), "u3");
  to_other.subscribers = {"u2"};
  const SendResult refused = send({to_other})[0];
  EXPECT_EQ(refused.reason, Reason::not_allow_send);
  EXPECT_EQ(refused.cause, SendResult::Cause::listed_outsider);
  EXPECT_EQ(payloads("any"), std::vector<std::string>{"a"});
  const MutexLock lock(sink_.mutex);
  EXPECT_EQ(sink_.messages().size(), 1U);
}

// Whether the inboxes are in memory or have to be read; they are of any partition.
TEST_F(Core, ADenialThatWasAnsweredHoldsForTheNextMessage) {
  for (int i = 0; i < 12; ++i) {
    const std::string to = "r" + std::to_string(i);
    EXPECT_TRUE(send({to_person(to_group("", "a"), to)})[0].ok());
    ChangeMembers deny;
    deny.channel = ChannelKey(to, ChannelType::person);
    deny.list = MemberList::denylist;
    deny.uids = {"u1"};
    ASSERT_TRUE(change(deny).has_value());
    EXPECT_EQ(send({to_person(to_group("", "b"), to)})[0].reason, Reason::in_denylist);
    deny.operation = ChangeMembers::Operation::remove;
    ASSERT_TRUE(change(deny).has_value());
    if (i % 2 == 0) inboxes_->clear();
    EXPECT_TRUE(send({to_person(to_group("", "c"), to)})[0].ok());
  }
  UpsertChannel ban;
  ban.channel = ChannelKey("u1", ChannelType::person);
  ban.flags.send_ban = true;
  ASSERT_TRUE(change(ban).has_value());
  EXPECT_EQ(send({to_group("g1", "d")})[0].reason, Reason::send_ban);
}

TEST_F(Core, MessagesKeepTheirOrderWhileInboxesOfSomeAreRead) {
  constexpr int kMessages = 300;
  std::promise<void> all;
  std::atomic<int> left{kMessages};
  std::vector<std::string> expected;
  for (int i = 0; i < kMessages; ++i) {
    expected.push_back("p" + std::to_string(i));
    SendCommand command = to_group("g1", expected.back());
    // Every other sender is known.
    command.from_uid = i % 2 == 0 ? "u1" : "s" + std::to_string(i);
    ASSERT_TRUE(router_
                    ->post_send({command},
                                [&](const std::vector<SendResult>& results) {
                                  EXPECT_TRUE(results[0].ok());
                                  if (--left == 0) all.set_value();
                                })
                    .has_value());
  }
  all.get_future().get();
  RangeQuery query;
  query.channel = ChannelKey("g1", ChannelType::group);
  query.start_seq = 1;
  query.towards_newer = true;
  query.limit = kMessages;
  const auto page = history_->load_range(query);
  ASSERT_TRUE(page.has_value());
  std::vector<std::string> stored;
  for (const Message& message : page->messages) {
    stored.push_back(message.payload.str());
  }
  EXPECT_EQ(stored, expected);
}

TEST_F(Core, KeepsTheSeqOfADeletedChannelAndHidesItsMessages) {
  const ChannelKey group("g1", ChannelType::group);
  send({to_group("g1", "a"), to_group("g1", "b")});
  ASSERT_TRUE(change(DeleteChannel{group}).has_value());
  EXPECT_TRUE(payloads("g1").empty());
  const auto refused = send({to_group("g1", "c")});
  EXPECT_EQ(refused[0].reason, Reason::disband);
  EXPECT_EQ(raw(*history_->load_last_seq(group)), 2U);
  UpsertChannel revive;
  revive.channel = group;
  const auto revived = change(revive);
  ASSERT_FALSE(revived.has_value());
  EXPECT_EQ(revived.error().code(), Errc::invalid);
}

TEST_F(Core, BringsADeletedChannelBackAndSaysHow) {
  const ChannelKey group("g1", ChannelType::group);
  send({to_group("g1", "a"), to_group("g1", "b")});
  ChangeMembers add;
  add.channel = group;
  add.uids = {"u1", "u2"};
  ASSERT_TRUE(change(add).has_value());
  ASSERT_TRUE(change(DeleteChannel{group}).has_value());

  ChangeConversation unread;
  unread.channel = group;
  unread.uids = {"u1"};
  unread.operation = ChangeConversation::Operation::set_unread;
  unread.value = 1;
  ChangeMembers deny = add;
  deny.list = MemberList::denylist;
  UpsertChannel still_gone;
  still_gone.channel = group;
  still_gone.flags.disband = true;
  still_gone.revives = true;
  still_gone.subscribers = {"u3"};
  UpsertChannel many = still_gone;
  for (std::size_t i = 0; i < 2 * partition_options_.lists.slice; ++i) {
    many.subscribers.push_back("m" + std::to_string(i));
  }
  for (const Change& pointless :
       {Change(add), Change(deny), Change(unread), Change(SetRetention{group, 10, 10}),
        Change(still_gone), Change(many)}) {
    const auto refused = change(pointless);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), Errc::invalid);
    EXPECT_NE(refused.error().detail().find("POST /channel"), std::string::npos);
  }
  EXPECT_FALSE(conversation("u3", group).has_value());
  // What they ask for holds already.
  ChangeMembers remove = add;
  remove.operation = ChangeMembers::Operation::remove;
  EXPECT_TRUE(change(remove).has_value());
  EXPECT_TRUE(change(DeleteChannel{group}).has_value());

  UpsertChannel again;
  again.channel = group;
  again.revives = true;
  again.subscribers = {"u2"};
  ASSERT_TRUE(change(again).has_value());
  const auto sent = send({to_group("g1", "c")});
  EXPECT_EQ(raw(sent[0].message_seq), 3U);
  EXPECT_EQ(payloads("g1"), std::vector<std::string>{"c"});
  EXPECT_EQ(recipients(group)->subscribers->size(), 1U);
  EXPECT_TRUE(change(add).has_value());
  close();
  open();
  EXPECT_EQ(recipients(group)->subscribers->size(), 2U);
  EXPECT_EQ(payloads("g1"), std::vector<std::string>{"c"});
}

TEST_F(Core, StoresCommandsInALogOfTheirOwn) {
  auto command = to_group("g1", "cmd");
  command.flags.sync_once = true;
  const auto results = send({to_group("g1", "chat"), command});
  EXPECT_EQ(raw(results[0].message_seq), 1U);
  EXPECT_EQ(raw(results[1].message_seq), 1U);
  EXPECT_EQ(payloads("g1"), std::vector<std::string>{"chat"});
}

TEST_F(Core, AppliesMembershipChangesToTheNextMessage) {
  ChangeMembers add;
  add.channel = ChannelKey("g1", ChannelType::group);
  add.uids = {"u1", "u2"};
  ASSERT_TRUE(change(add).has_value());
  send({to_group("g1", "one")});
  ChangeMembers remove = add;
  remove.operation = ChangeMembers::Operation::remove;
  remove.uids = {"u2"};
  ASSERT_TRUE(change(remove).has_value());
  send({to_group("g1", "two")});
  ASSERT_EQ(sink_.effects.size(), 2U);
  // The snapshot that went with the first message is untouched by the change.
  EXPECT_TRUE(sink_.effects[0].recipients.subscribers->contains("u2"));
  EXPECT_FALSE(sink_.effects[1].recipients.subscribers->contains("u2"));
  close();
  open();
  send({to_group("g1", "three")});
  EXPECT_EQ(sink_.effects[2].recipients.subscribers->size(), 1U);
}

TEST_F(Core, SeesAChangedInboxAtOnceInEveryPartition) {
  EXPECT_TRUE(send({to_group("g1", "x")})[0].ok());
  UpsertChannel inbox;
  inbox.channel = ChannelKey("u1", ChannelType::person);
  inbox.flags.send_ban = true;
  ASSERT_TRUE(change(inbox).has_value());
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(send({to_group("g" + std::to_string(i), "x")})[0].reason, Reason::send_ban);
  }
}

TEST_F(Core, RefusesTokensOfBannedUsers) {
  StoreToken token;
  token.uid = "u1";
  token.token = "t";
  token.level = DeviceLevel::master;
  ASSERT_TRUE(change(token).has_value());
  const auto stored = records_->load_token("u1", DeviceFlag::app);
  ASSERT_TRUE(stored.has_value() && stored->has_value());
  EXPECT_EQ((*stored)->token, "t");
  EXPECT_EQ((*stored)->level, DeviceLevel::master);
  UpsertChannel inbox;
  inbox.channel = ChannelKey("u1", ChannelType::person);
  inbox.flags.ban = true;
  ASSERT_TRUE(change(inbox).has_value());
  const auto refused = change(token);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::denied);
}

TEST_F(Core, RefusesWhatExceedsTheAdmissionAsAWhole) {
  close();
  limits_.items_in_flight_max = 10;
  open();
  // Something in flight first, so that the limit counts: results are awaited only afterwards.
  std::vector<std::future<std::vector<SendResult>>> waiting;
  bool refused = false;
  for (int i = 0; i < 200 && !refused; ++i) {
    auto promise = std::make_shared<std::promise<std::vector<SendResult>>>();
    std::vector<SendCommand> commands;
    for (int k = 0; k < 6; ++k) commands.push_back(to_group("g1", "p"));
    auto posted = router_->post_send(std::move(commands), [promise](std::vector<SendResult> done) {
      promise->set_value(std::move(done));
    });
    if (posted) {
      waiting.push_back(promise->get_future());
    } else {
      EXPECT_EQ(posted.error().code(), Errc::overloaded);
      refused = true;
    }
  }
  EXPECT_TRUE(refused);
  std::size_t stored = 0;
  for (auto& results : waiting) stored += results.get().size();
  EXPECT_EQ(raw(*history_->load_last_seq(ChannelKey("g1", ChannelType::group))), stored);
}

TEST_F(Core, WhatIsAnnouncedTakesRoomUntilItIsThere) {
  close();
  limits_.items_in_flight_max = 100;
  limits_.batches_in_flight_max = 2;
  open();
  // Tells how many bytes an item has.
  for (int i = 0; i < 60; ++i) {
    std::promise<void> done;
    std::vector<SendCommand> commands(10, to_group("g1", "p"));
    auto room = router_->reserve(1, 10 * 1000);
    ASSERT_TRUE(router_->post_send(
        std::move(commands), [&done](const std::vector<SendResult>&) { done.set_value(); },
        CommandRouter::kNever, std::exchange(room, nullptr)));
    done.get_future().get();
  }
  settle();
  auto first = router_->announce(60 * 1000);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(router_->announce(60 * 1000), nullptr);
  EXPECT_NE(router_->announce(20 * 1000), nullptr);
  // Only an estimate: what is there already takes the room.
  EXPECT_NE(router_->reserve(90, 90 * 1000), nullptr);
  first.reset();
  EXPECT_NE(router_->announce(60 * 1000), nullptr);
  // Larger than all the room: passes when nothing else is there.
  EXPECT_NE(router_->announce(500 * 1000), nullptr);
  const auto one = router_->reserve(1, 1000);
  EXPECT_EQ(router_->announce(500 * 1000), nullptr);
  const auto two = router_->reserve(1, 1000);
  EXPECT_EQ(router_->announce(1), nullptr);
}

TEST_F(Core, WhatWasReservedBecomesWhatIsNeeded) {
  close();
  limits_.items_in_flight_max = 10;
  open();
  auto first = router_->reserve(6, 600);
  auto second = router_->reserve(4, 400);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(router_->reserve(1, 100), nullptr);
  std::promise<void> done;
  const auto post = [&](std::size_t items, CommandRouter::ReservationPtr& room) {
    return router_->post_send(
        std::vector<SendCommand>(items, to_group("g1", "p")),
        [&done](const std::vector<SendResult>&) { done.set_value(); }, CommandRouter::kNever,
        std::exchange(room, nullptr));
  };
  // More than there is beside the second.
  const auto refused = post(8, first);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::overloaded);
  EXPECT_EQ(router_->items_in_flight(), 4U);
  first = router_->reserve(6, 600);
  ASSERT_TRUE(first);
  // Fewer, though there is no room for one more.
  ASSERT_TRUE(post(3, second));
  done.get_future().get();
  first.reset();
  settle();
}

// A send that comes to its partition too late is not evaluated, and its caller learns that.
TEST_F(Core, WhatIsPastItsDeadlineIsNotDone) {
  for (const bool in_time : {false, true}) {
    std::promise<std::vector<SendResult>> results;
    const auto deadline = clock_.steady() + std::chrono::seconds(in_time ? 1 : 0);
    auto posted = router_->post_send(
        {to_group("late", "p", "n1"), to_group("late too", "p", "n1")},
        [&results](std::vector<SendResult> done) { results.set_value(std::move(done)); }, deadline);
    ASSERT_TRUE(posted.has_value());
    for (const SendResult& result : results.get_future().get()) {
      EXPECT_EQ(result.state, in_time ? SendResult::State::accepted : SendResult::State::refused);
      if (in_time) {
        EXPECT_EQ(raw(result.message_seq), 1U);
      } else {
        EXPECT_EQ(result.code, Errc::overloaded);
      }
    }
  }
}

// What the edge gives up before a partition has begun it is not begun afterwards.
TEST_F(Core, WhatIsGivenUpBeforeItIsBegunIsNotDone) {
  class Shut final : public ListSource {
   public:
    bool enabled() const override { return true; }
    std::shared_ptr<const Lists> find(const ChannelKey&) const override { return nullptr; }
    void when_ready(std::vector<ChannelKey>, std::function<void(Result<void>)> go) override {
      kept = std::move(go);
    }
    std::function<void(Result<void>)> kept;
  };
  Shut lists;
  router_->set_list_source(&lists);
  std::promise<std::vector<SendResult>> results;
  auto posted = router_->post_send({to_group("g1", "p")}, [&results](std::vector<SendResult> done) {
    results.set_value(std::move(done));
  });
  ASSERT_TRUE(posted.has_value());
  (*posted)->expire();
  const auto answered = results.get_future().get();
  EXPECT_EQ(answered[0].state, SendResult::State::refused);
  EXPECT_EQ(answered[0].code, Errc::overloaded);
  lists.kept({});
  router_->set_list_source(nullptr);
  lists.kept = nullptr;
  posted->reset();
  settle();
  EXPECT_EQ(raw(*history_->load_last_seq(ChannelKey("g1", ChannelType::group))), 0U);
}

// Rows of docs/api.md, "ranges": a channel holds seqs 1 to 100.
struct RangeRow {
  std::uint64_t start;
  std::uint64_t end;
  int mode;
  std::int64_t limit;
  std::uint64_t first;
  std::uint64_t last;
  bool more;
};

TEST_F(Core, ReadsRangesAsDocumented) {
  std::vector<SendCommand> commands;
  for (int i = 0; i < 100; ++i) commands.push_back(to_group("g1", "p"));
  send(std::move(commands));
  const RangeRow rows[] = {
      {0, 0, 0, 10, 91, 100, true},
      {0, 0, 1, 10, 91, 100, true},
      {0, 0, 0, 100, 1, 100, false},
      {0, 0, 1, 200, 1, 100, false},
      {0, 0, 0, 0, 1, 100, false},
      {100, 0, 0, 10, 91, 100, true},
      {91, 0, 0, 10, 82, 91, true},
      {10, 0, 0, 10, 1, 10, false},
      {5, 0, 0, 10, 1, 5, false},
      {100, 95, 0, 10, 96, 100, false},
      {100, 90, 0, 10, 91, 100, false},
      {100, 89, 0, 10, 91, 100, true},
      {100, 50, 0, 10, 91, 100, true},
      {100, 100, 0, 10, 0, 0, false},
      {105, 0, 0, 10, 91, 100, true},
      {1000, 0, 0, 10, 91, 100, true},
      {0, 50, 0, 10, 91, 100, true},
      {40, 60, 0, 10, 40, 49, true},
      {1, 0, 1, 10, 1, 10, true},
      {91, 0, 1, 10, 91, 100, false},
      {92, 0, 1, 10, 92, 100, false},
      {101, 0, 1, 10, 0, 0, false},
      {1, 11, 1, 10, 1, 10, false},
      {1, 10, 1, 10, 1, 9, false},
      {0, 50, 1, 10, 1, 10, true},
      {95, 200, 1, 10, 95, 100, false},
      {60, 40, 1, 10, 0, 0, false},
      {1, 0, 1, 0, 1, 100, false},
      {0, ~std::uint64_t{0}, 0, 10, 0, 0, false},
  };
  for (const RangeRow& row : rows) {
    RangeQuery query;
    query.channel = ChannelKey("g1", ChannelType::group);
    query.start_seq = row.start;
    query.end_seq = row.end;
    query.limit = row.limit;
    query.towards_newer = row.mode == 1;
    const auto page = history_->load_range(query);
    ASSERT_TRUE(page.has_value());
    const std::string name = std::to_string(row.start) + "," + std::to_string(row.end) + "," +
                             std::to_string(row.mode) + "," + std::to_string(row.limit);
    EXPECT_EQ(page->more, row.more) << name;
    if (row.first == 0) {
      EXPECT_TRUE(page->messages.empty()) << name;
      continue;
    }
    ASSERT_FALSE(page->messages.empty()) << name;
    EXPECT_EQ(raw(page->messages.front().seq), row.first) << name;
    EXPECT_EQ(raw(page->messages.back().seq), row.last) << name;
    EXPECT_EQ(page->messages.size(), row.last - row.first + 1) << name;
  }
}

TEST_F(Core, EndsAPageOfLargeMessagesByItsBytes) {
  std::vector<SendCommand> commands;
  for (int i = 0; i < 20; ++i) commands.push_back(to_group("g1", std::string(1 << 20, 'x')));
  send(std::move(commands));
  RangeQuery query;
  query.channel = ChannelKey("g1", ChannelType::group);
  const auto page = history_->load_range(query);
  ASSERT_TRUE(page.has_value());
  EXPECT_LT(page->messages.size(), 12U);
  EXPECT_EQ(raw(page->messages.back().seq), 20U);
  EXPECT_TRUE(page->more);
}

}  // namespace
}  // namespace jindou::partition
