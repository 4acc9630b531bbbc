#include "caller/status_line.h"

#include <gtest/gtest.h>

namespace jindou::caller {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(StatusLineTest, Numbers) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(duration_text(0.2), "0s");
  EXPECT_EQ(duration_text(59.4), "59s");
  EXPECT_EQ(duration_text(200), "3m20s");
  EXPECT_EQ(duration_text(7500), "2h05m");
}

// What is shown of a sending that is half way after ten seconds.
std::string shown(Show show) {
  std::FILE* out = std::tmpfile();
  const TimePoint start = TimePoint() + seconds(100);
  StatusLine status(show, out, 1000, {}, start);
  Progress progress;
  progress.counts = {900, 90, 10};
  progress.position = {1000, 500, 0};
  status.update(progress, start + milliseconds(100));
  status.update(progress, start + seconds(10));
  status.update(progress, start + milliseconds(10'100));
  status.say("hello");
  std::rewind(out);
  std::string text(1000, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), out));
  std::fclose(out);
  return text;
}

TEST(StatusLineTest, ATerminalHasOneLineThatChanges) {
  EXPECT_EQ(shown(Show::redrawn),
            "jindou send: 1,000 items, 100/s, 10 refused, 50 %, 10s left"
            "\r\x1b[Kjindou send: hello\n");
}

TEST(StatusLineTest, OthersHaveALineNowAndThen) {
  EXPECT_EQ(shown(Show::lines),
            "jindou send: 1,000 items, 100/s, 10 refused, 50 %, 10s left\njindou send: hello\n");
}

TEST(StatusLineTest, WhatIsSaidIsSaidAnyway) {
  EXPECT_EQ(shown(Show::nothing), "jindou send: hello\n");
}

TEST(StatusLineTest, OnlyThisRunCountsForTheRate) {
  const TimePoint start = TimePoint() + seconds(100);
  Progress begun;
  begun.counts = {5000, 0, 0};
  const StatusLine status(Show::nothing, stderr, std::nullopt, begun, start);
  EXPECT_EQ(status.summary({6000, 0, 0}, start + seconds(10)),
            "6,000 sent, 0 refused; 10s, 100 a second");
  EXPECT_EQ(status.summary({6000, 1000, 1}, start + seconds(10)),
            "6,000 sent, 1,000 sent before, 1 refused; 10s, 200 a second");
}

}  // namespace
}  // namespace jindou::caller
