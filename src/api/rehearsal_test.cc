// POST /message/sendbatch?dry_run=true over the real core and store.
#include "api/rehearsal.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api/routes_fixture.h"

namespace jindou::api {
namespace {

class DryRun : public RoutesTest {
 protected:
  void SetUp() override {
    RoutesTest::SetUp();
    services_->deps.online_flags = [](std::string_view uid) {
      return uid == "a" ? std::vector<DeviceFlag>{DeviceFlag::app} : std::vector<DeviceFlag>();
    };
    ASSERT_EQ(status("/channel", R"({"channel_id":"g1","channel_type":2,)"
                                 R"("subscribers":["u1","a","b","c"]})"),
              200U);
    ASSERT_EQ(status("/channel", R"({"channel_id":"g2","channel_type":2,"ban":1})"), 200U);
  }
  Answer dry_run(const std::string& body, const std::string& more = "") {
    return post("/message/sendbatch?dry_run=true" + more, body);
  }
  static std::string targeted() {
    return R"({"client_msg_no":"n3","from_uid":"u1","channel_id":"g1","channel_type":2,)"
           R"("subscribers":["a","c"],"payload":"aGVsbG8="})";
  }
};

TEST_F(DryRun, TellsWhoWouldReceiveAndWhatWouldBeRefused) {
  const Answer answer =
      dry_run("[" + item("n1", "g1") + "," + item("n2", "g2") + "," + targeted() + "]");
  ASSERT_EQ(answer.status, 200U) << answer.body;
  EXPECT_TRUE(has(answer.body, R"({"dry_run":true,"items":[)")) << answer.body;
  EXPECT_TRUE(has(answer.body, R"("client_msg_no":"n1","reason":1,"bytes":2,"receivers":3,)"
                               R"("online":1,"offline":2)"))
      << answer.body;
  EXPECT_TRUE(has(answer.body, R"("client_msg_no":"n2","reason":19,"code":"denied")"));
  EXPECT_TRUE(has(answer.body, R"("client_msg_no":"n3","reason":1,"bytes":5,"receivers":2,)"
                               R"("online":1,"offline":1)"));
  EXPECT_TRUE(has(answer.body, R"("total":{"items":3,"accepted":2,"duplicate":0,"refused":1,)"
                               R"("bytes":7,"receivers":5,"online":2,"offline":3})"))
      << answer.body;
}

TEST_F(DryRun, StoresNothingAndRemembersNothing) {
  const std::string body = "[" + item("n1", "g1") + "," + item("n1", "g3") + "]";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(dry_run(body).status, 200U);
  EXPECT_EQ(max_seq("g1"), R"({"message_seq":0})");
  EXPECT_EQ(max_seq("g3"), R"({"message_seq":0})");
  // Another payload under the same number: the number was not taken.
  EXPECT_EQ(status("/message/send", item("n1", "g1", "b3RoZXI=")), 200U);
  EXPECT_EQ(max_seq("g1"), R"({"message_seq":1})");
}

TEST_F(DryRun, TellsRepeatsAndUsedNumbers) {
  ASSERT_EQ(status("/message/send", item("n1", "g1")), 200U);
  const Answer answer = dry_run("[" + item("n1", "g1") + "," + item("n1", "g1", "b3RoZXI=") + "]");
  EXPECT_TRUE(
      has(answer.body, R"("message_seq":1,"client_msg_no":"n1","reason":1,"duplicate":true)"))
      << answer.body;
  EXPECT_TRUE(has(answer.body, R"("code":"conflict")")) << answer.body;
}

TEST_F(DryRun, KnowsWhatStandsBeforeAnItem) {
  const Answer answer = dry_run("[" + item("n1", "g1") + "," + item("n1", "g1", "b3RoZXI=") + "]");
  EXPECT_TRUE(has(answer.body, R"("accepted":1,"duplicate":0,"refused":1)")) << answer.body;
}

TEST_F(DryRun, ARepeatInsideTheBatchHasNoIdEither) {
  const Answer answer = dry_run("[" + item("n1", "g1") + "," + item("n1", "g1") + "]");
  EXPECT_TRUE(has(answer.body,
                  R"({"message_id":0,"message_idstr":"0","message_seq":0,"client_msg_no":"n1",)"
                  R"("reason":1,"duplicate":true)"))
      << answer.body;
  EXPECT_TRUE(has(answer.body, R"("accepted":1,"duplicate":1,"refused":0)")) << answer.body;
}

// As many as are bulk work, which is evaluated in pieces.
TEST_F(DryRun, KnowsWhatStandsFarBeforeAnItem) {
  std::string items = item("n", "g1");
  for (int i = 0; i < 600; ++i) items += "," + item("n" + std::to_string(i), "g1");
  const Answer answer = dry_run("[" + items + "," + item("n", "g1", "b3RoZXI=") + "]");
  EXPECT_TRUE(has(answer.body, R"("accepted":601,"duplicate":0,"refused":1)")) << answer.body;
}

TEST_F(DryRun, GoesThroughAGroupOnceWhoeverSendsToIt) {
  std::size_t looked_up = 0;
  services_->deps.online_flags = [&looked_up](std::string_view /*uid*/) {
    ++looked_up;
    return std::vector<DeviceFlag>{DeviceFlag::app};
  };
  std::string items = item("n", "g1");
  for (int i = 0; i < 100; ++i) {
    items += R"(,{"from_uid":"stranger)" + std::to_string(i) +
             R"(","channel_id":"g1","channel_type":2,"payload":"aGk="})";
  }
  const Answer answer = dry_run("[" + items + "]");
  // The first is from one of its four members.
  EXPECT_TRUE(has(answer.body, R"("receivers":403,"online":403,"offline":0})")) << answer.body;
  EXPECT_EQ(looked_up, 5U);
}

TEST_F(DryRun, CountsNoRefusals) {
  dry_run("[" + item("n2", "g2") + "]");
  EXPECT_FALSE(has(metrics_.render(), R"(jindou_send_refused_total{reason="19"})"));
}

TEST_F(DryRun, ABadItemIsAsBadAsEver) {
  EXPECT_EQ(dry_run(R"([{"from_uid":"u1"}])").status, 400U);
  EXPECT_EQ(post("/message/sendbatch?dry_run=perhaps", "[" + item("n1", "g1") + "]").status, 400U);
}

}  // namespace
}  // namespace jindou::api
