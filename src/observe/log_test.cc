#include "observe/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jindou::observe {
namespace {

using ::testing::HasSubstr;

std::string json(std::string_view text) {
  std::string out;
  append_json_escaped(out, text);
  return out;
}

std::string escaped(std::string_view text) {
  std::string out;
  append_text_escaped(out, text);
  return out;
}

TEST(JsonEscape, KeepsTextAndEscapesWhatJsonForbids) {
  EXPECT_EQ(json("plain 筋斗"), "plain 筋斗");
  EXPECT_EQ(json("a\"b\\c\nd\te"), "a\\\"b\\\\c\\nd\\u0009e");
  EXPECT_EQ(json(std::string_view("\0\x1f\x7f", 3)), "\\u0000\\u001f\\u007f");
}

TEST(TextEscape, ControlCharactersOfBothHalvesOfLatin1AreShown) {
  EXPECT_EQ(escaped("a\nb\x1b[2J"), "a\\nb\\x1b[2J");
  EXPECT_EQ(escaped("\xc2\x9b\x32J \xc2\xa0 筋斗"), "\\xc2\\x9b2J \xc2\xa0 筋斗");
}

TEST(JsonEscape, InvalidUtf8BecomesTheReplacementCharacter) {
  EXPECT_EQ(json("\xff"), "\\ufffd");
  EXPECT_EQ(json("\xc3"), "\\ufffd");                        // cut short
  EXPECT_EQ(json("\xc0\x80"), "\\ufffd\\ufffd");             // overlong NUL
  EXPECT_EQ(json("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd");  // surrogate
  EXPECT_EQ(json("\xf4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd");
  EXPECT_EQ(json("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
}

TEST(TextEscape, KeepsALineOneLine) { EXPECT_EQ(escaped("a\nb\r\x1b[31m"), "a\\nb\\x0d\\x1b[31m"); }

std::string captured() {
  EXPECT_TRUE(log_flush(std::chrono::seconds(10)));
  return ::testing::internal::GetCapturedStderr();
}

class Log : public ::testing::Test {
 protected:
  void TearDown() override { init_log(LogLevel::info, LogFormat::text); }
};

TEST_F(Log, WritesOneJsonObjectPerLine) {
  init_log(LogLevel::info, LogFormat::json);
  ::testing::internal::CaptureStderr();
  log_warn("gateway", "cut {} after {} bytes", "se\"ssion\n", 42);
  const std::string line = captured();
  EXPECT_THAT(line, ::testing::MatchesRegex(
                        "\\{\"time\":\"[0-9T:.-]+Z\",\"level\":\"warning\",\"component\":"
                        "\"gateway\",\"msg\":\"cut se\\\\\"ssion\\\\n after 42 bytes\"\\}\n"));
}

TEST_F(Log, WritesForPeople) {
  init_log(LogLevel::info, LogFormat::text);
  ::testing::internal::CaptureStderr();
  log_error("store", "disk {}", "full\n");
  const std::string line = captured();
  EXPECT_THAT(line, HasSubstr("error   store: disk full\\n\n"));
}

TEST_F(Log, SkipsWhatIsBelowTheLevel) {
  init_log(LogLevel::warn, LogFormat::text);
  ::testing::internal::CaptureStderr();
  log_info("a", "hidden");
  log_debug("a", "hidden");
  log_write(LogLevel::info, "a", "hidden");
  log_warn("a", "shown");
  const std::string out = captured();
  EXPECT_EQ(out.find("hidden"), std::string::npos);
  EXPECT_THAT(out, HasSubstr("shown"));
}

TEST_F(Log, CutsALineThatIsTooLong) {
  ::testing::internal::CaptureStderr();
  log_write(LogLevel::info, "a", std::string(20'000, 'x'));
  const std::string out = captured();
  EXPECT_THAT(out, HasSubstr(std::string(16'384, 'x') + "... (3616 bytes more)\n"));
}

TEST_F(Log, AutomaticMeansInfo) {
  init_log(LogLevel::automatic, LogFormat::text);
  EXPECT_TRUE(log_enabled(LogLevel::info));
  EXPECT_FALSE(log_enabled(LogLevel::debug));
}

}  // namespace
}  // namespace jindou::observe
