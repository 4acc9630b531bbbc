// POST /message/recall and /message/edit: what they answer, what they refuse, what clients are
// told.
#include "api/routes_fixture.h"
#include "jobs/revision_notice.h"

namespace jindou::api {
namespace {

class RevisionRoutes : public RoutesTest {
 protected:
  // The id of the message, in digits.
  std::string send(const std::string& number, const std::string& payload,
                   const std::string& more = "") {
    const Answer answer =
        post("/message/send", R"({"from_uid":"u1","channel_id":"g1","channel_type":2,)"
                              R"("client_msg_no":")" +
                                  number + R"(","payload":)" + payload + more + "}");
    EXPECT_EQ(answer.status, 200U) << answer.body;
    const auto at = answer.body.find("\"message_idstr\":\"") + 17;
    return answer.body.substr(at, answer.body.find('"', at) - at);
  }
  std::string history() {
    return post("/channel/messagesync", R"({"login_uid":"u1","channel_id":"g1","channel_type":2})")
        .body;
  }
  std::string commands(const std::string& uid) {
    return post("/message/sync", R"({"uid":")" + uid + "\"}").body;
  }
  static std::string told(const Answer& answer) {
    return std::to_string(answer.status) + " " +
           answer.body.substr(0, answer.body.find("\",\"error\""));
  }
};

TEST_F(RevisionRoutes, ARecallIsAnsweredWithTheMessage) {
  const std::string id = send("n1", R"({"secret":1})");
  const Answer first =
      post("/message/recall", R"({"message_id":)" + id + R"(,"operator_uid":"admin"})");
  EXPECT_EQ(first.status, 200U);
  EXPECT_EQ(first.body, R"({"status":200,"message_id":)" + id + R"(,"message_idstr":")" + id +
                            R"(","message_seq":1})");
  const Answer again = post("/message/recall", R"({"message_id":")" + id + "\"}");
  EXPECT_EQ(again.status, 200U);
  EXPECT_TRUE(has(again.body, R"("message_seq":1,"duplicate":true})"));
  EXPECT_TRUE(has(history(), R"("payload":"e30=","revoke":1,"revoker":"admin")"));
  EXPECT_TRUE(has(post("/message", R"({"message_id":)" + id + "}").body, R"("revoke":1)"));
}

TEST_F(RevisionRoutes, AMessageIsNamedInAnyOfItsWays) {
  send("n1", "{}");
  send("n2", "{}");
  const std::string third = send("n3", "{}");
  const std::string group = R"("channel_id":"g1","channel_type":2)";
  EXPECT_EQ(post("/message/recall", "{" + group + R"(,"message_seq":1})").status, 200U);
  EXPECT_EQ(post("/message/recall", "{" + group + R"(,"client_msg_no":"n2"})").status, 200U);
  EXPECT_EQ(post("/message/recall", "{" + group + R"(,"message_id":)" + third + "}").status, 200U);
  const std::string other = R"({"channel_id":"g2","channel_type":2,"message_id":)" + third + "}";
  EXPECT_EQ(post("/message/recall", other).status, 404U);
  ASSERT_EQ(post("/message/send", R"({"from_uid":"u1","channel_id":"u2","channel_type":1,)"
                                  R"("client_msg_no":"p1","payload":{}})")
                .status,
            200U);
  const std::string pair = R"({"channel_type":1,"client_msg_no":"p1","channel_id":)";
  EXPECT_EQ(told(post("/message/recall", pair + R"("u2"})")),
            R"(400 {"status":400,"msg":"login_uid is required)");
  EXPECT_EQ(post("/message/edit", pair + R"("u1","login_uid":"u2","payload":{"a":1}})").status,
            200U);
  EXPECT_EQ(post("/message/recall", pair + R"("u2","operator_uid":"u1"})").status, 200U);
}

TEST_F(RevisionRoutes, WhatIsNoMessageIsRefused) {
  send("n1", "{}", R"(,"header":{"sync_once":1})");
  const std::string deleted = send("n2", "{}");
  ASSERT_EQ(post("/message/delete",
                 R"({"channel_id":"g1","channel_type":2,"message_id":)" + deleted + "}")
                .status,
            200U);
  const std::string unknown =
      R"(404 {"status":404,"msg":"there is no such message: it never was, or it has expired, or it was deleted)";
  for (const std::string path : {"/message/recall", "/message/edit"}) {
    const std::string payload = R"("payload":{"a":1})";
    EXPECT_EQ(told(post(path, R"({"message_id":12345678,)" + payload + "}")), unknown);
    EXPECT_EQ(told(post(path, R"({"message_id":)" + deleted + "," + payload + "}")), unknown);
    EXPECT_EQ(
        told(post(path, "{" + payload + "}")),
        R"(400 {"status":400,"msg":"message_id, or channel_id and channel_type, is required)");
    EXPECT_EQ(told(post(path, R"({"channel_id":"g1","channel_type":2,)" + payload + "}")),
              R"(400 {"status":400,"msg":"message_id, message_seq or client_msg_no is required)");
    EXPECT_EQ(told(post(path, R"({"message_id":1,"operator_uid":"a@b",)" + payload + "}")),
              R"(400 {"status":400,"msg":"operator_uid must not contain '@', '#' or '&')");
  }
  EXPECT_EQ(told(post("/message/edit", R"({"message_id":1})")),
            R"(400 {"status":400,"msg":"payload is required)");
}

TEST_F(RevisionRoutes, ACommandCanBeNeitherRecalledNorEdited) {
  const std::string id = send("n1", "{}", R"(,"header":{"sync_once":1})");
  EXPECT_EQ(told(post("/message/recall", R"({"message_id":)" + id + "}")),
            R"(400 {"status":400,"msg":"a command message can be neither recalled nor edited)");
}

TEST_F(RevisionRoutes, VersionsOfEditsRiseAndCanBeAskedFor) {
  const std::string id = send("n1", R"({"v":0})");
  const auto edit = [&](const std::string& payload, const std::string& more = "") {
    return post("/message/edit",
                R"({"message_id":)" + id + R"(,"payload":)" + payload + more + "}");
  };
  EXPECT_TRUE(has(edit(R"({"v":1})", R"(,"if_version":0)").body, R"("edit_version":1})"));
  EXPECT_TRUE(has(edit(R"({"v":2})").body, R"("edit_version":2})"));
  const Answer late = edit(R"({"v":9})", R"(,"if_version":1)");
  EXPECT_EQ(told(late), R"(409 {"status":409,"msg":"the message has edit_version 2: read it again )"
                        R"(and decide anew)");
  // What was done already is answered so, whichever of the two versions is named.
  for (const char* version : {"", R"(,"if_version":1)", R"(,"if_version":2)"}) {
    const Answer again = edit(R"({"v":2})", version);
    EXPECT_TRUE(has(again.body, R"("edit_version":2,"duplicate":true})")) << again.body;
  }
  EXPECT_TRUE(has(history(), R"("edit_version":2,"message_extra":{)"));
  ASSERT_EQ(post("/message/recall", R"({"message_id":)" + id + "}").status, 200U);
  EXPECT_EQ(told(edit(R"({"v":3})")), R"(409 {"status":409,"msg":"the message was recalled)");
  // The first send has its answer still.
  EXPECT_EQ(send("n1", R"({"v":0})"), id);
}

TEST_F(RevisionRoutes, ClientsAreToldByCommands) {
  ASSERT_EQ(
      post("/channel", R"({"channel_id":"g1","channel_type":2,"subscribers":["u1","u2"]})").status,
      200U);
  const std::string id = send("n1", R"({"v":0})");
  ASSERT_EQ(post("/message/edit", R"({"message_id":)" + id + R"(,"payload":{"v":1}})").status,
            200U);
  ASSERT_EQ(post("/message/recall", R"({"message_id":)" + id + "}").status, 200U);
  ASSERT_EQ(post("/message/recall", R"({"message_id":)" + id + "}").status, 200U);
  const std::string waiting = commands("u2");
  EXPECT_TRUE(has(waiting, R"("client_msg_no":"edit-)" + id + R"(-1")"));
  EXPECT_TRUE(has(waiting, R"("client_msg_no":"recall-)" + id + "\""));
  EXPECT_EQ(waiting.find("recall-"), waiting.rfind("recall-")) << "once";
}

TEST(RevisionNotice, HasTheFormThatClientsKnow) {
  Message message;
  message.id = static_cast<MessageId>(9);
  message.seq = static_cast<MessageSeq>(3);
  message.channel = ChannelKey("g1", ChannelType::group);
  message.from_uid = "u1";
  message.client_msg_no = "n1";
  const SendCommand recall = jobs::make_recall_notice(message, "admin");
  EXPECT_EQ(recall.payload,
            R"({"type":99,"cmd":"messageRevoke","param":{"message_id":"9","message_seq":3,)"
            R"("client_msg_no":"n1","channel_id":"g1","channel_type":2,"revoker":"admin"}})");
  EXPECT_TRUE(recall.flags.sync_once);
  EXPECT_EQ(recall.from_uid, "admin");
  EXPECT_EQ(recall.origin, Origin::server);
  EXPECT_EQ(recall.channel, message.channel);
  EXPECT_FALSE(recall.idempotent);
  EXPECT_EQ(jobs::make_edit_notice(message, "", 4).payload,
            R"({"type":99,"cmd":"syncMessageExtra","param":{"message_id":"9","message_seq":3,)"
            R"("client_msg_no":"n1","channel_id":"g1","channel_type":2,"edit_version":4}})");
  EXPECT_EQ(jobs::make_edit_notice(message, "", 4).from_uid, "u1");

  // Each of two users is shown the other one.
  message.channel = ChannelKey(person_channel_id("u1", "u2"), ChannelType::person);
  EXPECT_EQ(jobs::make_recall_notice(message, "admin").from_uid, "u1");
  EXPECT_EQ(jobs::make_recall_notice(message, "u2").from_uid, "u2");
  EXPECT_EQ(jobs::make_recall_notice(message, "u2").payload,
            R"({"type":99,"cmd":"messageRevoke","param":{"message_id":"9","message_seq":3,)"
            R"("client_msg_no":"n1","revoker":"u2"}})");
}

TEST(RevisionNotice, GoesToWhoeverCanReadTheMessage) {
  Message message;
  message.channel = ChannelKey("g1", ChannelType::group);
  message.from_uid = "u1";
  EXPECT_TRUE(jobs::make_recall_notice(message, "").subscribers.empty());
  message.subscribers = {"u2", "u3"};
  const SendCommand notice = jobs::make_recall_notice(message, "");
  EXPECT_EQ(notice.subscribers, (std::vector<std::string>{"u2", "u3", "u1"}));
  EXPECT_FALSE(notice.flags.no_persist);
  message.subscribers.clear();
  for (std::size_t i = 0; i <= jobs::kNoticeReadersMax; ++i) {
    message.subscribers.push_back("v" + std::to_string(i));
  }
  EXPECT_TRUE(jobs::make_recall_notice(message, "").flags.no_persist);
  message.subscribers.clear();
  EXPECT_FALSE(jobs::make_recall_notice(message, "").flags.no_persist);
  message.channel.type = ChannelType::temp;
  EXPECT_TRUE(jobs::make_recall_notice(message, "").flags.no_persist);
}

}  // namespace
}  // namespace jindou::api
