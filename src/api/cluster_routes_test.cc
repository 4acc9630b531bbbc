// Paths of the released v2 manager: their members, and what they refuse rather than answer wrongly.
#include <string>
#include <utility>
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
  EXPECT_TRUE(has(refused("/cluster/devices?device_flag=x"), "device_flag must be a number"));
  EXPECT_TRUE(has(refused("/cluster/users?node_id=7"), "node not found"));
}

// What the v2 manager asks for with the last and the first entry of the page that it shows.
TEST_F(ClusterRoutes, PagesGoOnAndBackByTheTimeOfCreation) {
  for (const std::string uid : {"a", "b", "c", "d", "e"}) {
    must_post("/user/token", R"({"uid":")" + uid + R"(","token":"secret","device_flag":1})");
    must_post("/channel", R"({"channel_id":"g)" + uid + R"(","channel_type":2})");
  }
  const auto values = [](const std::string& body, const std::string& member) {
    std::vector<std::string> found;
    const std::string name = '"' + member + "\":";
    for (std::size_t at = body.find(name); at != std::string::npos; at = body.find(name, at + 1)) {
      const std::size_t begin = at + name.size();
      found.push_back(body.substr(begin, body.find_first_of(",}", begin) - begin));
    }
    return found;
  };
  const std::vector<std::pair<std::string, std::string>> lists = {
      {"/cluster/users", "uid"}, {"/cluster/devices", "uid"}, {"/cluster/channels", "channel_id"}};
  for (const auto& [path, member] : lists) {
    SCOPED_TRACE(path);
    const std::string all = read(path + "?limit=100&offset_created_at=0&pre=0");
    const std::vector<std::string> wanted = values(all, member);
    ASSERT_GE(wanted.size(), 5U) << all;
    // On, as long as there is more.
    std::vector<std::string> walked;
    std::vector<std::string> pages{read(path + "?limit=2")};
    for (;;) {
      for (const std::string& one : values(pages.back(), member)) walked.push_back(one);
      if (!has(pages.back(), R"("more":1)")) break;
      const std::string last = values(pages.back(), "created_at").back();
      pages.push_back(read(path + "?limit=2&offset_created_at=" + last));
      ASSERT_LE(pages.size(), wanted.size());
    }
    EXPECT_EQ(walked, wanted);
    const std::string end = values(pages.back(), "created_at").back();
    EXPECT_TRUE(has(read(path + "?offset_created_at=" + end), R"("data":[])"));
    // Back, from each page to the one before it; there is none before the first.
    std::string shown = pages.back();
    for (std::size_t i = pages.size() - 1; i > 0; --i) {
      const std::string first = values(shown, "created_at").front();
      shown = read(path + "?limit=2&pre=1&offset_created_at=" + first);
      EXPECT_EQ(values(shown, member), values(pages[i - 1], member)) << i;
    }
    const std::string first = values(shown, "created_at").front();
    EXPECT_TRUE(has(read(path + "?pre=1&offset_created_at=" + first), R"("data":[])"));

    EXPECT_TRUE(has(refused(path + "?offset_created_at=1"), "begin anew"));
    EXPECT_TRUE(has(refused(path + "?offset_created_at=x"), "must be the created_at"));
    EXPECT_TRUE(has(refused(path + "?pre=1"), "wants offset_created_at"));
    const std::string cursor = "cursor=" + text_of(pages.front(), "next_cursor");
    EXPECT_TRUE(has(refused(path + "?" + cursor + "&offset_created_at=" + first), "leave one out"));
    // What is before a page that a cursor named is not known.
    const std::string named = values(read(path + "?limit=2&" + cursor), "created_at").front();
    EXPECT_TRUE(has(refused(path + "?pre=1&offset_created_at=" + named), "begin anew"));
  }
  // A page of another list.
  const std::string group = values(read("/cluster/channels?limit=2"), "created_at").front();
  EXPECT_TRUE(has(refused("/cluster/users?offset_created_at=" + group), "begin anew"));
}

TEST_F(ClusterRoutes, APageOfDevicesHasOneAsLongAsThereAreAny) {
  // Users with a conversation and no device, then one with a device.
  for (const std::string uid : {"a", "b", "c", "d", "e"}) {
    sent(R"({"from_uid":"s","channel_id":")" + uid + R"(","channel_type":1,"payload":"aGk="})");
  }
  must_post("/user/token", R"({"uid":"z","token":"secret","device_flag":1})");
  const std::string page = read("/cluster/devices?limit=2");
  EXPECT_TRUE(has(page, R"([{"uid":"z",)")) << page;
  EXPECT_TRUE(has(read("/cluster/devices?limit=2&device_flag=0"), R"("data":[],"total":0)"));
}

TEST_F(ClusterRoutes, APageOfDevicesLooksAtAThousandUsers) {
  std::string uids;
  for (int i = 1000; i < 2200; ++i) uids += (i == 1000 ? "\"a" : ",\"a") + std::to_string(i) + '"';
  must_post("/message/sendbatch",
            R"({"from_uid":"s","subscribers":[)" + uids + R"(],"payload":"aGk="})");
  // The last one.
  must_post("/user/token", R"({"uid":"longer","token":"secret","device_flag":1})");
  for (const std::string limit : {"500", "1000"}) {
    std::string page = read("/cluster/devices?limit=" + limit);
    EXPECT_TRUE(has(page, R"({"data":[],"total":0,"more":1,)")) << page;
    page = read("/cluster/devices?limit=" + limit + "&cursor=" + text_of(page, "next_cursor"));
    EXPECT_TRUE(has(page, R"([{"uid":"longer",)")) << page;
  }
}

TEST_F(ClusterRoutes, ChannelsOnAPageKeepTheSecondOfTheirCreation) {
  must_post("/channel", R"({"channel_id":"g1","channel_type":2})");
  const std::string alone = read("/cluster/channels?channel_id=g1&channel_type=2");
  const std::string listed = read("/cluster/channels?channel_type=2");
  const auto time_in = [](const std::string& body) {
    return std::stoll(body.substr(body.find(R"("created_at":)") + 13));
  };
  EXPECT_GT(time_in(alone), 1);
  EXPECT_EQ(time_in(alone) % 1'000'000'000, 0);
  EXPECT_GT(time_in(listed), time_in(alone));
  EXPECT_EQ(time_in(listed) / 1'000'000'000, time_in(alone) / 1'000'000'000);
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
