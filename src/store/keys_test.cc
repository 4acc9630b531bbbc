// Golden bytes of every key: a store written today must be readable by every later version. And the
// properties that scans rely on.
#include "store/keys.h"

#include <gtest/gtest.h>

#include <string>

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

TEST(Keys, OnlyMessageKeysHaveAnInsertHint) {
  EXPECT_EQ(insert_hint_prefix(message_key(kPartition, kGroup, MessageSeq{1})),
            message_prefix(kPartition, kGroup));
  EXPECT_EQ(insert_hint_prefix(channel_key(kPartition, kGroup)), "");
  EXPECT_EQ(insert_hint_prefix(commit_record_key(kPartition, 7)), "");
}

}  // namespace
}  // namespace jindou::store
