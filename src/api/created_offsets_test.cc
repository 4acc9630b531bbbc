#include "api/created_offsets.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>

namespace jindou::api {
namespace {

constexpr std::int64_t kToday = 1'760'000'000'000'000'000;

CreatedOffsets::Page page_of(const std::string& list, const std::string& begin) {
  return {.list = list, .begin = begin, .next = begin + "+", .before = 0};
}

TEST(CreatedOffsets, APageIsFoundByTheTimesOfItsEntries) {
  CreatedOffsets offsets(7);
  const std::int64_t first = offsets.remember(page_of("users", "a"));
  const std::int64_t second = offsets.remember(page_of("users", "b"));
  EXPECT_GT(first, 0);
  EXPECT_NE(first, second);
  for (const std::int64_t seconds : {std::int64_t{0}, kToday}) {
    const auto found = offsets.find("users", seconds + second);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->begin, "b");
    EXPECT_EQ(found->next, "b+");
  }
}

TEST(CreatedOffsets, WhatIsNoTimeOfAPageIsNotFound) {
  CreatedOffsets offsets(7);
  const std::int64_t number = offsets.remember(page_of("users", "a"));
  EXPECT_FALSE(offsets.find("channels", number));
  for (const std::int64_t other : {std::int64_t{0}, CreatedOffsets::kUnknown, std::int64_t{1},
                                   number + 1, number + 256, number - 256, kToday, -number}) {
    EXPECT_FALSE(offsets.find("users", other)) << other;
  }
}

TEST(CreatedOffsets, ADoubleHoldsTheTime) {
  // The last number below a second, and the first one behind it.
  CreatedOffsets offsets(3'906'248);
  const std::int64_t last = offsets.remember(page_of("users", "a"));
  const std::int64_t first = offsets.remember(page_of("users", "b"));
  EXPECT_EQ(last, 999'999'744);
  EXPECT_EQ(first, 256);
  for (const std::int64_t number : {last, first}) {
    EXPECT_EQ(static_cast<std::int64_t>(static_cast<double>(kToday + number)), kToday + number);
  }
  EXPECT_EQ(offsets.find("users", last)->begin, "a");
  EXPECT_EQ(offsets.find("users", first)->begin, "b");
}

TEST(CreatedOffsets, TheOldestPagesAreForgotten) {
  CreatedOffsets offsets(0, 3);
  std::set<std::int64_t> numbers;
  std::int64_t oldest = 0;
  std::int64_t newest = 0;
  for (int i = 0; i < 10; ++i) {
    newest = offsets.remember(page_of("users", std::to_string(i)));
    numbers.insert(newest);
    if (i == 7) oldest = newest;
  }
  EXPECT_EQ(numbers.size(), 10U);
  std::size_t known = 0;
  for (const std::int64_t number : numbers) known += offsets.find("users", number) ? 1 : 0;
  EXPECT_EQ(known, 3U);
  EXPECT_EQ(offsets.find("users", oldest)->begin, "7");
  EXPECT_EQ(offsets.find("users", newest)->begin, "9");
}

}  // namespace
}  // namespace jindou::api
