#include "store/read_position.h"

#include <gtest/gtest.h>

#include <string>

#include "model/message.h"
#include "store/keys.h"
#include "store/memory_reader.h"

namespace jindou::store {
namespace {

constexpr PartitionId kPositionPartition{3};
const ChannelKey kPositionGroup("g1", ChannelType::group);

class ReadPosition : public ::testing::Test {
 protected:
  void write(std::uint64_t seq, const std::string& from) {
    Message message;
    message.id = message_id_of(seq, kPositionPartition);
    message.seq = MessageSeq{seq};
    message.channel = kPositionGroup;
    message.from_uid = from;
    std::string bytes;
    encode_message(bytes, message, kPositionGroup);
    store_.put(Table::main, message_key(kPositionPartition, kPositionGroup, message.seq), bytes);
  }
  std::uint64_t position(std::uint64_t read_to, bool own_messages_follow = true) {
    ConversationRecord row;
    row.read_to = read_to;
    row.own_messages_follow = own_messages_follow;
    auto cursor = PartitionReader(store_, kPositionPartition).open_cursor(Table::main);
    return load_read_position(cursor, kPositionGroup, "u1", row).value();
  }

  MemoryReader store_;
};

TEST_F(ReadPosition, IsWhatTheRowSaysWhenTheUserWroteNothing) {
  write(1, "u2");
  write(2, "u1");
  EXPECT_EQ(position(0), 0U);
  EXPECT_EQ(position(2), 2U);
}

TEST_F(ReadPosition, FollowsARunOfOwnMessagesAndEndsAtAnothersMessage) {
  write(1, "u2");
  for (std::uint64_t seq = 2; seq <= 4; ++seq) write(seq, "u1");
  write(5, "u2");
  write(6, "u1");
  EXPECT_EQ(position(1), 4U);
  EXPECT_EQ(position(3), 4U);
}

TEST_F(ReadPosition, OfARowThatLeavesNothingOpenIsTheRows) {
  write(1, "u1");
  EXPECT_EQ(position(0, false), 0U);
}

TEST_F(ReadPosition, StepsOverDeletedMessages) {
  write(1, "u1");
  write(3, "u1");
  EXPECT_EQ(position(0), 3U);
}

TEST_F(ReadPosition, LooksAtNoMoreThanARowMayLeaveOpen) {
  for (std::uint64_t seq = 1; seq <= 100; ++seq) write(seq, "u1");
  EXPECT_EQ(position(0), kOwnMessagesUnwritten);
}

TEST_F(ReadPosition, StaysInItsChannel) {
  Message message;
  message.seq = MessageSeq{1};
  message.channel = ChannelKey("g2", ChannelType::group);
  message.from_uid = "u1";
  std::string bytes;
  encode_message(bytes, message, message.channel);
  store_.put(Table::main, message_key(kPositionPartition, message.channel, message.seq), bytes);
  EXPECT_EQ(position(0), 0U);
}

TEST(ImpliedPosition, NeedsAnUnbrokenRunWithinTheBound) {
  EXPECT_TRUE(is_implied(10, 10, 11));
  EXPECT_TRUE(is_implied(10, 25, 26));
  EXPECT_FALSE(is_implied(10, 26, 27)) << "a reader would not look that far";
  EXPECT_FALSE(is_implied(10, 10, 12)) << "message 11 is another's";
}

}  // namespace
}  // namespace jindou::store
