// What the operator's service is asked, and which answers count.
#include "moderation/verdicts.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace jindou::moderation {
namespace {

constexpr std::size_t kPayloadMax = 20;

TEST(Verdicts, AQuestionHasWhatThereIsToJudge) {
  Payload hello("hello");
  Payload other("x");
  const ChannelKey group("g", ChannelType::group);
  const ChannelKey pair(person_channel_id("ann", "bob"), ChannelType::person);
  std::vector<partition::CheckedContent> contents(2);
  contents[0].from_uid = "ann";
  contents[0].client_msg_no = "n1";
  contents[0].channel = &group;
  contents[0].payload = &hello;
  contents[1].from_uid = "ann";
  contents[1].channel = &pair;
  contents[1].payload = &other;
  contents[1].is_edit = true;
  contents[1].is_rehearsal = true;
  EXPECT_EQ(question_of(contents),
            R"({"items":[{"kind":"send","from_uid":"ann","channel_id":"g","channel_type":2,)"
            R"("client_msg_no":"n1","payload":"aGVsbG8="},)"
            R"({"kind":"edit","from_uid":"ann","channel_id":"bob","channel_type":1,)"
            R"("payload":"eA==","dry_run":true}]})");
}

TEST(Verdicts, OneForEachInTheirOrder) {
  const auto read = parse_verdicts(
      R"({"verdicts":[{"action":"allow"},{"action":"refuse","reason":"no ads","more":1},)"
      R"({"action":"replace","payload":"eA=="},{"action":"replace","payload":{"type": 1}}]})",
      4, kPayloadMax);
  ASSERT_TRUE(read) << read.error().text();
  using Action = Verdict::Action;
  EXPECT_EQ(*read, (std::vector<Verdict>{{Action::allow, "", ""},
                                         {Action::refuse, "no ads", ""},
                                         {Action::replace, "", "x"},
                                         {Action::replace, "", R"({"type":1})"}}));
}

TEST(Verdicts, AnswersThatAreNoneAreRefusedAsAWhole) {
  const std::string long_reason(257, 'r');
  const std::string long_payload(40, 'A');
  for (const std::string& answer : std::vector<std::string>{
           "", "[]", "{}", R"({"verdicts":{}})", R"({"verdicts":[]})",
           R"({"verdicts":[{"action":"allow"},{"action":"allow"}]})", R"({"verdicts":[{}]})",
           R"({"verdicts":[1]})", R"({"verdicts":[{"action":"drop"}]})",
           R"({"verdicts":[{"action":"replace"}]})",
           R"({"verdicts":[{"action":"replace","payload":""}]})",
           R"({"verdicts":[{"action":"replace","payload":"?"}]})",
           R"({"verdicts":[{"action":"replace","payload":")" + long_payload + R"("}]})",
           R"({"verdicts":[{"action":"refuse","reason":")" + long_reason + R"("}]})"}) {
    const auto read = parse_verdicts(answer, 1, kPayloadMax);
    EXPECT_FALSE(read) << answer;
  }
}

}  // namespace
}  // namespace jindou::moderation
