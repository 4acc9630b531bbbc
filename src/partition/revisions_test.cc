// Messages that are recalled and edited: what is left of them, who hears of it, and that a repeat
// of the first send is answered as before.
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/moderation.h"
#include "partition/addressing.h"
#include "partition/core_fixture.h"
#include "store/keys.h"

namespace jindou::partition {
namespace {

using Kind = store::EntryKind;

const ChannelKey kRevisedGroup("g1", ChannelType::group);

class Revisions : public Core {
 protected:
  SendResult send_one(SendCommand command) { return send({std::move(command)})[0]; }
  static RecallMessage recall_of(const SendResult& sent) {
    return {kRevisedGroup, raw(sent.message_seq), sent.message_id, "admin"};
  }
  static EditMessage edit_of(const SendResult& sent, std::uint64_t version,
                             const std::string& payload) {
    return {kRevisedGroup, raw(sent.message_seq), sent.message_id, version, payload, "admin"};
  }
  Errc refusal(Change what) {
    const auto done = change(std::move(what));
    EXPECT_FALSE(done.has_value());
    return done ? Errc::internal : done.error().code();
  }
  Message load(const SendResult& sent) {
    const auto by_id = history_->load_by_id(sent.message_id);
    const auto by_seq = history_->load_by_seq(kRevisedGroup, sent.message_seq);
    EXPECT_TRUE(by_id && *by_id && by_seq && *by_seq);
    EXPECT_EQ((*by_id)->payload, (*by_seq)->payload);
    EXPECT_EQ((*by_id)->revision, (*by_seq)->revision);
    return **by_id;
  }
  // What the store holds of the message, as bytes.
  std::string row_of(const SendResult& sent) {
    std::string value;
    const PartitionId partition = partition_for("g1", database_->partitions());
    EXPECT_TRUE(*database_->get(
        store::Table::main, store::message_key(partition, kRevisedGroup, sent.message_seq), value));
    return value;
  }
  std::vector<std::pair<Kind, std::uint64_t>> changes() {
    std::vector<std::pair<Kind, std::uint64_t>> out;
    const auto page = records_->load_changes(kRevisedGroup, 0, 100);
    EXPECT_TRUE(page.has_value());
    for (const LogChange& each : page->changes) out.emplace_back(each.kind, each.seq);
    return out;
  }
  TransactionResult make_all(std::vector<Command> commands) {
    std::promise<TransactionResult> told;
    const auto posted = router_->post_all(std::move(commands), [&told](TransactionResult result) {
      told.set_value(std::move(result));
    });
    EXPECT_TRUE(posted.has_value());
    return told.get_future().get();
  }
  std::vector<std::string> told() {
    settle();
    const MutexLock lock(sink_.mutex);
    std::vector<std::string> out;
    for (const auto& message : sink_.messages()) out.push_back(message->payload.str());
    return out;
  }
};

TEST_F(Revisions, ARecalledMessageKeepsItsPlaceAndLosesItsPayload) {
  const auto first = send_one(to_group("g1", "the secret", "n1"));
  const auto second = send_one(to_group("g1", "b"));
  clock_.now_ms += 5'000;
  ASSERT_TRUE(change(recall_of(first)).has_value());
  const Message message = load(first);
  EXPECT_TRUE(message.is_recalled());
  EXPECT_EQ(message.payload, kRecalledPayload);
  EXPECT_EQ(message.id, first.message_id);
  EXPECT_EQ(message.from_uid, "u1");
  EXPECT_EQ(message.client_msg_no, "n1");
  EXPECT_EQ(message.timestamp, first.timestamp);
  EXPECT_EQ(message.revision, (Revision{0, true, first.timestamp + 5, 1, "admin"}));
  EXPECT_EQ(row_of(first).find("secret"), std::string::npos);
  EXPECT_EQ(payloads("g1"), (std::vector<std::string>{"{}", "b"}));
  EXPECT_EQ(changes(), (std::vector<std::pair<Kind, std::uint64_t>>{{Kind::recall, 1}}));
  EXPECT_EQ(refusal(recall_of(first)), Errc::conflict);
  EXPECT_EQ(refusal(edit_of(first, 1, "x")), Errc::conflict);
  close();
  open();
  EXPECT_TRUE(load(first).is_recalled());
  EXPECT_EQ(refusal(recall_of(first)), Errc::conflict);
  EXPECT_FALSE(load(second).revision.has_value());
}

TEST_F(Revisions, VersionsOfEditsRise) {
  const auto sent = send_one(to_group("g1", "as it was"));
  ASSERT_TRUE(change(edit_of(sent, 1, "as it is")).has_value());
  EXPECT_EQ(load(sent).payload, "as it is");
  EXPECT_EQ(refusal(edit_of(sent, 1, "too late")), Errc::conflict);
  EXPECT_EQ(refusal(edit_of(sent, 3, "too early")), Errc::conflict);
  ASSERT_TRUE(change(edit_of(sent, 2, "as it is now")).has_value());
  const Message message = load(sent);
  EXPECT_EQ(message.payload, "as it is now");
  EXPECT_EQ(message.revision, (Revision{2, false, clock_.wall_seconds(), 2, "admin"}));
  EXPECT_EQ(row_of(sent).find("as it was"), std::string::npos);
  ASSERT_TRUE(change(recall_of(sent)).has_value());
  EXPECT_EQ(load(sent).revision->version, 2U) << "what it had come to";
  EXPECT_EQ(changes(), (std::vector<std::pair<Kind, std::uint64_t>>{
                           {Kind::edit, 1}, {Kind::edit, 1}, {Kind::recall, 1}}));
}

// Both are asked for before the first one is durable.
TEST_F(Revisions, WhatIsOnItsWayCounts) {
  const auto sent = send_one(to_group("g1", "a"));
  const std::vector<Change> all = {edit_of(sent, 1, "b"), edit_of(sent, 2, "c"), recall_of(sent),
                                   recall_of(sent), edit_of(sent, 3, "d")};
  std::vector<std::future<Result<void>>> outcomes;
  for (const Change& what : all) {
    auto outcome = std::make_shared<std::promise<Result<void>>>();
    outcomes.push_back(outcome->get_future());
    ASSERT_TRUE(router_
                    ->post_change(
                        what, [outcome](Result<void> done) { outcome->set_value(std::move(done)); })
                    .has_value());
  }
  EXPECT_TRUE(outcomes[0].get().has_value());
  EXPECT_TRUE(outcomes[1].get().has_value());
  EXPECT_TRUE(outcomes[2].get().has_value());
  EXPECT_FALSE(outcomes[3].get().has_value());
  EXPECT_FALSE(outcomes[4].get().has_value());
  EXPECT_EQ(load(sent).payload, kRecalledPayload);
  EXPECT_EQ(load(sent).revision->version, 2U);
}

// What was found in the payload that an edit brings counts, too.
TEST_F(Revisions, ARecallBehindAnEditOnItsWayIsStoredAsBehindADurableOne) {
  const auto found_by = [](const std::string& list) {
    Moderation found;
    found.flagged = true;
    found.found_by = {list};
    return std::make_shared<const Moderation>(std::move(found));
  };
  // Edited twice and recalled; the last two in one commit or in two.
  const auto revise = [this](const ModerationPtr& before, const ModerationPtr& now, bool in_one) {
    const auto sent = send_one(to_group("g1", "a"));
    EditMessage first = edit_of(sent, 1, "b");
    first.moderation = before;
    EXPECT_TRUE(change(first).has_value());
    EditMessage second = edit_of(sent, 2, "c");
    second.moderation = now;
    if (in_one) {
      EXPECT_TRUE(make_all({Change(second), Change(recall_of(sent))}).made());
    } else {
      EXPECT_TRUE(change(second).has_value());
      EXPECT_TRUE(change(recall_of(sent)).has_value());
    }
    return load(sent);
  };
  const ModerationPtr one = found_by("one");
  const ModerationPtr other = found_by("other");
  const std::vector<std::pair<ModerationPtr, ModerationPtr>> cases = {
      {one, nullptr}, {nullptr, other}, {one, other}};
  for (const auto& [before, now] : cases) {
    const Message together = revise(before, now, true);
    const Message apart = revise(before, now, false);
    EXPECT_TRUE(together.is_recalled() && apart.is_recalled());
    ASSERT_EQ(apart.moderation != nullptr, now != nullptr);
    ASSERT_EQ(together.moderation != nullptr, now != nullptr);
    if (now) {
      EXPECT_EQ(*together.moderation, *apart.moderation);
      EXPECT_EQ(together.moderation->found_by, now->found_by);
    }
  }
}

TEST_F(Revisions, ARepeatOfTheFirstSendIsAnsweredAsBefore) {
  const auto edited = send_one(to_group("g1", "first", "n1"));
  const auto recalled = send_one(to_group("g1", "second", "n2"));
  ASSERT_TRUE(change(edit_of(edited, 1, "another")).has_value());
  ASSERT_TRUE(change(recall_of(recalled)).has_value());
  const auto expect_repeats = [&] {
    const auto again = send({to_group("g1", "first", "n1"), to_group("g1", "second", "n2"),
                             to_group("g1", "another", "n1"), to_group("g1", "{}", "n2")});
    EXPECT_EQ(again[0].state, SendResult::State::duplicate);
    EXPECT_EQ(again[0].message_id, edited.message_id);
    EXPECT_EQ(again[1].state, SendResult::State::duplicate);
    EXPECT_EQ(again[1].message_id, recalled.message_id);
    // What was never sent under the number is another message, whatever the first one says now.
    EXPECT_EQ(again[2].code, Errc::conflict);
    EXPECT_EQ(again[3].code, Errc::conflict);
  };
  expect_repeats();
  // The numbers are read again from the commit records.
  close();
  open();
  expect_repeats();
  EXPECT_EQ(payloads("g1"), (std::vector<std::string>{"another", "{}"}));
}

TEST_F(Revisions, OfWhatIsNotThereNothingIsChanged) {
  const auto deleted = send_one(to_group("g1", "a"));
  SendCommand passing = to_group("g1", "b");
  passing.expire = 2;
  const auto expired = send_one(passing);
  SendCommand order = to_group("g1", "c");
  order.flags.sync_once = true;
  const auto command = send_one(order);
  const auto there = send_one(to_group("g1", "d"));
  ASSERT_TRUE(change(DeleteMessages{kRevisedGroup, {raw(deleted.message_seq)}}).has_value());
  clock_.now_ms += 4'000;
  for (const SendResult& gone : {deleted, expired, command}) {
    EXPECT_EQ(refusal(recall_of(gone)), Errc::not_found) << raw(gone.message_seq);
    EXPECT_EQ(refusal(edit_of(gone, 1, "x")), Errc::not_found) << raw(gone.message_seq);
  }
  RecallMessage other = recall_of(there);
  other.id = deleted.message_id;
  EXPECT_EQ(refusal(other), Errc::not_found);
  other = recall_of(there);
  other.seq = 99;
  EXPECT_EQ(refusal(other), Errc::not_found);
  EXPECT_EQ(payloads("g1"), std::vector<std::string>{"d"});
  EXPECT_EQ(changes(), (std::vector<std::pair<Kind, std::uint64_t>>{{Kind::removal, 1}}));
}

TEST_F(Revisions, ARecalledAnchorHasNoEventsAndTakesNone) {
  SendCommand anchor = to_group("g1", "begins", "stream");
  anchor.setting = kSettingStream;
  const auto sent = send_one(anchor);
  AppendEvent event;
  event.channel = kRevisedGroup;
  event.client_msg_no = "stream";
  event.effect = AppendEvent::Effect::text_delta;
  event.event_id = "e1";
  event.event_key = std::string(kMainLane);
  event.text = "the secret";
  ASSERT_TRUE(append(event).has_value());
  ASSERT_TRUE(change(recall_of(sent)).has_value());
  EXPECT_TRUE(history_->load_events(kRevisedGroup, sent.message_seq)->lanes.empty());
  EXPECT_EQ(load(sent).setting & kSettingStream, 0);
  event.event_id = "e2";
  const auto late = append(event);
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code(), Errc::not_found);
  EXPECT_EQ(late.error().detail(), "the message was recalled");
}

TEST_F(Revisions, AreToldWithTheChangeOrNotAtAll) {
  UpsertChannel group;
  group.channel = kRevisedGroup;
  group.subscribers = {"u1", "u2"};
  ASSERT_TRUE(change(group).has_value());
  const auto sent = send_one(to_group("g1", "a"));
  // Nobody may send there any more; what the server has to say is said.
  group.flags.ban = true;
  ASSERT_TRUE(change(group).has_value());
  ASSERT_EQ(send_one(to_group("g1", "refused")).state, SendResult::State::refused);
  SendCommand notice = to_group("g1", "recalled");
  notice.flags.sync_once = true;
  notice.origin = Origin::server;
  ASSERT_TRUE(make_all({Change(recall_of(sent)), notice}).made());
  EXPECT_TRUE(load(sent).is_recalled());
  EXPECT_EQ(told(), (std::vector<std::string>{"a", "recalled"}));
  EXPECT_EQ(raw(*history_->load_last_seq(store::command_log_of(kRevisedGroup))), 1U);
  const auto again = make_all({Change(recall_of(sent)), notice});
  EXPECT_FALSE(again.made());
  EXPECT_EQ(again.error().code(), Errc::conflict);
  EXPECT_EQ(told(), (std::vector<std::string>{"a", "recalled"}));
  EXPECT_EQ(raw(*history_->load_last_seq(store::command_log_of(kRevisedGroup))), 1U);
}

}  // namespace
}  // namespace jindou::partition
