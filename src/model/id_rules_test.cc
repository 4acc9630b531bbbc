#include "model/id_rules.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "model/channel.h"

namespace jindou {
namespace {

TEST(IdRules, OrdinaryIdsAreFine) {
  for (const std::string_view id :
       {"u1", "1001", "a b", "a.b-c_d:e/f", "筋斗", "____system", "x___vstr", "systemcmdonline",
        "____cmdx", "\xf0\x9f\x98\x80",
        // The neighbours of what is refused: U+00A0, U+0100, and c2 as a part of U+2080.
        "\xc2\xa0x", "\xc4\x80", "\xe2\x82\x80"}) {
    EXPECT_EQ(id_problem(id), "") << id;
    EXPECT_EQ(internal_id_problem(id), "") << id;
  }
}

// A list of inputs that have broken id checks elsewhere.
TEST(IdRules, HostileIdsAreRefused) {
  using namespace std::string_view_literals;
  const std::string_view bad[] = {
      ""sv,
      " "sv,
      "\t \r\n"sv,
      "a\0b"sv,
      "\0"sv,
      "a\nb"sv,
      "a\x7f"sv,
      "a\x1b[2J"sv,
      "a\xc2\x80"sv,      // U+0080
      "\xc2\x9b\x32J"sv,  // U+009B, which begins a command to a terminal as ESC [ does
      "a\xc2\x9f z"sv,    // U+009F
      "a@b"sv,
      "@"sv,
      "a#b"sv,
      "a&b"sv,
      "a____cmd"sv,
      "____cmd"sv,
      "\xff"sv,
      "\xc3"sv,              // cut short
      "a\xc3(b"sv,           // wrong continuation
      "\xc0\x80"sv,          // overlong NUL
      "\xc1\x80"sv,          // overlong '@'
      "\xe0\x80\x80"sv,      // overlong
      "\xed\xa0\x80"sv,      // surrogate
      "\xf4\x90\x80\x80"sv,  // beyond U+10FFFF
      "\xf8\x88\x80\x80\x80"sv,
      "\xef\xbf"sv,
  };
  for (const auto id : bad) EXPECT_NE(id_problem(id), "") << ::testing::PrintToString(id);
}

TEST(IdRules, LengthIsCountedInBytes) {
  EXPECT_EQ(id_problem(std::string(kIdBytesMax, 'a')), "");
  EXPECT_NE(id_problem(std::string(kIdBytesMax + 1, 'a')), "");
  std::string wide;
  for (int i = 0; i < 86; ++i) wide += "筋";  // 258 bytes
  EXPECT_NE(id_problem(wide), "");
}

TEST(IdRules, InternalIdsMayBeOnePair) {
  EXPECT_EQ(internal_id_problem("a@b"), "");
  EXPECT_EQ(internal_id_problem("plain"), "");
  for (const std::string_view id : {"a@", "@b", "@", "a@b@c", "a@ ", "a@b____cmd", "a#@b"}) {
    EXPECT_NE(internal_id_problem(id), "") << id;
  }
  const std::string half(kIdBytesMax, 'a');
  EXPECT_EQ(internal_id_problem(half + '@' + half), "");
  EXPECT_NE(internal_id_problem(half + "a@" + half), "");
}

// Whatever the bytes, an accepted id makes a pair that splits into the same two halves.
TEST(IdRules, AcceptedIdsSurviveThePairForm) {
  std::mt19937 random(7);
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string id;
    const auto length = random() % 6;
    for (std::uint_fast32_t n = 0; n < length; ++n) {
      // Mostly printable, with every other byte value now and then.
      id += static_cast<char>(random() % 4 == 0 ? random() % 256 : 0x20 + random() % 0x5f);
    }
    if (!id_problem(id).empty()) continue;
    ++accepted;
    EXPECT_TRUE(is_valid_utf8(id));
    const std::string pair = person_channel_id(id, "peer");
    EXPECT_EQ(internal_id_problem(pair), "");
    EXPECT_EQ(peer_in_pair(pair, "peer"), id == "peer" ? "peer" : std::string_view(id));
  }
  EXPECT_GT(accepted, 1000);
}

TEST(IsBlank, KnowsWhiteSpaceOnly) {
  EXPECT_TRUE(is_blank(""));
  EXPECT_TRUE(is_blank(" \t\r\n\v\f"));
  EXPECT_FALSE(is_blank(" x "));
  EXPECT_FALSE(is_blank(std::string_view("\0", 1)));
}

}  // namespace
}  // namespace jindou
