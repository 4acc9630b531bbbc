// Every record survives the way to bytes and back; its bytes are pinned; damage is an error.
#include "store/records.h"

#include <gtest/gtest.h>

#include <memory>
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
  message.timestamp_ns = 3'600'123'456'789;  // the clock had gone back by an hour
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
  EXPECT_EQ(a.timestamp_ns, b.timestamp_ns);
  EXPECT_EQ(a.expire, b.expire);
  EXPECT_EQ(a.setting, b.setting);
  EXPECT_EQ(a.flags, b.flags);
  EXPECT_EQ(a.revision, b.revision);
  EXPECT_EQ(a.moderation == nullptr, b.moderation == nullptr);
  if (a.moderation && b.moderation) {
    EXPECT_EQ(*a.moderation, *b.moderation);
  }
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
  const std::string expected = {2, 2, 0, '\x80', 8, '\xac', 2, 0, 1, 'u', 1, 'n', 0, 'p'};
  EXPECT_EQ(bytes, expected);

  message.subscribers = {"v", "ww"};
  message.timestamp_ns = 300;
  encode_message(bytes, message, message.channel);
  const std::string restricted = {2,   '\x42', 0, '\x80', 8, '\xac', 2,   0,      1, 'u', 1,
                                  'n', 2,      1, 'v',    2, 'w',    'w', '\xac', 2, 'p'};
  EXPECT_EQ(bytes, restricted);
}

TEST(MessageRecord, EndsWithThePayload) {
  Message shared = sample();
  shared.payload = Payload(std::make_shared<const std::string>(300, 'x'));
  Message empty = sample();
  empty.payload.clear();
  for (Message message : {sample(), shared, empty}) {
    for (const bool more : {false, true}) {
      if (more) {
        message.revision = Revision{3, false, 1'700'000'100, 7, "admin"};
        message.moderation = std::make_shared<Moderation>();
      }
      std::string bytes;
      encode_message(bytes, message, message.channel);
      std::string front = "of the message before";
      encode_before_payload(front, message, message.channel);
      EXPECT_EQ(front + message.payload.str(), bytes);
    }
  }
}

TEST(MessageRecord, KeepsWhatBecameOfTheMessage) {
  Message message = sample();
  message.revision = Revision{3, false, 1'700'000'100, 7, "admin"};
  std::string bytes;
  encode_message(bytes, message, message.channel);
  const auto edited = decode_message(bytes, message.channel, message.seq);
  ASSERT_TRUE(edited.has_value());
  expect_equal(*edited, message);
  EXPECT_FALSE(edited->is_recalled());

  message.revision->recalled = true;
  message.payload = std::string(kRecalledPayload);
  encode_message(bytes, message, message.channel);
  const auto recalled = decode_message(bytes, message.channel, message.seq);
  ASSERT_TRUE(recalled.has_value());
  expect_equal(*recalled, message);
  EXPECT_TRUE(recalled->is_recalled());
  EXPECT_EQ(message_timestamp(bytes).value(), message.timestamp);
}

TEST(MessageRecord, OfARevisedMessageHasTheBytesTheStoreWasWrittenWith) {
  Message message;
  message.id = message_id_of(1, PartitionId{0});
  message.channel = ChannelKey("g", ChannelType::group);
  message.from_uid = "u";
  message.client_msg_no = "n";
  message.payload = "{}";
  message.timestamp = 300;
  message.revision = Revision{2, true, 301, 9, "o"};
  std::string bytes;
  encode_message(bytes, message, message.channel);
  const std::string expected = {2,   '\x80', 1, 0, '\x80', 8, '\xac', 2, 0,   1,   'u', 1,
                                'n', 0,      1, 2, '\xad', 2, 9,      1, 'o', '{', '}'};
  EXPECT_EQ(bytes, expected);
  // What a revision may say one day, and nobody here understands.
  std::string newer = bytes;
  newer[14] = 2;
  EXPECT_FALSE(decode_message(newer, message.channel, message.seq).has_value());
  EXPECT_FALSE(decode_message_head(newer).has_value());
}

TEST(MessageRecord, OfFormat1IsRead) {
  const ChannelKey log("g", ChannelType::group);
  const std::string plain = {1, 2, 0, '\x80', 8, '\xac', 2, 0, 1, 'u', 1, 'n', 'p'};
  const auto message = decode_message(plain, log, MessageSeq{1});
  ASSERT_TRUE(message.has_value());
  EXPECT_TRUE(message->flags.red_dot);
  EXPECT_EQ(message->timestamp_ns, 0U);
  EXPECT_EQ(message->payload, "p");
  EXPECT_EQ(message_timestamp(plain).value(), 300);

  const std::string restricted = {1,   '\xc2', 0, '\x80', 8, '\xac', 2,   0,      1, 'u', 1,
                                  'n', 2,      1, 'v',    2, 'w',    'w', '\xac', 2, 'p'};
  const auto head = decode_message_head(restricted);
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->stored_at_ns(), 300'000'000'300);
  EXPECT_EQ(head->payload_bytes, 1U);
  EXPECT_TRUE(head->visible_to("ww"));
  EXPECT_FALSE(head->visible_to("w"));
}

TEST(MessageRecord, OfAModeratedMessageHasTheBytesTheStoreWasWrittenWith) {
  Message message;
  message.id = message_id_of(1, PartitionId{0});
  message.channel = ChannelKey("g", ChannelType::group);
  message.from_uid = "u";
  message.client_msg_no = "n";
  message.payload = "{}";
  message.timestamp = 300;
  Moderation found;
  found.masked = true;
  found.flagged = true;
  found.found_by = {"ads", "x"};
  message.moderation = std::make_shared<Moderation>(found);
  std::string bytes;
  encode_message(bytes, message, message.channel);
  const std::string expected = {2,   '\x80', 2, 0, '\x80', 8,   '\xac', 2,   0, 1,   'u', 1,
                                'n', 0,      5, 2, 3,      'a', 'd',    's', 1, 'x', '{', '}'};
  EXPECT_EQ(bytes, expected);
  const auto decoded = decode_message(bytes, message.channel, message.seq);
  ASSERT_TRUE(decoded.has_value());
  expect_equal(*decoded, message);
  const auto head = decode_message_head(bytes);
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->payload_bytes, 2U);
  for (std::size_t size = 0; size + 2 < bytes.size(); ++size) {
    EXPECT_FALSE(decode_message(bytes.substr(0, size), message.channel, message.seq).has_value());
  }
  // What may be said of it one day, and nobody here understands.
  std::string newer = bytes;
  newer[14] = 8;
  EXPECT_FALSE(decode_message(newer, message.channel, message.seq).has_value());
  EXPECT_FALSE(decode_message_head(newer).has_value());
}

// A reader that passed over what it does not understand would show half a message.
TEST(MessageRecord, WithBitsOfANewerVersionIsRefused) {
  std::string bytes;
  const Message message = sample();
  encode_message(bytes, message, message.channel);
  std::string newer = bytes;
  newer.replace(1, 1, {static_cast<char>(bytes[1] | '\x80'), '\10'});
  EXPECT_FALSE(decode_message(newer, message.channel, message.seq).has_value());
  EXPECT_FALSE(decode_message_head(newer).has_value());
  EXPECT_FALSE(message_timestamp(newer).has_value());
}

// The same answers as from the whole message, whichever optional fields it has.
TEST(MessageHead, SaysWhatTheMessageSays) {
  for (unsigned fields = 0; fields < 128; ++fields) {
    Message message = sample();
    if ((fields & 1U) != 0) message.topic.clear();
    if ((fields & 2U) != 0) message.stream_no.clear();
    if ((fields & 4U) != 0) message.subscribers.clear();
    if ((fields & 8U) != 0) message.timestamp_ns = 0;
    if ((fields & 16U) != 0) message.expire = 0;
    ChannelKey log = message.channel;
    if ((fields & 32U) != 0) {
      message.flags.sync_once = true;
      log = ChannelKey("17____cmd", ChannelType::temp);
    }
    if ((fields & 64U) != 0) message.revision = Revision{0, true, 301, 1, "admin"};
    std::string bytes;
    encode_message(bytes, message, log);
    const auto head = decode_message_head(bytes);
    ASSERT_TRUE(head.has_value());
    EXPECT_EQ(head->id, message.id);
    EXPECT_EQ(head->from_uid, message.from_uid);
    EXPECT_EQ(head->client_msg_no, message.client_msg_no);
    EXPECT_EQ(head->stored_at_ns(), message.stored_at_ns());
    EXPECT_EQ(head->payload_bytes, message.payload.size());
    EXPECT_EQ(head->recalled, message.is_recalled());
    for (const auto* uid : {"u1", "u2", "u3", "u", "u22", ""}) {
      EXPECT_EQ(head->visible_to(uid), message.visible_to(uid)) << uid;
    }
    for (const std::int64_t after : {-1, 0, 59, 60, 61}) {
      const std::int64_t now = message.timestamp + after;
      EXPECT_EQ(head->expired_at(now), message.expired_at(now)) << after;
      EXPECT_EQ(message.expired_at(now), message.expire != 0 && after > 60) << after;
    }
  }
}

TEST(MessageHead, RefusesEveryTruncation) {
  const Message message = sample();
  std::string bytes;
  encode_message(bytes, message, message.channel);
  const std::size_t without_payload = bytes.size() - message.payload.size();
  for (std::size_t size = 0; size < without_payload; ++size) {
    EXPECT_FALSE(decode_message_head(bytes.substr(0, size)).has_value()) << size;
  }
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

TEST(CommitRecord, InPiecesIsTheSame) {
  const ChannelKey log("g", ChannelType::group);
  CommitRecordBuilder whole;
  CommitRecordBuilder pieces;
  // Taken twice: what is left of the first time must not show in the second.
  for (const std::uint64_t first : {std::uint64_t{10}, std::uint64_t{500}}) {
    for (std::uint64_t i = 0; i < 200; ++i) {
      const CommitEntry entry = {first + i, log, i + 1, {i, 2}, 3, true};
      whole.add(entry, 300);
      pieces.add(entry, 300);
    }
    const std::string bytes = pieces.before_entries() + std::string(pieces.entries());
    pieces.clear();
    EXPECT_TRUE(pieces.empty());
    EXPECT_EQ(pieces.bytes(), 0U);
    EXPECT_EQ(bytes, whole.take());
    const auto record = decode_commit_record(bytes, first);
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(record->entries.size(), 200U);
  }
}

TEST(CommitRecord, TellsMessagesFromChanges) {
  CommitRecordBuilder builder;
  const ChannelKey log("g", ChannelType::group);
  builder.add({10, log, 7, {1, 2}, 3, true}, 300);
  builder.add({11, log, 5, {}, 0, false, EntryKind::removal, 8}, 300);
  builder.add({12, log, 6, {}, 0, false, EntryKind::clearing, 9}, 300);
  const std::string bytes = builder.take();
  const std::string expected = {
      3,  '\xac', 2, 3, 1, 0, 2, 1, 'g', 7,  // the message …
      0,  0,      0, 0, 0, 0, 0, 1, 0,   0, 0, 0, 0, 0,
      0,  2,      0, 0, 0, 0, 0, 0, 0,   3, 6, 1, 5, 8,  // … removal: bits, counter, seq, change …
      10, 1,      6, 9};
  EXPECT_EQ(bytes, expected);
  const auto record = decode_commit_record(bytes, 10);
  ASSERT_TRUE(record.has_value());
  ASSERT_EQ(record->entries.size(), 3U);
  EXPECT_EQ(record->entries[0].kind, EntryKind::message);
  EXPECT_EQ(record->entries[1].kind, EntryKind::removal);
  EXPECT_EQ(record->entries[1].seq, 5U);
  EXPECT_EQ(record->entries[1].log, log);
  EXPECT_EQ(record->entries[1].change, 8U);
  EXPECT_EQ(record->entries[2].kind, EntryKind::clearing);
  EXPECT_EQ(record->entries[2].change, 9U);
  EXPECT_EQ(record->entries[2].counter, 12U);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_commit_record(bytes.substr(0, size), 10).has_value());
  }
}

// Readers find entries by their counters, in records by their first ones.
TEST(CommitRecordDeathTest, CountersRise) {
  CommitRecordBuilder builder;
  const ChannelKey log("g", ChannelType::group);
  builder.add({10, log, 7, {1, 2}, 3, true}, 300);
  const CommitRecordBuilder::Mark mark = builder.mark();
  EXPECT_DEATH(builder.add({10, log, 8, {1, 3}, 3, true}, 300), "counter > previous");
  EXPECT_DEATH(builder.add({9, log, 8, {1, 3}, 3, true}, 300), "counter > previous");
  // What is taken back is not counted.
  builder.add({12, log, 8, {1, 3}, 3, true}, 300);
  builder.cut(mark);
  builder.add({11, log, 8, {1, 3}, 3, true}, 300);
  const auto record = decode_commit_record(builder.take(), 10);
  ASSERT_TRUE(record.has_value());
  ASSERT_EQ(record->entries.size(), 2U);
  EXPECT_EQ(record->entries[1].counter, 11U);
  // Nor is what is in another record.
  builder.add({5, log, 9, {1, 4}, 3, true}, 300);
  EXPECT_EQ(builder.first_counter(), 5U);
}

TEST(CommitRecord, OfFormat2HasChangesWithoutNumbers) {
  // Two changes: bits, counter, log, seq; bits, counter, seq.
  const std::string bytes = {2, '\xac', 2, 2, 4, 0, 2, 1, 'g', 5, 10, 1, 6};
  const auto record = decode_commit_record(bytes, 11);
  ASSERT_TRUE(record.has_value());
  ASSERT_EQ(record->entries.size(), 2U);
  EXPECT_EQ(record->entries[0].kind, EntryKind::removal);
  EXPECT_EQ(record->entries[0].seq, 5U);
  EXPECT_EQ(record->entries[0].change, 0U);
  EXPECT_EQ(record->entries[1].kind, EntryKind::clearing);
  EXPECT_EQ(record->entries[1].seq, 6U);
  EXPECT_EQ(record->entries[1].change, 0U);
}

TEST(CommitRecord, OfFormat1IsReadAndNewerKindsAreRefused) {
  CommitRecordBuilder builder;
  builder.add({10, ChannelKey("g", ChannelType::group), 7, {1, 2}, 3, true}, 300);
  std::string bytes = builder.take();
  bytes[0] = 1;
  const auto record = decode_commit_record(bytes, 10);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->entries.front().fingerprint.sender, 2U);
  bytes[0] = 2;
  bytes[4] = '\x3d';
  EXPECT_FALSE(decode_commit_record(bytes, 10).has_value());
}

TEST(PartitionState, OfEachFormatIsReadAndNewerFlagsAreRefused) {
  PartitionState state;
  state.position = 1;
  state.id_bound = 2;
  state.stamped_to_ns = 4;
  EXPECT_EQ(encode(state), std::string("\x03\x00\x01\x02\x04", 5));
  const auto second = decode_partition_state(std::string("\x02\x01\x02\x04", 4));
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->id_bound, 2U);
  EXPECT_EQ(second->stamped_to_ns, 4);
  EXPECT_FALSE(decode_partition_state(std::string("\x03\x01\x01\x02\x04", 5)).has_value());
}

TEST(OtherRecords, SurviveTheWayToBytesAndBack) {
  PartitionState state;
  state.position = 1;
  state.id_bound = 70'000;
  state.stamped_to_ns = 1'700'000'000'123'456'789;
  const auto state_again = decode_partition_state(encode(state));
  ASSERT_TRUE(state_again.has_value());
  EXPECT_EQ(state_again->id_bound, state.id_bound);
  EXPECT_EQ(state_again->stamped_to_ns, state.stamped_to_ns);
  // As it was before stamps were kept.
  const auto older = decode_partition_state(std::string("\x01\x01\x02\x03", 4));
  ASSERT_TRUE(older.has_value());
  EXPECT_EQ(older->indexed_to_of_format_1, 3U);
  EXPECT_EQ(older->stamped_to_ns, 0);

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

// Every strict beginning of `bytes` and every other format is refused.
template <class Decode>
void expect_record_refusals(const std::string& bytes, const Decode& decode) {
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto result = decode(bytes.substr(0, size));
    ASSERT_FALSE(result.has_value()) << size;
    EXPECT_EQ(result.error().code(), Errc::storage);
  }
  std::string other = bytes;
  other[0] = '\x7f';
  EXPECT_FALSE(decode(other).has_value());
}

TEST(RequestRecord, ComesBackAndIsRefusedWhenItIsCut) {
  RequestRecord record;
  record.fingerprint = std::string(32, 'f');
  record.claim = 0xfedcba9876543210;
  record.until_ms = 1'700'000'010'000;
  record.expires_s = 1'700'086'400;
  record.finished = true;
  record.status = 403;
  record.headers = "X-Batch-Failed: 1\r\n";
  record.answer = R"([{"code":7}])";
  record.numbers = 0x0123456789abcdef;
  const std::string bytes = encode(record);
  const auto again = decode_request(bytes);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->fingerprint, record.fingerprint);
  EXPECT_EQ(again->claim, record.claim);
  EXPECT_EQ(again->until_ms, record.until_ms);
  EXPECT_EQ(again->expires_s, record.expires_s);
  EXPECT_TRUE(again->finished);
  EXPECT_EQ(again->status, 403);
  EXPECT_EQ(again->headers, record.headers);
  EXPECT_EQ(again->answer, record.answer);
  EXPECT_EQ(again->numbers, record.numbers);
  // As it was written before it had them.
  const std::string old_bytes = bytes.substr(0, bytes.size() - sizeof(record.numbers));
  const auto old = decode_request(old_bytes);
  ASSERT_TRUE(old.has_value());
  EXPECT_EQ(old->answer, record.answer);
  EXPECT_EQ(old->numbers, 0U);
  expect_record_refusals(old_bytes, decode_request);
  EXPECT_FALSE(decode_request(bytes.substr(0, bytes.size() - 1)).has_value());
}

TEST(TemplateRecords, HaveTheBytesTheStoreWasWrittenWith) {
  TemplateRecord record;
  record.last_version = 300;
  record.versions = {2, 3, 300};
  const std::string bytes = {1, '\xac', 2, 3, 2, 1, '\xa9', 2};
  EXPECT_EQ(encode(record), bytes);
  EXPECT_EQ(decode_template(bytes).value(), record);
  expect_record_refusals(bytes, decode_template);

  TemplateVersionRecord version;
  version.created_at = 300;
  version.payload = "hi";
  const std::string of_version = {1, '\xac', 2, 2, 'h', 'i'};
  EXPECT_EQ(encode(version), of_version);
  EXPECT_EQ(decode_template_version(of_version)->payload, "hi");
  EXPECT_EQ(decode_template_version(of_version)->created_at, 300);
  expect_record_refusals(of_version, decode_template_version);

  const std::string of_floor = {1, 7};
  EXPECT_EQ(encode(TemplateFloorRecord{7}), of_floor);
  EXPECT_EQ(decode_template_floor(of_floor)->version, 7U);
  expect_record_refusals(of_floor, decode_template_floor);
}

TEST(ChannelRecord, HasTheBytesTheStoreWasWrittenWith) {
  ChannelRecord record;
  record.flags.ban = true;
  record.flags.send_ban = true;
  record.cleared_to = 300;
  record.created_at = 1;
  record.seq_floor = 5;
  const std::string plain = {2, 10, '\xac', 2, 1, 5, 0};
  EXPECT_EQ(encode(record), plain);
  record.retention_seconds = 0;
  record.retention_count = 300;
  record.has_gaps = true;
  const std::string full = {2, 10, '\xac', 2, 1, 5, 7, 0, '\xac', 2};
  EXPECT_EQ(encode(record), full);

  const auto again = decode_channel(full);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->flags, record.flags);
  EXPECT_EQ(again->cleared_to, 300U);
  EXPECT_EQ(again->created_at, 1);
  EXPECT_EQ(again->seq_floor, 5U);
  EXPECT_EQ(again->retention_seconds, 0U);
  EXPECT_EQ(again->retention_count, 300U);
  EXPECT_TRUE(again->has_gaps);
  EXPECT_EQ(again->disband_changed_at_ns, 0);
  expect_record_refusals(full, decode_channel);

  record.disband_changed_at_ns = 300;
  const std::string stamped = {2, 10, '\xac', 2, 1, 5, 15, 0, '\xac', 2, '\xac', 2};
  EXPECT_EQ(encode(record), stamped);
  EXPECT_EQ(decode_channel(stamped)->disband_changed_at_ns, 300);
  EXPECT_EQ(decode_channel(stamped)->retention_count, 300U);
  expect_record_refusals(stamped, decode_channel);

  EXPECT_EQ(decode_channel(stamped)->changes_to, 0U);
  record.changes_to = 300;
  record.changes_dropped_to = 7;
  const std::string changed = {2, 10, '\xac', 2, 1, 5, 31, 0, '\xac', 2, '\xac', 2, '\xac', 2, 7};
  EXPECT_EQ(encode(record), changed);
  EXPECT_EQ(decode_channel(changed)->changes_to, 300U);
  EXPECT_EQ(decode_channel(changed)->changes_dropped_to, 7U);
  EXPECT_EQ(decode_channel(changed)->disband_changed_at_ns, 300);
  expect_record_refusals(changed, decode_channel);

  EXPECT_EQ(decode_channel(changed)->revised_at_ns, 0);
  record.revised_at_ns = 300;
  const std::string revised = {2, 10,     '\xac', 2,      1, 5, 63,     0, '\xac',
                               2, '\xac', 2,      '\xac', 2, 7, '\xac', 2};
  EXPECT_EQ(encode(record), revised);
  EXPECT_EQ(decode_channel(revised)->revised_at_ns, 300);
  EXPECT_EQ(decode_channel(revised)->changes_to, 300U);
  expect_record_refusals(revised, decode_channel);
}

TEST(LogChangeRecord, HasTheBytesTheStoreWasWrittenWith) {
  const LogChangeRecord record{EntryKind::clearing, 300, 301};
  const std::string bytes = {1, 2, '\xac', 2, '\xad', 2};
  EXPECT_EQ(encode(record), bytes);
  const auto again = decode_log_change(bytes);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->kind, EntryKind::clearing);
  EXPECT_EQ(again->seq, 300U);
  EXPECT_EQ(again->timestamp, 301);
  expect_record_refusals(bytes, decode_log_change);
  EXPECT_EQ(encode(LogChangeRecord{EntryKind::recall, 1, 2}), std::string("\1\3\1\2"));
  EXPECT_EQ(encode(LogChangeRecord{EntryKind::edit, 1, 2}), std::string("\1\4\1\2"));
  // A message is no change of its log, and of a newer kind only a newer version knows what it says.
  for (const char kind : {'\0', '\x3f'}) {
    std::string other = bytes;
    other[1] = kind;
    EXPECT_FALSE(decode_log_change(other).has_value());
  }
}

TEST(ChannelRecord, OfTheFirstFormatIsStillRead) {
  const std::string bytes = {1, 4, '\xac', 2, 1};
  const auto record = decode_channel(bytes);
  ASSERT_TRUE(record.has_value());
  EXPECT_TRUE(record->flags.disband);
  EXPECT_EQ(record->cleared_to, 300U);
  EXPECT_EQ(record->seq_floor, 0U);
  EXPECT_FALSE(record->retention_seconds.has_value());
  EXPECT_FALSE(record->has_gaps);
}

TEST(ConversationRecord, HasTheBytesTheStoreWasWrittenWith) {
  ConversationRecord record;
  record.read_to = 300;
  record.deleted_to = 2;
  record.command_read_to = 3;
  record.created_at = 4;
  record.updated_at_ns = 5;
  const std::string plain = {1, '\xac', 2, 2, 3, 4, 5, 0};
  EXPECT_EQ(encode(record), plain);
  record.manual_count = 6;
  record.manual_at = 301;
  const std::string marked = {1, '\xac', 2, 2, 3, 4, 5, 6, '\xad', 2};
  EXPECT_EQ(encode(record), marked);
  EXPECT_FALSE(decode_conversation(marked)->own_messages_follow);
  record.own_messages_follow = true;
  const std::string full = {2, '\xac', 2, 2, 3, 4, 5, 6, '\xad', 2};
  EXPECT_EQ(encode(record), full);

  const auto again = decode_conversation(full);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->read_to, 300U);
  EXPECT_EQ(again->deleted_to, 2U);
  EXPECT_EQ(again->command_read_to, 3U);
  EXPECT_EQ(again->created_at, 4);
  EXPECT_EQ(again->updated_at_ns, 5);
  EXPECT_EQ(again->manual_count, 6U);
  EXPECT_EQ(again->manual_at, 301U);
  EXPECT_TRUE(again->own_messages_follow);
  EXPECT_EQ(again->activated_at_ns, 0);
  record.activated_at_ns = 302;
  const std::string activated = {4, '\xac', 2, 2, 3, 4, 5, 6, '\xad', 2, '\xae', 2};
  EXPECT_EQ(encode(record), activated);
  EXPECT_EQ(decode_conversation(activated)->activated_at_ns, 302);
  EXPECT_TRUE(decode_conversation(activated)->own_messages_follow);
  record.own_messages_follow = false;
  EXPECT_EQ(encode(record)[0], 3);
  EXPECT_FALSE(decode_conversation(encode(record))->own_messages_follow);
  expect_record_refusals(activated, decode_conversation);
  expect_record_refusals(full, decode_conversation);
  expect_record_refusals(plain, decode_conversation);
}

TEST(TombstoneRecord, HasTheBytesTheStoreWasWrittenWith) {
  TombstoneRecord record;
  record.deleted_at_ns = 300;
  const std::string bytes = {1, '\xac', 2};
  EXPECT_EQ(encode(record), bytes);
  const auto again = decode_tombstone(bytes);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->deleted_at_ns, 300);
  expect_record_refusals(bytes, decode_tombstone);
}

TEST(GapRecord, HasTheBytesTheStoreWasWrittenWith) {
  const std::string deleted = {1, 0};
  EXPECT_EQ(encode(GapRecord()), deleted);
  GapRecord record;
  record.readers = {"u", "vv"};
  const std::string bytes = {1, 2, 1, 'u', 2, 'v', 'v'};
  EXPECT_EQ(encode(record), bytes);
  const auto again = decode_gap(bytes);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->readers, record.readers);
  expect_record_refusals(bytes, decode_gap);
  GapRecord skipped;
  skipped.seqs = 300;
  const std::string several = {1, 0, '\xac', 2};
  EXPECT_EQ(encode(skipped), several);
  const auto read = decode_gap(several);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->seqs, 300U);
  GapRecord expiring;
  expiring.everybody = true;
  expiring.expires_at = 300;
  const std::string expiring_bytes = {2, '\xac', 2, 1, 0};
  EXPECT_EQ(encode(expiring), expiring_bytes);
  EXPECT_EQ(encode(*decode_gap(expiring_bytes)), expiring_bytes);
  expect_record_refusals(expiring_bytes, decode_gap);
  GapRecord unlisted;
  unlisted.everybody = true;
  unlisted.unlisted = "me";
  const std::string unlisted_bytes = {3, 0, 1, 2, 'm', 'e', 0};
  EXPECT_EQ(encode(unlisted), unlisted_bytes);
  EXPECT_EQ(encode(*decode_gap(unlisted_bytes)), unlisted_bytes);
  expect_record_refusals(unlisted_bytes, decode_gap);
  unlisted.run = 300;
  const std::string run_bytes = {3, 0, 1, 2, 'm', 'e', 0, 1, '\xac', 2};
  EXPECT_EQ(encode(unlisted), run_bytes);
  const auto run = decode_gap(run_bytes);
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->run, 300U);
  EXPECT_EQ(run->seqs, 1U);
}

TEST(GapRecord, SaysWhoCanReadTheMessageAndForHowLong) {
  GapRecord restricted;
  restricted.readers = {"u", "v"};
  EXPECT_TRUE(restricted.readable_by("v", 1000));
  EXPECT_FALSE(restricted.readable_by("w", 1000));
  restricted.expires_at = 1000;
  EXPECT_TRUE(restricted.readable_by("v", 1000)) << "for all of that second";
  EXPECT_FALSE(restricted.readable_by("v", 1001));
  GapRecord open;
  open.everybody = true;
  open.expires_at = 1000;
  EXPECT_TRUE(open.readable_by("w", 1000));
  EXPECT_FALSE(open.readable_by("w", 1001));
  EXPECT_FALSE(GapRecord().readable_by("u", 0));
  open.unlisted = "me";
  EXPECT_TRUE(open.readable_by("w", 1000));
  EXPECT_FALSE(open.readable_by("me", 1000));
}

TEST(MessageRecord, KeepsThatItIsNotInTheListOfItsSender) {
  const ChannelKey log("g1", ChannelType::group);
  Message message;
  message.channel = log;
  message.from_uid = "u1";
  message.client_msg_no = "n1";
  message.payload = "p";
  for (const bool listed : {true, false}) {
    message.sender_conversation = listed;
    std::string bytes;
    encode_message(bytes, message, log);
    EXPECT_EQ(decode_message(bytes, log, MessageSeq{1})->sender_conversation, listed);
    const auto head = decode_message_head(bytes);
    EXPECT_EQ(head->sender_conversation, listed);
    EXPECT_EQ(head->listed_for("u1"), listed);
    EXPECT_TRUE(head->listed_for("u2"));
  }
}

TEST(BulkCountRecord, HasTheBytesTheStoreWasWrittenWith) {
  BulkCountRecord record;
  EXPECT_EQ(encode(record), std::string(1, 1));
  record.messages = {0x0102030405060708, 9};
  const std::string bytes = {1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 9};
  EXPECT_EQ(encode(record), bytes);
  const auto again = decode_bulk_count(bytes);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->messages, record.messages);
  EXPECT_TRUE(again->has(9));
  EXPECT_FALSE(again->has(8));
  for (const std::size_t size : {0U, 2U, 8U, 10U, 16U}) {
    EXPECT_FALSE(decode_bulk_count(bytes.substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(decode_bulk_count("\x7f").has_value());
}

TEST(DataLossRecord, HasTheBytesTheStoreWasWrittenWith) {
  DataLossRecord record;
  record.times = 2;
  record.last_at = 3;
  record.floor = 300;
  record.skipped = 4;
  const std::string bytes = {1, 2, 3, '\xac', 2, 4};
  EXPECT_EQ(encode(record), bytes);
  const auto again = decode_data_loss(bytes);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->floor, 300U);
  EXPECT_EQ(encode(*again), bytes);
  expect_record_refusals(bytes, decode_data_loss);
}

TEST(AnchorEventsRecord, HasTheBytesTheStoreWasWrittenWith) {
  AnchorEventsRecord record;
  record.last_msg_event_seq = 300;
  const std::string bytes = {1, '\xac', 2};
  EXPECT_EQ(encode(record), bytes);
  EXPECT_EQ(decode_anchor_events(bytes)->last_msg_event_seq, 300U);
  expect_record_refusals(bytes, decode_anchor_events);
}

TEST(LaneRecord, HasTheBytesTheStoreWasWrittenWith) {
  LaneState lane;
  lane.event_key = "main";
  lane.status = LaneStatus::error;
  lane.visibility = Visibility::restricted;
  lane.end_reason = 9;
  lane.text = true;
  lane.msg_event_seq = 300;
  lane.occurred_at_ms = 4;
  lane.event_id = "i";
  lane.event_type = "tt";
  lane.error = "e";
  lane.snapshot = "{}";
  const std::string bytes = {1, 2, 2, 9, 1, '\xac', 2, 4, 1, 'i', 2, 't', 't', 1, 'e', '{', '}'};
  EXPECT_EQ(encode(lane), bytes);
  const auto again = decode_lane(bytes, "main");
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->event_key, "main");
  EXPECT_EQ(again->status, LaneStatus::error);
  EXPECT_EQ(again->visibility, Visibility::restricted);
  EXPECT_EQ(again->end_reason, 9);
  EXPECT_TRUE(again->text);
  EXPECT_EQ(again->msg_event_seq, 300U);
  EXPECT_EQ(again->occurred_at_ms, 4);
  EXPECT_EQ(again->event_id, "i");
  EXPECT_EQ(again->event_type, "tt");
  EXPECT_EQ(again->error, "e");
  EXPECT_EQ(again->snapshot, "{}");
  // The snapshot is whatever is left.
  const std::string without_snapshot = bytes.substr(0, bytes.size() - 2);
  EXPECT_EQ(decode_lane(without_snapshot, "main")->snapshot, "");
  expect_record_refusals(without_snapshot,
                         [](std::string_view some) { return decode_lane(some, "main"); });
}

TEST(LaneRecord, RefusesStatesItDoesNotKnow) {
  std::string bytes = encode(LaneState());
  bytes[1] = 4;
  EXPECT_FALSE(decode_lane(bytes, "main").has_value());
  bytes[1] = 3;
  EXPECT_TRUE(decode_lane(bytes, "main").has_value());
  bytes[2] = 3;
  EXPECT_FALSE(decode_lane(bytes, "main").has_value());
}

TEST(RunningStreamRecord, HasTheBytesTheStoreWasWrittenWith) {
  RunningStreamRecord record;
  record.client_msg_no = "no";
  record.active_at_ms = 300;
  const std::string bytes = {1, '\xac', 2, 2, 'n', 'o'};
  EXPECT_EQ(encode(record), bytes);
  const auto again = decode_running_stream(bytes);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->client_msg_no, "no");
  EXPECT_EQ(again->active_at_ms, 300);
  expect_record_refusals(bytes, decode_running_stream);
}

TEST(CommandSyncRecord, HasTheBytesTheStoreWasWrittenWith) {
  CommandSyncRecord record;
  record.positions = {{ChannelKey("g1", ChannelType::group), 300},
                      {ChannelKey("17____cmd", ChannelType::temp), 1}};
  const std::string bytes = {1,   2,   2,   2,   'g', '1', '\xac', 2,   8,   9,
                             '1', '7', '_', '_', '_', '_', 'c',    'm', 'd', 1};
  EXPECT_EQ(encode(record), bytes);
  const auto again = decode_command_sync(bytes);
  ASSERT_TRUE(again.has_value());
  ASSERT_EQ(again->positions.size(), 2U);
  EXPECT_EQ(again->positions[0].channel, record.positions[0].channel);
  EXPECT_EQ(again->positions[0].seq, 300U);
  EXPECT_EQ(again->positions[1].channel, record.positions[1].channel);
  EXPECT_EQ(again->positions[1].seq, 1U);
  expect_record_refusals(bytes, decode_command_sync);
}

TEST(WebhookCursorRecord, HasTheBytesTheStoreWasWrittenWith) {
  WebhookCursorRecord record;
  record.notified_to = 300;
  record.offline_to = 1;
  const std::string bytes = {1, '\xac', 2, 1};
  EXPECT_EQ(encode(record), bytes);
  const auto again = decode_webhook_cursor(bytes);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->notified_to, 300U);
  EXPECT_EQ(again->offline_to, 1U);
  expect_record_refusals(bytes, decode_webhook_cursor);
}

TEST(WebhookLetterRecord, HasTheBytesTheStoreWasWrittenWith) {
  WebhookLetterRecord record;
  record.kind = EntryKind::edit;
  record.log = ChannelKey("g", ChannelType::group);
  record.seq = 300;
  record.cause = GiveUpCause::too_old;
  record.at_ms = 5;
  record.attempts = 3;
  record.error = "no";
  record.redrives = 2;
  const std::string bytes = {1, 4, 1, 2, 1, 'g', '\xac', 2, 5, 3, 2, 'n', 'o', 2};
  EXPECT_EQ(encode(record), bytes);
  const auto again = decode_webhook_letter(bytes);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(*again, record);
  expect_record_refusals(bytes, decode_webhook_letter);
  std::string strange = bytes;
  strange[2] = 4;  // a cause that there is not
  EXPECT_FALSE(decode_webhook_letter(strange));

  const std::string dropped = {1, '\xac', 2};
  EXPECT_EQ(encode(WebhookLettersDroppedRecord{300}), dropped);
  ASSERT_TRUE(decode_webhook_letters_dropped(dropped).has_value());
  EXPECT_EQ(decode_webhook_letters_dropped(dropped)->count, 300U);
  expect_record_refusals(dropped, decode_webhook_letters_dropped);
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
