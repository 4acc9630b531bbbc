// Which parts of a payload are looked at, and what is left of it when some are masked.
#include "moderation/payload_texts.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace jindou::moderation {
namespace {

const std::vector<std::string> kMembers{"content", "text"};
const std::vector<std::string> kAll{"*"};

std::string text_of(std::string_view payload, const std::vector<std::string>& members = kMembers) {
  PayloadTexts texts;
  texts.read(payload, members);
  return std::string(texts.text());
}

// With every occurrence of the word masked.
std::string mask(std::string_view payload, std::string_view word,
                 const std::vector<std::string>& members = kMembers) {
  PayloadTexts texts;
  texts.read(payload, members);
  std::vector<PayloadTexts::Range> ranges;
  for (auto at = texts.text().find(word); at != std::string_view::npos;
       at = texts.text().find(word, at + word.size())) {
    ranges.push_back({at, at + word.size()});
  }
  return texts.masked(ranges);
}

TEST(PayloadTexts, StringsOfNamedMembersAreTexts) {
  EXPECT_EQ(text_of(R"({"type":1,"content":"Hello","url":"http://content"})"), "hello");
  EXPECT_EQ(text_of(R"( { "content" : "a" , "text":"b","other":"c" } )"), "a\nb");
  EXPECT_EQ(text_of(R"({"content":"a","content":"b"})"), "a\nb");
  EXPECT_EQ(text_of(R"({"type":2,"other":"content"})"), "");
}

TEST(PayloadTexts, NamedMembersCountAtAnyDepthWithAllBelow) {
  EXPECT_EQ(text_of(R"({"msgs":[{"payload":{"content":"in"}},{"from":"x"}]})"), "in");
  EXPECT_EQ(text_of(R"({"content":{"deep":["a",{"more":"b"},"c"]},"next":"d"})"), "a\nb\nc");
  EXPECT_EQ(text_of(R"([["x"],{"text":["a",["b"]]},"y"])"), "a\nb");
}

TEST(PayloadTexts, AStarNamesAllStringsButNoNames) {
  EXPECT_EQ(text_of(R"({"a":"x","b":[1,"y",{"c":"z"}],"d":true})", kAll), "x\ny\nz");
  EXPECT_EQ(text_of(R"(["x","y"])", kAll), "x\ny");
}

TEST(PayloadTexts, EscapesAreTakenOff) {
  EXPECT_EQ(text_of(R"({"content":"\u654f\u611F\n\"\\\/\ud83d\ude00"})"), "敏感\n\"\\/😀");
  EXPECT_EQ(text_of(R"({"\u0063ontent":"A\u0042"})"), "ab");
}

TEST(PayloadTexts, WhatIsNoJsonIsOneText) {
  EXPECT_EQ(text_of("Plain TEXT"), "plain text");
  EXPECT_EQ(text_of(R"("A string")"), "a string");
  EXPECT_EQ(text_of(R"({"content":"Open)"), R"({"content":"open)");
  EXPECT_EQ(text_of(R"({"other":"Shut"} and more)"), R"({"other":"shut"} and more)");
  EXPECT_EQ(text_of(R"([[["Deep"]])"), R"([[["deep"]])");
  EXPECT_EQ(text_of(""), "");
  EXPECT_EQ(text_of("12"), "12");
}

TEST(PayloadTexts, BytesThatAreNeitherHaveNoText) {
  EXPECT_EQ(text_of("\xff\xfe binary"), "");
  // A lenient client may show it.
  EXPECT_EQ(text_of("{\"content\":\"bad\xff\"}"), "bad\xff");
}

TEST(PayloadTexts, MaskedCharactersAreAsterisksAndTheRestStays) {
  EXPECT_EQ(mask(R"({ "type":1.0, "content" : "an Evil word", "n":1e3 })", "evil"),
            R"({ "type":1.0, "content" : "an **** word", "n":1e3 })");
  EXPECT_EQ(mask("说敏感词", "敏感"), "说**词");
  EXPECT_EQ(mask(R"({"content":"bad","text":"bad bad"})", "bad"),
            R"({"content":"***","text":"*** ***"})");
  EXPECT_EQ(mask("\"bad\"", "bad"), "\"***\"");
}

TEST(PayloadTexts, MaskedEscapesAreOneAsteriskEach) {
  EXPECT_EQ(mask(R"({"content":"x\u654f\u611fy\t\ud83d\ude00"})", "敏感"),
            R"({"content":"x**y\t\ud83d\ude00"})");
  EXPECT_EQ(mask(R"({"content":"\ud83d\ude00bad\"end"})", "😀bad"), R"({"content":"****\"end"})");
  EXPECT_EQ(mask(R"({"content":"\\bad"})", "bad"), R"({"content":"\\***"})");
}

TEST(PayloadTexts, MembersThatAreNotLookedAtAreNotMasked) {
  EXPECT_EQ(mask(R"({"url":"bad","content":"bad"})", "bad"), R"({"url":"bad","content":"***"})");
}

}  // namespace
}  // namespace jindou::moderation
