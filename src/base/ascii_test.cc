#include "base/ascii.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace jindou {
namespace {

TEST(Ascii, LowersItsOwnLettersAndNoOtherByte) {
  EXPECT_EQ(ascii_lower("AZaz09[@`{"), "azaz09[@`{");
  EXPECT_EQ(ascii_lower("\xc3\x84\xff"), "\xc3\x84\xff");
  EXPECT_EQ(ascii_lower(std::string_view("A\0B", 3)), std::string("a\0b", 3));
}

TEST(Ascii, BytesAboveAreNeitherLetterNorDigit) {
  for (int byte = 128; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    EXPECT_FALSE(is_ascii_letter(c) || is_ascii_digit(c)) << byte;
  }
}

TEST(Ascii, TheCaseOfLettersMakesNoDifference) {
  EXPECT_TRUE(ascii_iequals("", ""));
  EXPECT_TRUE(ascii_iequals("Content-Type", "content-tYPE"));
  EXPECT_FALSE(ascii_iequals("gzip", "gzi"));
  EXPECT_FALSE(ascii_iequals("gzip", "gzap"));
  EXPECT_FALSE(ascii_iequals("@[", "`{")) << "a letter's distance apart";
  EXPECT_FALSE(ascii_iequals("\xc3\x84", "\xc3\xa4"));
  // What lies behind them is not read: these are of just their bytes.
  const std::vector<char> upper = {'B', 'R'};
  const std::vector<char> lower = {'b', 'r'};
  EXPECT_TRUE(ascii_iequals({upper.data(), upper.size()}, {lower.data(), lower.size()}));
}

}  // namespace
}  // namespace jindou
