#include "access/login_token.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <vector>

namespace jindou::access {
namespace {

constexpr std::int64_t kNow = 1'700'000'000;
const std::string kSecret = "a-secret-of-this-test";  // NOLINT
const std::string kIssuer = "wukongim";               // NOLINT

std::string base64_url(const unsigned char* bytes, std::size_t size) {
  std::vector<unsigned char> out(4 * ((size + 2) / 3) + 1);
  const int length = EVP_EncodeBlock(out.data(), bytes, static_cast<int>(size));
  std::string text(reinterpret_cast<const char*>(out.data()), static_cast<std::size_t>(length));
  for (char& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::string base64_url(const std::string& text) {
  return base64_url(reinterpret_cast<const unsigned char*>(text.data()), text.size());
}

// A token as another program would make it: any header, any claims, signed with `digest`.
std::string token_of(const std::string& header, const std::string& claims,
                     const EVP_MD* digest = EVP_sha256(), const std::string& secret = kSecret) {
  const std::string signed_part = base64_url(header) + '.' + base64_url(claims);
  if (digest == nullptr) return signed_part + '.';
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(digest, secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(signed_part.data()), signed_part.size(), mac.data(),
       &size);
  return signed_part + '.' + base64_url(mac.data(), size);
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
