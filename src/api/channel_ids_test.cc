#include "api/channel_ids.h"

#include <gtest/gtest.h>

namespace jindou::api {
namespace {

TEST(ChannelIds, MakesThePairOfAPersonChannel) {
  EXPECT_EQ(send_channel("alice", "bob", ChannelType::person),
            ChannelKey("bob@alice", ChannelType::person));
  EXPECT_EQ(send_channel("bob", "alice", ChannelType::person).id, "bob@alice");
}

TEST(ChannelIds, KeepsTheOrderOfAnAgentChannel) {
  EXPECT_EQ(send_channel("u1", "bot", ChannelType::agent).id, "u1@bot");
  EXPECT_EQ(send_channel("bot", "u1@bot", ChannelType::agent).id, "u1@bot");
}

TEST(ChannelIds, LeavesOtherTypesAlone) {
  EXPECT_EQ(send_channel("u1", "g1", ChannelType::group).id, "g1");
  EXPECT_EQ(send_channel("u1", "", ChannelType::none).id, "");
}

TEST(ChannelIds, ReadsByPeerAndByInternalId) {
  EXPECT_EQ(read_channel("alice", "bob", ChannelType::person)->id, "bob@alice");
  EXPECT_EQ(read_channel("", "alice@bob", ChannelType::person)->id, "bob@alice");
  EXPECT_EQ(read_channel("", "g1", ChannelType::group)->id, "g1");
}

TEST(ChannelIds, OnlyPairsAreComposed) {
  EXPECT_EQ(read_channel("", "u1@bot", ChannelType::agent)->id, "u1@bot");
  EXPECT_EQ(read_channel("", "parent@topic", ChannelType::community_topic)->id, "parent@topic");
  for (const ChannelType type :
       {ChannelType::group, ChannelType::customer_service, ChannelType::community,
        ChannelType::info, ChannelType::data, ChannelType::temp, ChannelType::live,
        ChannelType::visitors, ChannelType::agent_group}) {
    const auto refused = read_channel("a", "x@y", type);
    ASSERT_FALSE(refused.has_value()) << int{raw(type)};
    EXPECT_EQ(refused.error().code(), Errc::invalid);
    EXPECT_TRUE(read_channel("a", "x", type).has_value());
  }
}

TEST(ChannelIds, RefusesWhatNamesNoChannel) {
  EXPECT_EQ(read_channel("", "bob", ChannelType::person).error().code(), Errc::invalid);
  EXPECT_EQ(read_channel("a", " ", ChannelType::group).error().code(), Errc::invalid);
  EXPECT_EQ(read_channel("a", "g1", ChannelType::none).error().code(), Errc::invalid);
  EXPECT_EQ(read_channel("a#b", "bob", ChannelType::person).error().code(), Errc::invalid);
  EXPECT_EQ(read_channel("a", "b&c", ChannelType::person).error().code(), Errc::invalid);
}

}  // namespace
}  // namespace jindou::api
