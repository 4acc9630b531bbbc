#include "model/api_key.h"

#include <gtest/gtest.h>

namespace jindou {
namespace {

ApiKey key_with(Scopes scopes) {
  ApiKey key;
  key.name = "k";
  key.scopes = scopes;
  return key;
}

TEST(ApiKey, AScopeIsEnoughWhereOneOfSeveralIsNeeded) {
  const ApiKey sender = key_with(Scope::send);
  EXPECT_TRUE(sender.may(Scope::send));
  EXPECT_TRUE(sender.may(Scope::send | Scope::read));
  EXPECT_FALSE(sender.may(Scope::read));
  EXPECT_FALSE(sender.may(Scope::administer));
}

TEST(ApiKey, AdministerIncludesAll) {
  const ApiKey admin = key_with(Scope::administer);
  for (const Scope scope : {Scope::send, Scope::read, Scope::administer}) {
    EXPECT_TRUE(admin.may(scope)) << scope_name(scope);
    EXPECT_EQ(scope_of_name(scope_name(scope)), scope);
  }
  EXPECT_FALSE(scope_of_name("write"));
  EXPECT_EQ(scope_names(Scope::send | Scope::administer), "send or administer");
}

TEST(ApiKey, SendsAsItsSendersOnly) {
  ApiKey key = key_with(Scope::send);
  EXPECT_FALSE(key.is_bound());
  EXPECT_TRUE(key.may_send_as("anybody"));
  key.senders = {"bot", "bot2"};
  EXPECT_TRUE(key.is_bound());
  EXPECT_TRUE(key.may_send_as("bot"));
  EXPECT_FALSE(key.may_send_as("bo"));
  EXPECT_FALSE(key.may_send_as("bot3"));
  EXPECT_FALSE(key.may_send_as(""));
}

TEST(ApiKey, SendsToChannelsOfItsPrefixesOnly) {
  ApiKey key = key_with(Scope::send);
  EXPECT_TRUE(key.may_send_to(ChannelType::group, "g"));
  key.channels = {{ChannelType::group, "orders-"}, {std::nullopt, "all-"}};
  EXPECT_TRUE(key.may_send_to(ChannelType::group, "orders-1"));
  EXPECT_FALSE(key.may_send_to(ChannelType::person, "orders-1"));
  EXPECT_FALSE(key.may_send_to(ChannelType::group, "order"));
  EXPECT_TRUE(key.may_send_to(ChannelType::person, "all-1"));
}

TEST(ApiKey, IsGoodBeforeItsEnd) {
  ApiKey key = key_with(Scope::read);
  EXPECT_FALSE(key.expired_at(1));
  key.expires_at = 100;
  EXPECT_FALSE(key.expired_at(99));
  EXPECT_TRUE(key.expired_at(100));
}

}  // namespace
}  // namespace jindou
