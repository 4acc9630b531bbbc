#include "config/secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jindou::config {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::string_view kGood = "0123456789abcdef";
constexpr std::string_view kShort = "0123456789abcde";

TEST(Credentials, InsideUrlsAreMasked) {
  EXPECT_EQ(without_credentials("https://u:p@w@host:8443/h?x=1"), "https://***@host:8443/h?x=1");
  EXPECT_EQ(without_credentials("http://me@host"), "http://***@host");
  EXPECT_EQ(without_credentials("http://h/p?a=1&access_token=geheim&Api-Key=k;b=2#f"),
            "http://h/p?a=1&access_token=***&Api-Key=***;b=2#f");
  EXPECT_EQ(without_credentials("a http://u:p@h1/ http://h2?token=t"),
            "a http://***@h1/ http://h2?token=***");
  EXPECT_EQ(without_credentials("http://u:p'w\"x@h/p?pass=a'b\"c&d=1"),
            "http://***@h/p?pass=***&d=1");
  EXPECT_EQ(without_credentials("http://h/?to=https://u:p@h2/x&a=1"),
            "http://h/?to=https://***@h2/x&a=1");
  EXPECT_EQ(without_credentials("http://h/http://u:p@h2/?to=http://h3?token=t&a=1"),
            "http://h/http://***@h2/?to=http://h3?token=***&a=1");
}

TEST(Credentials, OtherTextStaysAsItIs) {
  for (const std::string_view text :
       {"", "plain", "a@b", "token=1", "tcp://0.0.0.0:5100", "https://host/@user?page=2&x",
        "http://[::1]:80", "://", "http://"}) {
    EXPECT_EQ(without_credentials(text), text);
  }
}

Settings loopback() {
  Settings settings;
  settings.addr = "tcp://127.0.0.1:5100";
  settings.ws_addr = "ws://[::1]:5200";
  return settings;
}

TEST(Secrets, HaveToBeLongWhereOthersCanTry) {
  Settings settings = loopback();
  settings.manager_token = settings.auth.super_token = settings.jwt.secret = kShort;
  EXPECT_TRUE(check_secrets(settings));
  for (std::string Settings::*address : {&Settings::http_addr, &Settings::addr, &Settings::ws_addr,
                                         &Settings::tls_addr, &Settings::wss_addr}) {
    Settings open = settings;
    open.*address = "0.0.0.0:1";
    const auto refused = check_secrets(open);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail(), HasSubstr("managerToken: shorter than 16"));
    EXPECT_THAT(refused.error().detail(), Not(HasSubstr(std::string(kShort))));
    open.manager_token = kGood;
    open.auth.super_token = open.jwt.secret = kGood;
    EXPECT_TRUE(check_secrets(open));
  }
}

TEST(Secrets, OfLoginsConcernThePortsThatTakeThem) {
  Settings settings = loopback();
  settings.jwt.secret = kShort;
  settings.addr = "tcp://0.0.0.0:5100";  // takes no logins of the manager port
  EXPECT_TRUE(check_secrets(settings));
  settings.manager.addr = "0.0.0.0:5300";
  EXPECT_FALSE(check_secrets(settings));
  settings.manager.on = false;
  EXPECT_TRUE(check_secrets(settings));
  settings.auth.super_token = kShort;
  settings.http_addr = "0.0.0.0:5001";
  EXPECT_FALSE(check_secrets(settings));
}

TEST(Secrets, ThatAreShortAreToldOf) {
  Settings settings = loopback();
  EXPECT_THAT(weak_secret_warnings(settings), IsEmpty());
  settings.manager_token = kGood;
  EXPECT_THAT(weak_secret_warnings(settings), IsEmpty());
  settings.manager_token = settings.webhook.secret = "x";
  EXPECT_EQ(weak_secret_warnings(settings).size(), 2U);
}

}  // namespace
}  // namespace jindou::config
