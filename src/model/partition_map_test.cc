#include "model/partition_map.h"

#include <gtest/gtest.h>

#include <vector>

namespace jindou {
namespace {

TEST(PartitionMap, WhatBelongsTogetherIsTogether) {
  const PartitionMap map(512);
  EXPECT_EQ(map.of_channel("g"), partition_for("g", 512));
  EXPECT_EQ(map.of_channel(ChannelKey("g", ChannelType::group)), map.of_channel("g"));
  // Its command log, and the other order of a pair.
  EXPECT_EQ(map.of_channel("g____cmd"), map.of_channel("g"));
  EXPECT_EQ(map.of_channel("a@b"), map.of_channel("b@a"));
  // A user and his inbox.
  EXPECT_EQ(map.of_user("u"), map.of_channel(ChannelKey("u", ChannelType::person)));
  EXPECT_EQ(map.of_system_accounts(), map.of_user(kSystemUid));
}

TEST(PartitionMap, TellsWhichThereAre) {
  const PartitionMap map(3);
  std::vector<std::uint16_t> ids;
  for (const PartitionId id : map.ids()) ids.push_back(raw(id));
  EXPECT_EQ(ids, (std::vector<std::uint16_t>{0, 1, 2}));
  EXPECT_TRUE(map.has(PartitionId{2}));
  EXPECT_FALSE(map.has(PartitionId{3}));
}

}  // namespace
}  // namespace jindou
