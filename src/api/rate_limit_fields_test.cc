#include "api/rate_limit_fields.h"

#include <gtest/gtest.h>

#include "api/answers.h"

namespace jindou::api {
namespace {

using namespace std::chrono_literals;
using Limit = partition::RateLimits::Limit;

TEST(RateLimitFields, AreListsOfStructuredFields) {
  EXPECT_EQ(rate_limit_fields({}), "");
  EXPECT_EQ(rate_limit_fields(
                {{Limit::key, {200, 2000}, {1990, 50ms}}, {Limit::total, {3, 10}, {0, 3200ms}}}),
            "RateLimit-Policy: \"key\";q=2000;w=10;qu=\"items\", "
            "\"total\";q=10;w=4;qu=\"items\"\r\n"
            "RateLimit: \"key\";r=1990;t=1, \"total\";r=0;t=4\r\n");
  EXPECT_EQ(rate_limit_fields({{Limit::sender, {10, 1}, {1, 0ns}}}),
            "RateLimit-Policy: \"sender\";q=1;w=1;qu=\"items\"\r\n"
            "RateLimit: \"sender\";r=1;t=1\r\n");
}

SendResult limited(SendResult::Cause cause, std::uint32_t retry_after_ms) {
  SendResult result = SendResult::refuse(Reason::rate_limit, Errc::rate_limited);
  result.cause = cause;
  result.retry_after_ms = retry_after_ms;
  return result;
}

TEST(RateLimitAnswers, ASingleSendIsTold429AndWhenToComeAgain) {
  Response response;
  answer_send(response, limited(SendResult::Cause::sender_rate, 1001), "n",
              config::StatusStyle::number, config::RefusalStyle::reason);
  EXPECT_EQ(response.status, 429U);
  EXPECT_FALSE(response.overloaded) << "the server has room";
  EXPECT_EQ(response.extra_headers, "Retry-After: 2\r\n");
  EXPECT_EQ(response.body,
            R"({"status":429,"msg":"the rate limit of the sender is reached",)"
            R"("error":"the rate limit of the sender is reached","code":"rate_limited",)"
            R"("reason":22,"retriable":true,"retry_after_ms":1001,"client_msg_no":"n"})");
}

TEST(RateLimitAnswers, ABatchThatIsAllOverTheLimitWaitsForItsLastItem) {
  Response response;
  const std::vector<SendResult> results = {limited(SendResult::Cause::key_rate, 100),
                                           limited(SendResult::Cause::key_rate, 5200)};
  const std::vector<std::string> numbers = {"a", "b"};
  answer_batch(response, results, numbers);
  EXPECT_EQ(response.status, 429U);
  EXPECT_FALSE(response.overloaded);
  EXPECT_EQ(response.extra_headers, "X-Batch-Failed: 2\r\nRetry-After: 6\r\n");
  EXPECT_NE(response.body.find("\"retry_after_ms\":5200"), std::string::npos) << response.body;
}

TEST(RateLimitAnswers, ABatchOfWhichSomePassIsAnswered200) {
  Response response;
  SendResult sent;
  sent.state = SendResult::State::accepted;
  const std::vector<SendResult> results = {sent, limited(SendResult::Cause::channel_rate, 100)};
  const std::vector<std::string> numbers = {"a", "b"};
  answer_batch(response, results, numbers);
  EXPECT_EQ(response.status, 200U);
  EXPECT_EQ(response.extra_headers, "X-Batch-Failed: 1\r\n");
  EXPECT_NE(response.body.find(R"("reason":22,"code":"rate_limited",)"), std::string::npos);
}

}  // namespace
}  // namespace jindou::api
