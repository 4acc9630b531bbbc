// Golden bytes of every key: a store written today must be readable by every later version. And the
// properties that scans rely on.
#include "store/keys.h"

#include <gtest/gtest.h>

#include <string>

#include "model/job.h"

namespace jindou::store {
namespace {

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    out.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return out;
}

const PartitionId kPartition{0x0102};
const ChannelKey kGroup("g1", ChannelType::group);

TEST(Keys, HaveTheBytesTheStoreWasWrittenWith) {
  EXPECT_EQ(hex(partition_state_key(kPartition)), "010201");
  EXPECT_EQ(hex(channel_key(kPartition, kGroup)),
            "01021002"
            "0002"
            "6731");
  EXPECT_EQ(hex(member_key(kPartition, KeyKind::subscriber, kGroup, "u1")),
            "01021102"
            "0002"
            "6731"
            "7531");
  EXPECT_EQ(hex(member_key(kPartition, KeyKind::denylist, kGroup, "u1")),
            "01021202"
            "0002"
            "6731"
            "7531");
  EXPECT_EQ(hex(member_key(kPartition, KeyKind::allowlist, kGroup, "u1")),
            "01021302"
            "0002"
            "6731"
            "7531");
  EXPECT_EQ(hex(message_key(kPartition, kGroup, MessageSeq{0x0a0b})),
            "01022002"
            "0002"
            "6731"
            "0000000000000a0b");
  EXPECT_EQ(hex(log_change_key(kPartition, kGroup, 0x0a0b)),
            "01022702"
            "0002"
            "6731"
            "0000000000000a0b");
  EXPECT_EQ(log_change_prefix(kPartition, kGroup) + std::string(8, '\0'),
            log_change_key(kPartition, kGroup, 0));
  EXPECT_EQ(number_of_log_change_key(log_change_key(kPartition, kGroup, 0x0a0b)), 0x0a0bU);
  EXPECT_EQ(hex(commit_record_key(kPartition, 5)), "0102300000000000000005");
  EXPECT_EQ(hex(device_token_key(kPartition, "u1", DeviceFlag::web)),
            "010240"
            "0002"
            "7531"
            "01");
  EXPECT_EQ(hex(client_number_key(kPartition, Fingerprint{1, 2})),
            "0102"
            "0000000000000001"
            "0000000000000002");
  EXPECT_EQ(hex(store_identity_key()), "ffff00");
  EXPECT_EQ(hex(data_loss_key()), "ffff01");
}

TEST(Keys, OfConversationsHaveTheBytesTheStoreWasWrittenWith) {
  EXPECT_EQ(hex(conversation_key(kPartition, "u12", kGroup)),
            "010214"
            "0003"
            "753132"
            "02"
            "0002"
            "6731");
  EXPECT_EQ(hex(conversation_prefix(kPartition, "u12")), "0102140003753132");
  EXPECT_EQ(hex(tombstone_key(kPartition, "u12", kGroup)), "01021500037531320200026731");
  EXPECT_EQ(hex(tombstone_prefix(kPartition, "u12")), "0102150003753132");
  EXPECT_EQ(hex(tombstone_prefix(kPartition)), "010215");
  EXPECT_EQ(hex(tombstones_dropped_key(kPartition)), "010216");
}

TEST(Keys, OfExpiryAndGapsHaveTheBytesTheStoreWasWrittenWith) {
  EXPECT_EQ(hex(expiry_key(kPartition, 0x6553f100, kGroup, MessageSeq{0x0a0b})),
            "010221"
            "000000006553f100"
            "0000000000000a0b"
            "02"
            "0002"
            "6731");
  EXPECT_EQ(hex(expiry_prefix(kPartition)), "010221");
  EXPECT_EQ(hex(gap_key(kPartition, kGroup, MessageSeq{0x0a0b})),
            "01022202"
            "0002"
            "6731"
            "0000000000000a0b");
}

TEST(Keys, OfEventsHaveTheBytesTheStoreWasWrittenWith) {
  const std::string anchor =
      "02"
      "0002"
      "6731"
      "0000000000000007";
  EXPECT_EQ(hex(event_lane_prefix(kPartition, kGroup, MessageSeq{7})), "010223" + anchor);
  EXPECT_EQ(hex(event_lane_key(kPartition, kGroup, MessageSeq{7}, "")), "010223" + anchor);
  EXPECT_EQ(hex(event_lane_key(kPartition, kGroup, MessageSeq{7}, "main")),
            "010223" + anchor + "6d61696e");
  EXPECT_EQ(hex(event_text_prefix(kPartition, kGroup, MessageSeq{7})), "010224" + anchor);
  EXPECT_EQ(hex(event_text_prefix(kPartition, kGroup, MessageSeq{7}, "main")),
            "010224" + anchor + "0004" + "6d61696e");
  EXPECT_EQ(hex(event_text_key(kPartition, kGroup, MessageSeq{7}, "main", 9)),
            "010224" + anchor + "0004" + "6d61696e" + "0000000000000009");
  EXPECT_EQ(hex(running_stream_key(kPartition, kGroup)),
            "01022502"
            "0002"
            "6731");
  EXPECT_EQ(hex(running_stream_prefix(kPartition)), "010225");
  EXPECT_EQ(hex(list_change_prefix(kPartition)), "010226");
  EXPECT_EQ(list_change_key(kPartition, kGroup, 258),
            list_change_prefix(kPartition, kGroup) + std::string("\0\0\1\2", 4));
}

TEST(Keys, OfUsersAndTheWebhookHaveTheBytesTheStoreWasWrittenWith) {
  EXPECT_EQ(hex(system_account_key(kPartition, "u1")), "0102417531");
  EXPECT_EQ(hex(system_account_prefix(kPartition)), "010241");
  EXPECT_EQ(hex(command_sync_key(kPartition, "u1")),
            "010242"
            "0002"
            "7531");
  const NodeBoot start{0x03e9, 0x0a0b};
  EXPECT_EQ(hex(online_session_key(kPartition, "u1", DeviceFlag::desktop, start, 0x0c0d)),
            "010243"
            "0002"
            "7531"
            "02"
            "03e9"
            "0000000000000a0b"
            "0000000000000c0d");
  // As format 3 had it.
  EXPECT_EQ(hex(online_session_key(kPartition, "u1", DeviceFlag::desktop, {}, 0x0c0d)),
            "010243"
            "0002"
            "7531"
            "02"
            "0000000000000c0d");
  EXPECT_EQ(hex(online_session_prefix(kPartition)), "010243");
  const std::string hash(kRequestKeyBytes, 'h');
  EXPECT_EQ(request_key(kPartition, hash), request_prefix(kPartition) + hash);
  EXPECT_EQ(hex(request_prefix(kPartition)), "010244");
  EXPECT_EQ(hex(request_expiry_prefix(kPartition)), "010245");
  const RequestExpiry expiry = request_expiry_of_key(request_expiry_key(kPartition, 0x0a0b, hash));
  EXPECT_EQ(expiry.at_s, 0x0a0b);
  EXPECT_EQ(expiry.key, hash);
  EXPECT_LT(request_expiry_key(kPartition, 0xff, "z"), request_expiry_key(kPartition, 0x100, "a"));
  EXPECT_EQ(hex(bulk_count_key(kPartition, 0x0a0b, "u1")),
            "010246"
            "00000a0b"
            "0002"
            "7531");
  EXPECT_EQ(day_of_bulk_count_key(bulk_count_key(kPartition, 0x0a0b, "u1")), 0x0a0bU);
  EXPECT_LT(bulk_count_key(kPartition, 0xff, "z"), bulk_count_day_prefix(kPartition, 0x100));
  EXPECT_EQ(hex(presence_event_key(kPartition, 0x17979cfe362a0000, start, 0x0c0d, true)),
            "010250"
            "17979cfe362a0000"
            "03e9"
            "0000000000000a0b"
            "0000000000000c0d"
            "01");
  EXPECT_EQ(hex(presence_event_prefix(kPartition)), "010250");
  EXPECT_EQ(hex(webhook_cursor_key(kPartition)), "010251");
  EXPECT_EQ(hex(webhook_letter_key(kPartition, 0x0a0b)),
            "01025200"
            "0000000000000a0b");
  EXPECT_EQ(hex(webhook_redrive_key(kPartition, 0x0a0b)),
            "01025300"
            "0000000000000a0b");
  EXPECT_EQ(counter_of_webhook_letter_key(webhook_letter_key(kPartition, 0x0a0b)), 0x0a0bU);
  EXPECT_LT(webhook_letter_key(kPartition, 0xff), webhook_letter_key(kPartition, 0x100));
  EXPECT_EQ(hex(webhook_letters_dropped_key(kPartition)), "010254");
}

TEST(Keys, OfTemplatesHaveTheBytesTheStoreWasWrittenWith) {
  EXPECT_EQ(hex(template_key(kPartition, "hi")), "0102606869");
  EXPECT_EQ(hex(template_prefix(kPartition)), "010260");
  EXPECT_EQ(hex(template_version_key(kPartition, "hi", 0x0102)),
            "010261"
            "0002"
            "6869"
            "0000000000000102");
  EXPECT_EQ(hex(template_version_prefix(kPartition)), "010261");
  EXPECT_EQ(hex(template_floor_key(kPartition)), "010262");
  EXPECT_EQ(name_of_template_key(template_key(kPartition, "hi")), "hi");
}

TEST(Keys, OfJobsHaveTheBytesTheStoreWasWrittenWith) {
  const std::string id(kJobIdBytes, 'a');
  EXPECT_EQ(hex(job_prefix(kPartition)), "010270");
  EXPECT_EQ(job_key(kPartition, id), job_prefix(kPartition) + id);
  EXPECT_EQ(id_of_job_key(job_key(kPartition, id)), id);
  EXPECT_EQ(kind_of_key(job_key(kPartition, id)), KeyKind::job);
  EXPECT_EQ(partition_of_key(job_key(kPartition, id)), kPartition);
  const std::string input = job_chunk_key(kPartition, KeyKind::job_input, id, 0x0a0b);
  EXPECT_EQ(input, job_chunk_prefix(kPartition, KeyKind::job_input, id) +
                       std::string("\0\0\0\0\0\0\x0a\x0b", 8));
  EXPECT_EQ(hex(input).substr(0, 8), "01027161");
  EXPECT_EQ(first_of_job_chunk_key(input), 0x0a0bU);
  EXPECT_EQ(hex(job_chunk_key(kPartition, KeyKind::job_results, id, 1)).substr(0, 8), "01027261");
  EXPECT_LT(job_chunk_key(kPartition, KeyKind::job_results, id, 0xff),
            job_chunk_key(kPartition, KeyKind::job_results, id, 0x100));
}

TEST(Keys, TellWhatTheyWereMadeOf) {
  const ChannelKey person("b@a", ChannelType::person);
  EXPECT_EQ(channel_of_conversation_key(conversation_key(kPartition, "someone", person)), person);
  const std::string tombstone = tombstone_key(kPartition, "someone", person);
  EXPECT_EQ(channel_of_tombstone_key(tombstone), person);
  EXPECT_EQ(uid_of_tombstone_key(tombstone), "someone");
  EXPECT_EQ(channel_of_running_stream_key(running_stream_key(kPartition, person)), person);
  EXPECT_EQ(uid_of_system_account_key(system_account_key(kPartition, "someone")), "someone");
  const std::string denied = member_key(kPartition, KeyKind::denylist, person, "someone");
  EXPECT_EQ(kind_of_key(denied), KeyKind::denylist);
  EXPECT_EQ(type_of_channel_scoped_key(denied), person.type);
  EXPECT_EQ(channel_of_channel_scoped_key(denied), person);
  EXPECT_EQ(channel_of_list_change_key(list_change_key(kPartition, person, 7)), person);
  EXPECT_EQ(seq_of_message_key(gap_key(kPartition, person, MessageSeq{70'000})),
            MessageSeq{70'000});
  const Expiry expiry = expiry_of_key(expiry_key(kPartition, 1'700'000'000, person, MessageSeq{5}));
  EXPECT_EQ(expiry.at_seconds, 1'700'000'000U);
  EXPECT_EQ(expiry.log, person);
  EXPECT_EQ(expiry.seq, MessageSeq{5});
  for (const NodeBoot& start : {NodeBoot{}, NodeBoot{1001, 0xfedcba9876543210U}}) {
    const OnlineSession session = online_session_of_key(
        online_session_key(kPartition, "someone", DeviceFlag::system, start, 77));
    EXPECT_EQ(session.uid, "someone");
    EXPECT_EQ(session.device_flag, DeviceFlag::system);
    EXPECT_EQ(session.start, start);
    EXPECT_EQ(session.session_id, 77U);
  }
}

TEST(Keys, OfAUserAreNotThoseOfAUserWhoseIdBeginsAlike) {
  EXPECT_FALSE(conversation_key(kPartition, "u11", kGroup)
                   .starts_with(conversation_prefix(kPartition, "u1")));
}

TEST(Keys, OfAnAnchorsTextsAreNotThoseOfALaneWhoseNameBeginsAlike) {
  EXPECT_FALSE(event_text_key(kPartition, kGroup, MessageSeq{7}, "main2", 1)
                   .starts_with(event_text_prefix(kPartition, kGroup, MessageSeq{7}, "main")));
}

TEST(Keys, OfExpiryAndPresenceAscendWithTheTime) {
  const ChannelKey late("zz", static_cast<ChannelType>(200));
  EXPECT_LT(expiry_key(kPartition, 255, late, MessageSeq{999}),
            expiry_key(kPartition, 256, kGroup, MessageSeq{1}));
  EXPECT_LT(presence_event_key(kPartition, 255, {9, 9}, 999, true),
            presence_event_key(kPartition, 256, {1, 1}, 1, false));
}

TEST(Keys, ARangeOfMessagesBeginsBehindTheOneBeforeItAndHasNoInsertHint) {
  for (const std::uint64_t seq : {1ULL, 2ULL, 256ULL, 1ULL << 40}) {
    const auto begin = message_range_begin(kPartition, kGroup, static_cast<MessageSeq>(seq));
    EXPECT_LT(message_key(kPartition, kGroup, static_cast<MessageSeq>(seq - 1)), begin);
    EXPECT_LE(begin, message_key(kPartition, kGroup, static_cast<MessageSeq>(seq)));
    EXPECT_EQ(insert_hint_prefix(begin), "");
  }
}

TEST(Keys, OfOneLogAscendWithTheSeqAndEndBeforeTheNextLog) {
  const auto prefix = message_prefix(kPartition, kGroup);
  const auto end = after_prefix(prefix);
  std::string previous = prefix;
  for (const std::uint64_t seq : {1ULL, 2ULL, 255ULL, 256ULL, 1ULL << 40}) {
    const auto key = message_key(kPartition, kGroup, static_cast<MessageSeq>(seq));
    EXPECT_LT(previous, key);
    EXPECT_LT(key, end);
    EXPECT_EQ(raw(seq_of_message_key(key)), seq);
    previous = key;
  }
  // "g1" is a prefix of "g1____cmd" as text, not as a key.
  EXPECT_FALSE(message_key(kPartition, ChannelKey("g1____cmd", ChannelType::group), MessageSeq{1})
                   .starts_with(prefix));
}

TEST(Keys, MembersOfAChannelAreNotThoseOfAChannelWithALongerId) {
  const auto prefix = member_prefix(kPartition, KeyKind::subscriber, kGroup);
  EXPECT_FALSE(
      member_key(kPartition, KeyKind::subscriber, ChannelKey("g1u", ChannelType::group), "1")
          .starts_with(prefix));
}

TEST(Keys, AfterPrefixStepsOverBytesThatCannotGrow) {
  EXPECT_EQ(after_prefix("a"), "b");
  EXPECT_EQ(after_prefix(std::string("a\xff", 2)), "b");
  EXPECT_EQ(after_prefix(std::string("\xff\xff", 2)), "");
}

TEST(Keys, WhatIsWrittenInOrderHasAnInsertHint) {
  EXPECT_EQ(insert_hint_prefix(message_key(kPartition, kGroup, MessageSeq{1})),
            message_prefix(kPartition, kGroup));
  EXPECT_EQ(insert_hint_prefix(commit_record_key(kPartition, 7)),
            insert_hint_prefix(commit_record_key(kPartition, 8)));
  EXPECT_NE(insert_hint_prefix(commit_record_key(kPartition, 7)),
            insert_hint_prefix(commit_record_key(PartitionId{1}, 7)));
  EXPECT_EQ(insert_hint_prefix(partition_state_key(kPartition)), partition_state_key(kPartition));
  EXPECT_EQ(insert_hint_prefix(channel_key(kPartition, kGroup)), "");
  EXPECT_EQ(insert_hint_prefix(gap_key(kPartition, kGroup, MessageSeq{1})), "");
  EXPECT_EQ(insert_hint_prefix(conversation_key(kPartition, "u1", kGroup)), "");
}

}  // namespace
}  // namespace jindou::store
