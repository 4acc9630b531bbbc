#include "access/page_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jindou::access {
namespace {

using ::testing::HasSubstr;
using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr Door kOpen{.asks_for_a_secret = false, .on_loopback = true};
constexpr Door kOpenToAll{.asks_for_a_secret = false, .on_loopback = false};
constexpr Door kSecretDoor{.asks_for_a_secret = true, .on_loopback = true};

PageVerdict judge(Door door, const Headers& headers, const PageRules& rules = {},
                  http::Verb method = http::Verb::get) {
  http::Request request;
  request.set_line(method, "", "/x", 11);
  for (const auto& [name, value] : headers) request.add_header(http::Field::unknown, name, value);
  return judge_page(request, rules, door);
}

PageRules listing(const std::vector<std::string>& origins) {
  config::Settings settings;
  settings.api.allowed_origins = origins;
  return page_rules(settings);
}

TEST(PageGuard, CallersThatAreNoBrowsersNoticeNothing) {
  for (const std::string host :
       {"127.0.0.1:5001", "localhost:5001", "[::1]:5001", "jindou:5001", "10.0.0.1:5001", ""}) {
    const PageVerdict verdict = judge(kOpen, {{"host", host}}, {}, http::Verb::post);
    EXPECT_EQ(verdict.refusal, "") << host;
    EXPECT_EQ(verdict.allow_origin, "") << host;
  }
  EXPECT_EQ(judge(kOpenToAll, {{"host", "im.example.com"}}).refusal, "");
}

TEST(PageGuard, DnsRebindingIsRefusedOnLoopback) {
  const Headers rebound = {{"host", "evil.example:5001"}, {"origin", "http://evil.example:5001"}};
  EXPECT_THAT(judge(kOpen, rebound).refusal, HasSubstr("'evil.example'"));
  EXPECT_EQ(judge(kOpen, rebound).allow_origin, "");
  EXPECT_NE(judge(kOpen, {{"host", "127.0.0.1.evil.example"}}).refusal, "");
  EXPECT_EQ(judge(kSecretDoor, rebound).refusal, "");
  // Known by the configuration.
  config::Settings settings;
  settings.external.api_url = "https://im.example.com:8443/api";
  settings.api.allowed_origins = {"https://app.example.com"};
  const PageRules rules = page_rules(settings);
  EXPECT_EQ(judge(kOpen, {{"host", "IM.example.com"}}, rules).refusal, "");
  EXPECT_EQ(judge(kOpen, {{"host", "app.example.com"}}, rules).refusal, "");
  EXPECT_NE(judge(kOpen, {{"host", "evil.example"}}, rules).refusal, "");
}

TEST(PageGuard, OnlyPagesOfKnownOriginsAreAnswered) {
  const auto from = [](Door door, const std::string& origin, const PageRules& rules = {}) {
    return judge(door, {{"host", "127.0.0.1:5001"}, {"origin", origin}}, rules);
  };
  EXPECT_EQ(from(kOpen, "http://localhost:5172").allow_origin, "http://localhost:5172");
  EXPECT_EQ(from(kOpen, "http://localhost:5172").refusal, "");
  for (const Door door : {kOpen, kOpenToAll}) {
    for (const std::string origin : {"http://evil.example", "null", "nonsense"}) {
      EXPECT_THAT(from(door, origin).refusal, HasSubstr("api.allowedOrigins")) << origin;
      EXPECT_EQ(from(door, origin).allow_origin, "") << origin;
    }
    EXPECT_EQ(from(door, "https://app.example", listing({"https://app.example"})).refusal, "");
    EXPECT_EQ(from(door, "http://evil.example", listing({"*"})).allow_origin, "*");
  }
}

TEST(PageGuard, TheChatDemoIsKnown) {
  const auto from = [](const std::string& demo_address, const std::string& origin) {
    config::Settings settings;
    settings.http_addr = "192.168.1.5:5001";
    settings.demo.addr = demo_address;
    return judge(kOpenToAll, {{"host", "192.168.1.5:5001"}, {"origin", origin}},
                 page_rules(settings))
        .allow_origin;
  };
  EXPECT_EQ(from("localhost:5172", "http://127.0.0.1:5172"), "http://127.0.0.1:5172");
  EXPECT_EQ(from("localhost:5172", "http://localhost:5173"), "");
  EXPECT_EQ(from("10.0.0.1:5172", "http://10.0.0.1:5172"), "http://10.0.0.1:5172");
  EXPECT_EQ(from("10.0.0.1:5172", "http://evil.example:5172"), "");
}

TEST(PageGuard, ASecretIsEnoughUnlessOriginsAreListed) {
  const Headers headers = {{"host", "im.example"}, {"origin", "https://app.example"}};
  EXPECT_EQ(judge(kSecretDoor, headers).allow_origin, "*");
  EXPECT_EQ(judge(kSecretDoor, headers).refusal, "");
  EXPECT_EQ(judge(kSecretDoor, headers, listing({"https://app.example"})).allow_origin,
            "https://app.example");
  EXPECT_NE(judge(kSecretDoor, headers, listing({"https://other.example"})).refusal, "");
}

// What a browser sends for any page without a preflight: forms and text.
TEST(PageGuard, SimpleRequestsDoNotGetThrough) {
  const auto post = [](const Headers& more) {
    Headers headers = {{"host", "127.0.0.1:5001"}};
    headers.insert(headers.end(), more.begin(), more.end());
    return judge(kOpen, headers, {}, http::Verb::post).refusal;
  };
  const std::pair<std::string, std::string> origin{"origin", "http://localhost:8080"};
  EXPECT_THAT(post({origin, {"content-type", "text/plain"}}), HasSubstr("application/json"));
  EXPECT_NE(post({origin, {"content-type", "application/x-www-form-urlencoded"}}), "");
  EXPECT_NE(post({origin}), "");
  EXPECT_EQ(post({origin, {"content-type", "application/json"}}), "");
  EXPECT_EQ(post({origin, {"content-type", "Application/JSON ; charset=utf-8"}}), "");
  EXPECT_EQ(post({{"origin", "http://127.0.0.1:5001"}, {"content-type", "text/plain"}}), "");
  EXPECT_NE(post({{"sec-fetch-site", "cross-site"}, {"sec-fetch-mode", "navigate"}}), "");
}

TEST(PageGuard, APageOfAnotherSiteLoadsNothingIntoItself) {
  const auto get = [](const std::string& mode) {
    return judge(kOpen, {{"host", "127.0.0.1:5001"},
                         {"sec-fetch-site", "cross-site"},
                         {"sec-fetch-mode", mode}})
        .refusal;
  };
  EXPECT_NE(get("no-cors"), "");
  EXPECT_EQ(get("navigate"), "");
}

}  // namespace
}  // namespace jindou::access
