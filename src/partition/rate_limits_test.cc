// Rate limits as a stage before the real core: what is refused, what it is told, what is charged.
#include "partition/rate_limits.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "partition/core_fixture.h"

namespace jindou::partition {
namespace {

using namespace std::chrono_literals;
using Cause = SendResult::Cause;
using Results = std::vector<SendResult>;

class MovedClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return 0; }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::hours(1)) +
           std::chrono::milliseconds(ms.load());
  }
  std::atomic<std::int64_t> ms{0};
};

class RateLimitsTest : public Core {
 protected:
  void SetUp() override {
    Core::SetUp();
    router_->intake().add_first(limits_);
  }
  static RateRules rules(Rate total, Rate key = {}, Rate sender = {}, Rate channel = {},
                         bool keys_have_rates = false) {
    RateRules made;
    made.total = total;
    made.key = key;
    made.sender = sender;
    made.channel = channel;
    made.keys_have_rates = keys_have_rates;
    return made;
  }
  static CallerPtr caller(const std::string& key = "", Rate rate = {}) {
    auto made = std::make_shared<CallerIdentity>();
    if (key.empty()) return made;
    auto known = std::make_shared<ApiKey>();
    known->name = key;
    known->rate = rate;
    made->kind = CallerIdentity::Kind::key;
    made->key = std::move(known);
    return made;
  }
  Results send_as(const CallerPtr& who, std::vector<SendCommand> commands) {
    for (SendCommand& command : commands) command.caller = who;
    return send(std::move(commands));
  }
  static SendCommand message(const std::string& from, const std::string& group) {
    SendCommand command = to_group(group, "text");
    command.from_uid = from;
    return command;
  }
  static std::vector<SendCommand> messages(int count) {
    std::vector<SendCommand> all;
    for (int i = 0; i < count; ++i) {
      all.push_back(message("u" + std::to_string(i), "g" + std::to_string(i)));
    }
    return all;
  }
  // "ok" or the wait, one for each.
  static std::string told(const Results& results) {
    std::string out;
    for (const SendResult& result : results) {
      out += result.ok() ? "ok " : std::to_string(result.retry_after_ms) + ' ';
    }
    return out;
  }

  MovedClock moved_clock_;
  RateLimits limits_{moved_clock_, 0, 7};
};

TEST_F(RateLimitsTest, WithoutRulesNothingIsLookedAt) {
  EXPECT_FALSE(limits_.enabled());
  EXPECT_EQ(told(send_as(caller(), messages(3))), "ok ok ok ");
  limits_.set_rules(rules({10, 1}));
  EXPECT_TRUE(limits_.enabled());
  limits_.set_rules({});
  EXPECT_FALSE(limits_.enabled());
}

TEST_F(RateLimitsTest, OfABatchThoseOverTheLimitAreRefusedAndToldWhenToComeAgain) {
  limits_.set_rules(rules({10, 3}));
  const Results results = send_as(caller(), messages(5));
  EXPECT_EQ(told(results), "ok ok ok 100 200 ");
  EXPECT_EQ(results[3].code, Errc::rate_limited);
  EXPECT_EQ(results[3].reason, Reason::rate_limit);
  EXPECT_EQ(results[3].state, SendResult::State::refused);
  EXPECT_EQ(results[3].cause, Cause::total_rate);
  EXPECT_TRUE(errc_retriable(results[3].code));
  // Whoever waits for the longest sends all of them.
  moved_clock_.ms = 200;
  EXPECT_EQ(told(send_as(caller(), messages(2))), "ok ok ");
  EXPECT_EQ(told(send_as(caller(), messages(1))), "100 ");
}

TEST_F(RateLimitsTest, ASenderIsLimitedWhereverHeSendsTo) {
  limits_.set_rules(rules({}, {}, {10, 2}));
  const Results results =
      send_as(caller(), {message("ann", "g1"), message("ann", "g2"), message("ann", "g3"),
                         message("bob", "g1"), message("ann", "g1")});
  EXPECT_EQ(told(results), "ok ok 100 ok 200 ");
  EXPECT_EQ(results[2].cause, Cause::sender_rate);
}

TEST_F(RateLimitsTest, AChannelIsLimitedWhoeverSends) {
  limits_.set_rules(rules({}, {}, {10, 10}, {10, 2}));
  const Results results = send_as(
      caller(), {message("a", "g1"), message("b", "g1"), message("c", "g1"), message("c", "g2")});
  EXPECT_EQ(told(results), "ok ok 100 ok ");
  EXPECT_EQ(results[2].cause, Cause::channel_rate);
  // What the channel refuses the sender does not pay for.
  const ChannelKey channel("g1", ChannelType::group);
  const auto standings = limits_.standings(*caller(), "c", &channel);
  ASSERT_EQ(standings.size(), 2U);
  EXPECT_EQ(standings[0].limit, RateLimits::Limit::sender);
  EXPECT_EQ(standings[0].level.tokens, 9U);
  EXPECT_EQ(standings[1].level.tokens, 0U);
}

TEST_F(RateLimitsTest, ReadersHaveARateOfTheirOwnThatHoldsNoMessages) {
  RateRules made;
  made.reader = Rate{10, 2};
  limits_.set_rules(made);
  EXPECT_FALSE(limits_.enabled());
  EXPECT_EQ(limits_.take_read("u1").count(), 0);
  EXPECT_EQ(limits_.take_read("u1").count(), 0);
  EXPECT_EQ(limits_.take_read("u1"), 100ms);
  EXPECT_EQ(limits_.take_read("u2").count(), 0);
  moved_clock_.ms += 100;
  EXPECT_EQ(limits_.take_read("u1").count(), 0);
  limits_.set_rules(RateRules());
  EXPECT_EQ(limits_.take_read("u1").count(), 0);
}

TEST_F(RateLimitsTest, KeysHaveTheirOwnRateOrThatOfAll) {
  limits_.set_rules(rules({}, {10, 2}, {}, {}, true));
  EXPECT_EQ(told(send_as(caller("a"), messages(3))), "ok ok 100 ");
  EXPECT_EQ(told(send_as(caller("b"), messages(2))), "ok ok ");
  EXPECT_EQ(told(send_as(caller("c", {1, 1}), messages(2))), "ok 1000 ");
  EXPECT_EQ(told(send_as(caller(), messages(3))), "ok ok ok ") << "no key";
  limits_.set_rules(rules({}, {}, {}, {}, true));
  EXPECT_EQ(told(send_as(caller("a"), messages(3))), "ok ok ok ");
}

TEST_F(RateLimitsTest, WhatOneLimitRefusesTheOthersGetBack) {
  limits_.set_rules(rules({10, 10}, {10, 4}, {10, 1}));
  std::vector<SendCommand> batch = {message("ann", "g1"), message("ann", "g1"),
                                    message("bob", "g1")};
  EXPECT_EQ(told(send_as(caller("k"), batch)), "ok 100 ok ");
  auto standings = limits_.standings(*caller("k"));
  ASSERT_EQ(standings.size(), 2U);
  EXPECT_EQ(standings[0].limit, RateLimits::Limit::key);
  EXPECT_EQ(standings[0].level.tokens, 2U);
  EXPECT_EQ(standings[1].limit, RateLimits::Limit::total);
  EXPECT_EQ(standings[1].level.tokens, 8U);
  // The key lets two pass, so the total has lost no more.
  EXPECT_EQ(send_as(caller("k"), messages(5)).back().cause, Cause::key_rate);
  EXPECT_EQ(limits_.standings(*caller("k"))[1].level.tokens, 6U);
}

TEST_F(RateLimitsTest, ARehearsalIsToldAndNotCharged) {
  limits_.set_rules(rules({10, 3}, {}, {10, 2}));
  std::vector<SendCommand> batch = {message("ann", "g1"), message("ann", "g1"),
                                    message("ann", "g1"), message("bob", "g1")};
  for (SendCommand& command : batch) command.caller = caller();
  for (int i = 0; i < 3; ++i) {
    std::promise<Results> results;
    const auto posted = router_->post_rehearsal(
        batch, [&results](Results done) { results.set_value(std::move(done)); });
    ASSERT_TRUE(posted);
    EXPECT_EQ(told(results.get_future().get()), "ok ok 100 ok ");
  }
  EXPECT_EQ(limits_.standings(*caller())[0].level.tokens, 3U);
}

TEST_F(RateLimitsTest, AllOrNoneAreCharged) {
  limits_.set_rules(rules({10, 3}, {}, {10, 3}));
  const auto four = messages(4);
  const auto over = limits_.charge_together(*caller(), four, RateLimits::Binding::all_or_none);
  ASSERT_TRUE(over);
  EXPECT_EQ(over->first, 3U);
  EXPECT_EQ(over->second.cause, Cause::total_rate);
  EXPECT_EQ(over->second.retry_after_ms, 100U);
  EXPECT_EQ(limits_.standings(*caller(), "u0")[0].level.tokens, 3U);
  EXPECT_FALSE(limits_.charge_together(*caller(), messages(3), RateLimits::Binding::all_or_none));
  EXPECT_EQ(limits_.standings(*caller(), "u0")[0].level.tokens, 2U);
}

// Whoever were told to come again would come again for ever.
TEST_F(RateLimitsTest, MoreThanABucketHoldsNeverPassTogether) {
  const auto told_of = [this](const CallerPtr& who, const std::vector<SendCommand>& batch) {
    const auto checked = limits_.check_together(*who, batch);
    if (checked) return std::string("ok");
    EXPECT_EQ(checked.error().code(), Errc::too_large);
    EXPECT_FALSE(errc_retriable(checked.error().code()));
    return checked.error().detail();
  };
  const std::vector<SendCommand> to_one = {message("ann", "g1"), message("bob", "g1"),
                                           message("ann", "g1"), message("cid", "g1")};
  EXPECT_EQ(told_of(caller("k"), to_one), "ok") << "no limits";
  limits_.set_rules(rules({10, 4}, {10, 4}, {10, 2}, {10, 4}));
  send_as(caller("k"), to_one);
  EXPECT_EQ(told_of(caller("k"), to_one), "ok") << "later, when the buckets are full again";
  limits_.set_rules(rules({10, 3}));
  EXPECT_EQ(told_of(caller("k"), to_one),
            "4 messages are to be sent all or none, and the rate limit of the server never lets "
            "more than 3 pass at once (limits.burst): nothing was sent; split the batch");
  limits_.set_rules(rules({}, {10, 3}));
  EXPECT_EQ(told_of(caller("k"), to_one),
            "4 messages are to be sent all or none, and the rate limit of the API key never lets "
            "more than 3 pass at once (limits.keyBurst): nothing was sent; split the batch");
  EXPECT_EQ(told_of(caller(), to_one), "ok") << "no key";
  EXPECT_EQ(told_of(caller("own", {10, 1}), messages(2)),
            "2 messages are to be sent all or none, and the rate limit of the API key never lets "
            "more than 1 pass at once (the burst of the key): nothing was sent; split the batch");
  limits_.set_rules(rules({}, {}, {10, 1}));
  EXPECT_EQ(told_of(caller(), to_one),
            "2 messages of one sender are to be sent all or none, and the rate limit of a sender "
            "never lets more than 1 pass at once (limits.senderBurst): nothing was sent; split the "
            "batch");
  EXPECT_EQ(told_of(caller(), {message("ann", "g1"), message("bob", "g1")}), "ok");
  limits_.set_rules(rules({}, {}, {}, {10, 3}));
  EXPECT_EQ(told_of(caller(), to_one),
            "4 messages to one channel are to be sent all or none, and the rate limit of a channel "
            "never lets more than 3 pass at once (limits.channelBurst): nothing was sent; split "
            "the batch");
}

TEST_F(RateLimitsTest, ThoseBeforeTheFirstAreCharged) {
  limits_.set_rules(rules({10, 3}));
  const auto over =
      limits_.charge_together(*caller(), messages(6), RateLimits::Binding::up_to_first);
  ASSERT_TRUE(over);
  EXPECT_EQ(over->first, 3U);
  EXPECT_EQ(limits_.standings(*caller())[0].level.tokens, 0U);
}

TEST_F(RateLimitsTest, WhoeverWaitsIsToldForHowMuch) {
  EXPECT_GT(limits_.portion_max(*caller("k")), 1'000'000U);
  limits_.set_rules(rules({100, 1000}, {10, 40}));
  EXPECT_EQ(limits_.portion_max(*caller()), 100U);
  EXPECT_EQ(limits_.portion_max(*caller("k")), 10U);
  EXPECT_EQ(limits_.wait_for(*caller("k"), 40), 0ns);
  send_as(caller("k"), messages(40));
  EXPECT_EQ(limits_.wait_for(*caller("k"), 10), 1s);
  EXPECT_EQ(limits_.wait_for(*caller("k"), 4000), 4s) << "more than there ever are";
  EXPECT_EQ(limits_.wait_for(*caller(), 10), 0ns);
}

TEST_F(RateLimitsTest, TheCoreItselfIsNotLimited) {
  limits_.set_rules(rules({10, 1}));
  EXPECT_EQ(told(send(messages(3))), "ok ok ok ");
}

TEST_F(RateLimitsTest, CountsWhatItRefuses) {
  limits_.set_rules(rules({10, 3}, {}, {10, 1}));
  send_as(caller(), {message("a", "g"), message("a", "g"), message("b", "g"), message("c", "g"),
                     message("d", "g")});
  std::string text;
  limits_.append_metrics(text);
  EXPECT_NE(text.find("jindou_rate_limited_items_total{limit=\"sender\"} 1"), std::string::npos);
  EXPECT_NE(text.find("jindou_rate_limited_items_total{limit=\"total\"} 1"), std::string::npos);
  EXPECT_NE(text.find("jindou_rate_limited_items_total{limit=\"key\"} 0"), std::string::npos);
  EXPECT_NE(text.find("jindou_rate_buckets_given_up_total 0"), std::string::npos);
}

}  // namespace
}  // namespace jindou::partition
