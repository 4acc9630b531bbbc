// A message that leaves its sender's conversation as it is: no row, no change of one, nothing that
// counts, and everything as ever for the others and for what comes later.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "partition/core_fixture.h"
#include "store/keys.h"
#include "store/records.h"

namespace jindou::partition {
namespace {

const ChannelKey kPair(person_channel_id("u1", "u2"), ChannelType::person);
const ChannelKey kTeam("g1", ChannelType::group);

class SenderConversation : public Core {
 protected:
  static SendCommand to_pair(const std::string& from, const std::string& payload) {
    SendCommand command = to_group("unused", payload);
    command.channel = kPair;
    command.from_uid = from;
    return command;
  }
  static SendCommand unlisted(SendCommand command) {
    command.sender_conversation = false;
    return command;
  }
  SendResult send_one(SendCommand command) { return send({std::move(command)})[0]; }
  store::GapRecord gap(const ChannelKey& channel, std::uint64_t seq) {
    std::string value;
    const PartitionId partition = partition_for(channel.id, database_->partitions());
    const auto found = database_->get(store::Table::main,
                                      store::gap_key(partition, channel, MessageSeq{seq}), value);
    EXPECT_TRUE(found.value());
    return store::decode_gap(value).value();
  }
};

TEST_F(SenderConversation, IsNotOpenedByHisMessages) {
  EXPECT_TRUE(send_one(unlisted(to_pair("u1", "a"))).ok());
  EXPECT_FALSE(conversation("u1", kPair).has_value());
  EXPECT_TRUE(conversation("u2", kPair).has_value());
  close();
  open();
  EXPECT_TRUE(send_one(unlisted(to_pair("u1", "b"))).ok());
  EXPECT_FALSE(conversation("u1", kPair).has_value());
  // The answer of the other one opens it, and with it the own messages do not count.
  EXPECT_TRUE(send_one(to_pair("u2", "c")).ok());
  ASSERT_TRUE(conversation("u1", kPair).has_value());
  EXPECT_EQ(read_position("u1", kPair), 0U);
  EXPECT_FALSE(gap(kPair, 1).readable_by("u1", 0));
  EXPECT_TRUE(gap(kPair, 1).readable_by("u2", 0));
}

TEST_F(SenderConversation, IsOpenedByHisNextMessageThatDoesNotSaySo) {
  EXPECT_TRUE(send_one(unlisted(to_pair("u1", "a"))).ok());
  EXPECT_TRUE(send_one(to_pair("u1", "b")).ok());
  ASSERT_TRUE(conversation("u1", kPair).has_value());
  EXPECT_EQ(read_position("u1", kPair), 2U);
}

TEST_F(SenderConversation, StaysAsItIs) {
  ChangeMembers joining;
  joining.channel = kTeam;
  joining.uids = {"u1", "u2"};
  ASSERT_TRUE(change(joining));
  SendCommand other = to_group("g1", "a");
  other.from_uid = "u2";
  EXPECT_TRUE(send_one(to_group("g1", "own")).ok());
  EXPECT_TRUE(send_one(other).ok());
  const auto before = *conversation("u1", kTeam);
  const std::uint64_t position = read_position("u1", kTeam);
  EXPECT_TRUE(send_one(unlisted(to_group("g1", "b"))).ok());
  EXPECT_TRUE(send_one(unlisted(to_group("g1", "c"))).ok());
  const auto after = *conversation("u1", kTeam);
  EXPECT_EQ(store::encode(after), store::encode(before));
  EXPECT_EQ(read_position("u1", kTeam), position);
  // In memory and read again.
  EXPECT_TRUE(send_one(to_group("g1", "d")).ok());
  EXPECT_EQ(read_position("u1", kTeam), 5U);
  EXPECT_TRUE(send_one(unlisted(to_group("g1", "e"))).ok());
  close();
  open();
  EXPECT_EQ(read_position("u1", kTeam), 5U);
  EXPECT_TRUE(send_one(to_group("g1", "f")).ok());
  EXPECT_EQ(read_position("u1", kTeam), 7U);
}

TEST_F(SenderConversation, RestrictedAndExpiringMessagesAreOfItTheSameWay) {
  SendCommand command = unlisted(to_group("g1", "a"));
  command.subscribers = {"u2"};
  command.expire = 100;
  EXPECT_TRUE(send_one(command).ok());
  const store::GapRecord record = gap(kTeam, 1);
  EXPECT_TRUE(record.readable_by("u2", 0));
  EXPECT_FALSE(record.readable_by("u1", 0));
  EXPECT_FALSE(record.readable_by("u3", 0));
  EXPECT_GT(record.expires_at, 0);
}

// Nor has anybody a conversation by a message whose list leaves them out.
TEST_F(SenderConversation, OfAnotherIsNotOpenedByAListWithoutHim) {
  const ChannelKey visitors("v1", ChannelType::visitors);
  const auto to = [](const ChannelKey& channel, std::vector<std::string> listed) {
    SendCommand command = to_group("unused", "a");
    command.channel = channel;
    command.subscribers = std::move(listed);
    return command;
  };
  EXPECT_TRUE(send_one(to(visitors, {"helper"})).ok());
  EXPECT_TRUE(send_one(to(kPair, {"u1"})).ok());
  EXPECT_FALSE(conversation("v1", visitors).has_value());
  EXPECT_FALSE(conversation("u2", kPair).has_value());
  EXPECT_TRUE(conversation("u1", kPair).has_value()) << "it is his own";
  close();
  open();
  // The next one that is for them opens it, and the one before does not count.
  EXPECT_TRUE(send_one(to(visitors, {"helper", "v1"})).ok());
  EXPECT_TRUE(send_one(to(kPair, {})).ok());
  ASSERT_TRUE(conversation("v1", visitors).has_value());
  ASSERT_TRUE(conversation("u2", kPair).has_value());
  EXPECT_EQ(read_position("u2", kPair), 0U);
  EXPECT_FALSE(gap(visitors, 1).readable_by("v1", 0));
  EXPECT_FALSE(gap(kPair, 1).readable_by("u2", 0));
}

// Whoever lists his conversations passes over all of them at once.
TEST_F(SenderConversation, MessagesThatAreAlikeAreARun) {
  const SendCommand mine = unlisted(to_group("g1", "a"));
  SendCommand others = unlisted(to_group("g1", "b"));
  others.from_uid = "u2";
  SendCommand expiring = mine;
  expiring.expire = 100;
  const std::vector<std::pair<SendCommand, std::uint64_t>> sent = {
      {mine, 1}, {mine, 2},     {mine, 3}, {others, 1}, {others, 2},
      {mine, 1}, {expiring, 1}, {mine, 1}, {mine, 2}};
  std::uint64_t seq = 0;
  for (const auto& [command, run] : sent) {
    EXPECT_TRUE(send_one(command).ok());
    EXPECT_EQ(gap(kTeam, ++seq).run, run) << seq;
  }
  EXPECT_TRUE(send_one(to_group("g1", "c")).ok());
  EXPECT_TRUE(send_one(mine).ok());
  EXPECT_EQ(gap(kTeam, seq + 2).run, 1U);
  // All of one commit, too; nothing is known of what was before the start.
  close();
  open();
  for (const SendResult& result : send({mine, mine, to_group("g1", "d"), mine})) {
    EXPECT_TRUE(result.ok());
  }
  EXPECT_EQ(gap(kTeam, seq + 3).run, 1U);
  EXPECT_EQ(gap(kTeam, seq + 4).run, 2U);
  EXPECT_EQ(gap(kTeam, seq + 6).run, 1U);
}

// A command that is taken back has left no message that a run could go on over.
TEST_F(SenderConversation, ARunGoesOverNothingThatWasTakenBack) {
  const SendCommand mine = unlisted(to_group("g1", "a"));
  EXPECT_TRUE(send_one(mine).ok());
  EXPECT_TRUE(send_one(to_group("g1", "b")).ok());
  SendCommand refused = mine;
  refused.if_last_seq = 77;
  EXPECT_FALSE(send_one(refused).ok());
  EXPECT_TRUE(send_one(mine).ok());
  EXPECT_EQ(gap(kTeam, 3).run, 1U);
}

TEST_F(SenderConversation, AnEditKeepsIt) {
  const SendResult sent = send_one(unlisted(to_group("g1", "a")));
  EditMessage edit;
  edit.channel = kTeam;
  edit.seq = raw(sent.message_seq);
  edit.id = sent.message_id;
  edit.version = 1;
  edit.payload = "b";
  ASSERT_TRUE(change(edit));
  const auto message = history_->load_by_id(sent.message_id);
  ASSERT_TRUE(message.has_value() && message->has_value());
  EXPECT_EQ((*message)->payload, "b");
  EXPECT_FALSE((*message)->sender_conversation);
}

}  // namespace
}  // namespace jindou::partition
