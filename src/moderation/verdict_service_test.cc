// The service is asked about many at once, and what it does not answer is passed or refused.
#include "moderation/verdict_service.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "codec/json_reader.h"
#include "http/test_receiver.h"
#include "store/fingerprint.h"

namespace jindou::moderation {
namespace {

using http::ReceivedCall;
using http::TestReceiver;

class SteppedClock final : public Clock {
 public:
  std::int64_t wall_ms() const override { return 0; }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::milliseconds(now_ms.load()));
  }
  std::atomic<std::int64_t> now_ms{1'000'000};
};

// Refuses payloads "no", replaces "bad" by "good", allows the others.
std::string judge(const ReceivedCall& call) {
  const auto question = codec::parse_json(call.body);
  std::string verdicts;
  for (const auto item : (*question)["items"].get_array()) {
    const std::string_view payload = item["payload"].get_string().value();
    if (!verdicts.empty()) verdicts += ',';
    if (payload == "bm8=") {
      verdicts += R"({"action":"refuse","reason":"no is no"})";
    } else if (payload == "YmFk") {
      verdicts += R"({"action":"replace","payload":"Z29vZA=="})";
    } else {
      verdicts += R"({"action":"allow"})";
    }
  }
  return R"({"verdicts":[)" + verdicts + "]}";
}

std::size_t items_of(const ReceivedCall& call) {
  const auto question = codec::parse_json(call.body);
  return (*question)["items"].get_array().value().size();
}

class VerdictServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    receiver_.set_body(judge);
    configure([this](ServiceOptions& options) {
      options.url = receiver_.url();
      options.timeout = std::chrono::seconds(20);
    });
  }
  void TearDown() override { service_.stop(); }

  void configure(const std::function<void(ServiceOptions&)>& change) {
    const MutexLock lock(mutex_);
    auto next = std::make_shared<Options>(*options_);
    change(next->service);
    options_ = std::move(next);
  }
  struct Judged {
    Payload payload;
    ModerationPtr moderation;
  };
  // Results stay where they are.
  std::list<Judged>& judged() { return judged_; }
  std::future<void> ask(const std::vector<std::string>& payloads) {
    std::vector<partition::CheckedContent> contents;
    for (const std::string& payload : payloads) {
      Judged& one = judged_.emplace_back(Judged{Payload(payload), nullptr});
      partition::CheckedContent content;
      content.from_uid = "ann";
      content.channel = &channel_;
      content.payload = &one.payload;
      content.moderation = &one.moderation;
      contents.push_back(content);
    }
    auto done = std::make_shared<std::promise<void>>();
    auto future = done->get_future();
    service_.ask(std::move(contents), [done] { done->set_value(); });
    return future;
  }
  const Judged& ask_one(const std::string& payload) {
    ask({payload}).get();
    return judged_.back();
  }
  std::string metrics() const {
    std::string text;
    service_.append_metrics(text);
    return text;
  }
  bool has(const std::string& line) const {
    return metrics().find("\n" + line + "\n") != std::string::npos;
  }
  using Names = std::vector<std::string>;

  SteppedClock clock_;
  TestReceiver receiver_;
  mutable Mutex mutex_;
  std::shared_ptr<const Options> options_ JD_GUARDED_BY(mutex_) = std::make_shared<Options>();
  const ChannelKey channel_{"g", ChannelType::group};
  std::list<Judged> judged_;
  VerdictService service_{clock_,
                          [this] {
                            const MutexLock lock(mutex_);
                            return options_;
                          },
                          2};
};

TEST_F(VerdictServiceTest, EachContentGetsItsVerdict) {
  service_.start();
  ask({"yes", "no", "bad"}).get();
  auto one = judged().begin();
  EXPECT_EQ(one->moderation, nullptr);
  ++one;
  ASSERT_NE(one->moderation, nullptr);
  EXPECT_TRUE(one->moderation->refused);
  EXPECT_EQ(one->moderation->code, Errc::denied);
  EXPECT_EQ(one->moderation->reason, "no is no");
  EXPECT_EQ(one->moderation->found_by, Names{"service"});
  ++one;
  ASSERT_NE(one->moderation, nullptr);
  EXPECT_TRUE(one->moderation->replaced);
  EXPECT_EQ(one->payload, "good");
  EXPECT_EQ(one->moderation->sent_payload, store::payload_hash("bad"));
  EXPECT_TRUE(has("jindou_moderation_verdicts_total{action=\"replace\"} 1"));
  EXPECT_TRUE(has("jindou_moderation_calls_total{result=\"ok\"} 1"));
  EXPECT_TRUE(has("jindou_moderation_call_seconds_count 1"));
  EXPECT_TRUE(has("jindou_moderation_waiting_bytes 0"));
}

TEST_F(VerdictServiceTest, WhatWaitsTogetherIsAskedTogether) {
  configure([](ServiceOptions& options) { options.batch_items = 3; });
  std::vector<std::future<void>> done;
  for (int i = 0; i < 4; ++i) done.push_back(ask({"a", "b"}));
  service_.start();
  for (auto& each : done) each.get();
  std::size_t items = 0;
  for (const auto& call : receiver_.calls()) {
    EXPECT_LE(items_of(call), 3U);
    items += items_of(call);
  }
  EXPECT_EQ(items, 8U);
  EXPECT_EQ(receiver_.calls().size(), 3U);
}

TEST_F(VerdictServiceTest, WithoutAnAnswerThePolicyHolds) {
  receiver_.set_answer([](const ReceivedCall&) { return 500; });
  service_.start();
  const Judged& passed = ask_one("no");
  ASSERT_NE(passed.moderation, nullptr);
  EXPECT_FALSE(passed.moderation->refused);
  EXPECT_TRUE(passed.moderation->flagged);
  EXPECT_EQ(passed.moderation->found_by, Names{"unjudged"});
  configure([](ServiceOptions& options) { options.refuse_when_down = true; });
  const Judged& refused = ask_one("yes");
  ASSERT_NE(refused.moderation, nullptr);
  EXPECT_TRUE(refused.moderation->refused);
  EXPECT_EQ(refused.moderation->code, Errc::unavailable);
  EXPECT_TRUE(has("jindou_moderation_unjudged_total{outcome=\"pass\"} 1"));
  EXPECT_TRUE(has("jindou_moderation_unjudged_total{outcome=\"refuse\"} 1"));
}

TEST_F(VerdictServiceTest, AnAnswerThatIsNoneCountsAsNone) {
  receiver_.set_body([](const ReceivedCall&) { return R"({"verdicts":[]})"; });
  service_.start();
  EXPECT_EQ(ask_one("no").moderation->found_by, Names{"unjudged"});
  EXPECT_TRUE(has("jindou_moderation_calls_total{result=\"failed\"} 1"));
}

TEST_F(VerdictServiceTest, ASilentServiceIsWaitedForAsLongAsTheDeadline) {
  receiver_.set_answer([](const ReceivedCall&) { return TestReceiver::kHang; });
  configure([](ServiceOptions& options) { options.timeout = std::chrono::milliseconds(50); });
  service_.start();
  EXPECT_EQ(ask_one("no").moderation->found_by, Names{"unjudged"});
}

TEST_F(VerdictServiceTest, WhatWaitedTooLongIsNotAskedAnyMore) {
  auto done = ask({"no"});
  clock_.now_ms += 20'000;
  service_.start();
  done.get();
  EXPECT_EQ(judged().back().moderation->found_by, Names{"unjudged"});
  EXPECT_TRUE(receiver_.calls().empty());
}

TEST_F(VerdictServiceTest, AServiceThatIsDownIsSparedAndTriedAgain) {
  std::atomic<int> status{500};
  receiver_.set_answer([&status](const ReceivedCall&) { return status.load(); });
  configure([](ServiceOptions& options) { options.breaker_failures = 2; });
  service_.start();
  ask_one("no");
  EXPECT_TRUE(has("jindou_moderation_service_down 0"));
  ask_one("no");
  EXPECT_TRUE(has("jindou_moderation_service_down 1"));
  ask_one("no");
  EXPECT_EQ(receiver_.calls().size(), 2U);
  // The trial fails, and one failure is enough.
  clock_.now_ms += 5'000;
  ask_one("no");
  EXPECT_EQ(receiver_.calls().size(), 3U);
  ask_one("no");
  EXPECT_EQ(receiver_.calls().size(), 3U);
  clock_.now_ms += 5'000;
  status = 200;
  EXPECT_TRUE(ask_one("no").moderation->refused);
  EXPECT_TRUE(ask_one("no").moderation->refused);
  EXPECT_TRUE(has("jindou_moderation_service_down 0"));
}

TEST_F(VerdictServiceTest, WhatWaitsIsBoundedInBytes) {
  configure([](ServiceOptions& options) { options.waiting_bytes_max = 10; });
  auto first = ask({"0123456789"});
  ask({"x"}).get();
  const auto& over = judged().back();
  EXPECT_TRUE(over.moderation->refused);
  EXPECT_EQ(over.moderation->code, Errc::overloaded);
  EXPECT_TRUE(has("jindou_moderation_waiting_bytes 10"));
  service_.start();
  first.get();
  EXPECT_EQ(judged().front().moderation, nullptr);
  EXPECT_EQ(ask_one("x").moderation, nullptr);
}

TEST_F(VerdictServiceTest, AtTheEndWhatWaitsIsRefused) {
  auto done = ask({"yes"});
  service_.stop();
  done.get();
  EXPECT_TRUE(judged().back().moderation->refused);
  EXPECT_EQ(judged().back().moderation->code, Errc::unavailable);
}

}  // namespace
}  // namespace jindou::moderation
