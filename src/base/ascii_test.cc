#include "base/ascii.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace jindou
