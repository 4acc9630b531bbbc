#include "caller/peer_pages.h"

#include <gtest/gtest.h>

#include <string>

namespace jindou::caller {
namespace {

TEST(PeerPages, ChannelsGoOnByTheTimeOfTheLast) {
  const auto page = parse_peer_channels(
      R"({"total":0,"more":1,"data":[{"id":1,"slot":3,"channel_id":"g1","channel_type":2,"ban":1,)"
      R"("disband":0,"created_at":1753069312000000002},{"channel_id":"u1","channel_type":1,)"
      R"("ban":0,"disband":1,"created_at":1753069312000000001}]})");
  ASSERT_TRUE(page) << page.error().text();
  ASSERT_EQ(page->entries.size(), 2U);
  EXPECT_EQ(page->entries[0].id, "g1");
  EXPECT_EQ(page->entries[0].type, 2U);
  EXPECT_TRUE(page->entries[0].ban);
  EXPECT_TRUE(page->entries[1].disband);
  EXPECT_EQ(page->next, 1753069312000000001);
  const auto last = parse_peer_channels(R"({"more":0,"data":null})");
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->entries.empty());
  EXPECT_EQ(last->next, 0);
  for (const std::string nowhere : {R"({"more":1,"data":[{"channel_id":"g1","channel_type":2}]})",
                                    R"({"more":1,"data":null})"}) {
    const auto lost = parse_peer_channels(nowhere);
    ASSERT_FALSE(lost) << nowhere;
    EXPECT_NE(lost.error().detail().find("not where it goes on"), std::string::npos);
  }
}

TEST(PeerPages, MessagesKeepTheirNumbers) {
  bool more = false;
  const auto messages = parse_peer_messages(
      R"({"start_message_seq":1,"end_message_seq":0,"more":1,"messages":[{"header":)"
      R"({"no_persist":0,"red_dot":1,"sync_once":0},"setting":128,)"
      R"("message_id":1947236475592679424,"message_idstr":"1947236475592679424",)"
      R"("client_msg_no":"c","message_seq":7,"from_uid":"","channel_id":"g","channel_type":2,)"
      R"("expire":3,"timestamp":1753069312,"payload":"aGk="}]})",
      more);
  ASSERT_TRUE(messages) << messages.error().text();
  EXPECT_TRUE(more);
  ASSERT_EQ(messages->size(), 1U);
  std::string out;
  codec::JsonWriter json(out);
  write_imported(json, messages->front());
  EXPECT_EQ(
      out, R"({"message_id":1947236475592679424,"message_seq":7,"from_uid":"","client_msg_no":"c",)"
           R"("timestamp":1753069312,"header":{"red_dot":1},"setting":128,"topic":"","expire":3,)"
           R"("payload":"aGk="})");
}

TEST(PeerPages, ConversationsAndDevices) {
  const auto conversations = parse_peer_conversations(
      R"({"total":0,"data":[{"uid":"u1","type":1,"channel_id":"g____cmd","channel_type":2,)"
      R"("readed_to_msg_seq":4},{"uid":"u2","type":0,"channel_id":"u2@u1","channel_type":1}]})");
  ASSERT_TRUE(conversations);
  ASSERT_EQ(conversations->size(), 2U);
  EXPECT_TRUE(conversations->front().of_commands);
  EXPECT_EQ(conversations->front().read_to, 4U);
  EXPECT_FALSE(conversations->back().of_commands);
  const auto devices = parse_peer_devices(
      R"({"more":0,"data":[{"uid":"u1","token":"t","device_flag":1,"device_level":1,)"
      R"("created_at":5}]})");
  ASSERT_TRUE(devices);
  EXPECT_EQ(devices->entries.front().token, "t");
  EXPECT_EQ(devices->entries.front().flag, 1U);
  EXPECT_EQ(devices->entries.front().level, 1U);
}

TEST(PeerPages, TheSearchTellsChannelsAndTheLastId) {
  std::uint64_t last = 0;
  const auto channels = parse_peer_search(
      R"({"total":2,"data":[{"message_id":"1947236475592679425","channel_id":"g1",)"
      R"("channel_type":2},{"message_id":"1947236475592679424","channel_id":"u1@a",)"
      R"("channel_type":11}]})",
      last);
  ASSERT_TRUE(channels);
  EXPECT_EQ(channels->back().id, "u1@a");
  EXPECT_EQ(last, 1947236475592679425U);
}

TEST(PeerPages, WhatIsNoneIsSaid) {
  bool more = false;
  for (const std::string text : {"", "[]", "7", "{}", R"({"data":7})", R"({"messages":[7]})"}) {
    EXPECT_FALSE(parse_peer_channels(text)) << text;
    EXPECT_FALSE(parse_peer_messages(text, more)) << text;
  }
  // No sentence about a body that nobody has sent.
  const std::string cut = parse_peer_uids("[\"a\",").error().detail();
  EXPECT_NE(cut.find("the answer of the other server"), std::string::npos) << cut;
  EXPECT_EQ(cut.find("body"), std::string::npos) << cut;
  EXPECT_FALSE(parse_peer_uids("{}"));
  ASSERT_TRUE(parse_peer_uids("null"));
  EXPECT_EQ(parse_peer_uids(R"(["a","b"])")->size(), 2U);
}

}  // namespace
}  // namespace jindou::caller
