// Messages of another server are stored as they were there: ids, seqs and times; behind what the
// channel has, and only there.
#include "partition/imports.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "partition/simulation/lone_partition.h"
#include "store/keys.h"
#include "store/records.h"

namespace jindou::partition {
namespace {

using simulation::LonePartition;
using simulation::MemoryStore;

constexpr PartitionId kImportsPartition = simulation::kPartition;
const ChannelKey kImportsGroup("g", ChannelType::group);
const ChannelKey kImportsPair("a@b", ChannelType::person);

MessageId foreign_id(std::uint64_t n) { return static_cast<MessageId>(kForeignIdMin + n); }

Message foreign(std::uint64_t seq, const std::string& from = "a") {
  Message message;
  message.id = foreign_id(seq);
  message.seq = static_cast<MessageSeq>(seq);
  message.from_uid = from;
  message.client_msg_no = "n" + std::to_string(seq);
  message.timestamp = 1'600'000'000 + static_cast<std::int64_t>(seq);
  message.flags.red_dot = true;
  message.payload = "p" + std::to_string(seq);
  return message;
}

class ImportsTest : public ::testing::Test {
 protected:
  void restart(const PartitionOptions& options = {}) {
    const MemoryStore kept = world_->memory;
    world_ = std::make_unique<LonePartition>(kept, options);
  }
  std::optional<Errc> take(const ChannelKey& channel, std::uint64_t after,
                           std::vector<Message> messages) {
    return world_->run(ImportMessages{channel, after, foreign_id(after), std::move(messages)});
  }
  static SendCommand own_message(const std::string& from,
                                 const ChannelKey& channel = kImportsGroup) {
    SendCommand command;
    command.channel = channel;
    command.from_uid = from;
    command.client_msg_no = "own";
    command.payload = "own";
    return command;
  }
  std::optional<Errc> send(const ChannelKey& channel, const std::string& from) {
    return world_->run(own_message(from, channel));
  }
  std::optional<Message> stored(const ChannelKey& channel, std::uint64_t seq) const {
    const auto rows = world_->rows();
    const auto at = static_cast<MessageSeq>(seq);
    const auto row = rows.find(store::message_key(kImportsPartition, channel, at));
    if (row == rows.end()) return std::nullopt;
    return *store::decode_message(row->second, channel, at);
  }
  // Of the gap that ends there; 0: there is none.
  std::uint64_t gap(const ChannelKey& channel, std::uint64_t seq) const {
    const auto rows = world_->rows();
    const auto row =
        rows.find(store::gap_key(kImportsPartition, channel, static_cast<MessageSeq>(seq)));
    return row == rows.end() ? 0 : store::decode_gap(row->second)->seqs;
  }
  std::optional<std::uint64_t> read_to(const ChannelKey& channel, const std::string& uid) const {
    const auto rows = world_->rows();
    const auto row = rows.find(store::conversation_key(kImportsPartition, uid, channel));
    if (row == rows.end()) return std::nullopt;
    return store::decode_conversation(row->second)->read_to;
  }

  std::unique_ptr<LonePartition> world_ = std::make_unique<LonePartition>(MemoryStore());
};

TEST_F(ImportsTest, AreAsTheyWere) {
  Message expiring = foreign(2);
  expiring.expire = 7;
  expiring.topic = "t";
  ASSERT_FALSE(take(kImportsGroup, 0, {foreign(1, "x"), expiring}));
  const auto first = stored(kImportsGroup, 1);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->id, foreign_id(1));
  EXPECT_EQ(first->from_uid, "x");
  EXPECT_EQ(first->client_msg_no, "n1");
  EXPECT_EQ(first->timestamp, 1'600'000'001);
  EXPECT_EQ(first->payload, "p1");
  EXPECT_TRUE(first->flags.red_dot);
  EXPECT_EQ(first->channel, kImportsGroup);
  const auto second = stored(kImportsGroup, 2);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->topic, "t");
  EXPECT_EQ(second->expires_at(), 1'600'000'009);
  const auto key =
      store::expiry_key(kImportsPartition, 1'600'000'009, kImportsGroup, MessageSeq{2});
  EXPECT_TRUE(world_->rows().contains(key));
}

TEST_F(ImportsTest, NobodyIsToldOfThem) {
  UpsertChannel group;
  group.channel = kImportsGroup;
  group.subscribers = {"a", "b"};
  ASSERT_FALSE(world_->run(group));
  ASSERT_FALSE(take(kImportsGroup, 0, {foreign(1)}));
  EXPECT_TRUE(world_->effects.empty());
  // Nor is the webhook, which reads the commit records.
  const std::string prefix = store::commit_record_prefix(kImportsPartition);
  EXPECT_FALSE(std::ranges::any_of(
      world_->rows(), [&prefix](const auto& row) { return row.first.starts_with(prefix); }));
  EXPECT_EQ(read_to(kImportsGroup, "a"), 1U);
  EXPECT_EQ(read_to(kImportsGroup, "b"), 0U);
}

TEST_F(ImportsTest, GoOnWhereTheLogEnds) {
  ASSERT_FALSE(take(kImportsGroup, 0, {foreign(1), foreign(2)}));
  ASSERT_FALSE(take(kImportsGroup, 2, {foreign(3)}));
  restart();
  ASSERT_FALSE(take(kImportsGroup, 3, {foreign(4)}));
  EXPECT_TRUE(stored(kImportsGroup, 4));
  EXPECT_EQ(take(kImportsGroup, 0, {foreign(1)}), Errc::conflict);
}

TEST_F(ImportsTest, MayBeAskedForAgain) {
  ASSERT_FALSE(take(kImportsGroup, 0, {foreign(1), foreign(3)}));
  const auto rows = world_->rows();
  EXPECT_FALSE(take(kImportsGroup, 0, {foreign(1), foreign(3)}));
  EXPECT_EQ(world_->rows(), rows);
  Message other = foreign(3);
  other.id = foreign_id(4);
  EXPECT_EQ(take(kImportsGroup, 0, {foreign(1), other}), Errc::conflict);
}

TEST_F(ImportsTest, StayBehindMessagesOfThisServer) {
  ASSERT_FALSE(send(kImportsGroup, "a"));
  EXPECT_EQ(take(kImportsGroup, 0, {foreign(1)}), Errc::conflict);
  EXPECT_EQ(take(kImportsGroup, 1, {foreign(2)}), Errc::conflict);
  EXPECT_FALSE(stored(kImportsGroup, 2));
  ASSERT_FALSE(take(kImportsPair, 0, {foreign(1)}));
  ASSERT_FALSE(send(kImportsPair, "b"));
  EXPECT_EQ(take(kImportsPair, 2, {foreign(3)}), Errc::conflict);
}

// Nothing is left of it that could be another one.
TEST_F(ImportsTest, GoOnBehindAMessageThatHasGone) {
  Message expiring = foreign(2);
  expiring.expire = 7;
  ASSERT_FALSE(take(kImportsGroup, 0, {foreign(1), expiring}));
  const auto at = static_cast<std::uint64_t>(expiring.expires_at());
  ReclaimExpired reclaim;
  reclaim.partition = kImportsPartition;
  reclaim.keys = {store::expiry_key(kImportsPartition, at, kImportsGroup, MessageSeq{2})};
  ASSERT_FALSE(world_->run(reclaim));
  ASSERT_FALSE(stored(kImportsGroup, 2));
  const auto rows = world_->rows();
  EXPECT_FALSE(take(kImportsGroup, 0, {foreign(1), expiring})) << "the same again";
  EXPECT_EQ(world_->rows(), rows);
  EXPECT_EQ(take(kImportsGroup, 1, {foreign(3)}), Errc::conflict);
  ASSERT_FALSE(take(kImportsGroup, 2, {foreign(3)}));
  ASSERT_FALSE(world_->run(DeleteMessages{kImportsGroup, {3}}));
  restart();
  ASSERT_FALSE(take(kImportsGroup, 3, {foreign(4)}));
  EXPECT_TRUE(stored(kImportsGroup, 4));
}

TEST_F(ImportsTest, DoNotTakeAMessageOnItsWayForOneThatHasGone) {
  world_->begin(own_message("a"));
  const auto behind = world_->begin(ImportMessages{kImportsGroup, 1, foreign_id(1), {foreign(2)}});
  const auto same = world_->begin(ImportMessages{kImportsGroup, 0, {}, {foreign(1)}});
  world_->settle();
  EXPECT_EQ(*behind, Errc::unavailable);
  EXPECT_EQ(*same, Errc::unavailable);
  EXPECT_EQ(take(kImportsGroup, 1, {foreign(2)}), Errc::conflict);
  EXPECT_EQ(take(kImportsGroup, 0, {foreign(1)}), Errc::conflict);
}

TEST_F(ImportsTest, ThisServersMessagesComeBehind) {
  ASSERT_FALSE(take(kImportsGroup, 0, {foreign(5)}));
  ASSERT_FALSE(send(kImportsGroup, "a"));
  const auto own = stored(kImportsGroup, 6);
  ASSERT_TRUE(own);
  EXPECT_LT(raw(own->id), kForeignIdMin);
}

TEST_F(ImportsTest, SeqsThatAreLeftOutAreGaps) {
  ASSERT_FALSE(take(kImportsGroup, 0, {foreign(3), foreign(4), foreign(7)}));
  EXPECT_EQ(gap(kImportsGroup, 2), 2U);
  EXPECT_EQ(gap(kImportsGroup, 6), 2U);
  EXPECT_EQ(gap(kImportsGroup, 3), 0U);
  ASSERT_FALSE(take(kImportsGroup, 7, {foreign(9)}));
  EXPECT_EQ(gap(kImportsGroup, 8), 1U);
  restart();
  ASSERT_FALSE(send(kImportsGroup, "a"));
  EXPECT_TRUE(stored(kImportsGroup, 10));
}

// The gap is one record for all of them.
TEST_F(ImportsTest, DeletingSeqsThatWereLeftOutChangesNothing) {
  ASSERT_FALSE(take(kImportsGroup, 0, {foreign(1000)}));
  const auto rows = world_->rows();
  for (const std::uint64_t seq : {999, 500, 1}) {
    ASSERT_FALSE(world_->run(DeleteMessages{kImportsGroup, {seq}}));
    EXPECT_EQ(world_->rows(), rows) << seq;
  }
  EXPECT_EQ(gap(kImportsGroup, 999), 999U);
  ASSERT_FALSE(world_->run(DeleteMessages{kImportsGroup, {998, 1000, 999}}));
  EXPECT_FALSE(stored(kImportsGroup, 1000));
  EXPECT_EQ(gap(kImportsGroup, 1000), 1U);
  EXPECT_EQ(gap(kImportsGroup, 999), 999U);
  EXPECT_EQ(gap(kImportsGroup, 998), 0U);
}

TEST_F(ImportsTest, WhomThePairNamesHasAConversation) {
  ASSERT_FALSE(take(kImportsPair, 0, {foreign(1, "a"), foreign(2, "b"), foreign(3, "b")}));
  EXPECT_EQ(read_to(kImportsPair, "a"), 1U);
  EXPECT_EQ(read_to(kImportsPair, "b"), 3U);
}

TEST_F(ImportsTest, TheSystemAccountHasNoConversation) {
  const std::string system(kSystemUid);
  ASSERT_FALSE(take(kImportsGroup, 0, {foreign(1, system), foreign(2, "a")}));
  const auto first = stored(kImportsGroup, 1);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->from_uid, system);
  EXPECT_FALSE(read_to(kImportsGroup, system));
  const ChannelKey pair(person_channel_id(system, "b"), ChannelType::person);
  ASSERT_FALSE(take(pair, 0, {foreign(1, system)}));
  EXPECT_FALSE(read_to(pair, system));
  EXPECT_EQ(read_to(pair, "b"), 0U);
}

TEST_F(ImportsTest, WhatIsOutOfOrderIsRefused) {
  EXPECT_EQ(take(kImportsGroup, 0, {foreign(0)}), Errc::invalid);
  EXPECT_EQ(take(kImportsGroup, 0, {foreign(2), foreign(1)}), Errc::invalid);
  EXPECT_EQ(take(kImportsGroup, 0, {foreign(1), foreign(1)}), Errc::invalid);
  Message own = foreign(1);
  own.id = static_cast<MessageId>(kForeignIdMin - 1);
  EXPECT_EQ(take(kImportsGroup, 0, {own}), Errc::invalid);
  own.id = static_cast<MessageId>(kForeignIdMax + 1);
  EXPECT_EQ(take(kImportsGroup, 0, {own}), Errc::invalid);
  EXPECT_FALSE(stored(kImportsGroup, 1));
}

TEST_F(ImportsTest, TimesToComeAreNowAndStreamsAreNone) {
  Message message = foreign(1);
  message.timestamp = 1'800'000'000;
  message.setting = kSettingStream | kSettingReceipt;
  message.flags.sync_once = true;
  ASSERT_FALSE(take(kImportsGroup, 0, {message}));
  const auto found = stored(kImportsGroup, 1);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->timestamp, 1'700'000'000);
  EXPECT_EQ(found->setting, kSettingReceipt);
  EXPECT_FALSE(found->flags.sync_once);
}

TEST_F(ImportsTest, WaitForAChangeOfTheListsToEnd) {
  PartitionOptions options;
  options.lists.slice = 2;
  restart(options);
  UpsertChannel group;
  group.channel = kImportsGroup;
  group.subscribers = {"a", "b", "c", "d", "e"};
  world_->begin(group);
  const auto failed = world_->begin(ImportMessages{kImportsGroup, 0, {}, {foreign(1)}});
  world_->settle();
  EXPECT_EQ(*failed, Errc::unavailable);
  ASSERT_FALSE(take(kImportsGroup, 0, {foreign(1)}));
  EXPECT_EQ(read_to(kImportsGroup, "a"), 1U);
}

}  // namespace
}  // namespace jindou::partition
