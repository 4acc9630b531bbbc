// What two looks at a server's metrics say.
#include "caller/server_numbers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jindou::caller {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

ServerNumbers numbers_of(std::string_view more) {
  auto numbers = ServerNumbers::parse(
      "# HELP jindou_build_info x\n# TYPE jindou_build_info gauge\n"
      "jindou_build_info{version=\"1.2.3\"} 1\n" +
      std::string(more));
  EXPECT_TRUE(numbers);
  return *numbers;
}

// What one route was asked, and its histogram: below 1 ms, below 10 ms, all.
std::string requests(std::string_view route, int first, int second, int all) {
  std::string out = "jindou_http_requests_total{route=\"" + std::string(route) +
                    "\",status=\"200\"} " + std::to_string(all) + '\n';
  const auto add = [&](std::string_view le, int count) {
    out += "jindou_http_request_seconds_bucket{route=\"" + std::string(route) + "\",le=\"" +
           std::string(le) + "\"} " + std::to_string(count) + '\n';
  };
  add("0.001", first);
  add("0.01", second);
  add("+Inf", all);
  return out + "jindou_http_request_seconds_count{route=\"" + std::string(route) + "\"} " +
         std::to_string(all) + '\n';
}

TEST(ServerNumbers, SeriesAreFoundByNameAndLabel) {
  const ServerNumbers numbers = numbers_of(
      "x_total{route=\"/a\",status=\"200\"} 3\nx_total{route=\"/b\",status=\"503\"} 1.5e+02\nxy "
      "7\n");
  EXPECT_EQ(numbers.sum("x_total"), 153);
  EXPECT_EQ(numbers.sum("x_total", "status=\"5"), 150);
  EXPECT_EQ(numbers.sum("xy"), 7);
  EXPECT_EQ(numbers.sum("z"), 0);
  EXPECT_EQ(label_of(numbers.series("x_total").front().labels, "status"), "200");
  EXPECT_EQ(label_of("a_route=\"x\"", "route"), "");
}

TEST(ServerNumbers, WhatIsNoExpositionIsRefused) {
  for (const char* text : {"", "<html>\n", "jindou_build_info{} one\n", "other_metric 1\n"}) {
    EXPECT_FALSE(ServerNumbers::parse(text)) << text;
  }
}

TEST(ServerNumbers, QuantilesAreOfWhatWasCountedInBetween) {
  const ServerNumbers before = numbers_of(requests("/a", 1000, 1000, 1000));
  const ServerNumbers now = numbers_of(requests("/a", 1050, 1090, 1100) + requests("/b", 0, 0, 0));
  const char* const histogram = "jindou_http_request_seconds";
  EXPECT_DOUBLE_EQ(quantile_between(before, now, histogram, 0.25), 0.0005);
  EXPECT_DOUBLE_EQ(quantile_between(before, now, histogram, 0.5), 0.001);
  EXPECT_NEAR(quantile_between(before, now, histogram, 0.7), 0.0055, 1e-9);
  // Beyond the last bound nobody knows.
  EXPECT_DOUBLE_EQ(quantile_between(before, now, histogram, 0.99), 0.01);
  EXPECT_LT(quantile_between(now, now, histogram, 0.5), 0);
  EXPECT_LT(quantile_between(before, now, histogram, 0.5, "route=\"/b\""), 0);
  EXPECT_LT(quantile_between(before, now, "none", 0.5), 0);
}

TEST(ServerNumbers, TheScreenShowsRatesAndTheBusiestRoutes) {
  const std::string fixed =
      "jindou_healthy 1\njindou_ready 1\njindou_sessions{transport=\"ws\"} 1200\n"
      "jindou_clock_seconds 1000\nprocess_start_time_seconds 800\n";
  const ServerNumbers before =
      numbers_of(fixed + "jindou_messages_stored_total 100\n" + requests("/a", 0, 0, 0));
  const ServerNumbers now = numbers_of(fixed + "jindou_messages_stored_total 5100\n" +
                                       requests("/a", 10, 10, 10) + requests("/b", 30, 30, 30));
  const Span span{before, now, 2};
  const std::string screen = screen_text(span, "http://x", 10);
  EXPECT_THAT(screen, HasSubstr("jindou 1.2.3 at http://x, up 3m20s: ready\n"));
  EXPECT_THAT(screen, HasSubstr("messages  2,500/s stored, 0/s to sessions"));
  EXPECT_THAT(screen, HasSubstr("sessions  1,200: ws 1,200; "));
  EXPECT_LT(screen.find("\n/b "), screen.find("\n/a "));
  // Streams have no time of requests.
  const ServerNumbers streaming =
      numbers_of(fixed + requests("/a", 10, 10, 10) +
                 "jindou_http_requests_total{route=\"/lines\",status=\"200\"} 50\n");
  EXPECT_THAT(screen_text({before, streaming, 2}, "http://x", 1),
              ContainsRegex("\n/lines +25.0 +- +-\n"));
  EXPECT_EQ(screen_text(span, "http://x", 1).find("\n/a "), std::string::npos);
  EXPECT_THAT(line_text(span), HasSubstr("ready; 2,500/s stored"));
  EXPECT_EQ(line_text(span).find('\n'), std::string::npos);
  // Started again in between.
  EXPECT_THAT(line_text({now, before, 2}), HasSubstr("0/s stored"));
}

TEST(ServerNumbers, AServerThatIsNotWellIsSeen) {
  const ServerNumbers sick = numbers_of("jindou_healthy 0\njindou_ready 0\n");
  EXPECT_THAT(line_text({sick, sick, 1}), HasSubstr("NOT HEALTHY"));
  const ServerNumbers full = numbers_of("jindou_healthy 1\njindou_ready 0\n");
  EXPECT_THAT(line_text({full, full, 1}), HasSubstr("not ready"));
}

TEST(ServerNumbers, NumbersForPeople) {
  EXPECT_EQ(amount_text(0), "0");
  EXPECT_EQ(amount_text(1.234), "1.23");
  EXPECT_EQ(amount_text(12.34), "12.3");
  EXPECT_EQ(amount_text(1234.5), "1,235");
  EXPECT_EQ(seconds_text(-1), "-");
  EXPECT_EQ(seconds_text(0.00123), "1.2 ms");
  EXPECT_EQ(seconds_text(0.0456), "46 ms");
  EXPECT_EQ(seconds_text(2.5), "2.50 s");
  EXPECT_EQ(size_text(0), "0 B");
  EXPECT_EQ(size_text(1536), "1.5 KiB");
  EXPECT_EQ(size_text(536870912), "512 MiB");
}

}  // namespace
}  // namespace jindou::caller
