// What becomes of a message by the lists that its words are in.
#include "moderation/moderator.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/fingerprint.h"

namespace jindou::moderation {
namespace {

class ModeratorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!WordMatcher::is_available()) GTEST_SKIP() << "no word lists on this machine";
    folder_ =
        std::filesystem::temp_directory_path() / ("moderator_test_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    std::vector<std::string> entries;
    for (const auto& [action, words] :
         std::vector<std::pair<std::string, std::string>>{{"refuse", "casino\n赌博\n"},
                                                          {"mask", "damn\n笨蛋\nboth\n"},
                                                          {"flag", "crypto\nboth\n"}}) {
      const std::string path = (folder_ / (action + "_words.txt")).string();
      std::ofstream(path) << words;
      entries.push_back(action + ":" + path);
    }
    options_->lists = *parse_lists(entries);
    options_->members = {"content"};
    moderator_ = std::make_unique<Moderator>(ModeratorDeps{
        .clock = clock_,
        .options = [this] { return options_; },
        .is_system_account = [](std::string_view uid) { return uid == "robot"; },
    });
    ASSERT_TRUE(moderator_->lists().load());
  }
  void TearDown() override {
    moderator_.reset();
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  struct Judged {
    std::string payload;
    ModerationPtr moderation;
  };
  Judged judge(const std::string& text, std::string_view from = "u1", bool rehearsal = false,
               ModerationPtr before = nullptr) {
    Payload payload(text);
    Judged judged;
    judged.moderation = std::move(before);
    const ChannelKey channel("g", ChannelType::group);
    partition::CheckedContent content;
    content.from_uid = from;
    content.channel = &channel;
    content.payload = &payload;
    content.moderation = &judged.moderation;
    content.is_rehearsal = rehearsal;
    EXPECT_FALSE(moderator_->check(content));
    judged.payload = payload.str();
    return judged;
  }
  std::string metrics() const {
    std::string text;
    moderator_->append_metrics(text);
    return text;
  }
  using Names = std::vector<std::string>;

  SystemClock clock_;
  std::filesystem::path folder_;
  std::shared_ptr<Options> options_ = std::make_shared<Options>();
  std::unique_ptr<Moderator> moderator_;
};

TEST_F(ModeratorTest, NothingFoundNothingSaid) {
  const auto judged = judge(R"({"type":1,"content":"hello","url":"casino"})");
  EXPECT_EQ(judged.moderation, nullptr);
  EXPECT_EQ(judged.payload, R"({"type":1,"content":"hello","url":"casino"})");
}

TEST_F(ModeratorTest, AWordThatRefusesGoesBeforeTheOthers) {
  const std::string text = R"({"content":"damn casino"})";
  const auto judged = judge(text);
  ASSERT_NE(judged.moderation, nullptr);
  EXPECT_TRUE(judged.moderation->refused);
  EXPECT_FALSE(judged.moderation->masked);
  EXPECT_EQ(judged.moderation->code, Errc::denied);
  EXPECT_EQ(judged.moderation->found_by, Names{"refuse_words"});
  EXPECT_EQ(judged.moderation->sent_payload, store::payload_hash(text));
  EXPECT_EQ(judged.payload, text);
}

TEST_F(ModeratorTest, MaskedCharactersAreReplacedAndTheHashIsOfWhatWasSent) {
  const std::string text = R"({"content":"DAMN, 你这笨蛋!"})";
  const auto judged = judge(text);
  ASSERT_NE(judged.moderation, nullptr);
  EXPECT_EQ(judged.payload, R"({"content":"****, 你这**!"})");
  EXPECT_TRUE(judged.moderation->masked);
  EXPECT_FALSE(judged.moderation->flagged);
  EXPECT_EQ(judged.moderation->found_by, Names{"mask_words"});
  EXPECT_EQ(judged.moderation->sent_payload, store::payload_hash(text));
}

TEST_F(ModeratorTest, FlaggedMessagesStayAsTheyAre) {
  const auto judged = judge(R"({"content":"crypto"})");
  ASSERT_NE(judged.moderation, nullptr);
  EXPECT_TRUE(judged.moderation->flagged);
  EXPECT_FALSE(judged.moderation->refused || judged.moderation->masked);
  EXPECT_FALSE(judged.moderation->sent_payload);
  EXPECT_EQ(judged.payload, R"({"content":"crypto"})");
}

TEST_F(ModeratorTest, AWordOfTwoListsCountsForBoth) {
  const auto judged = judge("both");
  ASSERT_NE(judged.moderation, nullptr);
  EXPECT_TRUE(judged.moderation->masked);
  EXPECT_TRUE(judged.moderation->flagged);
  EXPECT_EQ(judged.moderation->found_by, (Names{"mask_words", "flag_words"}));
  EXPECT_EQ(judged.payload, "****");
}

TEST_F(ModeratorTest, WhatWasMaskedHasNothingToMaskAnyMore) {
  const auto once = judge("damn笨蛋damn damn-both");
  const auto twice = judge(once.payload);
  EXPECT_EQ(twice.moderation, nullptr);
  EXPECT_EQ(twice.payload, once.payload);
}

// A batch that the core had no room for is offered again as it is by then.
TEST_F(ModeratorTest, WhatIsOfferedAgainKeepsTheHashOfWhatWasSent) {
  const auto first = judge("damn");
  const auto again = judge(first.payload, "u1", false, first.moderation);
  EXPECT_EQ(again.moderation, first.moderation);
  for (const std::string text : {"**** both", "**** crypto", "**** casino"}) {
    const auto more = judge(text, "u1", false, first.moderation);
    ASSERT_NE(more.moderation, nullptr);
    EXPECT_EQ(more.moderation->sent_payload, store::payload_hash("damn")) << text;
    // Nor is it forgotten that it was masked, unless it is refused.
    EXPECT_NE(more.moderation->masked, more.moderation->refused) << text;
  }
}

TEST_F(ModeratorTest, SystemAccountsAreExemptIfTheSettingsSaySo) {
  EXPECT_EQ(judge("casino", "robot").moderation, nullptr);
  options_->exempt_system_accounts = false;
  EXPECT_NE(judge("casino", "robot").moderation, nullptr);
}

TEST_F(ModeratorTest, WhatHappensIsCountedButNotOfARehearsal) {
  judge("casino");
  judge("both");
  judge("both");
  judge("hello");
  judge("casino", "u1", true);
  for (const char* line : {"{action=\"refuse\"} 1\n", "{action=\"mask\"} 2\n",
                           "{action=\"flag\"} 2\n", "{action=\"pass\"} 1\n"}) {
    EXPECT_NE(metrics().find("jindou_moderation_items_total" + std::string(line)),
              std::string::npos)
        << line;
  }
}

}  // namespace
}  // namespace jindou::moderation
