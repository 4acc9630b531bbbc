// What is known of a message and of what became of it, also when it is gone.
#include "partition/message_trace.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "partition/core_fixture.h"
#include "store/keys.h"

namespace jindou::partition {
namespace {

const ChannelKey kTracedGroup("g1", ChannelType::group);

class MessageTraces : public Core {
 protected:
  SendResult sent(SendCommand command) { return send({std::move(command)})[0]; }
  void must(Change what) {
    const auto done = change(std::move(what));
    ASSERT_TRUE(done.has_value()) << done.error().text();
  }
  MessageTrace trace(const SendResult& result) {
    const auto found = history_->load_trace(result.message_id);
    EXPECT_TRUE(found.has_value() && found->has_value());
    return found && *found ? **found : MessageTrace();
  }
  std::string state(const SendResult& result) {
    return std::string(state_name(trace(result).state));
  }
  std::optional<MessageTrace> by_number(const std::string& number, const std::string& viewer = {},
                                        const ChannelKey& channel = kTracedGroup) {
    const auto found = history_->load_trace_by_client_msg_no(channel, number, viewer);
    EXPECT_TRUE(found.has_value());
    return found ? *found : std::nullopt;
  }
  void free_expired(const SendResult& result, std::uint32_t seconds) {
    ReclaimExpired expired;
    expired.partition = partition_of(result.message_id);
    expired.keys = {store::expiry_key(expired.partition,
                                      static_cast<std::uint64_t>(result.timestamp) + seconds,
                                      kTracedGroup, result.message_seq)};
    must(expired);
  }
};

TEST_F(MessageTraces, WhatWasStoredIsFoundWithItsCommit) {
  sent(to_group("g1", "a"));
  const auto second = sent(to_group("g1", "b", "n2"));
  const MessageTrace known = trace(second);
  EXPECT_EQ(state_name(known.state), "stored");
  EXPECT_EQ(known.log, kTracedGroup);
  EXPECT_EQ(raw(known.seq), 2U);
  EXPECT_EQ(known.committed_at, second.timestamp);
  EXPECT_EQ(known.message->client_msg_no, "n2");
  EXPECT_TRUE(known.changes.empty());
  EXPECT_TRUE(known.changes_complete);
  EXPECT_FALSE(known.webhook.has_value());
  EXPECT_EQ(by_number("n2")->id, second.message_id);
  EXPECT_FALSE(by_number("n3").has_value());
  EXPECT_FALSE(by_number("n2", {}, {"g2", ChannelType::group}).has_value());
  for (const std::uint64_t counter : {std::uint64_t{0}, counter_of(second.message_id) + 1}) {
    const auto none = history_->load_trace(message_id_of(counter, partition_of(second.message_id)));
    EXPECT_TRUE(none.has_value() && !none->has_value());
  }
  const auto nowhere = history_->load_trace(message_id_of(1, PartitionId{400}));
  EXPECT_TRUE(nowhere.has_value() && !nowhere->has_value());
}

TEST_F(MessageTraces, EditsAndTheRecallAreToldWithTheirTimes) {
  const auto other = sent(to_group("g1", "other"));
  const auto result = sent(to_group("g1", "a"));
  const std::uint64_t seq = raw(result.message_seq);
  clock_.now_ms += 5'000;
  must(EditMessage{kTracedGroup, seq, result.message_id, 1, "b", "admin"});
  must(EditMessage{kTracedGroup, raw(other.message_seq), other.message_id, 1, "b", "admin"});
  EXPECT_EQ(state(result), "stored");
  clock_.now_ms += 5'000;
  must(RecallMessage{kTracedGroup, seq, result.message_id, "admin"});
  const MessageTrace known = trace(result);
  EXPECT_EQ(state_name(known.state), "recalled");
  ASSERT_EQ(known.changes.size(), 2U);
  EXPECT_EQ(known.changes[0].kind, store::EntryKind::edit);
  EXPECT_EQ(known.changes[0].timestamp, result.timestamp + 5);
  EXPECT_EQ(known.changes[1].kind, store::EntryKind::recall);
  EXPECT_EQ(known.changes[1].number, 3U) << "of the log, in which another one was edited";
  EXPECT_EQ(known.message->revision->operator_uid, "admin");
}

TEST_F(MessageTraces, WhatIsGoneIsFoundWithTheReason) {
  SendCommand brief = to_group("g1", "soon over", "brief");
  brief.expire = 10;
  const auto expiring = sent(brief);
  const auto deleted = sent(to_group("g1", "b", "deleted"));
  const auto kept = sent(to_group("g1", "c"));
  must(DeleteMessages{kTracedGroup, {raw(deleted.message_seq)}});
  EXPECT_EQ(state(deleted), "deleted");
  EXPECT_FALSE(trace(deleted).message.has_value());
  EXPECT_EQ(raw(trace(deleted).seq), 2U);
  EXPECT_EQ(by_number("deleted")->id, deleted.message_id);
  EXPECT_EQ(state(expiring), "stored");
  clock_.now_ms += 11'000;
  EXPECT_EQ(state(expiring), "expired");
  EXPECT_TRUE(trace(expiring).message.has_value());
  free_expired(expiring, 10);
  EXPECT_EQ(state(expiring), "expired");
  EXPECT_FALSE(trace(expiring).message.has_value());
  EXPECT_EQ(by_number("brief")->id, expiring.message_id);
  EXPECT_EQ(state(kept), "stored");
  must(ClearMessages{kTracedGroup, raw(kept.message_seq)});
  EXPECT_EQ(state(kept), "cleared");
  EXPECT_EQ(trace(kept).changes.back().kind, store::EntryKind::clearing);
  close();
  open();
  EXPECT_EQ(state(kept), "cleared");
}

TEST_F(MessageTraces, WhatWasClearedLaterIsNotTold) {
  const auto first = sent(to_group("g1", "a"));
  sent(to_group("g1", "b"));
  const auto third = sent(to_group("g1", "c"));
  must(ClearMessages{kTracedGroup, 1});
  must(ClearMessages{kTracedGroup, 2});
  ASSERT_EQ(trace(first).changes.size(), 1U);
  EXPECT_EQ(trace(first).changes[0].seq, 1U);
  EXPECT_TRUE(trace(third).changes.empty());
}

TEST_F(MessageTraces, WhatIsNotKeptIsNotMadeUp) {
  partition_options_.log_changes_max = 2;
  close();
  open();
  const auto deleted = sent(to_group("g1", "a"));
  const auto edited = sent(to_group("g1", "b"));
  must(DeleteMessages{kTracedGroup, {1}});
  for (std::uint64_t version = 1; version <= 3; ++version) {
    must(EditMessage{kTracedGroup, 2, edited.message_id, version, std::to_string(version), "u1"});
  }
  EXPECT_EQ(state(deleted), "gone");
  EXPECT_FALSE(trace(deleted).changes_complete);
  const MessageTrace known = trace(edited);
  EXPECT_EQ(known.changes.size(), 2U);
  EXPECT_FALSE(known.changes_complete);
  EXPECT_EQ(known.message->revision->version, 3U);
}

TEST_F(MessageTraces, WhatWasNotToBeStoredIsKnownByItsNumber) {
  SendCommand fleeting = to_group("g1", "a", "n1");
  fleeting.flags.no_persist = true;
  const auto result = sent(fleeting);
  EXPECT_EQ(state(result), "unstored");
  EXPECT_EQ(by_number("n1")->id, result.message_id);
}

TEST_F(MessageTraces, OfSeveralWithANumberTheFirstThatCanBeRead) {
  SendCommand restricted = to_group("g1", "a", "n");
  restricted.subscribers = {"u2"};
  const auto first = sent(restricted);
  SendCommand other = to_group("g1", "b", "n");
  other.from_uid = "u3";
  const auto second = sent(other);
  EXPECT_EQ(by_number("n")->id, first.message_id);
  EXPECT_EQ(by_number("n", "u2")->id, first.message_id);
  EXPECT_EQ(by_number("n", "u4")->id, second.message_id);
  must(DeleteMessages{kTracedGroup, {2}});
  EXPECT_EQ(by_number("n", "u4")->id, second.message_id) << "the other one is not for u4";
  must(DeleteMessages{kTracedGroup, {1}});
  EXPECT_EQ(by_number("n")->id, first.message_id);
}

TEST_F(MessageTraces, ReceiversHaveReadUpToASeq) {
  UpsertChannel group;
  group.channel = kTracedGroup;
  group.subscribers = {"u1", "u2", "u3"};
  must(group);
  sent(to_group("g1", "a"));
  const auto second = sent(to_group("g1", "b"));
  must(ChangeConversation{kTracedGroup, {"u2"}, ChangeConversation::Operation::read, 1});
  SendCommand own = to_group("g1", "c");
  own.from_uid = "u3";
  sent(own);
  const auto positions = history_->load_read_to(*trace(second).message, {"u2", "u3", "u4"});
  ASSERT_TRUE(positions.has_value());
  EXPECT_EQ(*positions, (std::vector<std::uint64_t>{1, 3, 0}));
}

TEST_F(MessageTraces, CommandsAreFoundAndHowFarTheyAreAcknowledged) {
  UpsertChannel group;
  group.channel = kTracedGroup;
  group.subscribers = {"u1", "u2", "u3"};
  must(group);
  SendCommand command = to_group("g1", "a", "c1");
  command.flags.sync_once = true;
  const auto result = sent(command);
  const auto known = by_number("c1");
  ASSERT_TRUE(known.has_value());
  EXPECT_EQ(known->id, result.message_id);
  EXPECT_EQ(known->log, store::command_log_of(kTracedGroup));
  must(AdvanceCommandPosition{kTracedGroup, "u2", 1});
  const auto positions = history_->load_read_to(*known->message, {"u2", "u3"});
  ASSERT_TRUE(positions.has_value());
  EXPECT_EQ(*positions, (std::vector<std::uint64_t>{1, 0}));
  must(ClearMessages{kTracedGroup, 1, true});
  EXPECT_EQ(state(result), "cleared");
}

TEST_F(MessageTraces, HowFarTheWebhookHasGotIsTold) {
  const auto result = sent(to_group("g1", "a"));
  AdvanceWebhook advance;
  advance.partition = partition_of(result.message_id);
  advance.notified_to = counter_of(result.message_id);
  must(advance);
  const MessageTrace known = trace(result);
  ASSERT_TRUE(known.webhook.has_value());
  EXPECT_EQ(known.webhook->notified_to, counter_of(result.message_id));
  EXPECT_EQ(known.webhook->offline_to, 0U);
}

}  // namespace
}  // namespace jindou::partition
