// What counts as a word of a list, and which files are no lists.
#include "moderation/word_list.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "moderation/text_case.h"

namespace jindou::moderation {
namespace {

using Words = std::vector<std::string>;

Words parse(std::string_view text) {
  auto words = parse_word_list(text, 100);
  return words ? *words : Words{"error: " + words.error().detail()};
}

std::string lower(std::string_view text) {
  std::string out;
  append_lower(out, text);
  return out;
}

TEST(WordList, OneWordOrPhraseALine) {
  EXPECT_EQ(parse("one\ntwo words\n敏感词"), (Words{"one", "two words", "敏感词"}));
  EXPECT_EQ(parse("\xef\xbb\xbfone\r\n\r\n \t two \t\r\n# three\n\\#four\n"),
            (Words{"one", "two", "#four"}));
}

TEST(WordList, WordsThatDifferInCaseOnlyAreOne) {
  EXPECT_EQ(parse("Word\nwORD\nÄrger\närger"), (Words{"word", "ärger"}));
}

TEST(WordList, AFileThatIsSomethingElseIsRefusedWithItsLine) {
  EXPECT_EQ(parse(""), Words{"error: there is no word in it"});
  EXPECT_EQ(parse("# only this\n"), Words{"error: there is no word in it"});
  EXPECT_EQ(parse("good\nb\xff"), Words{"error: line 2: is not UTF-8"});
  EXPECT_EQ(parse("a\rb"), Words{"error: line 1: has a control character"});
  EXPECT_EQ(parse("\n" + std::string(kWordBytesMax, 'a')), Words{std::string(kWordBytesMax, 'a')});
  EXPECT_EQ(parse("\n" + std::string(kWordBytesMax + 1, 'a')),
            Words{"error: line 2: is longer than 256 bytes"});
}

TEST(WordList, ThereAreAsManyWordsAsAreAllowed) {
  EXPECT_TRUE(parse_word_list("a\nb\na\n", 2));
  const auto more = parse_word_list("a\nb\nc\n", 2);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().detail(), "line 3: there are more than 2 words");
}

TEST(TextCase, LettersGetSmallAndKeepTheirLength) {
  EXPECT_EQ(lower("ABCxyz[@0"), "abcxyz[@0");
  EXPECT_EQ(lower("ÀÉÖØÞ×"), "àéöøþ×");
  EXPECT_EQ(lower("ĀŁŃŸŻ"), "āłńÿż");
  EXPECT_EQ(lower("ΑΩΣΆΈΌΎ ς"), "αωσάέόύ σ");
  EXPECT_EQ(lower("АЯЁЂҐ"), "аяёђґ");
  EXPECT_EQ(lower("ẠỆỮ"), "ạệữ");
  EXPECT_EQ(lower("ＡＺ"), "ａｚ");
  EXPECT_EQ(lower("İ中文😀"), "İ中文😀");
}

TEST(TextCase, BytesThatAreNoTextStay) {
  for (const std::string_view bytes : {"\xc3", "\xe1\xbb", "\xff\xc3(", "\xd0\xd0"}) {
    EXPECT_EQ(lower(bytes), bytes);
  }
}

TEST(TextCase, WordsOfTheseScriptsStandBetweenBlanks) {
  for (const char32_t character : {U'a', U'Z', U'_', U'9', U'é', U'ж', U'Ω', U'ệ', U'Ａ'}) {
    EXPECT_TRUE(is_of_spaced_word(character)) << static_cast<unsigned>(character);
  }
  for (const char32_t character :
       {U' ', U'-', U'*', U'中', U'あ', U'한', U'×', U'。', char32_t{0}}) {
    EXPECT_FALSE(is_of_spaced_word(character)) << static_cast<unsigned>(character);
  }
}

TEST(TextCase, CharactersAtTheEndsOfAText) {
  EXPECT_EQ(first_character("中a"), U'中');
  EXPECT_EQ(last_character("a中"), U'中');
  EXPECT_EQ(last_character("😀"), U'😀');
  EXPECT_EQ(first_character(""), 0U);
  EXPECT_EQ(last_character(""), 0U);
  EXPECT_EQ(last_character("a\xad"), 0U);
  EXPECT_EQ(last_character("\xad"), 0U);
}

}  // namespace
}  // namespace jindou::moderation
