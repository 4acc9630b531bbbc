// Where words are found in a text, and where not.
#include "moderation/word_matcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "moderation/text_case.h"

namespace jindou::moderation {
namespace {

class WordMatcherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!WordMatcher::is_available()) GTEST_SKIP() << "no word lists on this machine";
  }

  static std::shared_ptr<const WordMatcher> compile(const std::vector<std::string>& texts) {
    std::vector<WordMatcher::Word> words;
    for (const std::string& text : texts) words.push_back({text, 1});
    auto compiled = WordMatcher::compile(std::move(words));
    EXPECT_TRUE(compiled) << compiled.error().text();
    return *compiled;
  }

  // What was found, in the order of places.
  static std::vector<std::string> found(const WordMatcher& matcher, std::string_view text) {
    std::string lower;
    append_lower(lower, text);
    std::vector<WordMatcher::Match> matches;
    matcher.find(lower, matches);
    std::sort(matches.begin(), matches.end(), [](const auto& a, const auto& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    std::vector<std::string> texts;
    for (const auto& match : matches) {
      texts.push_back(lower.substr(match.begin, match.end - match.begin));
    }
    return texts;
  }

  using Texts = std::vector<std::string>;
};

TEST_F(WordMatcherTest, LatinWordsMatchAsAWhole) {
  const auto matcher = compile({"ass", "buy now", "c++", "straße"});
  EXPECT_EQ(found(*matcher, "an ASS, an ass"), (Texts{"ass", "ass"}));
  EXPECT_EQ(found(*matcher, "class assess ass_ ass9 åss assé"), Texts{});
  EXPECT_EQ(found(*matcher, "«ass»ass!"), (Texts{"ass", "ass"}));
  EXPECT_EQ(found(*matcher, "Buy Now! buy nowhere"), Texts{"buy now"});
  EXPECT_EQ(found(*matcher, "c++ c++11 xc++"), (Texts{"c++", "c++"}));
  EXPECT_EQ(found(*matcher, "STRAßE straßen"), Texts{"straße"});
}

TEST_F(WordMatcherTest, ChineseMatchesAnywhere) {
  const auto matcher = compile({"敏感", "感词", "ad"});
  EXPECT_EQ(found(*matcher, "这是敏感词吗"), (Texts{"敏感", "感词"}));
  EXPECT_EQ(found(*matcher, "中文ad中文 bad"), Texts{"ad"});
  EXPECT_EQ(found(*matcher, "敏 感"), Texts{});
}

TEST_F(WordMatcherTest, WordsWithinWordsAreAllFound) {
  const auto matcher = compile({"法轮", "法轮功", "功"});
  EXPECT_EQ(found(*matcher, "法轮功"), (Texts{"法轮", "法轮功", "功"}));
}

TEST_F(WordMatcherTest, ListsOfAWordAreTold) {
  const auto matcher = WordMatcher::compile({{"one", 5}, {"two", 2}});
  ASSERT_TRUE(matcher);
  std::vector<WordMatcher::Match> matches;
  (*matcher)->find("two one", matches);
  ASSERT_EQ(matches.size(), 2U);
  EXPECT_EQ(matches[0].lists, 2U);
  EXPECT_EQ(matches[1].lists, 5U);
  EXPECT_EQ(matches[1].begin, 4U);
  EXPECT_EQ(matches[1].end, 7U);
  (*matcher)->find("", matches);
  EXPECT_TRUE(matches.empty());
}

TEST_F(WordMatcherTest, BytesThatAreNoTextAreSearchedToo) {
  const auto matcher = compile({"word", "词"});
  EXPECT_EQ(found(*matcher, "\xff word \xe8\xaf"), Texts{"word"});
}

TEST_F(WordMatcherTest, TensOfThousandsOfWords) {
  std::vector<std::string> words;
  for (int i = 0; i < 20'000; ++i) words.push_back("word" + std::to_string(i));
  const auto matcher = compile(words);
  EXPECT_EQ(matcher->words(), words.size());
  EXPECT_GT(matcher->bytes(), words.size());
  EXPECT_EQ(found(*matcher, "word1 word19999 word20000"), (Texts{"word1", "word19999"}));
}

TEST_F(WordMatcherTest, ThreadsSearchInSeveralAtOnce) {
  const std::vector<std::shared_ptr<const WordMatcher>> matchers = {
      compile({"one"}), compile({"two", "中"}), compile({"three"})};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&matchers] {
      for (int round = 0; round < 200; ++round) {
        for (const auto& matcher : matchers) {
          EXPECT_EQ(found(*matcher, "one two three").size(), 1U);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace jindou::moderation
