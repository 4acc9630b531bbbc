#include "access/login_token.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "access/forged_token.h"
#include "access/read_token.h"

namespace jindou::access {
namespace {

constexpr std::int64_t kNow = 1'700'000'000;
const std::string kSecret = "a-secret-of-this-test";  // NOLINT
const std::string kIssuer = "wukongim";               // NOLINT

std::string token_of(const std::string& header, const std::string& claims,
                     const EVP_MD* digest = EVP_sha256()) {
  return forge_token(header, claims, kSecret, digest);
}

std::string claims(std::int64_t expires_at = kNow + 60, const std::string& issuer = kIssuer,
                   const std::string& name = "admin") {
  return R"({"iss":")" + issuer + R"(","iat":1,"exp":)" + std::to_string(expires_at) +
         R"(,"username":")" + name + R"("})";
}

const std::string kHs256 = R"({"alg":"HS256","typ":"JWT"})";  // NOLINT

std::optional<std::string> verify(const std::string& token, std::int64_t now = kNow) {
  return verify_login_token(token, kSecret, kIssuer, now);
}

TEST(LoginToken, WhatWasMadeIsVerified) {
  const std::string token = make_login_token("admin", kSecret, kIssuer, kNow, kNow + 60);
  ASSERT_FALSE(token.empty());
  EXPECT_EQ(verify(token), "admin");
  EXPECT_EQ(verify(token, kNow + 59), "admin");
  EXPECT_FALSE(verify(token, kNow + 60)) << "expired";
  EXPECT_FALSE(verify_login_token(token, "another", kIssuer, kNow));
  EXPECT_FALSE(verify_login_token(token, kSecret, "another", kNow));
  EXPECT_FALSE(verify_login_token(token, "", kIssuer, kNow));
}

TEST(LoginToken, TokensOfOtherProgramsWithTheSameKeyAreVerified) {
  EXPECT_EQ(verify(token_of(kHs256, claims())), "admin");
}

TEST(LoginToken, OnlyHs256Counts) {
  EXPECT_FALSE(verify(token_of(R"({"alg":"none","typ":"JWT"})", claims(), nullptr)));
  EXPECT_FALSE(verify(token_of(R"({"alg":"none","typ":"JWT"})", claims())));
  EXPECT_FALSE(verify(token_of(R"({"alg":"HS384","typ":"JWT"})", claims(), EVP_sha384())));
  EXPECT_FALSE(verify(token_of(R"({"alg":"HS512","typ":"JWT"})", claims(), EVP_sha512())));
  EXPECT_FALSE(verify(token_of(R"({"alg":"RS256","typ":"JWT"})", claims())));
  EXPECT_FALSE(verify(token_of(R"({"typ":"JWT"})", claims())));
}

TEST(LoginToken, EveryClaimIsChecked) {
  EXPECT_FALSE(verify(token_of(kHs256, claims(kNow))));
  EXPECT_FALSE(verify(token_of(kHs256, claims(kNow + 60, "somebody"))));
  EXPECT_FALSE(verify(token_of(kHs256, claims(kNow + 60, kIssuer, ""))));
  EXPECT_FALSE(verify(token_of(kHs256, R"({"iss":"wukongim","username":"admin"})")));
  EXPECT_FALSE(verify(token_of(kHs256, R"({"exp":9999999999,"username":"admin"})")));
  EXPECT_FALSE(verify(token_of(kHs256, R"({"iss":"wukongim","exp":9999999999})")));
  EXPECT_FALSE(
      verify(token_of(kHs256, R"({"iss":"wukongim","exp":"9999999999","username":"admin"})")));
}

TEST(LoginToken, AReadTokenIsNone) {
  Reader reader;
  reader.uid = "admin";
  EXPECT_FALSE(verify(make_read_token(reader, kSecret, kIssuer, kNow, kNow + 60)));
  EXPECT_FALSE(verify(token_of(
      kHs256,
      R"({"iss":"wukongim","exp":9999999999,"username":"admin","aud":"jindou:read","sub":"u"})")));
}

TEST(LoginToken, AChangedTokenIsRefused) {
  const std::string token = make_login_token("admin", kSecret, kIssuer, kNow, kNow + 60);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    // The last character of a part carries unused bits: the text differs, the bytes may not.
    if (i + 1 == token.size() || token[i + 1] == '.') continue;
    EXPECT_FALSE(verify(changed)) << i;
    EXPECT_FALSE(verify(token.substr(0, i))) << i;
  }
  EXPECT_FALSE(verify(""));
  EXPECT_FALSE(verify(".."));
  EXPECT_FALSE(verify("a.b.c"));
  EXPECT_FALSE(verify(std::string(5000, 'a')));
}

}  // namespace
}  // namespace jindou::access
