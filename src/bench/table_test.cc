#include "bench/table.h"

#include <gtest/gtest.h>

#include <limits>

namespace jindou::bench {
namespace {

Row compared_row(Row::Bar kind, double ratio, double bar) {
  Row row("batch", "batch B", 123456, "msg/s");
  row.bar_kind = kind;
  row.ratio = ratio;
  row.bar = bar;
  row.reference = "F 240,000";
  return row;
}

TEST(Row, HoldsOnTheBarItself) {
  EXPECT_TRUE(compared_row(Row::Bar::at_least, 0.4, 0.4).holds());
  EXPECT_TRUE(compared_row(Row::Bar::at_most, 3, 3).holds());
  EXPECT_FALSE(compared_row(Row::Bar::at_least, 0.39, 0.4).holds());
  EXPECT_FALSE(compared_row(Row::Bar::at_most, 3.1, 3).holds());
}

TEST(Row, SaysByHowMuchTheBarIsMissed) {
  EXPECT_NEAR(compared_row(Row::Bar::at_least, 0.3, 0.4).missed_percent(), 25, 1e-9);
  EXPECT_NEAR(compared_row(Row::Bar::at_most, 4.5, 3).missed_percent(), 50, 1e-9);
  EXPECT_EQ(compared_row(Row::Bar::at_least, 0.5, 0.4).missed_percent(), 0);
}

TEST(FormatNumber, SeparatesThousandsAndKeepsSmallDecimals) {
  EXPECT_EQ(format_number(0.625), "0.62");
  EXPECT_EQ(format_number(41.26), "41.3");
  EXPECT_EQ(format_number(1000), "1,000");
  EXPECT_EQ(format_number(1234567.4), "1,234,567");
  EXPECT_EQ(format_number(-12345), "-12,345");
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(300), "300");
  EXPECT_EQ(format_count(1234567), "1,234,567");
}

TEST(RenderTable, ShowsEveryColumnAndTheVerdict) {
  const std::string table = render_table(
      {compared_row(Row::Bar::at_least, 0.3, 0.4), Row("floor", "floor F", 240000, "msg/s")});
  EXPECT_NE(table.find("123,456 msg/s"), std::string::npos);
  EXPECT_NE(table.find(">= 0.40"), std::string::npos);
  EXPECT_NE(table.find("no, by 25 %"), std::string::npos);
  EXPECT_NE(table.find("240,000 msg/s"), std::string::npos);
  // All lines are equally wide: head, rule, two rows.
  std::size_t lines = 0;
  std::size_t begin = 0;
  const std::size_t width = table.find('\n');
  while (begin < table.size()) {
    const std::size_t end = table.find('\n', begin);
    EXPECT_EQ(end - begin, width);
    begin = end + 1;
    ++lines;
  }
  EXPECT_EQ(lines, 4U);
}

TEST(RenderJson, EscapesTextAndNeverWritesInfinities) {
  Row row("disk", "a \"quoted\" name\n", std::numeric_limits<double>::infinity(), "us");
  row.details.emplace_back("p99_us", 12.5);
  const std::string json = render_json({{"cpu", "x\\y"}}, {row});
  EXPECT_NE(json.find(R"("cpu": "x\\y")"), std::string::npos);
  EXPECT_NE(json.find(R"(a \"quoted\" name\u000a)"), std::string::npos);
  EXPECT_NE(json.find(R"("value": null)"), std::string::npos);
  EXPECT_NE(json.find(R"("p99_us": 12.5)"), std::string::npos);
}

TEST(MachineFacts, NameTheMachine) {
  const Facts facts = machine_facts(".");
  EXPECT_GE(facts.size(), 7U);
  for (const auto& fact : facts) EXPECT_FALSE(fact.first.empty());
}

}  // namespace
}  // namespace jindou::bench
