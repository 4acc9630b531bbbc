#include "partition/recent_rows.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>

namespace jindou::partition {
namespace {

class RecentRowsTest : public ::testing::Test {
 protected:
  // Each row with its record and the position of its commit.
  std::map<std::string, std::string> known() const {
    std::map<std::string, std::string> all;
    rows_.for_each(
        [&all](const std::string& row, const std::string& record, std::uint64_t position) {
          all[row] = record + std::to_string(position);
        });
    return all;
  }

  using Rows = std::map<std::string, std::string>;
  Txn first_{1};
  Txn second_{2};
  RecentRows<std::string> rows_;
};

TEST_F(RecentRowsTest, RowsAreKnownUntilTheirLastCommitIsReadable) {
  EXPECT_EQ(rows_.find("a"), nullptr);
  rows_.remember("a", "x", first_);
  rows_.remember("b", "x", first_);
  rows_.remember("b", "y", second_);
  ASSERT_NE(rows_.find("b"), nullptr);
  EXPECT_EQ(*rows_.find("b"), "y");
  rows_.trim(0);
  EXPECT_EQ(known(), (Rows{{"a", "x1"}, {"b", "y2"}}));
  rows_.trim(1);
  EXPECT_EQ(known(), (Rows{{"b", "y2"}}));
  rows_.trim(2);
  EXPECT_EQ(known(), Rows());
}

TEST_F(RecentRowsTest, WhatIsTakenBackIsAsItWas) {
  rows_.remember("a", "x", first_);
  rows_.remember("c", "x", first_);
  const auto point = second_.save();
  rows_.remember("b", "y", second_);
  rows_.remember("a", "y", second_);
  rows_.remember("a", "z", second_);
  rows_.remember_before("c", "gone", second_);
  EXPECT_EQ(known(), (Rows{{"a", "gone2"}, {"b", "gone2"}, {"c", "x1"}}));
  second_.roll_back(point);
  EXPECT_EQ(known(), (Rows{{"a", "x1"}, {"c", "x1"}}));
}

}  // namespace
}  // namespace jindou::partition
