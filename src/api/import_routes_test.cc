// What POST /import/messages stores is read as any other message; what does not fit is refused.
#include <string>

#include "api/read_back_fixture.h"

namespace jindou::api {
namespace {

class ImportRoutesTest : public ReadBackTest {
 protected:
  // From `first` to `last`, with ids that begin so.
  static std::string foreign(int first, int last) {
    std::string out;
    for (int seq = first; seq <= last; ++seq) {
      const std::string number = std::to_string(seq);
      if (!out.empty()) out += ",";
      out += R"({"message_id":)" + id(seq) + R"(,"message_seq":)" + number +
             R"(,"from_uid":"u1","client_msg_no":"n)" + number +
             R"(","timestamp":1600000000,"header":{"no_persist":0,"red_dot":1},"setting":0,)" +
             R"("channel_id":"x","payload":"aGk="})";
    }
    return out;
  }
  static std::string id(int seq) { return std::to_string(1947236475592679424 + seq); }
  static std::string body(const std::string& channel, int after, const std::string& messages) {
    const std::string type = channel.find('@') == std::string::npos ? "2" : "1";
    std::string out = R"({"channel_id":")" + channel + R"(","channel_type":)" + type;
    if (after > 0) {
      out += R"(,"after_seq":)" + std::to_string(after) + R"(,"after_id":")" + id(after) + "\"";
    }
    return out + R"(,"messages":[)" + messages + "]}";
  }
  Answer take(const std::string& channel, int after, const std::string& messages) {
    return post("/import/messages", body(channel, after, messages));
  }
  std::string history(const std::string& channel, const std::string& type) {
    return post("/channel/messagesync", R"({"login_uid":"u1","channel_id":")" + channel +
                                            R"(","channel_type":)" + type + "}")
        .body;
  }
};

TEST_F(ImportRoutesTest, AreReadAsTheyWere) {
  EXPECT_EQ(take("g1", 0, foreign(1, 2)).body, R"({"status":200})");
  EXPECT_EQ(take("g1", 2, foreign(3, 3)).status, 200U);
  const std::string page = history("g1", "2");
  EXPECT_TRUE(has(page, R"("message_id":1947236475592679427,)")) << page;
  EXPECT_TRUE(has(page, R"("message_idstr":"1947236475592679427")")) << page;
  EXPECT_TRUE(has(page, R"("red_dot":1)")) << page;
  EXPECT_TRUE(has(page, R"("timestamp":1600000000)")) << page;
  // The next one of this server comes behind, with an id of its own.
  must_post("/message/send", item("n9", "g1"));
  EXPECT_TRUE(has(max_seq("g1"), R"("message_seq":4)"));
}

TEST_F(ImportRoutesTest, ThoseOfTwoUsersAreInTheListOfBoth) {
  ASSERT_EQ(take("u2@u1", 0, foreign(1, 2)).status, 200U);
  const std::string seen = post("/conversation/sync", R"({"uid":"u2","msg_count":1})").body;
  EXPECT_TRUE(has(seen, R"("channel_id":"u1","channel_type":1)")) << seen;
  EXPECT_TRUE(has(seen, R"("unread":2)")) << seen;
  const std::string own = post("/conversation/sync", R"({"uid":"u1","msg_count":1})").body;
  EXPECT_TRUE(has(own, R"("unread":0)")) << own;
}

TEST_F(ImportRoutesTest, AreRecalledEditedAndDeletedByTheirPlace) {
  ASSERT_EQ(take("g1", 0, foreign(1, 4)).status, 200U);
  const auto place = [](int seq) {
    return R"({"channel_id":"g1","channel_type":2,"message_seq":)" + std::to_string(seq);
  };
  const auto named = [](int seq) { return R"(,"message_id":")" + id(seq) + "\""; };
  const Answer recalled = post("/message/recall", place(1) + "}");
  EXPECT_EQ(recalled.status, 200U) << recalled.body;
  EXPECT_EQ(text_of(recalled.body, "message_idstr"), id(1));
  const Answer edited =
      post("/message/edit", place(2) + named(2) + R"(,"payload":{"edited":true}})");
  EXPECT_EQ(edited.status, 200U) << edited.body;
  EXPECT_EQ(post("/message/recall", place(3) + named(2) + "}").status, 404U) << "another one";
  EXPECT_EQ(post("/message/recall", R"({"message_id":")" + id(3) + "\"}").status, 404U);
  must_post("/message/delete", R"({"channel_id":"g1","channel_type":2,"message_seqs":[4]})");
  const std::string page = history("g1", "2");
  EXPECT_TRUE(has(page, R"("payload":"e30=","revoke":1)")) << page;
  EXPECT_TRUE(has(page, R"("edit_version":1)")) << page;
  EXPECT_TRUE(has(page, id(3))) << page;
  EXPECT_FALSE(has(page, id(4))) << page;
}

TEST_F(ImportRoutesTest, AChannelThatEndsOtherwiseIsLeftAlone) {
  ASSERT_EQ(take("g1", 0, foreign(1, 2)).status, 200U);
  EXPECT_EQ(take("g1", 0, foreign(1, 2)).status, 200U) << "the same again";
  const Answer behind = take("g1", 1, foreign(2, 4));
  EXPECT_EQ(behind.status, 409U);
  EXPECT_TRUE(has(behind.body, "the last message_seq of the channel is 2")) << behind.body;
  must_post("/message/send", item("n9", "g2"));
  EXPECT_EQ(take("g2", 0, foreign(1, 2)).status, 409U);
  EXPECT_EQ(take("g2", 1, foreign(2, 2)).status, 409U);
  EXPECT_TRUE(has(max_seq("g2"), R"("message_seq":1)"));
}

TEST_F(ImportRoutesTest, BadBodiesAreRefusedWithASentence) {
  const auto refusal = [this](const std::string& channel, const std::string& messages) {
    const Answer answer = take(channel, 0, messages);
    EXPECT_EQ(answer.status, 400U) << answer.body;
    return text_of(answer.body, "msg");
  };
  EXPECT_EQ(refusal("g1", ""), "messages is required");
  EXPECT_TRUE(has(refusal("g1", foreign(2, 2) + "," + foreign(1, 1)), "must be behind"));
  EXPECT_TRUE(has(refusal("g1", R"({"message_id":7,"message_seq":1,"payload":"aGk="})"),
                  "smaller ones are this server's own"));
  EXPECT_TRUE(has(refusal("g1", R"({"message_id":7,"message_seq":1})"), "payload"));
  EXPECT_TRUE(has(refusal("g1____cmd", foreign(1, 1)), "channel_id must not"));
  const std::string pair =
      R"({"channel_id":"u2","channel_type":1,"messages":[)" + foreign(1, 1) + "]}";
  EXPECT_TRUE(has(post("/import/messages", pair).body, "internal id"));
  for (const std::string half : {R"("after_seq":3)", R"("after_id":9007199254740995)"}) {
    const Answer answer =
        post("/import/messages", R"({"channel_id":"g1","channel_type":2,)" + half +
                                     R"(,"messages":[)" + foreign(4, 4) + "]}");
    EXPECT_EQ(answer.status, 400U) << answer.body;
    EXPECT_TRUE(has(text_of(answer.body, "msg"), "give both, or neither")) << answer.body;
  }
  EXPECT_TRUE(has(max_seq("g1"), R"("message_seq":0)"));
}

}  // namespace
}  // namespace jindou::api
