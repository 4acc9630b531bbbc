// Lists are read at the start and when their files change; a file that cannot be used changes
// nothing.
#include "moderation/word_lists.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace jindou::moderation {
namespace {

class WordListsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!WordMatcher::is_available()) GTEST_SKIP() << "no word lists on this machine";
    folder_ =
        std::filesystem::temp_directory_path() / ("word_lists_test_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  std::string write(const std::string& name, std::string_view text) {
    const std::string path = (folder_ / (name + ".txt")).string();
    const std::string fresh = path + ".new";
    std::ofstream(fresh, std::ios::binary) << text;
    std::filesystem::rename(fresh, path);
    return path;
  }
  void use(const std::vector<std::string>& entries) {
    auto next = std::make_shared<Options>();
    next->check_interval = std::chrono::milliseconds(0);
    auto lists = parse_lists(entries);
    ASSERT_TRUE(lists) << lists.error().text();
    next->lists = std::move(*lists);
    options_ = std::move(next);
  }
  OptionsSource source() {
    return [this] { return options_; };
  }
  static std::vector<std::string> words_found(const WordLists& lists, std::string_view text) {
    const auto current = lists.current();
    if (!current) return {};
    std::vector<WordMatcher::Match> matches;
    current->matcher->find(text, matches);
    std::vector<std::string> names;
    for (const auto& match : matches) {
      for (auto& name : current->names_of(match.lists)) names.push_back(std::move(name));
    }
    return names;
  }
  // The thread reads when it is told to; how long that takes is the machine's business.
  template <class Done>
  static bool wait_until(const Done& done) {
    for (int i = 0; i < 3000; ++i) {
      if (done()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  using Names = std::vector<std::string>;

  std::filesystem::path folder_;
  std::shared_ptr<const Options> options_ = std::make_shared<Options>();
};

TEST_F(WordListsTest, EntriesAreUnderstoodOrNamed) {
  const auto lists = parse_lists({"refuse:/a/b.txt", "mask:c", "flag:/d.e.list"});
  ASSERT_TRUE(lists);
  EXPECT_EQ((*lists)[0], (ListOptions{"b", Action::refuse, "/a/b.txt"}));
  EXPECT_EQ((*lists)[1], (ListOptions{"c", Action::mask, "c"}));
  EXPECT_EQ((*lists)[2], (ListOptions{"d.e", Action::flag, "/d.e.list"}));
  for (const std::string entry : {"b.txt", "drop:b.txt", "refuse:", "refuse", ""}) {
    const auto bad = parse_lists({entry});
    ASSERT_FALSE(bad) << entry;
    EXPECT_EQ(bad.error().code(), Errc::invalid);
    EXPECT_NE(bad.error().detail().find("'" + entry + "'"), std::string::npos);
  }
  EXPECT_FALSE(parse_lists({"refuse:/a/x.txt", "mask:/b/x.txt"}));
}

TEST_F(WordListsTest, WordsOfAllListsAreLookedFor) {
  use({"refuse:" + write("ads", "spam\nboth\n"), "mask:" + write("rude", "both\n词\n")});
  WordLists lists(source());
  ASSERT_TRUE(lists.load());
  EXPECT_EQ(words_found(lists, "spam"), Names{"ads"});
  EXPECT_EQ(words_found(lists, "一词"), Names{"rude"});
  EXPECT_EQ(words_found(lists, "both"), (Names{"ads", "rude"}));
  std::string metrics;
  lists.append_metrics(metrics);
  EXPECT_NE(metrics.find("jindou_moderation_words 3\n"), std::string::npos);
  EXPECT_NE(metrics.find("jindou_moderation_lists_broken 0\n"), std::string::npos);
}

TEST_F(WordListsTest, WithoutListsThereIsNothing) {
  WordLists lists(source());
  ASSERT_TRUE(lists.load());
  EXPECT_EQ(lists.current(), nullptr);
}

TEST_F(WordListsTest, AFileThatCannotBeUsedIsAnErrorOfTheStart) {
  for (const std::string& entry :
       {"refuse:" + write("bad", "a\xff"), "refuse:" + (folder_ / "missing.txt").string()}) {
    use({entry});
    WordLists lists(source());
    const auto loaded = lists.load();
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code(), Errc::invalid);
    EXPECT_NE(loaded.error().detail().find(entry.substr(entry.find(':') + 1)), std::string::npos);
  }
}

TEST_F(WordListsTest, AChangedFileIsReadAgain) {
  use({"refuse:" + write("ads", "old\n")});
  WordLists lists(source());
  ASSERT_TRUE(lists.load());
  lists.start();
  write("ads", "new\n");
  lists.refresh();
  ASSERT_TRUE(wait_until([&] { return words_found(lists, "new") == Names{"ads"}; }));
  EXPECT_EQ(words_found(lists, "old"), Names{});
}

TEST_F(WordListsTest, ABrokenFileKeepsItsWordsAndOthersAreTaken) {
  use({"refuse:" + write("ads", "old\n"), "mask:" + write("rude", "damn\n")});
  WordLists lists(source());
  ASSERT_TRUE(lists.load());
  lists.start();
  write("ads", "new\n\xff\n");
  write("rude", "darn\n");
  lists.refresh();
  ASSERT_TRUE(wait_until([&] { return words_found(lists, "darn") == Names{"rude"}; }));
  EXPECT_EQ(words_found(lists, "old new"), Names{"ads"});
  ASSERT_EQ(lists.problems().size(), 1U);
  EXPECT_NE(lists.problems()[0].find("line 2: is not UTF-8; the words of before are used"),
            std::string::npos);
  std::string metrics;
  lists.append_metrics(metrics);
  EXPECT_NE(metrics.find("jindou_moderation_lists_broken 1\n"), std::string::npos);
  EXPECT_NE(metrics.find("jindou_moderation_loads_total{result=\"failed\"} 1\n"),
            std::string::npos);
  // Mended.
  write("ads", "new\n");
  lists.refresh();
  ASSERT_TRUE(wait_until([&] { return lists.problems().empty(); }));
  EXPECT_EQ(words_found(lists, "old new"), Names{"ads"});
  EXPECT_EQ(words_found(lists, "old"), Names{});
}

TEST_F(WordListsTest, AListThatIsTakenOutOfTheSettingsIsGone) {
  const std::string ads = write("ads", "spam\n");
  use({"refuse:" + ads});
  WordLists lists(source());
  ASSERT_TRUE(lists.load());
  options_ = std::make_shared<Options>();
  lists.start();
  lists.refresh();
  ASSERT_TRUE(wait_until([&] { return lists.current() == nullptr; }));
}

}  // namespace
}  // namespace jindou::moderation
