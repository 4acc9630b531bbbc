#include "caller/lookup_text.h"

#include <gtest/gtest.h>

#include <string>

#include "codec/json_reader.h"

namespace jindou::caller {
namespace {

// The entries of an array as they are shown.
std::string shown(const Listing& listing, const std::string& entries) {
  const std::string json = R"({"items":)" + entries + '}';
  simdjson::dom::object from;
  EXPECT_EQ(codec::parse_json(json)->get(from), simdjson::SUCCESS);
  return Columns(listing.names).text(rows_of(listing, objects_in(from, "items")));
}

TEST(LookupText, AChannelARow) {
  EXPECT_EQ(shown(channel_listing(),
                  R"([{"channel_id":"g1","channel_type":2,"large":1,"ban":0,"disband":0,)"
                  R"("send_ban":1,"allow_stranger":0,"created_at":1700000000},)"
                  R"({"channel_id":"a b\u001b","channel_type":1,"created_at":0}])"),
            "TYPE  CREATED               FLAGS           ID\n"
            "2     2023-11-14T22:13:20Z  large,send_ban  g1\n"
            "1     -                     -               a b?\n");
}

TEST(LookupText, AUserARow) {
  EXPECT_EQ(
      shown(user_listing(), R"([{"uid":"ann","banned":1,"system_account":0,"online":1,)"
                            R"("online_device_flags":[0,2],"device_count":3,"token_set_count":1},)"
                            R"({"uid":"bob","online_device_flags":[]},7])"),
      "ONLINE  DEVICES  TOKENS  STATE   UID\n"
      "0,2     3        1       banned  ann\n"
      "-       0        0       -       bob\n");
}

TEST(LookupText, AMessageARowWithoutWhatItSays) {
  EXPECT_EQ(shown(message_listing(),
                  R"([{"message_id":"77","message_seq":5,"client_msg_no":"n1","from_uid":"ann",)"
                  R"("timestamp":1700000000,"payload":"aGVsbG8="},)"
                  R"({"message_id":"76","message_seq":4,"client_msg_no":"","from_uid":"",)"
                  R"("timestamp":1700000000,"payload":"aGk="}])"),
            "SEQ  TIME                  MESSAGE_ID  BYTES  CLIENT_MSG_NO  FROM\n"
            "5    2023-11-14T22:13:20Z  77          5      n1             ann\n"
            "4    2023-11-14T22:13:20Z  76          2      -              -\n");
}

TEST(LookupText, AConnectionARow) {
  EXPECT_EQ(shown(connection_listing(),
                  R"([{"id":12,"uid":"ann","ip":"::1","port":5000,"start":"2023","idle":"3s",)"
                  R"("pending_bytes":7,"device_flag":1,"transport":"ws"}])"),
            "ID  DEVICE_FLAG  TRANSPORT  ADDRESS     START  IDLE  PENDING_BYTES  UID\n"
            "12  1            ws         [::1]:5000  2023   3s    7              ann\n");
}

constexpr const char* kUser =
    R"({"uid":"ann","banned":0,"online":1,"devices":[{"device_flag":1,"device_level":1,)"
    R"("token_set":1,"online":1,"session_count":2}],"connections":[{"id":12,"uid":"ann",)"
    R"("ip":"10.0.0.1","port":5000,"start":"s","idle":"i","device_flag":1,"transport":"tcp"},)"
    R"({"id":13,"device_flag":0}]})";

TEST(LookupText, AUserHasLinesDevicesAndConnections) {
  const auto text = user_text(kUser);
  ASSERT_TRUE(text);
  EXPECT_EQ(text->substr(0, text->find("\nID")),
            "uid: ann\nbanned: 0\nonline: 1\n"
            "\nDEVICE_FLAG  LEVEL   TOKEN  SESSIONS\n"
            "1            master  set    2\n");
  EXPECT_NE(text->find("10.0.0.1:5000"), std::string::npos);
  EXPECT_EQ(*user_text(R"({"uid":"ann","devices":[],"connections":[]})"), "uid: ann\n");
  EXPECT_FALSE(user_text("[]"));
}

TEST(LookupText, ConnectionsOfADeviceFlag) {
  EXPECT_EQ(parse_connections(kUser, -1)->ids, (std::vector<std::uint64_t>{12, 13}));
  EXPECT_EQ(parse_connections(kUser, 0)->ids, (std::vector<std::uint64_t>{13}));
  EXPECT_TRUE(parse_connections(kUser, 5)->ids.empty());
  EXPECT_TRUE(parse_connections(kUser, 5)->all);
  std::string many = R"({"connections":[{"id":1})";
  for (int i = 1; i < 1000; ++i) many += R"(,{"id":1})";
  EXPECT_FALSE(parse_connections(many + "]}", 5)->all);
  EXPECT_FALSE(parse_connections("7", -1));
}

TEST(LookupText, FactsOfAChannel) {
  const auto facts =
      parse_channel_facts(R"({"channel_id":"g\"1","channel_type":2,"ban":0,"has_subscribers":true,)"
                          R"("has_denylist":false,"has_allowlist":true})");
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->members, R"("channel_id":"g\"1","channel_type":2,"ban":0)");
  EXPECT_EQ(facts->has, (std::array<bool, 3>{true, false, true}));
  EXPECT_FALSE(parse_channel_facts("{}"));
  EXPECT_FALSE(parse_channel_facts("7"));
}

TEST(LookupText, TheLastMessage) {
  EXPECT_EQ(*last_message_json(R"({"items":[]})"), "null");
  EXPECT_EQ(
      *last_message_json(R"({"items":[{"message_id":"77","message_seq":5,"client_msg_no":"n1",)"
                         R"("from_uid":"ann","timestamp":1700000000,"payload":"aGVsbG8="}]})"),
      R"({"message_seq":5,"message_id":"77","client_msg_no":"n1","from_uid":"ann",)"
      R"("time":"2023-11-14T22:13:20Z","payload_bytes":5})");
  EXPECT_FALSE(last_message_json("no JSON"));
}

TEST(LookupText, ABanKeepsTheOtherFlags) {
  EXPECT_EQ(*ban_body("", "ann", true), R"({"channel_id":"ann","channel_type":1,"ban":1})");
  const std::string info = R"({"channel_id":"ann","channel_type":1,"large":0,"ban":1,"disband":0,)"
                           R"("send_ban":1,"allow_stranger":1})";
  EXPECT_EQ(*ban_body(info, "ann", false),
            R"({"channel_id":"ann","channel_type":1,"large":0,"ban":0,"disband":0,)"
            R"("send_ban":1,"allow_stranger":1})");
  EXPECT_FALSE(ban_body(R"({"ban":0})", "ann", true));
  const std::string gone = R"({"large":0,"ban":1,"disband":1,"send_ban":0,"allow_stranger":0})";
  EXPECT_TRUE(ban_body(gone, "ann", true));
  const auto refused = ban_body(gone, "ann", false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::conflict);
}

TEST(LookupText, TimesAreThoseOfThisAge) {
  EXPECT_EQ(utc_text(0), "-");
  EXPECT_EQ(utc_text(1), "1970-01-01T00:00:01Z");
  EXPECT_EQ(utc_text(253402300799), "9999-12-31T23:59:59Z");
  EXPECT_EQ(utc_text(253402300800), "-");
}

}  // namespace
}  // namespace jindou::caller
