// Paths of the released v2 manager: their members, and what they refuse rather than answer wrongly.
#include <algorithm>
#include <string>
#include <vector>

#include "api/read_back_fixture.h"

namespace jindou::api {
namespace {

class ClusterRoutes : public ReadBackTest {};

TEST_F(ClusterRoutes, Nodes) {
  const std::string nodes = read("/cluster/nodes");
  EXPECT_TRUE(has(nodes, R"({"total":1,"data":[{"id":1,"is_leader":1,)")) << nodes;
  EXPECT_TRUE(has(read("/cluster/simpleNodes"), R"("online":1)"));
}

TEST_F(ClusterRoutes, UsersAndDevices) {
  must_post("/user/token", R"({"uid":"u1","token":"secret","device_flag":1,"device_level":1})");
  must_post("/user/token", R"({"uid":"u2","token":"secret","device_flag":0})");
  EXPECT_EQ(read("/cluster/devices?uid=u1"),
            R"({"data":[{"uid":"u1","token":"","token_set":1,"device_flag":1,)"
            R"("device_flag_format":"WEB","device_level":1,"device_level_format":"master",)"
            R"("created_at":1}],"total":1,"more":0,"has_more":false})");
  EXPECT_TRUE(has(read("/cluster/devices?device_flag=0"), R"([{"uid":"u2",)"));
  EXPECT_TRUE(has(read("/cluster/devices?uid=u1&device_flag=0"), R"("data":[])"));
  EXPECT_TRUE(has(read("/cluster/users?uid=u2"), R"([{"uid":"u2","device_count":1,)"));
  EXPECT_TRUE(has(read("/cluster/users?uid=u3"), R"("data":[],"total":0)"));
  const std::string first = read("/cluster/users?limit=1&offset_created_at=0");
  EXPECT_TRUE(has(first, R"([{"uid":"u1",)") && has(first, R"("more":1)")) << first;
  EXPECT_TRUE(has(read("/cluster/users?limit=1&cursor=" + text_of(first, "next_cursor")),
                  R"([{"uid":"u2",)"));
  // A page would come again and again.
  EXPECT_TRUE(has(refused("/cluster/users?offset_created_at=1"), "ask with cursor"));
  EXPECT_TRUE(has(refused("/cluster/devices?pre=1"), "ask with cursor"));
  EXPECT_TRUE(has(refused("/cluster/devices?device_flag=x"), "device_flag must be a number"));
  EXPECT_TRUE(has(refused("/cluster/users?node_id=7"), "node not found"));
}

TEST_F(ClusterRoutes, ChannelsAndTheirMembers) {
  must_post("/channel", R"({"channel_id":"g1","channel_type":2,"ban":1,"subscribers":["b","a"]})");
  must_post("/channel", R"({"channel_id":"g2","channel_type":4})");
  const std::string one = read("/cluster/channels?channel_id=g1&channel_type=2");
  EXPECT_TRUE(has(one, R"("channel_id":"g1","channel_type":2,"ban":1,"disband":0,)"
                       R"("last_msg_seq":0,"status_format":"banned")"))
      << one;
  EXPECT_TRUE(has(read("/cluster/channels?channel_type=4"), R"("channel_id":"g2")"));
  EXPECT_TRUE(has(read("/cluster/channels?channel_type=0&limit=1"), R"("more":1)"));
  EXPECT_TRUE(has(refused("/cluster/channels?channel_id=g1"), "channel_type is required"));
  EXPECT_EQ(read("/cluster/channels/g1/2/subscribers"), R"(["a","b"])");
  EXPECT_EQ(read("/cluster/channels/g1/2/denylist"), "[]");
  EXPECT_EQ(read("/cluster/channels/none/2/allowlist"), "[]");
  EXPECT_TRUE(has(refused("/cluster/channels/g1/300/denylist"), "channel_type must be"));
  // In pieces, each of which is confirmed in time on a busy machine as well.
  for (int n = 0; n < 10'001;) {
    std::string uids;
    for (const int end = std::min(n + 1'000, 10'001); n < end; ++n) {
      uids += ",\"u" + std::to_string(n) + '"';
    }
    must_post("/channel/subscriber_add",
              R"({"channel_id":"g1","channel_type":2,"subscribers":[)" + uids.substr(1) + "]}");
  }
  EXPECT_TRUE(has(refused("/cluster/channels/g1/2/subscribers", 413), "page by page"));
}

TEST_F(ClusterRoutes, MessagesAndConversations) {
  const std::string id = sent_five("u2", "1");
  const std::string pair = "/cluster/messages?channel_id=u1@u2&channel_type=1";
  const auto seqs = [this, &pair](const std::string& query) {
    const std::string body = read(pair + query);
    std::string found;
    for (std::size_t at = body.find(R"("message_seq":)"); at != std::string::npos;
         at = body.find(R"("message_seq":)", at + 1)) {
      found += body[at + 14];
    }
    return found + (has(body, R"("more":1)") ? "+" : "");
  };
  EXPECT_EQ(seqs(""), "54321");
  EXPECT_EQ(seqs("&limit=2"), "54+");
  EXPECT_EQ(seqs("&limit=2&offset_message_seq=4"), "32+");
  EXPECT_EQ(seqs("&limit=2&offset_message_seq=2"), "1");
  EXPECT_EQ(seqs("&offset_message_seq=1"), "");
  EXPECT_EQ(seqs("&limit=2&offset_message_seq=1&pre=1"), "32+");
  EXPECT_EQ(seqs("&message_id=" + id), "3");
  EXPECT_EQ(seqs("&client_msg_no=n2"), "2");
  EXPECT_TRUE(has(refused(pair + "&from_uid=u1"), "from_uid is no way to find messages"));
  EXPECT_TRUE(has(refused(pair + "&offset_message_seq=x"), "offset_message_seq must be a number"));
  EXPECT_TRUE(has(refused("/cluster/messages"), "channel_id is required"));
  const std::string list = read("/cluster/conversations?uid=u2");
  EXPECT_TRUE(has(list, R"("unread_count":5,"last_msg_seq":5,"readed_to_msg_seq":0)")) << list;
  EXPECT_TRUE(has(read("/cluster/conversations?uid=u2&current_page=2"), R"("data":[])"));
  EXPECT_TRUE(has(refused("/cluster/conversations"), "uid must not be empty"));
}

}  // namespace
}  // namespace jindou::api
