// What moderation finds is decided before the partition; the partition makes results of it, and
// answers a repeat as the first was answered.
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "partition/content_check.h"
#include "partition/core_fixture.h"
#include "store/fingerprint.h"

namespace jindou::partition {
namespace {

using Results = std::vector<SendResult>;
using Texts = std::vector<std::string>;

// Refuses "bad", masks "rude", flags "odd"; about "ask…" somebody else is asked, who refuses
// "ask no".
class TestCheck final : public ContentCheck {
 public:
  bool enabled() const override { return on; }
  bool check(const CheckedContent& content) override {
    const std::string text = content.payload->str();
    if (text.starts_with("ask")) return true;
    auto verdict = std::make_shared<Moderation>();
    verdict->found_by = {"list"};
    if (text == "bad") {
      verdict->refused = true;
    } else if (text == "rude") {
      verdict->masked = true;
      verdict->sent_payload = store::payload_hash(text);
      *content.payload = Payload("****");
    } else if (text == "odd") {
      verdict->flagged = true;
    } else {
      return false;
    }
    *content.moderation = std::move(verdict);
    return false;
  }
  void ask(std::vector<CheckedContent> contents, std::function<void()> go) override {
    for (const CheckedContent& content : contents) {
      asked.push_back(content.payload->str());
      if (*content.payload != "ask no") continue;
      auto verdict = std::make_shared<Moderation>();
      verdict->refused = true;
      verdict->code = code;
      verdict->reason = "they say no";
      *content.moderation = std::move(verdict);
    }
    waiting.push_back(std::move(go));
    if (!holds) let_go();
  }
  void let_go() {
    auto all = std::exchange(waiting, {});
    for (const auto& go : all) go();
  }

  bool on = true;
  bool holds = false;
  Errc code = Errc::denied;
  Texts asked;
  std::vector<std::function<void()>> waiting;
};

class ModerationTest : public Core {
 protected:
  void SetUp() override {
    Core::SetUp();
    router_->set_content_check(&check_);
  }
  std::future<Results> post(std::vector<SendCommand> commands) {
    auto results = std::make_shared<std::promise<Results>>();
    auto future = results->get_future();
    EXPECT_TRUE(router_
                    ->post_send(std::move(commands),
                                [results](Results done) { results->set_value(std::move(done)); })
                    .has_value());
    return future;
  }
  TransactionResult post_all(std::vector<Command> commands) {
    auto result = std::make_shared<std::promise<TransactionResult>>();
    auto future = result->get_future();
    EXPECT_TRUE(
        router_
            ->post_all(std::move(commands),
                       [result](TransactionResult done) { result->set_value(std::move(done)); })
            .has_value());
    return future.get();
  }
  EditMessage edit_of(const SendResult& sent, const std::string& payload) {
    EditMessage edit;
    edit.channel = ChannelKey("g1", ChannelType::group);
    edit.seq = raw(sent.message_seq);
    edit.id = sent.message_id;
    edit.version = 1;
    edit.payload = payload;
    return edit;
  }

  TestCheck check_;
};

TEST_F(ModerationTest, ARefusalIsAResultOfItsOwnAndStoresNothing) {
  const Results results = send({to_group("g1", "a"), to_group("g1", "bad"), to_group("g1", "b")});
  EXPECT_EQ(results[1].state, SendResult::State::refused);
  EXPECT_EQ(results[1].reason, Reason::moderated);
  EXPECT_EQ(results[1].code, Errc::denied);
  ASSERT_NE(results[1].moderation, nullptr);
  EXPECT_EQ(results[1].moderation->found_by, Texts{"list"});
  EXPECT_EQ(payloads("g1"), (Texts{"a", "b"}));
}

TEST_F(ModerationTest, WhatIsMaskedIsStoredAndDeliveredMaskedWithAMark) {
  const Results results = send({to_group("g1", "rude"), to_group("g1", "odd")});
  EXPECT_TRUE(results[0].ok() && results[1].ok());
  ASSERT_NE(results[0].moderation, nullptr);
  EXPECT_TRUE(results[0].moderation->masked);
  EXPECT_EQ(payloads("g1"), (Texts{"****", "odd"}));
  const auto stored = history_->load_by_id(results[1].message_id);
  ASSERT_TRUE(stored && *stored);
  ASSERT_NE((*stored)->moderation, nullptr);
  EXPECT_TRUE((*stored)->moderation->flagged);
  EXPECT_EQ((*stored)->moderation->found_by, Texts{"list"});
}

TEST_F(ModerationTest, ARepeatHasTheAnswerOfTheFirstWhateverIsFoundInItNow) {
  check_.on = false;
  const SendResult let_pass = send({to_group("g1", "bad", "n1")})[0];
  check_.on = true;
  EXPECT_TRUE(let_pass.ok());
  const SendResult again = send({to_group("g1", "bad", "n1")})[0];
  EXPECT_EQ(again.state, SendResult::State::duplicate);
  EXPECT_EQ(again.message_id, let_pass.message_id);
  // And the other way round: it was masked, and would not be now.
  const SendResult masked = send({to_group("g1", "rude", "n2")})[0];
  EXPECT_EQ(send({to_group("g1", "rude", "n2")})[0].message_id, masked.message_id);
  check_.on = false;
  EXPECT_EQ(send({to_group("g1", "rude", "n2")})[0].state, SendResult::State::duplicate);
  // What was made of it is another payload.
  EXPECT_EQ(send({to_group("g1", "****", "n2")})[0].code, Errc::conflict);
}

TEST_F(ModerationTest, ARefusedNumberIsFreeForAnotherPayload) {
  EXPECT_EQ(send({to_group("g1", "bad", "n1")})[0].reason, Reason::moderated);
  EXPECT_TRUE(send({to_group("g1", "good", "n1")})[0].ok());
}

TEST_F(ModerationTest, WhatTheServerSaysIsNotJudged) {
  auto command = to_group("g1", "bad");
  command.origin = Origin::server;
  EXPECT_TRUE(send({command})[0].ok());
}

TEST_F(ModerationTest, OfWhatIsMadeTogetherOneRefusalIsTheEndOfAll) {
  const auto refused = post_all({to_group("g1", "good"), to_group("g2", "bad")});
  EXPECT_FALSE(refused.made());
  EXPECT_EQ(refused.failed, 1U);
  EXPECT_EQ(refused.error().code(), Errc::denied);
  EXPECT_EQ(refused.error().reason(), raw(Reason::moderated));
  EXPECT_EQ(payloads("g1"), Texts{});
  EXPECT_TRUE(post_all({to_group("g1", "rude"), to_group("g2", "ask yes")}).made());
  EXPECT_EQ(payloads("g1"), Texts{"****"});
  EXPECT_EQ(check_.asked, Texts{"ask yes"});
}

TEST_F(ModerationTest, ARefusalOfWhatIsMadeTogetherSaysAllThatIsKnown) {
  for (const auto& others : {std::string("g1"), std::string("g2")}) {
    const auto asked = post_all({to_group(others, "good"), to_group("g1", "ask no")});
    EXPECT_EQ(asked.find_refusal(0), nullptr);
    const SendResult* why = asked.find_refusal(1);
    ASSERT_NE(why, nullptr);
    EXPECT_EQ(why->reason, Reason::moderated);
    ASSERT_NE(why->moderation, nullptr);
    EXPECT_EQ(why->moderation->reason, "they say no");
    const auto found = post_all({to_group(others, "good"), to_group("g1", "bad")});
    why = found.find_refusal(1);
    ASSERT_NE(why, nullptr);
    ASSERT_NE(why->moderation, nullptr);
    EXPECT_EQ(why->moderation->found_by, Texts{"list"});
  }
  EXPECT_TRUE(post_all({to_group("g1", "good")}).refusals.empty());
}

TEST_F(ModerationTest, AnEditIsJudgedHoweverItComes) {
  const SendResult sent = send({to_group("g1", "good")})[0];
  const auto alone = change(edit_of(sent, "bad"));
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error().reason(), raw(Reason::moderated));
  const auto together = post_all({Change(edit_of(sent, "bad")), to_group("g1", "notice")});
  EXPECT_EQ(together.error().reason(), raw(Reason::moderated));
  EXPECT_EQ(payloads("g1"), Texts{"good"});
  EXPECT_TRUE(change(edit_of(sent, "rude")));
  EXPECT_EQ(payloads("g1"), Texts{"****"});
  EXPECT_EQ(router_->preview_edit(ChannelKey("g1", ChannelType::group), "u1", Payload("rude")),
            "****");
}

TEST_F(ModerationTest, ARehearsalSaysWhatWouldBecomeOfIt) {
  std::promise<Results> results;
  ASSERT_TRUE(
      router_->post_rehearsal({to_group("g1", "bad"), to_group("g1", "rude")},
                              [&results](Results done) { results.set_value(std::move(done)); }));
  const Results told = results.get_future().get();
  EXPECT_EQ(told[0].reason, Reason::moderated);
  ASSERT_NE(told[1].moderation, nullptr);
  EXPECT_TRUE(told[1].moderation->masked);
  EXPECT_EQ(payloads("g1"), Texts{});
}

TEST_F(ModerationTest, WhoAsksIsWaitedForAndAChannelKeepsItsOrder) {
  check_.holds = true;
  auto first = post({to_group("g1", "ask 1"), to_group("g2", "free"), to_group("g1", "after")});
  auto second = post({to_group("g1", "behind")});
  while (payloads("g2").empty()) std::this_thread::yield();
  EXPECT_EQ(payloads("g1"), Texts{});
  EXPECT_EQ(check_.asked, Texts{"ask 1"});
  check_.let_go();
  EXPECT_TRUE(first.get()[0].ok());
  EXPECT_TRUE(second.get()[0].ok());
  EXPECT_EQ(payloads("g1"), (Texts{"ask 1", "after", "behind"}));
}

TEST_F(ModerationTest, ARefusalOfWhoWasAskedSaysWhyAndSoDoesSilence) {
  SendResult result = send({to_group("g1", "ask no")})[0];
  EXPECT_EQ(result.reason, Reason::moderated);
  ASSERT_NE(result.moderation, nullptr);
  EXPECT_EQ(result.moderation->reason, "they say no");
  check_.code = Errc::unavailable;
  result = send({to_group("g1", "ask no")})[0];
  EXPECT_EQ(result.reason, Reason::system_error);
  EXPECT_EQ(result.code, Errc::unavailable);
  EXPECT_EQ(payloads("g1"), Texts{});
}

}  // namespace
}  // namespace jindou::partition
