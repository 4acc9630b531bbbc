// Where audit lines go, what becomes of them in a flood and when the file is replaced.
#include "observe/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace jindou::observe {
namespace {

using ::testing::HasSubstr;

class AuditLogTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path().string() + "/jindou_audit_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    options_.file = directory_ + "/audit.log";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  static std::string text_of(const std::string& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static std::string metrics_of(const AuditLog& log) {
    std::string text;
    log.append_metrics(text);
    return text;
  }

  std::string directory_;
  AuditOptions options_;
};

TEST_F(AuditLogTest, ALineHoldsTimeEventAndMembers) {
  {
    AuditLog log;
    log.write(AuditEvent::change, "\"early\":1");  // nowhere yet
    ASSERT_TRUE(log.open(options_));
    log.write(AuditEvent::login, "\"who\":\"a\"");
    log.write(AuditEvent::stop, "");
    EXPECT_THAT(metrics_of(log), HasSubstr("jindou_audit_lines_total{event=\"login\"} 1\n"));
    EXPECT_THAT(metrics_of(log), HasSubstr("jindou_audit_lines_total{event=\"change\"} 0\n"));
  }
  const std::string text = text_of(options_.file);
  EXPECT_THAT(text, testing::MatchesRegex("\\{\"time\":\"[-0-9T:.]+Z\",\"event\":\"login\","
                                          "\"who\":\"a\"\\}\n"
                                          "\\{\"time\":\"[-0-9T:.]+Z\",\"event\":\"stop\"\\}\n"));
  struct stat found {};
  ASSERT_EQ(::stat(options_.file.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
}

TEST_F(AuditLogTest, OpenedAgainItGoesOnInANewFile) {
  {
    AuditLog log;
    ASSERT_TRUE(log.open(options_));
    log.write(AuditEvent::change, "\"n\":1");
    std::filesystem::rename(options_.file, options_.file + ".1");
    log.write(AuditEvent::change, "\"n\":2");
    ASSERT_TRUE(log.open(options_));
    log.write(AuditEvent::change, "\"n\":3");
  }
  EXPECT_THAT(text_of(options_.file + ".1"), HasSubstr("\"n\":2"));
  EXPECT_THAT(text_of(options_.file), HasSubstr("\"n\":3"));
}

TEST_F(AuditLogTest, AFileThatCannotBeOpenedChangesNothing) {
  AuditLog log;
  ASSERT_TRUE(log.open(options_));
  AuditOptions bad = options_;
  bad.file = directory_ + "/missing/audit.log";
  const auto opened = log.open(bad);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), Errc::storage);
  EXPECT_THAT(opened.error().detail(), HasSubstr("audit.file"));
  EXPECT_TRUE(log.on());
  EXPECT_FALSE(AuditLog::check(bad.file));
  EXPECT_FALSE(AuditLog::check(directory_));
  EXPECT_TRUE(AuditLog::check(directory_ + "/other.log"));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/other.log"));
  EXPECT_TRUE(AuditLog::check(options_.file));
}

TEST_F(AuditLogTest, AFloodOfStrangersIsCountedAndChangesAreWrittenAllTheSame) {
  options_.refusals_per_second = 5;
  {
    AuditLog log;
    ASSERT_TRUE(log.open(options_));
    for (int i = 0; i < 1000; ++i) log.write(AuditEvent::unauthorized, "");
    for (int i = 0; i < 20; ++i) log.write(AuditEvent::change, "");
    const std::string metrics = metrics_of(log);
    EXPECT_THAT(metrics, HasSubstr("jindou_audit_lines_total{event=\"change\"} 20\n"));
    EXPECT_THAT(metrics, testing::Not(HasSubstr("jindou_audit_lines_dropped_total 0\n")));
  }
  const std::string text = text_of(options_.file);
  const auto lines = std::count(text.begin(), text.end(), '\n');
  EXPECT_GE(lines, 25);
  EXPECT_LT(lines, 500);
}

TEST_F(AuditLogTest, WhatDoesNotFitIsDroppedAndCounted) {
  options_.file = "/dev/full";
  AuditLog log;
  ASSERT_TRUE(log.open(options_));
  log.write(AuditEvent::change, "");
  for (int i = 0; i < 1500 && metrics_of(log).find("dropped_total 0\n") != std::string::npos; ++i) {
    ::usleep(20'000);
  }
  EXPECT_THAT(metrics_of(log), HasSubstr("jindou_audit_lines_dropped_total 1\n"));
}

TEST_F(AuditLogTest, TheLastLinesAreReadBackAsTheFileHasThem) {
  std::string told;
  {
    AuditLog log;
    ASSERT_TRUE(log.open(options_));
    log.write(AuditEvent::login, "\"who\":\"a\"");
    log.write(AuditEvent::stop, "");
    const auto all = log.recent({0, std::nullopt, 10});
    ASSERT_EQ(all.lines.size(), 2U);
    EXPECT_FALSE(all.more);
    EXPECT_EQ(all.lines[0].event, AuditEvent::stop);
    EXPECT_EQ(all.lines[0].number, all.lines[1].number + 1);
    const auto logins = log.recent({0, AuditEvent::login, 10});
    ASSERT_EQ(logins.lines.size(), 1U);
    told = "{" + logins.lines[0].members + "}\n";
    // A reload that wants less of it.
    options_.recent_bytes = 0;
    ASSERT_TRUE(log.open(options_));
    EXPECT_TRUE(log.recent({0, std::nullopt, 10}).lines.empty());
  }
  EXPECT_TRUE(text_of(options_.file).starts_with(told)) << told;
}

TEST_F(AuditLogTest, SwitchedOffItIsSilent) {
  options_.on = false;
  AuditLog log;
  ASSERT_TRUE(log.open(options_));
  EXPECT_FALSE(log.on());
  log.write(AuditEvent::change, "");
  EXPECT_FALSE(std::filesystem::exists(options_.file));
}

}  // namespace
}  // namespace jindou::observe
