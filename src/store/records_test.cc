// Every record survives the way to bytes and back; its bytes are pinned; damage is an error.
#include "store/records.h"

#include <gtest/gtest.h>

#include <string>

namespace jindou::store {
namespace {

Message sample() {
  Message message;
  message.id = message_id_of(1234, PartitionId{5});
  message.seq = MessageSeq{9};
  message.channel = ChannelKey("g1", ChannelType::group);
  message.from_uid = "u1";
  message.client_msg_no = "no-1";
  message.topic = "tp";
  message.stream_no = "s1";
  message.subscribers = {"u2", "u3"};
  message.payload = std::string("\0binary\xff", 8);
  message.timestamp = 1'700'000'000;
  message.expire = 60;
  message.setting = kSettingTopic;
  message.flags.red_dot = true;
  return message;
}

void expect_equal(const Message& a, const Message& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.seq, b.seq);
  EXPECT_EQ(a.channel, b.channel);
  EXPECT_EQ(a.from_uid, b.from_uid);
  EXPECT_EQ(a.client_msg_no, b.client_msg_no);
  EXPECT_EQ(a.topic, b.topic);
  EXPECT_EQ(a.stream_no, b.stream_no);
  EXPECT_EQ(a.subscribers, b.subscribers);
  EXPECT_EQ(a.payload, b.payload);
  EXPECT_EQ(a.timestamp, b.timestamp);
  EXPECT_EQ(a.expire, b.expire);
  EXPECT_EQ(a.setting, b.setting);
  EXPECT_EQ(a.flags, b.flags);
}

TEST(MessageRecord, KeepsEveryField) {
  const Message message = sample();
  std::string bytes;
  encode_message(bytes, message, message.channel);
  const auto decoded = decode_message(bytes, message.channel, message.seq);
  ASSERT_TRUE(decoded.has_value());
  expect_equal(*decoded, message);
}

TEST(MessageRecord, OfACommandKeepsTheAddressedChannel) {
  Message message = sample();
  message.flags.sync_once = true;
  const ChannelKey log = command_log_of(message.channel);
  std::string bytes;
  encode_message(bytes, message, log);
  const auto decoded = decode_message(bytes, log, message.seq);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->channel, message.channel);

  const ChannelKey targeted("17922244540036557902____cmd", ChannelType::temp);
  encode_message(bytes, message, targeted);
  const auto from_targeted = decode_message(bytes, targeted, message.seq);
  ASSERT_TRUE(from_targeted.has_value());
  EXPECT_EQ(from_targeted->channel, message.channel);
}

TEST(MessageRecord, HasTheBytesTheStoreWasWrittenWith) {
  Message message;
  message.id = message_id_of(1, PartitionId{0});
  message.channel = ChannelKey("g", ChannelType::group);
  message.from_uid = "u";
  message.client_msg_no = "n";
  message.payload = "p";
  message.timestamp = 300;
  message.flags.red_dot = true;
  std::string bytes;
  encode_message(bytes, message, message.channel);
  const std::string expected = {1, 2, 0, '\x80', 8, '\xac', 2, 0, 1, 'u', 1, 'n', 'p'};
  EXPECT_EQ(bytes, expected);
}

TEST(MessageRecord, RefusesEveryTruncation) {
  const Message message = sample();
  std::string bytes;
  encode_message(bytes, message, message.channel);
  const std::size_t without_payload = bytes.size() - message.payload.size();
  for (std::size_t size = 0; size < without_payload; ++size) {
    EXPECT_FALSE(decode_message(bytes.substr(0, size), message.channel, message.seq).has_value())
        << size;
  }
}

TEST(CommitRecord, KeepsItsEntriesAndSharesRepeatedLogs) {
  CommitRecordBuilder builder;
  const ChannelKey a("a", ChannelType::group);
  const ChannelKey b("b", ChannelType::person);
  const std::vector<CommitEntry> entries = {
      {10, a, 1, {1, 2}, 3, true}, {11, a, 2, {4, 5}, 6, false}, {15, b, 0, {7, 8}, 9, true}};
  for (const auto& entry : entries) builder.add(entry, 1'700'000'000);
  EXPECT_EQ(builder.first_counter(), 10U);
  const std::string bytes = builder.take();
  EXPECT_TRUE(builder.empty());
  const auto record = decode_commit_record(bytes, 10);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->timestamp, 1'700'000'000);
  ASSERT_EQ(record->entries.size(), entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    EXPECT_EQ(record->entries[i].counter, entries[i].counter);
    EXPECT_EQ(record->entries[i].log, entries[i].log);
    EXPECT_EQ(record->entries[i].seq, entries[i].seq);
    EXPECT_EQ(record->entries[i].fingerprint, entries[i].fingerprint);
    EXPECT_EQ(record->entries[i].payload, entries[i].payload);
    EXPECT_EQ(record->entries[i].idempotent, entries[i].idempotent);
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_commit_record(bytes.substr(0, size), 10).has_value());
  }
}

TEST(OtherRecords, SurviveTheWayToBytesAndBack) {
  PartitionState state;
  state.position = 1;
  state.id_bound = 70'000;
  state.indexed_to = 3;
  const auto state_again = decode_partition_state(encode(state));
  ASSERT_TRUE(state_again.has_value());
  EXPECT_EQ(state_again->id_bound, state.id_bound);
  EXPECT_EQ(state_again->indexed_to, state.indexed_to);

  ChannelRecord channel;
  channel.flags.ban = true;
  channel.flags.allow_stranger = true;
  channel.cleared_to = 12;
  channel.created_at = 99;
  const auto channel_again = decode_channel(encode(channel));
  ASSERT_TRUE(channel_again.has_value());
  EXPECT_EQ(channel_again->flags, channel.flags);
  EXPECT_EQ(channel_again->cleared_to, channel.cleared_to);

  ClientNumber number;
  number.counter = 5;
  number.seq = 6;
  number.payload = 0xfedcba9876543210;
  number.timestamp = 1'700'000'000;
  number.idempotent = true;
  const auto number_again = decode_client_number(encode(number));
  ASSERT_TRUE(number_again.has_value());
  EXPECT_EQ(number_again->payload, number.payload);
  EXPECT_EQ(number_again->counter, number.counter);
  EXPECT_TRUE(number_again->idempotent);

  TokenRecord token;
  token.token = "secret";
  token.level = DeviceLevel::master;
  const auto token_again = decode_token(encode(token));
  ASSERT_TRUE(token_again.has_value());
  EXPECT_EQ(token_again->token, "secret");
  EXPECT_EQ(token_again->level, DeviceLevel::master);
}

TEST(Fingerprint, TellsApartWhatOnlyLooksAlike) {
  const ChannelKey a("a", ChannelType::group);
  const ChannelKey ab("ab", ChannelType::group);
  EXPECT_NE(fingerprint_of(1, a, "u", "bn"), fingerprint_of(1, ab, "u", "n"));
  EXPECT_NE(fingerprint_of(1, a, "u", "n"), fingerprint_of(1, a, "v", "n"));
  EXPECT_EQ(fingerprint_of(1, a, "u", "n").number, fingerprint_of(1, a, "v", "n").number);
  EXPECT_NE(fingerprint_of(1, a, "u", "n"), fingerprint_of(2, a, "u", "n"));
}

}  // namespace
}  // namespace jindou::store
