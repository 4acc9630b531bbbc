#include "config/origin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jindou::config {
namespace {

using ::testing::HasSubstr;

TEST(Origin, IsReadInEveryForm) {
  EXPECT_EQ(parse_origin("https://App.Example.com"), (Origin{"https", "app.example.com", 443}));
  EXPECT_EQ(parse_origin("http://localhost:5172"), (Origin{"http", "localhost", 5172}));
  EXPECT_EQ(parse_origin("http://[::1]:80"), (Origin{"http", "[::1]", 80}));
  EXPECT_EQ(parse_origin("capacitor://localhost"), (Origin{"capacitor", "localhost", 0}));
  for (const std::string_view text :
       {"", "null", "*", "app.example.com", "http://", "http://:80", "http://a/", "http://a:0",
        "http://a:65536", "http://a:b", "http://a b", "http://u@a", "://a", "http://a\r\nb",
        "http://[::1", "http://[]", "http://a:80:90"}) {
    EXPECT_FALSE(parse_origin(text)) << text;
  }
}

TEST(Origin, NamesOfThisMachine) {
  for (const std::string_view host :
       {"localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "::1"}) {
    EXPECT_TRUE(is_loopback_name(host)) << host;
    EXPECT_TRUE(is_local_name(host)) << host;
  }
  for (const std::string_view host :
       {"127.example.com", "localhost.example", "10.0.0.1", "[fe80::1]", "", "im"}) {
    EXPECT_FALSE(is_loopback_name(host)) << host;
  }
  for (const std::string_view host : {"10.0.0.1", "[fe80::1]", "im", ""}) {
    EXPECT_TRUE(is_local_name(host)) << host;
  }
  for (const std::string_view host :
       {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "localhost."}) {
    EXPECT_FALSE(is_local_name(host)) << host;
  }
}

TEST(AllowedOrigins, AreTheSameHostUnlessOthersAreListed) {
  const AllowedOrigins none;
  EXPECT_TRUE(none.empty());
  EXPECT_TRUE(none.allow("http://im.example:80", "im.example:5001"));
  EXPECT_TRUE(none.allow("https://IM.example", "im.EXAMPLE"));
  EXPECT_TRUE(none.allow("http://localhost:5172", "127.0.0.1:5001"));
  EXPECT_TRUE(none.allow("http://[::1]:5172", "localhost:5001"));
  EXPECT_FALSE(none.allow("http://evil.example", "127.0.0.1:5001"));
  EXPECT_FALSE(none.allow("http://localhost", "im.example"));
  EXPECT_FALSE(none.allow("null", "127.0.0.1:5001"));
  EXPECT_FALSE(none.allow("", "127.0.0.1:5001"));
  EXPECT_FALSE(none.allow("capacitor://localhost", "localhost:5001"));
}

TEST(AllowedOrigins, HoldForTheirSchemeHostAndPort) {
  const AllowedOrigins some({"https://app.example", "capacitor://localhost", "null", "broken"});
  EXPECT_FALSE(some.empty());
  EXPECT_TRUE(some.allow("https://app.example", "im.example"));
  EXPECT_TRUE(some.allow("https://app.example:443", "im.example"));
  EXPECT_TRUE(some.allow("capacitor://localhost", "im.example"));
  EXPECT_TRUE(some.allow("null", "im.example"));
  EXPECT_TRUE(some.allow("http://im.example:3000", "im.example"));
  EXPECT_FALSE(some.allow("http://app.example", "im.example"));
  EXPECT_FALSE(some.allow("https://app.example:8443", "im.example"));
  EXPECT_TRUE(some.names_host("APP.example"));
  EXPECT_FALSE(some.names_host("im.example"));
  const AllowedOrigins any({"*"});
  EXPECT_TRUE(any.allow("http://evil.example", "im.example"));
}

TEST(AllowedOrigins, AreCheckedWhenTheyAreConfigured) {
  EXPECT_TRUE(check_allowed_origins("k", {"*", "null", "https://a", "http://[::1]:1"}));
  const auto refused = check_allowed_origins("api.allowedOrigins", {"https://a/"});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail(), HasSubstr("api.allowedOrigins: 'https://a/'"));
  EXPECT_FALSE(check_allowed_origins("k", {"a.example"}));
}

}  // namespace
}  // namespace jindou::config
