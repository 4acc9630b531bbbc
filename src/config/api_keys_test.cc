#include "config/api_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/loaded_settings.h"

namespace jindou::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kHash(64, 'a');
const std::string kOther(64, 'b');

std::string entry(const std::string& more = "") {
  return "name=orders;sha256=" + kHash + ";scopes=send" + more;
}
std::string problem(const std::string& text) {
  const auto keys = parse_api_keys({text});
  return keys ? "" : keys.error().detail();
}

TEST(ApiKeys, AnEntryHasAllMembers) {
  const auto keys = parse_api_keys(
      {"scopes=send,read;name=a.b_c-1;sha256=" + kHash + "," + kOther +
       ";senders=bot,bot 2;channels=group:orders-,*:x:y,1:;expires=2027-06-30;rate=20;burst=500"});
  ASSERT_TRUE(keys) << keys.error().detail();
  ASSERT_EQ(keys->size(), 1U);
  const ApiKey& key = *keys->front().key;
  EXPECT_EQ(key.name, "a.b_c-1");
  EXPECT_TRUE(key.may(Scope::send));
  EXPECT_TRUE(key.may(Scope::read));
  EXPECT_FALSE(key.may(Scope::administer));
  EXPECT_EQ(key.senders, (std::vector<std::string>{"bot", "bot 2"}));
  EXPECT_EQ(key.channels, (std::vector<ChannelPattern>{{ChannelType::group, "orders-"},
                                                       {std::nullopt, "x:y"},
                                                       {ChannelType::person, ""}}));
  EXPECT_EQ(key.expires_at, 1'814'313'600);
  EXPECT_EQ(key.rate.per_second, 20U);
  EXPECT_EQ(key.rate.burst, 500U);
  ASSERT_EQ(keys->front().hashes.size(), 2U);
  EXPECT_EQ(keys->front().hashes[0][31], 0xaa);
}

TEST(ApiKeys, AnEndIsADayOrASecond) {
  const auto end = [](const std::string& text) {
    const auto keys = parse_api_keys({entry(";expires=" + text)});
    return keys ? keys->front().key->expires_at : -1;
  };
  EXPECT_EQ(end("2027-06-30T00:00:00Z"), 1'814'313'600);
  EXPECT_EQ(end("2027-06-30T12:30:05Z"), 1'814'313'600 + 45'005);
  EXPECT_EQ(end("2028-02-29"), 1'835'395'200);
  for (const char* wrong : {"2027-02-29", "2027-13-01", "2027-00-10", "1970-01-01", "2027-6-30",
                            "tomorrow", "2027-06-30T24:00:00Z", "2027-06-30 12:00:00Z",
                            "2027-06-30T12:00:00", "+027-06-30", "2027-06-30T12:00:0xZ"}) {
    EXPECT_EQ(end(wrong), -1) << wrong;
  }
}

TEST(ApiKeys, BadEntriesAreRefusedWithoutTellingAHashOrASecret) {
  EXPECT_EQ(problem(entry()), "");
  for (const std::string& bad : std::vector<std::string>{
           "my-secret-0123456789",
           "my-secret-0123456789=1",
           "name=x;scopes=send",
           "name=x;sha256=" + kHash,
           "sha256=" + kHash + ";scopes=send",
           "name=x;sha256=my-secret-0123456789;scopes=send",
           "name=x;scopes=send;sha256=" + kHash + "," + kOther + "," + std::string(64, 'c'),
           "name=x;scopes=send;sha256=" + kHash.substr(1) + "g",
           entry(";my-secret-0123456789=1"),
           entry(";scopes=read"),
           entry(";senders="),
           entry(";senders=a@b"),
           entry(";senders=a,,b"),
           entry(";channels=orders"),
           entry(";channels=0:a"),
           entry(";channels=club:a"),
           entry(";"),
           "name=x y;scopes=send;sha256=" + kHash,
           "name=;scopes=send;sha256=" + kHash,
           "name=" + std::string(65, 'n') + ";scopes=send;sha256=" + kHash,
           "name=x;scopes=write;sha256=" + kHash,
           "name=x;scopes=;sha256=" + kHash}) {
    const std::string said = problem(bad);
    EXPECT_THAT(said, HasSubstr("apiKeys: entry 1")) << bad;
    EXPECT_THAT(said, Not(HasSubstr("my-secret"))) << bad;
    EXPECT_THAT(said, Not(HasSubstr("aaaa"))) << bad;
  }
  EXPECT_THAT(problem("name=x;scopes=write;sha256=" + kHash), HasSubstr("entry 1 (x): scopes"));
}

TEST(ApiKeys, ABurstIsThatOfASecondUnlessItIsGiven) {
  const auto rate = [](const std::string& members) {
    return parse_api_keys({entry(members)}).value().front().key->rate;
  };
  EXPECT_EQ(rate(";rate=20"), (Rate{20, 20}));
  EXPECT_FALSE(rate("").on());
  for (const char* bad : {";burst=5", ";rate=0", ";rate=-1", ";rate=1000001", ";rate=1.5",
                          ";rate=5;burst=0", ";rate=5;burst=1000000001", ";rate=x"}) {
    EXPECT_THAT(problem(entry(bad)), HasSubstr("entry 1 (orders)")) << bad;
  }
}

TEST(ApiKeys, NamesAndSecretsBelongToOneKey) {
  const auto keys = [](const std::string& second) {
    return parse_api_keys({entry(), second}).has_value();
  };
  EXPECT_TRUE(keys("name=other;scopes=read;sha256=" + kOther));
  EXPECT_FALSE(keys("name=orders;scopes=read;sha256=" + kOther));
  EXPECT_FALSE(keys("name=other;scopes=read;sha256=" + kHash));
  EXPECT_FALSE(parse_api_keys({"name=x;scopes=read;sha256=" + kHash + "," + kHash}));
}

TEST(ApiKeys, AFileHasThemAsMaps) {
  const auto loaded = load_settings_text(
      "apiKeys:\n"
      "  - name: orders\n"
      "    sha256: [" +
          kHash + ", " + kOther +
          "]\n"
          "    scopes: [send, read]\n"
          "    senders: [bot]\n"
          "    channels: ['group:orders-']\n"
          "    expires: 2027-06-30\n"
          "  - name=other;scopes=read;sha256=" +
          std::string(64, 'c') + "\n",
      {}, {});
  ASSERT_TRUE(loaded) << loaded.error().detail();
  const auto keys = parse_api_keys(loaded->settings.api_keys);
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 2U);
  EXPECT_EQ((*keys)[0].hashes.size(), 2U);
  EXPECT_EQ((*keys)[0].key->senders, std::vector<std::string>{"bot"});
  EXPECT_EQ((*keys)[1].key->name, "other");
  const std::string report = settings_report(*loaded);
  EXPECT_THAT(report, HasSubstr("apiKeys:"));
  EXPECT_THAT(report, Not(HasSubstr("aaaa")));
  EXPECT_THAT(report, Not(HasSubstr("orders")));
}

TEST(ApiKeys, WhatCannotBeInAnEntryIsRefused) {
  for (const char* text :
       {"apiKeys: [{name: {x: 1}}]", "apiKeys: [{name: [[x]]}]", "apiKeys: [{[a]: x}]",
        "apiKeys: [{name: 'x;scopes=administer'}]", "apiKeys: [{senders: ['a,b']}]",
        "apiKeys: [{}]", "apiKeys: {name: x}", "apiKeys: [[x]]", "apiKeys: [{name: ~}]"}) {
    const auto loaded = load_settings_text(text, {}, {});
    EXPECT_FALSE(loaded) << text;
  }
}

TEST(ApiKeys, GuardAnApiThatOthersReach) {
  const std::string open = "httpAddr: 0.0.0.0:5001\n";
  EXPECT_FALSE(load_settings_text(open, {}, {}));
  EXPECT_TRUE(load_settings_text(open, {}, {{"apiKeys", entry()}}));
}

}  // namespace
}  // namespace jindou::config
