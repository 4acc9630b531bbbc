// The vectors are those of the W3C's specification and of its test suite for servers.
#include "observe/trace_context.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/random.h"

namespace jindou::observe {
namespace {

constexpr std::string_view kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr std::string_view kParent = "00f067aa0ba902b7";

std::string with(std::string_view version, std::string_view flags, std::string_view more = "") {
  std::string value(version);
  value.append("-").append(kTrace).append("-").append(kParent).append("-").append(flags);
  return value.append(more);
}

TEST(Traceparent, IsReadAsTheSpecificationShowsIt) {
  const auto sampled = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  ASSERT_TRUE(sampled);
  EXPECT_EQ(hex_of(sampled->trace), kTrace);
  EXPECT_EQ(hex_of(sampled->parent), kParent);
  EXPECT_TRUE(sampled->sampled);
  const auto silent = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
  ASSERT_TRUE(silent);
  EXPECT_FALSE(silent->sampled);
}

TEST(Traceparent, OfTheFlagsOnlyTheLastOneCounts) {
  for (const char* flags : {"01", "03", "ff", "09"}) {
    ASSERT_TRUE(parse_traceparent(with("00", flags))) << flags;
    EXPECT_TRUE(parse_traceparent(with("00", flags))->sampled) << flags;
  }
  for (const char* flags : {"00", "02", "fe", "80"}) {
    ASSERT_TRUE(parse_traceparent(with("00", flags))) << flags;
    EXPECT_FALSE(parse_traceparent(with("00", flags))->sampled) << flags;
  }
}

TEST(Traceparent, AVersionToComeMayHaveMoreFields) {
  for (const std::string& value :
       {with("cc", "01"), with("cc", "01", "-what-the-future-will-be-like"), with("cc", "01", "-"),
        with("fe", "01")}) {
    const auto context = parse_traceparent(value);
    ASSERT_TRUE(context) << value;
    EXPECT_EQ(hex_of(context->trace), kTrace);
    EXPECT_TRUE(context->sampled);
  }
  EXPECT_FALSE(parse_traceparent(with("cc", "01", ".what-the-future-will-not-be-like")));
  EXPECT_FALSE(parse_traceparent(with("cc", "01", "0")));
}

TEST(Traceparent, WhatIsNoneIsNone) {
  const std::string valid = with("00", "01");
  for (const std::string& value : {
           std::string(),
           std::string("00"),
           with("ff", "01"),  // no version
           with("0", "01"),
           with(".0", "01"),
           with("0.", "01"),
           with("00", "01", "-"),  // this version has no more fields
           with("00", "01", "-0"),
           with("00", "01", "0"),
           with("00", "1"),
           with("00", ".0"),
           with("00", "0."),
           with("00", "0G"),
           std::string("00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
           std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"),
           std::string("00-.bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
           std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-.0f067aa0ba902b7-01"),
           std::string("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"),
           std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01"),
           std::string("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01"),
           std::string("00-4bf92f3577b34da6a3ce929d0e0e47360-00f067aa0ba902b7-01"),
           std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b-01"),
           std::string("00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
           std::string("00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01"),
           std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01"),
           valid + ", " + valid,  // the field twice
           " " + valid,
       }) {
    EXPECT_FALSE(parse_traceparent(value)) << value;
  }
}

TEST(Traceparent, NoPartOfAValidOneIsOne) {
  const std::string valid = with("00", "01");
  for (std::size_t bytes = 0; bytes < valid.size(); ++bytes) {
    EXPECT_FALSE(parse_traceparent(valid.substr(0, bytes))) << bytes;
  }
}

TraceId ending_in(unsigned char seventh_last) {
  TraceId id{};
  id[9] = seventh_last;
  return id;
}

TEST(ChosenTraces, AreAllOrNoneAtTheEnds) {
  TraceId last;
  last.fill(0xff);
  EXPECT_TRUE(is_chosen(ending_in(0), 1));
  EXPECT_TRUE(is_chosen(last, 1));
  EXPECT_FALSE(is_chosen(ending_in(0), 0));
  EXPECT_FALSE(is_chosen(last, 0));
}

TEST(ChosenTraces, AreThoseAboveTheThresholdOfTheRatio) {
  EXPECT_FALSE(is_chosen(ending_in(0x7f), 0.5));
  EXPECT_TRUE(is_chosen(ending_in(0x80), 0.5));
  EXPECT_FALSE(is_chosen(ending_in(0xbf), 0.25));
  EXPECT_TRUE(is_chosen(ending_in(0xc0), 0.25));
  // The bytes before are no part of it: they may be those of another system's ids.
  TraceId others = ending_in(0x7f);
  std::fill(others.begin(), others.begin() + 9, static_cast<unsigned char>(0xff));
  EXPECT_FALSE(is_chosen(others, 0.5));
}

TEST(ChosenTraces, AreAboutAsManyAsTheRatioSays) {
  SystemRandom random;
  int chosen = 0;
  for (int i = 0; i < 10'000; ++i) {
    TraceId id;
    random.fill(id);
    if (is_chosen(id, 0.1)) ++chosen;
  }
  // Ten standard deviations around 1,000.
  EXPECT_GT(chosen, 700);
  EXPECT_LT(chosen, 1300);
}

}  // namespace
}  // namespace jindou::observe
