#include "access/read_token.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <string>

#include "access/forged_token.h"
#include "access/login_token.h"

namespace jindou::access {
namespace {

using Is = ShownReadToken::Is;

constexpr std::int64_t kReadNow = 1'700'000'000;
const std::string kReadSecret = "a-secret-of-this-test";           // NOLINT
const std::string kReadIssuer = "wukongim";                        // NOLINT
const std::string kReadHeader = R"({"alg":"HS256","typ":"JWT"})";  // NOLINT

Reader reader_of(const std::string& uid) {
  Reader reader;
  reader.uid = uid;
  return reader;
}

std::string made_token(const Reader& reader, std::int64_t expires_at = kReadNow + 60) {
  return make_read_token(reader, kReadSecret, kReadIssuer, kReadNow, expires_at);
}

ShownReadToken judge_read(const std::string& token, std::int64_t now = kReadNow) {
  return judge_read_token(token, kReadSecret, kReadIssuer, now);
}

// As another program would sign it.
Is is_forged(const std::string& said, const std::string& header = kReadHeader,
             const std::string& secret = kReadSecret, const EVP_MD* digest = EVP_sha256()) {
  return judge_read(forge_token(header, said, secret, digest)).is;
}

constexpr std::string_view kGoodClaims =
    R"({"iss":"wukongim","exp":1700000060,"aud":"jindou:read","sub":"u1"})";

TEST(ReadToken, TellsWhoseItIsAndWhatItEndsWith) {
  Reader reader = reader_of("用户一");
  reader.key = "orders";
  reader.device_flag = DeviceFlag::web;
  reader.device_mark = "0123";
  const std::string token = made_token(reader);
  const ShownReadToken shown = judge_read(token);
  ASSERT_EQ(shown.is, Is::good);
  EXPECT_EQ(*shown.reader, reader);
  EXPECT_EQ(*judge_read(made_token(reader_of("u1"))).reader, reader_of("u1"));
  EXPECT_EQ(judge_read(token, kReadNow + 59).is, Is::good);
  EXPECT_EQ(judge_read(token, kReadNow + 60).is, Is::over);
  EXPECT_EQ(judge_read(token, kReadNow + 60).reader, nullptr);
}

TEST(ReadToken, WhatIsNoneIsNotJudgedAsOne) {
  const std::string login =
      make_login_token("u1", kReadSecret, kReadIssuer, kReadNow, kReadNow + 60);
  for (const std::string& text : {login, std::string(), std::string(".."), std::string("a.b.c"),
                                  std::string("jdk_0123456789"), std::string(5000, '.')}) {
    EXPECT_EQ(judge_read(text).is, Is::something_else) << text.substr(0, 40);
  }
  EXPECT_EQ(is_forged(R"({"iss":"wukongim","exp":1700000060,"aud":"other","sub":"u1"})"),
            Is::something_else);
  EXPECT_EQ(is_forged(R"({"iss":"wukongim","exp":1700000060,"aud":["jindou:read"],"sub":"u1"})"),
            Is::something_else);
}

TEST(ReadToken, WhatSaysThatItIsOneIsRefusedUnlessItIs) {
  const std::string good(kGoodClaims);
  EXPECT_EQ(is_forged(good), Is::good);
  EXPECT_EQ(is_forged(good, kReadHeader, "another"), Is::wrong);
  EXPECT_EQ(is_forged(good, R"({"alg":"none","typ":"JWT"})", kReadSecret, nullptr), Is::wrong);
  EXPECT_EQ(is_forged(good, R"({"alg":"none","typ":"JWT"})"), Is::wrong);
  EXPECT_EQ(is_forged(good, R"({"alg":"HS512","typ":"JWT"})", kReadSecret, EVP_sha512()),
            Is::wrong);
  EXPECT_EQ(is_forged(R"({"iss":"x","exp":1700000060,"aud":"jindou:read","sub":"u1"})"), Is::wrong);
  EXPECT_EQ(is_forged(R"({"iss":"wukongim","exp":1700000060,"aud":"jindou:read"})"), Is::wrong);
  EXPECT_EQ(is_forged(R"({"iss":"wukongim","exp":1700000060,"aud":"jindou:read","sub":7})"),
            Is::wrong);
  EXPECT_EQ(is_forged(R"({"iss":"wukongim","exp":1700000060,"aud":"jindou:read","sub":"u1",)"
                      R"("device":"300","mark":"0"})"),
            Is::wrong);
  EXPECT_EQ(is_forged(R"({"iss":"wukongim","aud":"jindou:read","sub":"u1"})"), Is::over);
  EXPECT_EQ(judge_read_token(made_token(reader_of("u1")), "", kReadIssuer, kReadNow).is, Is::wrong);
}

TEST(ReadToken, ACutOrChangedSignatureIsNoneOfOurs) {
  const std::string token = made_token(reader_of("u1"));
  const std::size_t signature = token.rfind('.') + 1;
  for (std::size_t i = signature; i + 1 < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(judge_read(changed).is, Is::wrong) << i;
    EXPECT_EQ(judge_read(token.substr(0, i)).is, Is::wrong) << i;
  }
}

TEST(ReadToken, ANameThatIsNoTextMakesNone) { EXPECT_EQ(made_token(reader_of("\xff\xfe")), ""); }

}  // namespace
}  // namespace jindou::access
