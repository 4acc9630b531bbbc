// Paths of the released v3 manager: their members, their pages, and what they refuse.
#include <string>
#include <vector>

#include "api/read_back_fixture.h"

namespace jindou::api {
namespace {

class ManagerViews : public ReadBackTest {};

TEST_F(ManagerViews, ChannelsAndTheirMembers) {
  must_post("/channel",
            R"({"channel_id":"g/1","channel_type":2,"ban":1,"subscribers":["u1","u2","u3"]})");
  must_post("/channel/whitelist_add", R"({"channel_id":"g/1","channel_type":2,"uids":["a"]})");
  const std::string listed = read("/manager/channels?type=2&keyword=g");
  EXPECT_TRUE(has(listed, R"("channel_id":"g/1","channel_type":2,"slot_id":)")) << listed;
  EXPECT_TRUE(has(listed, R"("ban":true,"disband":false,"send_ban":false)")) << listed;
  EXPECT_TRUE(has(listed, R"("has_more":false)")) << listed;
  const std::string place = "/manager/channels/2/g%2F1";
  EXPECT_TRUE(
      has(read(place), R"("has_subscribers":true,"has_allowlist":true,"has_denylist":false})"));
  EXPECT_EQ(read(place + "/allowlist"), R"({"items":[{"uid":"a"}],"has_more":false})");
  EXPECT_EQ(read(place + "/denylist"), R"({"items":[],"has_more":false})");
  const std::string first = read(place + "/subscribers?limit=2");
  EXPECT_TRUE(has(first, R"({"items":[{"uid":"u1"},{"uid":"u2"}],"has_more":true)")) << first;
  const std::string cursor = text_of(first, "next_cursor");
  EXPECT_EQ(read(place + "/subscribers?cursor=" + cursor),
            R"({"items":[{"uid":"u3"}],"has_more":false})");
  EXPECT_EQ(read(place + "/subscribers?uid=u2"), R"({"items":[{"uid":"u2"}],"has_more":false})");
  EXPECT_EQ(read(place + "/subscribers?uid=u9"), R"({"items":[],"has_more":false})");
  EXPECT_TRUE(has(refused(place + "/subscribers?uid=u2&cursor=" + cursor), "give one of them"));
  EXPECT_TRUE(has(refused(place + "/allowlist?cursor=" + cursor), "cursor is none"));
  EXPECT_EQ(refused(place + "/subscribers?limit=501"), "limit must be a number from 1 to 500");
  EXPECT_EQ(refused("/manager/channels?limit=201"), "limit must be a number from 1 to 200");
  EXPECT_EQ(refused("/manager/channels?type=x"), "type must be a number from 1 to 255");
  EXPECT_EQ(refused("/manager/channels/0/g"), "channel_type must be a number from 1 to 255");
  EXPECT_TRUE(has(refused("/manager/channels/2/none", 404), "no such channel"));
}

TEST_F(ManagerViews, Users) {
  must_post("/user/token", R"({"uid":"u1","token":"secret","device_flag":2,"device_level":1})");
  must_post("/user/systemuids_add", R"({"uids":["robot"]})");
  EXPECT_TRUE(has(read("/manager/users?keyword=u1"),
                  R"("online":false,"online_device_count":0,"online_device_flags":[],)"
                  R"("device_count":1,"token_set_count":1}],"has_more":false})"));
  EXPECT_TRUE(has(read("/manager/users/u1"),
                  R"("devices":[{"device_flag":"pc","device_level":"master","token_set":true,)"
                  R"("online":false,"online_session_count":0}],"connections":[]})"));
  EXPECT_FALSE(has(read("/manager/users/u1"), "secret"));
  EXPECT_TRUE(has(refused("/manager/users/u2", 404), "nothing is stored"));
  EXPECT_TRUE(has(refused("/manager/users/a%40b"), "uid must not contain"));
  EXPECT_EQ(read("/manager/system-users"), R"({"items":[{"uid":"robot"}],"total":1})");
}

TEST_F(ManagerViews, MessagesTheNewestFirst) {
  const std::string id = sent_five("g1", "2");
  const std::string group = "/manager/messages?channel_id=g1&channel_type=2";
  std::string seen;
  std::string cursor;
  do {
    const std::string body = read(group + "&limit=2" + cursor);
    for (std::size_t at = body.find(R"("client_msg_no":")"); at != std::string::npos;
         at = body.find(R"("client_msg_no":")", at + 1)) {
      seen += body.substr(at + 17, 2);
    }
    cursor = has(body, R"("has_more":true)") ? "&cursor=" + text_of(body, "next_cursor") : "";
  } while (!cursor.empty());
  EXPECT_EQ(seen, "n5n4n3n2n1");
  EXPECT_TRUE(has(read(group + "&message_id=" + id), R"("message_seq":3,"client_msg_no":"n3")"));
  EXPECT_TRUE(has(read(group + "&client_msg_no=n3"), R"("message_id":")" + id + "\""));
  EXPECT_EQ(read("/manager/messages?channel_id=g2&channel_type=2&message_id=" + id),
            R"({"items":[],"has_more":false})");
  EXPECT_TRUE(has(refused("/manager/messages"), "channel_id is required"));
  EXPECT_TRUE(has(refused("/manager/messages?channel_id=g1"), "channel_type is required"));
  EXPECT_TRUE(has(refused(group + "&message_id=x"), "message_id must be the id of a message"));
  EXPECT_TRUE(has(refused(group + "&cursor=x"), "cursor is none"));
}

TEST_F(ManagerViews, ConversationsOfAUser) {
  must_post("/message/send",
            R"({"from_uid":"u1","channel_id":"u2","channel_type":1,"payload":"aGk="})");
  const std::string seen = read("/manager/conversations?uid=u2&msg_count=1");
  EXPECT_TRUE(has(seen, R"({"uid":"u2","limit":50,"msg_count":1,"only_unread":false,)"
                        R"("truncated":false,"items":[{"uid":"u2","channel_id":"u1",)"
                        R"("channel_type":1,"unread":1,)"))
      << seen;
  EXPECT_TRUE(has(seen, R"("recent_messages":[{"message_id":")")) << seen;
  EXPECT_TRUE(has(read("/manager/conversations?uid=u1&only_unread=true"), R"("items":[])"));
  EXPECT_TRUE(has(seen, R"(}],"has_more":false})")) << seen;
  EXPECT_TRUE(has(refused("/manager/conversations"), "uid must not be empty"));
  EXPECT_TRUE(has(refused("/manager/conversations?uid=u1&limit=201"), "limit must be"));
  EXPECT_TRUE(has(refused("/manager/conversations?uid=u1&msg_count=11"), "msg_count must be"));
  EXPECT_TRUE(has(refused("/manager/conversations?uid=u1&only_unread=x"), "only_unread must be"));
  EXPECT_TRUE(has(refused("/manager/conversations?uid=u1&cursor=x"), "cursor is none"));
}

TEST_F(ManagerViews, ConversationsGoOnByTheirCursor) {
  const auto sent_from = [this](const std::string& uid) {
    (void)sent(R"({"from_uid":")" + uid +
               R"(","channel_id":"u1","channel_type":1,"payload":"aGk="})");
  };
  for (const std::string uid : {"a", "b", "c", "d", "e"}) sent_from(uid);
  const std::string list = "/manager/conversations?uid=u1&limit=2";
  const auto shown = [](const std::string& body) {
    std::string ids;
    const std::string member = R"("uid":"u1","channel_id":")";
    for (std::size_t at = body.find(member); at != std::string::npos;
         at = body.find(member, at + 1)) {
      ids += body[at + member.size()];
    }
    return ids;
  };
  const std::string first = read(list);
  EXPECT_EQ(shown(first), "ed");
  EXPECT_TRUE(has(first, R"("truncated":true)")) << first;
  const std::string cursor = text_of(first, "next_cursor");
  // What came before the cursor meanwhile is on no page that follows.
  sent_from("b");
  sent_from("f");
  const std::string second = read(list + "&cursor=" + cursor);
  EXPECT_EQ(shown(second), "ca");
  EXPECT_TRUE(has(second, R"("has_more":false})")) << second;
  EXPECT_EQ(shown(read(list)), "fb");
  EXPECT_TRUE(has(refused("/manager/conversations?uid=u2&limit=2&cursor=" + cursor), "is none"));
  EXPECT_TRUE(has(refused(list + "&only_unread=1&cursor=" + cursor), "is none"));
}

TEST_F(ManagerViews, TheServer) {
  ApiOptions options;
  options.access.users = config::parse_auth_users({"ann:secret:[conn:w]"}).value();
  configure(options);
  const std::string rights = read("/manager/permissions");
  EXPECT_TRUE(has(rights, R"("users":[{"username":"ann","permissions":[{"resource":"conn",)"
                          R"("actions":["w"]}]}],"resources":[{"resource":"backups",)"))
      << rights;
  EXPECT_FALSE(has(rights, "secret")) << rights;
  EXPECT_TRUE(has(read("/manager/config"), R"({"file":"","items":[{"key":")"));
  EXPECT_TRUE(has(read("/manager/webhooks/config"), R"({"enabled":false,"http_addr":"",)"));
  auto settings = std::make_shared<config::Settings>();
  settings->webhook.http_addr = "https://bob:secret@hooks.example/a@b?x=1&token=secret";
  settings->webhook.secret = "secret";
  services_->deps.settings = [settings] { return settings; };
  const std::string hook = read("/manager/webhooks/config");
  EXPECT_TRUE(
      has(hook, R"({"enabled":true,"http_addr":"https://***@hooks.example/a@b?x=1&token=***",)"))
      << hook;
  EXPECT_FALSE(has(hook, "secret")) << hook;
  EXPECT_TRUE(has(read("/manager/nodes"), R"("total":1,"items":[{"node_id":1,)"));
}

}  // namespace
}  // namespace jindou::api
