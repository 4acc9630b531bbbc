#include "access/guest_rule.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace jindou::access {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

bool is_near(const Headers& headers, bool from_loopback = true, unsigned version = 11) {
  http::Request request;
  request.set_line(http::Verb::get, "GET", "/connz", version);
  for (const auto& [name, value] : headers) request.add_header(http::Field::unknown, name, value);
  request.peer_is_loopback = from_loopback;
  return is_straight_from_here(request);
}

TEST(GuestRule, TakesRequestsOfThisMachineToALoopbackHost) {
  for (const char* host : {"localhost", "localhost:5300", "LocalHost:5300", "jindou.localhost",
                           "127.0.0.1:5300", "127.9.9.9", "[::1]", "[::1]:5300"}) {
    EXPECT_TRUE(is_near({{"Host", host}, {"Origin", "http://localhost:5300"}})) << host;
  }
}

TEST(GuestRule, RefusesOtherHosts) {
  for (const char* host : {"im.example.com", "203.0.113.7", "10.0.0.1:5300", "[2001:db8::1]:5300",
                           "jindou", "127.0.0.1.example.com", "localhost.example.com", ""}) {
    EXPECT_FALSE(is_near({{"Host", host}})) << host;
  }
  EXPECT_FALSE(is_near({}));
}

TEST(GuestRule, RefusesOtherMachines) {
  EXPECT_FALSE(is_near({{"Host", "localhost:5300"}}, /*from_loopback=*/false));
}

TEST(GuestRule, RefusesWhatAProxyHandsOn) {
  for (const char* field :
       {"X-Forwarded-For", "x-forwarded-for", "X-Forwarded-Host", "X-Forwarded-Proto",
        "X-Forwarded", "Forwarded", "Via", "X-Real-IP", "X-Client-IP"}) {
    EXPECT_FALSE(is_near({{"Host", "localhost:5300"}, {field, "127.0.0.1"}})) << field;
    EXPECT_FALSE(is_near({{field, ""}, {"Host", "localhost:5300"}})) << field;
  }
  // nginx without a word about headers.
  EXPECT_FALSE(is_near({{"Host", "127.0.0.1:5300"}, {"Connection", "close"}}, true, 10));
}

}  // namespace
}  // namespace jindou::access
