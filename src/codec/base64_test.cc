// Base64 in its one canonical form: known values, every size, and everything that must be refused.
#include "codec/base64.h"

#include <gtest/gtest.h>

namespace jindou::codec {
namespace {

std::string encoded(std::string_view bytes) {
  std::string out;
  base64_append(out, bytes);
  return out;
}

TEST(Base64, GivesTheValuesOfTheRfc) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : cases) {
    EXPECT_EQ(encoded(plain), text);
    std::string back = "old";
    ASSERT_TRUE(base64_decode(text, back));
    EXPECT_EQ(back, plain);
  }
}

TEST(Base64, RoundTripsAllBytesAtEverySize) {
  std::string bytes;
  for (std::size_t size = 0; size < 600; ++size) {
    const std::string text = encoded(bytes);
    EXPECT_EQ(text.size(), base64_encoded_size(size));
    std::string back;
    ASSERT_TRUE(base64_decode(text, back));
    ASSERT_EQ(back, bytes);
    bytes.push_back(static_cast<char>(size * 37 + 11));
  }
}

TEST(Base64, AppendsAfterWhatIsThere) {
  std::string out = "before:";
  base64_append(out, "foobar!!!");
  EXPECT_EQ(out, "before:Zm9vYmFyISEh");
}

TEST(Base64, SkipsLineEnds) {
  std::string back;
  ASSERT_TRUE(base64_decode("Zm9v\r\nYmFy\n", back));
  EXPECT_EQ(back, "foobar");
  ASSERT_TRUE(base64_decode("Z\nm\n9\nvYg=\n=", back));
  EXPECT_EQ(back, "foob");
  ASSERT_TRUE(base64_decode("\r\n", back));
  EXPECT_EQ(back, "");
}

TEST(Base64, RefusesWhatIsNotCanonical) {
  const char* const bad[] = {
      "Zg",   // no padding
      "Zg=",  // half of it
      "Zm9vYg",   "Zm9vY", "Z",        "=",      "==",      "====",     "Z===",
      "Zg==Zm9v",  // padding in the middle
      "Zm=v",     "=m9v",  "Zm9v====",
      "Zh==",              // bits after the last byte
      "Zm9=",     "-_-_",  // URL-safe alphabet
      "Zm9 v",    "Zm9v ", " Zm9v",    "Zm9v\t", "Zm\x80v", "Zm9v!m9v",
  };
  for (const char* text : bad) {
    std::string back = "old";
    EXPECT_FALSE(base64_decode(text, back)) << text;
    EXPECT_TRUE(back.empty());
  }
  std::string back;
  EXPECT_FALSE(base64_decode(std::string_view("Zm9\0", 4), back));
}

TEST(Base64, RefusesABadCharacterAtEveryPlace) {
  const std::string good = encoded(std::string(40, 'k'));
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const char c : {'-', '_', ' ', '\0', '\xff', '*'}) {
      std::string text = good;
      text[at] = c;
      std::string back;
      EXPECT_FALSE(base64_decode(text, back)) << at;
    }
  }
}

}  // namespace
}  // namespace jindou::codec
