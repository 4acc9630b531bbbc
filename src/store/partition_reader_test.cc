#include "store/partition_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store/keys.h"
#include "store/memory_reader.h"

namespace jindou::store {
namespace {

constexpr PartitionId kOwn{1};
const ChannelKey kReaderGroup("g", ChannelType::group);

class PartitionReaderTest : public ::testing::Test {
 protected:
  PartitionReaderTest() {
    for (std::uint16_t i = 0; i < 3; ++i) {
      store_.put(Table::main, channel_key(PartitionId{i}, kReaderGroup), "of " + std::to_string(i));
    }
  }

  MemoryReader store_;
  PartitionReader reader_{store_, kOwn};
};

TEST_F(PartitionReaderTest, ReadsItsOwn) {
  std::string value;
  EXPECT_TRUE(reader_.get(Table::main, channel_key(kOwn, kReaderGroup), value).value());
  EXPECT_EQ(value, "of 1");
  std::vector<std::string> seen;
  const auto visit = [&seen](std::string_view, std::string_view found) {
    seen.emplace_back(found);
    return true;
  };
  // From the first key to behind the last: the end of the range is the next partition's number.
  const std::string lower = partition_state_key(kOwn);
  const std::string upper = after_prefix(lower.substr(0, 2));
  EXPECT_TRUE(reader_.scan(Table::main, lower, upper, visit).has_value());
  EXPECT_TRUE(reader_.scan_backward(Table::main, lower, upper, visit).has_value());
  EXPECT_EQ(seen, (std::vector<std::string>{"of 1", "of 1"}));
}

TEST_F(PartitionReaderTest, ItsCursorEndsWithThePartition) {
  auto cursor = reader_.open_cursor(Table::main);
  ASSERT_TRUE(cursor.seek(partition_state_key(kOwn)));
  EXPECT_EQ(cursor.value(), "of 1");
  EXPECT_FALSE(cursor.next());
  EXPECT_TRUE(cursor.status().has_value());
  ASSERT_TRUE(cursor.seek(channel_key(kOwn, kReaderGroup)));
  EXPECT_FALSE(cursor.prev());
  EXPECT_FALSE(cursor.seek(message_prefix(kOwn)));
  EXPECT_FALSE(cursor.seek_before(partition_state_key(kOwn)));
  EXPECT_TRUE(cursor.seek_before(after_prefix(partition_state_key(kOwn).substr(0, 2))));
}

TEST_F(PartitionReaderTest, CursorsOfOneMoment) {
  const PartitionReaders readers(store_, PartitionMap(3));
  auto cursors = readers.open_cursors(Table::main);
  store_.put(Table::main, channel_key(PartitionId{2}, kReaderGroup), "later");
  std::vector<std::string> seen;
  std::string value;
  for (const PartitionId id : readers.map().ids()) {
    ASSERT_TRUE(cursors.of(id).get(channel_key(id, kReaderGroup), value).value());
    seen.push_back(value);
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"of 0", "of 1", "of 2"}));
}

TEST_F(PartitionReaderTest, TheSetKnowsWhoseWhatIs) {
  const PartitionReaders readers(store_, PartitionMap(3));
  EXPECT_EQ(readers.of_channel(kReaderGroup).partition(), partition_for("g", 3));
  EXPECT_EQ(readers.of_user("u").partition(), partition_for("u", 3));
  EXPECT_EQ(readers.of_system_accounts().partition(), partition_for(kSystemUid, 3));
}

using PartitionReaderDeathTest = PartitionReaderTest;

TEST_F(PartitionReaderDeathTest, KeysOfOthersAreBugs) {
  std::string value;
  const std::string other = channel_key(PartitionId{2}, kReaderGroup);
  const std::string behind = channel_key(PartitionId{0}, kReaderGroup);
  const auto visit = [](std::string_view, std::string_view) { return true; };
  EXPECT_DEATH((void)reader_.get(Table::main, other, value), "holds");
  EXPECT_DEATH((void)reader_.get(Table::main, "", value), "holds");
  EXPECT_DEATH((void)reader_.scan(Table::main, channel_key(kOwn, kReaderGroup), other, visit),
               "reaches");
  EXPECT_DEATH(
      (void)reader_.scan_backward(Table::main, behind, channel_key(kOwn, kReaderGroup), visit),
      "holds");
  auto cursor = reader_.open_cursor(Table::main);
  EXPECT_DEATH((void)cursor.seek(other), "reaches");
  EXPECT_DEATH((void)cursor.get(other, value), "holds");
  EXPECT_DEATH((void)PartitionReaders(store_, PartitionMap(1)).of(kOwn), "has");
}

}  // namespace
}  // namespace jindou::store
