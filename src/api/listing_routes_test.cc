// GET /channels, /channel/info, the lists of channels, /users, /user/info: what they answer, and
// what they refuse.
#include <string>
#include <vector>

#include "api/read_back_fixture.h"

namespace jindou::api {
namespace {

class ListingRoutes : public ReadBackTest {
 protected:
  // Pages of one entry each, as one text.
  std::string walk(const std::string& target) {
    std::string all;
    std::string cursor;
    for (int pages = 0; pages < 100; ++pages) {
      const std::string body =
          read(target + "limit=1" + (cursor.empty() ? "" : "&cursor=") + cursor);
      all += body.substr(0, body.find(R"(,"has_more")"));
      if (!has(body, R"("has_more":true)")) return all;
      cursor = text_of(body, "next_cursor");
    }
    ADD_FAILURE() << "a walk without an end: " << target;
    return all;
  }
};

TEST_F(ListingRoutes, FlagsAreReadAsTheyWereWritten) {
  must_post("/channel", R"({"channel_id":"g1","channel_type":2,"large":1,"send_ban":1,)"
                        R"("subscribers":["u1"]})");
  must_post("/message/send",
            R"({"from_uid":"u1","channel_id":"g2","channel_type":2,"payload":"aGk="})");
  const std::string info = read("/channel/info?channel_id=g1&channel_type=2");
  EXPECT_TRUE(has(info, R"({"channel_id":"g1","channel_type":2,"large":1,"ban":0,"disband":0,)"
                        R"("send_ban":1,"allow_stranger":0,"created_at":)"))
      << info;
  EXPECT_TRUE(has(info, R"("last_message_seq":0,"has_subscribers":true,"has_denylist":false,)"
                        R"("has_allowlist":false})"))
      << info;
  EXPECT_TRUE(has(read("/channel/info?channel_id=g2&channel_type=2"),
                  R"("created_at":0,"last_message_seq":1,)"));
  EXPECT_TRUE(has(refused("/channel/info?channel_id=g3&channel_type=2", 404), "no such channel"));
  EXPECT_EQ(refused("/channel/info?channel_id=g1"), "channel_type is required, from 1 to 255");
  EXPECT_EQ(refused("/channel/info?channel_id=g1&channel_type=256"),
            "channel_type must be a number from 1 to 255");
  EXPECT_EQ(refused("/channel/info?channel_type=2"), "channel_id is required");
  EXPECT_EQ(refused("/channel/info?channel_type=2&channel_id=a@b"),
            "channel_id must not contain '@', '#' or '&'");
}

TEST_F(ListingRoutes, AUsersOwnFlagsAndAConversationAreChannelsOfType1) {
  must_post("/channel/info", R"({"channel_id":"u1","channel_type":1,"allow_stranger":1})");
  must_post("/channel/info", R"({"channel_id":"u1@u2","channel_type":1,"ban":1})");
  EXPECT_TRUE(has(read("/channel/info?channel_id=u1&channel_type=1"), R"("allow_stranger":1)"));
  EXPECT_TRUE(has(read("/channel/info?channel_id=u2@u1&channel_type=1"), R"("ban":1)"));
  must_post("/channel/blacklist_add", R"({"channel_id":"u1","channel_type":1,"uids":["u9"]})");
  EXPECT_TRUE(has(read("/channel/denylist?channel_id=u1&channel_type=1"), R"([{"uid":"u9"}])"));
}

TEST_F(ListingRoutes, ListsAreReadPageByPage) {
  must_post("/channel/subscriber_add",
            R"({"channel_id":"g1","channel_type":2,"subscribers":["u3","u1","u2"]})");
  must_post("/channel/blacklist_add", R"({"channel_id":"g1","channel_type":2,"uids":["d"]})");
  must_post("/channel/whitelist_add", R"({"channel_id":"g1","channel_type":2,"uids":["a"]})");
  must_post("/tmpchannel/subscriber_set", R"({"channel_id":"t1","uids":["u1"]})");
  const std::string group = "?channel_id=g1&channel_type=2&";
  EXPECT_EQ(read("/channel/subscribers" + group),
            R"({"items":[{"uid":"u1"},{"uid":"u2"},{"uid":"u3"}],"has_more":false})");
  EXPECT_EQ(walk("/channel/subscribers" + group),
            R"({"items":[{"uid":"u1"}]{"items":[{"uid":"u2"}]{"items":[{"uid":"u3"}])");
  EXPECT_EQ(read("/channel/subscribers" + group + "prefix=u2"),
            R"({"items":[{"uid":"u2"}],"has_more":false})");
  EXPECT_EQ(read("/channel/denylist" + group), R"({"items":[{"uid":"d"}],"has_more":false})");
  EXPECT_EQ(read("/channel/allowlist" + group), R"({"items":[{"uid":"a"}],"has_more":false})");
  EXPECT_EQ(read("/channel/subscribers?channel_id=t1&channel_type=8"),
            R"({"items":[{"uid":"u1"}],"has_more":false})");
  EXPECT_EQ(read("/channel/subscribers?channel_id=none&channel_type=2"),
            R"({"items":[],"has_more":false})");
  const std::string cursor =
      text_of(read("/channel/subscribers" + group + "limit=1"), "next_cursor");
  EXPECT_TRUE(has(refused("/channel/denylist" + group + "cursor=" + cursor), "cursor is none"));
  EXPECT_TRUE(has(refused("/channel/subscribers?channel_id=g2&channel_type=2&cursor=" + cursor),
                  "cursor is none"));
  EXPECT_EQ(refused("/channel/subscribers" + group + "limit=10001"),
            "limit must be a number from 1 to 10000");
}

TEST_F(ListingRoutes, ChannelsAreListedByPrefixAndType) {
  for (const std::string id : {"g10", "g1", "h1"}) {
    must_post("/channel", R"({"channel_id":")" + id + R"(","channel_type":2})");
  }
  must_post("/channel", R"({"channel_id":"g1","channel_type":4,"ban":1})");
  const std::string all = walk("/channels?");
  EXPECT_TRUE(has(all, R"("g1","channel_type":2)")) << all;
  EXPECT_TRUE(has(all, R"("g1","channel_type":4,"large":0,"ban":1)")) << all;
  EXPECT_TRUE(has(all, R"("h1","channel_type":2)")) << all;
  const std::string some = walk("/channels?prefix=g1&channel_type=2&");
  EXPECT_LT(some.find(R"("g1")"), some.find(R"("g10")")) << some;
  EXPECT_FALSE(has(some, "h1") || has(some, R"("channel_type":4)")) << some;
  const std::string cursor = text_of(read("/channels?limit=1"), "next_cursor");
  EXPECT_TRUE(has(refused("/channels?channel_type=2&cursor=" + cursor), "cursor is none"));
  EXPECT_TRUE(has(refused("/channels?cursor=x"), "cursor is none"));
  EXPECT_EQ(refused("/channels?limit=1001"), "limit must be a number from 1 to 1000");
  EXPECT_EQ(refused("/channels?channel_type=0x2"), "channel_type must be a number from 1 to 255");
}

TEST_F(ListingRoutes, UsersAreListedWithTheirDevices) {
  must_post("/user/token", R"({"uid":"u1","token":"secret","device_flag":1,"device_level":1})");
  must_post("/user/token", R"({"uid":"u1","token":"secret","device_flag":0})");
  must_post("/user/device_quit", R"({"uid":"u1","device_flag":0})");
  must_post("/channel/info", R"({"channel_id":"u22","channel_type":1,"ban":1})");
  must_post("/channel/subscriber_add",
            R"({"channel_id":"g1","channel_type":2,"subscribers":["u3"]})");
  must_post("/user/systemuids_add", R"({"uids":["u1"]})");
  EXPECT_EQ(read("/users?prefix=u"),
            R"({"items":[{"uid":"u1","banned":0,"system_account":1,"online":0,)"
            R"("online_device_flags":[],"device_count":2,"token_set_count":1},)"
            R"({"uid":"u3","banned":0,"system_account":0,"online":0,"online_device_flags":[],)"
            R"("device_count":0,"token_set_count":0},)"
            R"({"uid":"u22","banned":1,"system_account":0,"online":0,"online_device_flags":[],)"
            R"("device_count":0,"token_set_count":0}],"has_more":false})");
  EXPECT_EQ(read("/user/info?uid=u1"),
            R"({"uid":"u1","banned":0,"system_account":1,"online":0,"devices":[)"
            R"({"device_flag":0,"device_level":0,"token_set":0,"online":0,"session_count":0},)"
            R"({"device_flag":1,"device_level":1,"token_set":1,"online":0,"session_count":0}],)"
            R"("connections":[]})");
  EXPECT_TRUE(has(read("/user/info?uid=u3"), R"("devices":[])"));
  EXPECT_TRUE(has(refused("/user/info?uid=u", 404), "nothing is stored of such a user"));
  EXPECT_TRUE(has(refused("/user/info"), "uid must not be empty")) << refused("/user/info");
  EXPECT_TRUE(has(refused("/user/info?uid=a@b"), "uid must not contain"));
  EXPECT_EQ(refused("/users?limit=0"), "limit must be a number from 1 to 1000");
  const std::string cursor = text_of(read("/users?limit=1"), "next_cursor");
  EXPECT_TRUE(has(refused("/channels?cursor=" + cursor), "cursor is none"));
}

}  // namespace
}  // namespace jindou::api
