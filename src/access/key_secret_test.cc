#include "access/key_secret.h"

#include <gtest/gtest.h>

namespace jindou::access {
namespace {

TEST(KeySecret, IsNewEachTimeAndCannotBeGuessed) {
  SystemRandom random;
  const std::string secret = make_key_secret(random);
  EXPECT_EQ(secret.size(), 4 + 64U);
  EXPECT_TRUE(secret.starts_with("jdk_"));
  EXPECT_NE(secret, make_key_secret(random));
}

TEST(KeySecret, ItsHashIsSha256) {
  const auto hash = hash_of_secret("password");
  ASSERT_TRUE(hash);
  EXPECT_EQ(key_hash_text(*hash),
            "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8");
  auto other = *hash;
  EXPECT_TRUE(equal_hashes(*hash, other));
  other.back() ^= 1U;
  EXPECT_FALSE(equal_hashes(*hash, other));
}

}  // namespace
}  // namespace jindou::access
