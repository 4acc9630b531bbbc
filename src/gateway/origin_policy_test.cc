// Which web pages may open a WebSocket, by their origin and the host they asked for.
#include "gateway/origin_policy.h"

#include <gtest/gtest.h>

namespace jindou::gateway {
namespace {

OriginPolicy policy_of(std::vector<std::string> entries) {
  auto policy = OriginPolicy::parse(entries);
  EXPECT_TRUE(policy);
  return policy ? *policy : OriginPolicy();
}

TEST(OriginPolicy, WithoutTokensPagesOfThisMachineAndOfTheSameAddressComeIn) {
  const OriginPolicy policy;
  for (const char* origin :
       {"", "http://localhost:5173", "http://LOCALHOST", "http://127.0.0.1",
        "https://127.1.2.3:8443", "http://[::1]:80", "http://10.0.0.5:5172", "https://10.0.0.5"}) {
    EXPECT_TRUE(policy.allows(origin, "10.0.0.5:5200", false)) << origin;
  }
  for (const char* origin :
       {"http://evil.example", "http://10.0.0.6", "https://localhost.evil.example",
        "http://evil.example:5200", "null", "file://", "chrome-extension://localhost",
        "http://localhost@evil.example", "http://127.0.0.1.evil.example", "http://",
        "http://127.0.0.1, http://evil.example"}) {
    EXPECT_FALSE(policy.allows(origin, "10.0.0.5:5200", false)) << origin;
    EXPECT_TRUE(policy.allows(origin, "10.0.0.5:5200", true)) << origin;
  }
}

TEST(OriginPolicy, AnAddressOfVersionSixIsTheSameWithAnyPort) {
  const OriginPolicy policy;
  EXPECT_TRUE(policy.allows("http://[2001:db8::1]", "[2001:db8::1]:5200", false));
  EXPECT_TRUE(policy.allows("http://[2001:DB8::1]:5172", "[2001:db8::1]:5200", false));
  EXPECT_FALSE(policy.allows("http://[2001:db8::2]", "[2001:db8::1]:5200", false));
}

// The page's owner lets its name resolve to the server's address: then page and socket have the
// same host, which is a name and therefore worth nothing.
TEST(OriginPolicy, ANameThatWasReboundIsNotTheSameHost) {
  const OriginPolicy policy;
  EXPECT_FALSE(policy.allows("http://evil.example:5200", "evil.example:5200", false));
  EXPECT_TRUE(
      policy_of({"http://chat.lan:5172"}).allows("http://chat.lan:5172", "chat.lan:5200", false));
}

TEST(OriginPolicy, EntriesReplaceTheDefault) {
  const OriginPolicy policy = policy_of({"https://Chat.example.org:443", "http://a:8080", "null"});
  for (const bool tokens : {false, true}) {
    for (const char* origin : {"", "https://chat.example.org", "http://a:8080", "null"}) {
      EXPECT_TRUE(policy.allows(origin, "h", tokens)) << origin;
    }
    for (const char* origin : {"http://chat.example.org", "http://a", "http://localhost"}) {
      EXPECT_FALSE(policy.allows(origin, "h", tokens)) << origin;
    }
  }
  EXPECT_TRUE(policy_of({"*"}).allows("http://evil.example", "h", false));
}

TEST(OriginPolicy, WhatIsNoOriginIsAnError) {
  for (const char* entry : {"", "chat.example.org", "https://", "https://a/", "https://a/b", "://a",
                            "https://a b", "*.example.org"}) {
    EXPECT_FALSE(OriginPolicy::parse(std::vector<std::string>{entry})) << entry;
  }
}

}  // namespace
}  // namespace jindou::gateway
