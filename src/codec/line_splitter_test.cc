#include "codec/line_splitter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace jindou::codec {
namespace {

using Found = LineSplitter::Found;
using Lines = std::vector<std::string>;

// Too long lines are "(too long)", those without room "(no room)".
Lines split(std::string_view text, std::size_t piece, std::size_t bytes_max = 10,
            std::shared_ptr<ByteBudget> budget = nullptr, std::size_t bytes_held = 0) {
  LineSplitter splitter(bytes_max, std::move(budget), bytes_held);
  Lines lines;
  const auto add = [&lines](Found found, std::string_view line) {
    if (found == Found::line) lines.emplace_back(line);
    if (found == Found::too_long) lines.emplace_back("(too long)");
    if (found == Found::no_room) lines.emplace_back("(no room)");
    return found != Found::none;
  };
  std::string_view line;
  while (!text.empty()) {
    // A copy that ends with the piece, so that a sanitizer sees who reads beyond.
    const std::string copy(text.substr(0, piece));
    text.remove_prefix(copy.size());
    std::string_view rest = copy;
    while (add(splitter.next(rest, line), line)) {
    }
    EXPECT_TRUE(rest.empty());
  }
  add(splitter.finish(line), line);
  EXPECT_EQ(splitter.finish(line), Found::none);
  return lines;
}

void expect(std::string_view text, const Lines& wanted) {
  for (std::size_t piece = 1; piece <= text.size() + 1; ++piece) {
    EXPECT_EQ(split(text, piece), wanted) << text << " in pieces of " << piece;
  }
}

TEST(LineSplitter, EndsOfLines) {
  expect("", {});
  expect("a", {"a"});
  expect("a\n", {"a"});
  expect("a\nb", {"a", "b"});
  expect("a\r\nb\r\n", {"a", "b"});
  expect("a\rb\n", {"a\rb"});
}

TEST(LineSplitter, BlankLinesAreNone) {
  expect("\n\r\n \t\r\na\n\n\nb\n \n", {"a", "b"});
  expect("\n", {});
  expect("  ", {});
}

TEST(LineSplitter, AByteOrderMarkInFront) {
  expect("\xef\xbb\xbf", {});
  expect(
      "\xef\xbb\xbf"
      "a\nb",
      {"a", "b"});
  expect(
      "\xef\xbb\xbf\n\xef\xbb\xbf"
      "b",
      {"\xef\xbb\xbf"
       "b"});
}

TEST(LineSplitter, LongLinesAreToldOnce) {
  expect("0123456789\n", {"0123456789"});
  expect("0123456789a\nb\n", {"(too long)", "b"});
  expect("a\n0123456789012345678901234567890123456789\n\nb", {"a", "(too long)", "b"});
  expect("0123456789a", {"(too long)"});
  // What is not of the line does not count.
  expect("0123456789\r\n0123456789\r\nb", {"0123456789", "0123456789", "b"});
  expect("0123456789\r", {"0123456789"});
  expect(
      "\xef\xbb\xbf"
      "0123456789\r\nb",
      {"0123456789", "b"});
  expect(
      "\xef\xbb\xbf"
      "0123456789a\nb",
      {"(too long)", "b"});
  expect("0123456789\ra\nb", {"(too long)", "b"});
  expect("0123456789\r\r\nb", {"(too long)", "b"});
  expect(
      "0123456789a\r\nb\n\xef\xbb\xbf"
      "01234567\n",
      {"(too long)", "b", "(too long)"});
}

TEST(LineSplitter, WhatIsKeptIsCounted) {
  const auto budget = std::make_shared<ByteBudget>(50'000);
  const std::string text = std::string(40'000, 'a') + "\n" + std::string(60'000, 'b') + "\nc\n";
  EXPECT_EQ(split(text, 1000, 1 << 20, budget),
            (Lines{std::string(40'000, 'a'), "(no room)", "c"}));
  EXPECT_EQ(budget->used(), 0U);
  // A line that lies in its piece costs nothing.
  const auto none = std::make_shared<ByteBudget>(0);
  EXPECT_EQ(split("abc\ndef\n", 8, 10, none), (Lines{"abc", "def"}));
  // Nor does what the caller has counted.
  const std::string lines = std::string(40'000, 'a') + "\n" + std::string(40'001, 'b') + "\nc\n";
  EXPECT_EQ(split(lines, 1000, 1 << 20, none, 40'000),
            (Lines{std::string(40'000, 'a'), "(no room)", "c"}));
}

}  // namespace
}  // namespace jindou::codec
