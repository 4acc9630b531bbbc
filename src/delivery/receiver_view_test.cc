// What each side of a conversation is shown.
#include "delivery/receiver_view.h"

#include <gtest/gtest.h>

namespace jindou::delivery {
namespace {

Message message(std::string from, ChannelKey channel) {
  Message made;
  made.from_uid = std::move(from);
  made.channel = std::move(channel);
  return made;
}

TEST(ReceiverView, PersonChannelShowsTheOtherParty) {
  const Message m = message("u1", {person_channel_id("u1", "u2"), ChannelType::person});
  EXPECT_EQ(view_for(m, codec::Receiver::other).channel_id, "u1");
  EXPECT_EQ(view_for(m, codec::Receiver::author).channel_id, "u2");
  EXPECT_EQ(view_for(m, codec::Receiver::other).from_uid, "u1");
  EXPECT_EQ(receiver_kind(m, "u1"), codec::Receiver::author);
  EXPECT_EQ(receiver_kind(m, "u2"), codec::Receiver::other);
}

TEST(ReceiverView, MessageToOneselfShowsOneself) {
  const Message m = message("u", {"u@u", ChannelType::person});
  EXPECT_EQ(view_for(m, receiver_kind(m, "u")).channel_id, "u");
}

TEST(ReceiverView, SystemAccountIsShownEmpty) {
  const Message person =
      message("____system", {person_channel_id("____system", "u"), ChannelType::person});
  EXPECT_EQ(view_for(person, codec::Receiver::other).from_uid, "");
  EXPECT_EQ(view_for(person, codec::Receiver::other).channel_id, "");
  const Message group = message("____system", {"g", ChannelType::group});
  EXPECT_EQ(view_for(group, codec::Receiver::other).from_uid, "");
  EXPECT_EQ(view_for(group, codec::Receiver::other).channel_id, "g");
}

TEST(ReceiverView, AgentChannelsAreNotRewritten) {
  const Message m = message("u", {"u@bot", ChannelType::agent});
  EXPECT_EQ(view_for(m, codec::Receiver::other).channel_id, "u@bot");
  EXPECT_EQ(view_for(m, codec::Receiver::author).channel_id, "u@bot");
}

}  // namespace
}  // namespace jindou::delivery
